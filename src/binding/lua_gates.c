/* Module `gates`: primitives of the provenance gate, and the policy loader's side of the engine.
 *
 *   now(call) -> Unix seconds                    raises CLOCK
 *   notice(text)                                 one line on stderr
 *   version() -> text                            the library's own version
 *
 *   asked(call) -> boolean                       a script was asked in this call already
 *   read_policy(call, hook [, settings]) -> source | nil, reason     nil, nil: no directory is set
 *   publish_policy(call, hook, sha256)
 *   sign_input(call, session_id) -> json | nil   takes the mutex for a moment
 *   quarantine_input(member) -> json
 *   store_verdict(call, hook, digest, answer)    store_member_verdict(call, member, answer)
 *     answer = { allowed =, failed =, embedded =, sha256 =, version =, code =, detail = }
 *   member_set() -> set                          set:add(member)
 *   pass_members(call, set | nil, sha256, own | nil, others | nil) -> list | nil
 *     others: a list or a signing package, which hold nobody twice. Those in the set count as let through by the
 *     default script of that digest; the rest is listed, the own member first and once
 *   answer_wallet_output(call) */
#include <string.h>

#include "base/notice.h"
#include "binding/call_object.h"
#include "binding/frost_objects.h"
#include "binding/settings_object.h"
#include "curve/hash.h"
#include "session/gates.h"
#include "session/policy_ask.h"
#include "session/policy_input.h"

/* -- the provenance gate ---------------------------------------------------------------------------- */

static int now(lua_State *L) {
    uint64_t ms;
    binding_check(L, platform_wall_ms(binding_check_call(L, 1)->engine->platform, &ms), NULL);
    lua_pushinteger(L, (lua_Integer)(ms / 1000));
    return 1;
}

static const uint8_t *check_raw(lua_State *L, int index, size_t len) {
    size_t actual;
    const char *raw = luaL_checklstring(L, index, &actual);
    if (actual != len) luaL_argerror(L, index, "wrong length");
    return (const uint8_t *)raw;
}

static int say(lua_State *L) {
    notice("%s", luaL_checkstring(L, 1));
    return 0;
}

static int version(lua_State *L) {
    lua_pushliteral(L, SIGNER_VERSION);
    return 1;
}

/* quarantine_configuration(call): raises when the quarantine settings cannot be read */
static int quarantine_configuration(lua_State *L) {
    struct failure why = {0};
    binding_check(L, gate_quarantine_configuration(binding_check_call(L, 1), &why), &why);
    return 0;
}

/* -- policy scripts ------------------------------------------------------------------------------------ */

static enum policy_hook check_hook(lua_State *L, int index) {
    enum policy_hook hook;
    if (!policy_hook_by_name(&hook, luaL_checkstring(L, index))) luaL_argerror(L, index, "no such hook");
    return hook;
}

/* The module's own buffer, empty: what a raise leaves in it goes with the next use. */
static struct buffer *scratch(lua_State *L) {
    struct buffer *buffer = lua_touserdata(L, lua_upvalueindex(1));
    buffer_free(buffer);
    return buffer;
}

static int asked(lua_State *L) {
    const struct call *call = binding_check_call(L, 1);
    lua_pushboolean(L, call->verdict.asked || call->quarantine.allowed_count || call->quarantine.objected);
    return 1;
}

static int read_policy(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    enum policy_hook hook = check_hook(L, 2);
    struct settings *settings = binding_check_settings(L, lua_isnoneornil(L, 3) ? 1 : 3);
    struct failure why = {0};
    struct buffer *source = scratch(L);
    bool embedded;
    enum signer_error error = policy_read(call, settings, hook, source, &embedded, &why);
    if (error) {
        lua_pushnil(L);
        lua_pushstring(L, why.detail[0] ? why.detail : error_info(error)->text);
        return 2;
    }
    if (embedded) return 0;
    return binding_push_buffer(L, source, SIGNER_OK, NULL);
}

static int publish_policy(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    settings_publish_policy(&call->engine->settings, check_hook(L, 2), check_raw(L, 3, HASH_BYTES));
    return 0;
}

static int sign_input(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    size_t len;
    const char *session_id = luaL_checklstring(L, 2, &len);
    struct failure why = {0};
    struct buffer *json = scratch(L);
    enum signer_error error = policy_sign_input(call, session_id, len, json, &why);
    if (!error && json->len == 0) return 0;
    return binding_push_buffer(L, json, error, &why);
}

static int quarantine_input(lua_State *L) {
    struct buffer *json = scratch(L);
    policy_input_quarantine(json, (uint16_t)luaL_checkinteger(L, 1));
    return binding_push_buffer(L, json, SIGNER_OK, NULL);
}

static void copy_text_field(lua_State *L, int index, const char *name, char *out, size_t room) {
    size_t len = 0;
    lua_getfield(L, index, name);
    const char *text = lua_tolstring(L, -1, &len);
    if (text) {
        if (len >= room) len = room - 1;
        memcpy(out, text, len);
        out[len] = 0;
    }
    lua_pop(L, 1);
}

static bool flag_field(lua_State *L, int index, const char *name) {
    lua_getfield(L, index, name);
    bool on = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return on;
}

static void read_answer(lua_State *L, int index, struct policy_answer *out) {
    luaL_checktype(L, index, LUA_TTABLE);
    memset(out, 0, sizeof *out);
    out->allowed = flag_field(L, index, "allowed");
    out->failed = flag_field(L, index, "failed");
    out->embedded = flag_field(L, index, "embedded");
    copy_text_field(L, index, "version", out->version, sizeof out->version);
    copy_text_field(L, index, "code", out->code, sizeof out->code);
    copy_text_field(L, index, "detail", out->detail, sizeof out->detail);
    lua_getfield(L, index, "sha256");
    memcpy(out->policy_sha256, check_raw(L, -1, HASH_BYTES), HASH_BYTES);
    lua_pop(L, 1);
}

static int store_verdict(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    struct policy_answer answer;
    read_answer(L, 4, &answer);
    verdict_store(call, check_hook(L, 2), check_raw(L, 3, HASH_BYTES), &answer);
    return 0;
}

static int store_member_verdict(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    struct policy_answer answer;
    read_answer(L, 3, &answer);
    verdict_store_member(call, (uint16_t)luaL_checkinteger(L, 2), &answer);
    return 0;
}

/* -- members that a default script let through before ---------------------------------------------------- */

#define MEMBER_SET "signer.member_set"

struct member_set {
    uint64_t bits[(UINT16_MAX + 1) / 64];
};

static bool set_holds(const struct member_set *set, uint16_t member) {
    return set->bits[member / 64] >> member % 64 & 1;
}

static void set_add(struct member_set *set, uint16_t member) {
    set->bits[member / 64] |= UINT64_C(1) << member % 64;
}

static int member_set(lua_State *L) {
    binding_new_object(L, sizeof(struct member_set), 0, MEMBER_SET);
    return 1;
}

static int member_set_add(lua_State *L) {
    set_add(binding_check_object(L, 1, MEMBER_SET), (uint16_t)luaL_checkinteger(L, 2));
    return 0;
}

struct passing {
    const struct member_set *known; /* NULL: nobody */
    uint16_t own;                   /* 0: none */
    uint16_t passed[PARTICIPANTS_MAX];
    size_t passed_count;
    lua_Integer listed;
};

/* The list of the others is at the top; nil while it is empty. */
static void pass_member(lua_State *L, struct passing *passing, uint16_t member) {
    if (passing->known && set_holds(passing->known, member) && passing->passed_count < PARTICIPANTS_MAX) {
        passing->passed[passing->passed_count++] = member;
        return;
    }
    if (passing->listed == 0) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    lua_pushinteger(L, member);
    lua_rawseti(L, -2, ++passing->listed);
}

static void pass_other(lua_State *L, struct passing *passing, uint16_t member) {
    if (member != 0 && member != passing->own) pass_member(L, passing, member);
}

static int pass_members(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    struct passing passing = {.known = lua_isnil(L, 2) ? NULL : binding_check_object(L, 2, MEMBER_SET)};
    struct policy_answer answer = {.allowed = true, .embedded = true};
    memcpy(answer.policy_sha256, check_raw(L, 3, HASH_BYTES), HASH_BYTES);
    passing.own = (uint16_t)luaL_optinteger(L, 4, 0);
    lua_settop(L, 5);
    lua_pushnil(L);
    if (passing.own) pass_member(L, &passing, passing.own);
    if (lua_istable(L, 5)) {
        const size_t count = lua_rawlen(L, 5);
        for (size_t i = 1; i <= count; i++) {
            lua_rawgeti(L, 5, (lua_Integer)i);
            const lua_Integer member = luaL_checkinteger(L, -1);
            lua_pop(L, 1);
            pass_other(L, &passing, (uint16_t)member);
        }
    } else if (!lua_isnil(L, 5)) {
        uint16_t member;
        const struct frost_signing_package *package = binding_check_signing_package(L, 5);
        for (size_t i = 0; i < package->count; i++)
            if (frost_identifier_to_member(&member, &package->entries[i].identifier)) pass_other(L, &passing, member);
    }
    if (passing.passed_count > 0) verdict_store_allowed(call, passing.passed, passing.passed_count, &answer);
    return 1;
}

static int answer_wallet_output(lua_State *L) {
    policy_answer_wallet_output(binding_check_call(L, 1));
    return 0;
}

static const luaL_Reg functions[] = {
    {"now", now},
    {"notice", say},
    {"version", version},
    {"quarantine_configuration", quarantine_configuration},
    {"asked", asked},
    {"read_policy", read_policy},
    {"publish_policy", publish_policy},
    {"sign_input", sign_input},
    {"quarantine_input", quarantine_input},
    {"store_verdict", store_verdict},
    {"store_member_verdict", store_member_verdict},
    {"member_set", member_set},
    {"pass_members", pass_members},
    {"answer_wallet_output", answer_wallet_output},
    {NULL, NULL},
};

int luaopen_binding_gates(lua_State *L) {
    static const luaL_Reg methods[] = {{"add", member_set_add}, {NULL, NULL}};
    binding_class(L, MEMBER_SET, NULL, methods);
    luaL_newlibtable(L, functions);
    binding_new_buffer(L);
    luaL_setfuncs(L, functions, 1);
    return 1;
}
