/* Module `interactive_aggregate`: aggregation of an attempt (interactive-session 11; src/session/interactive.h
 * says what each step does).
 *
 *   interactive_aggregate.new{…} -> object; interactive_aggregate.<step>(call, object) */
#include <string.h>

#include "binding/interactive_fields.h"

#define AGGREGATE_OBJECT "signer.interactive_aggregate"

static struct interactive_aggregate *check_aggregate(lua_State *L) {
    return binding_check_object(L, 2, AGGREGATE_OBJECT);
}

static struct interactive_aggregate *check_current_aggregate(lua_State *L, struct call *call) {
    struct failure why = {0};
    struct interactive_aggregate *aggregate = check_aggregate(L);
    if (aggregate->view.section != call->section || !aggregate->view.session)
        binding_check(L, aggregate_find_session(call, aggregate, &why), &why);
    return aggregate;
}

static int aggregate_gc(lua_State *L) {
    interactive_aggregate_clear(binding_check_object(L, 1, AGGREGATE_OBJECT));
    return 0;
}

/* The list of {identifier, share}, both 32 bytes, into a userdata that is left on the stack. */
static const struct frost_signature_share *shares_field(lua_State *L, size_t *count) {
    lua_getfield(L, 1, "shares");
    luaL_checktype(L, -1, LUA_TTABLE);
    *count = lua_rawlen(L, -1);
    if (*count > PARTICIPANTS_MAX) luaL_error(L, "too many shares");
    int list = lua_gettop(L);
    struct frost_signature_share *shares = lua_newuserdatauv(L, (*count + 1) * sizeof *shares, 0);
    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        lua_getfield(L, -1, "identifier");
        binding_check_identifier(L, lua_gettop(L), &shares[i].identifier);
        lua_getfield(L, -2, "share");
        if (!scalar_decode(&shares[i].share, binding_check_raw(L, lua_gettop(L), SCALAR_BYTES)))
            binding_raise_error(L, ERR_VALIDATION, "a signature share is no scalar");
        lua_pop(L, 3);
    }
    return shares;
}

/* interactive_aggregate.new{session_id, attempt_id, package, shares, root} */
static int aggregate_new(lua_State *L) {
    struct failure why = {0};
    struct frost_root root;
    size_t len, count;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const char *session_id = text_field(L, "session_id", &len);
    const char *attempt_id = attempt_field(L);
    root_field(L, &root);
    lua_getfield(L, 1, "package");
    const struct frost_signing_package *package = binding_check_signing_package(L, 2);
    const struct frost_signature_share *shares = shares_field(L, &count);
    struct interactive_aggregate *aggregate = binding_new_object(L, sizeof *aggregate, 1, AGGREGATE_OBJECT);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    binding_check(
        L, interactive_aggregate_init(aggregate, session_id, len, attempt_id, package, shares, count, &root, &why),
        &why);
    return 1;
}

#define AGGREGATE_STEP(step)                                                                                           \
    static int step_##step(lua_State *L) {                                                                             \
        struct failure why = {0};                                                                                      \
        struct call *call = binding_check_locked_call(L, 1);                                                           \
        binding_check(L, step(call, check_current_aggregate(L, call), &why), &why);                                    \
        return 0;                                                                                                      \
    }

static int step_aggregate_find_session(lua_State *L) {
    struct failure why = {0};
    struct call *call = binding_check_locked_call(L, 1);
    binding_check(L, aggregate_find_session(call, check_aggregate(L), &why), &why);
    return 0;
}

AGGREGATE_STEP(aggregate_refuse_completed)
AGGREGATE_STEP(aggregate_require_authorized)
AGGREGATE_STEP(aggregate_refuse_repeated_package)
AGGREGATE_STEP(aggregate_copy_keys)
AGGREGATE_STEP(aggregate_commit)

/* -> nothing, or the culprits and the text of the refusal */
static int step_aggregate_compute(lua_State *L) {
    struct failure why = {0};
    struct call *call = binding_check_call(L, 1);
    struct interactive_aggregate *aggregate = check_aggregate(L);
    enum signer_error error = aggregate_compute(call, aggregate, &why);
    if (error != ERR_SHARE_VERIFICATION) {
        binding_check(L, error, &why);
        return 0;
    }
    lua_createtable(L, (int)aggregate->culprit_count, 0);
    for (size_t i = 0; i < aggregate->culprit_count; i++) {
        lua_pushinteger(L, aggregate->culprits[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushstring(L, why.detail);
    return 2;
}

static int step_aggregate_signature(lua_State *L) {
    const struct interactive_aggregate *aggregate = check_aggregate(L);
    const struct call *call = binding_check_call(L, 1);
    if (!aggregate_may_leave(call, aggregate))
        return binding_raise_error(L, ERR_INTERNAL, "a signature leaves after its record is durable");
    lua_pushlstring(L, (const char *)aggregate->signature, sizeof aggregate->signature);
    return 1;
}

static const luaL_Reg functions[] = {
    {"new", aggregate_new},
    {"find_session", step_aggregate_find_session},
    {"refuse_completed", step_aggregate_refuse_completed},
    {"require_authorized", step_aggregate_require_authorized},
    {"refuse_repeated_package", step_aggregate_refuse_repeated_package},
    {"copy_keys", step_aggregate_copy_keys},
    {"compute", step_aggregate_compute},
    {"commit", step_aggregate_commit},
    {"signature", step_aggregate_signature},
    {NULL, NULL},
};

int luaopen_binding_interactive_aggregate(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", aggregate_gc}, {NULL, NULL}};
    binding_class(L, AGGREGATE_OBJECT, metamethods, NULL);
    luaL_newlib(L, functions);
    return 1;
}
