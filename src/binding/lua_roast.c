/* Attempt contexts, coordinator election and marker texts for scripts and commands.
 *
 *   roast.fingerprint(members) -> text          roast.attempt_id(fields) -> text
 *   roast.coordinator(inputs, number, members) -> member
 *   roast.derive(inputs, number, members) -> context
 *   roast.validate(context, inputs) -> canonical context
 *   roast.shuffle_seed(inputs) -> integer       roast.shuffle(members, seed) -> members
 *   roast.message_digest(message) -> bytes      roast.padded_message(message) -> bytes
 *   roast.consumed_marker(member, attempt_id [, form]) -> text, roast.aggregated_marker(…), …
 *
 * `inputs`: session_id, key_group (texts), message (bytes), threshold. `context`: the wire object of
 * roast 1. Digests, roots and packages are byte strings. A failure raises an error object. */
#include <string.h>

#include "binding/binding.h"
#include "roast/attempt.h"
#include "roast/go_random.h"
#include "roast/markers.h"

static lua_Integer integer_between(lua_State *L, int index, lua_Integer low, lua_Integer high, const char *what) {
    int exact;
    lua_Integer value = lua_tointegerx(L, index, &exact);
    if (!exact || value < low || value > high) luaL_error(L, "%s must be an integer of its range", what);
    return value;
}

static lua_Integer field_integer(lua_State *L, int table, const char *name, lua_Integer high) {
    lua_getfield(L, table, name);
    lua_Integer value = integer_between(L, -1, 0, high, name);
    lua_pop(L, 1);
    return value;
}

/* The string stays in its table, so the pointer outlives the pop. */
static const char *field_text(lua_State *L, int table, const char *name, size_t *len) {
    lua_getfield(L, table, name);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s must be a string", name);
    const char *text = lua_tolstring(L, -1, len);
    lua_pop(L, 1);
    return text;
}

static size_t read_members(lua_State *L, int index, uint16_t out[PARTICIPANTS_MAX]) {
    luaL_checktype(L, index, LUA_TTABLE);
    lua_Unsigned count = lua_rawlen(L, index);
    if (count > PARTICIPANTS_MAX) luaL_error(L, "more than %d members", (int)PARTICIPANTS_MAX);
    for (lua_Unsigned i = 0; i < count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        out[i] = (uint16_t)integer_between(L, -1, 0, UINT16_MAX, "member");
        lua_pop(L, 1);
    }
    return (size_t)count;
}

static void push_members(lua_State *L, const uint16_t *members, size_t count) {
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushinteger(L, members[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static size_t read_canonical(lua_State *L, int index, uint16_t out[PARTICIPANTS_MAX]) {
    struct failure why = {0};
    size_t count = read_members(L, index, out);
    binding_check(L, attempt_canonical_set(out, count, &why), &why);
    return count;
}

static struct attempt_inputs read_inputs(lua_State *L, int index) {
    struct attempt_inputs inputs;
    luaL_checktype(L, index, LUA_TTABLE);
    inputs.session_id = field_text(L, index, "session_id", &inputs.session_id_len);
    inputs.key_group = field_text(L, index, "key_group", &inputs.key_group_len);
    inputs.message = (const uint8_t *)field_text(L, index, "message", &inputs.message_len);
    inputs.threshold = (uint16_t)field_integer(L, index, "threshold", UINT16_MAX);
    return inputs;
}

static void push_context(lua_State *L, const struct attempt_context *context) {
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, context->attempt_number);
    lua_setfield(L, -2, "attempt_number");
    lua_pushinteger(L, context->coordinator);
    lua_setfield(L, -2, "coordinator_identifier");
    push_members(L, context->included, context->included_count);
    lua_setfield(L, -2, "included_participants");
    lua_pushstring(L, context->fingerprint);
    lua_setfield(L, -2, "included_participants_fingerprint");
    lua_pushstring(L, context->attempt_id);
    lua_setfield(L, -2, "attempt_id");
}

static void read_context(lua_State *L, int index, struct attempt_context *out) {
    size_t len;
    luaL_checktype(L, index, LUA_TTABLE);
    memset(out, 0, sizeof *out);
    out->attempt_number = (uint32_t)field_integer(L, index, "attempt_number", UINT32_MAX);
    out->coordinator = (uint16_t)field_integer(L, index, "coordinator_identifier", UINT16_MAX);
    lua_getfield(L, index, "included_participants");
    out->included_count = read_members(L, lua_gettop(L), out->included);
    lua_pop(L, 1);
    const char *text = field_text(L, index, "included_participants_fingerprint", &len);
    attempt_text(out->fingerprint, text, len);
    text = field_text(L, index, "attempt_id", &len);
    attempt_text(out->attempt_id, text, len);
}

static const uint8_t *check_bytes(lua_State *L, int index, size_t want, const char *what) {
    size_t len;
    const char *bytes = luaL_checklstring(L, index, &len);
    if (len != want) luaL_error(L, "%s must have %d bytes", what, (int)want);
    return (const uint8_t *)bytes;
}

static const uint8_t *optional_root(lua_State *L, int index) {
    return lua_isnoneornil(L, index) ? NULL : check_bytes(L, index, 32, "root");
}

static const char *check_attempt_id(lua_State *L, int index) {
    return (const char *)check_bytes(L, index, ATTEMPT_ID_TEXT_BYTES, "attempt_id");
}

static int lua_fingerprint(lua_State *L) {
    uint16_t members[PARTICIPANTS_MAX];
    char text[FINGERPRINT_TEXT_BYTES + 1];
    size_t count = read_canonical(L, 1, members);
    attempt_fingerprint(text, members, count);
    lua_pushstring(L, text);
    return 1;
}

/* Fields: session_id, message_digest (32 bytes), attempt_number, coordinator_identifier,
 * included_participants_fingerprint. */
static int lua_attempt_id(lua_State *L) {
    char text[ATTEMPT_ID_TEXT_BYTES + 1];
    size_t session_len, digest_len, fingerprint_len;
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *session_id = field_text(L, 1, "session_id", &session_len);
    const char *digest = field_text(L, 1, "message_digest", &digest_len);
    const char *fingerprint = field_text(L, 1, "included_participants_fingerprint", &fingerprint_len);
    if (digest_len != 32 || fingerprint_len != FINGERPRINT_TEXT_BYTES) return luaL_error(L, "a field has a wrong size");
    attempt_id(text, session_id, session_len, (const uint8_t *)digest,
               (uint32_t)field_integer(L, 1, "attempt_number", UINT32_MAX),
               (uint16_t)field_integer(L, 1, "coordinator_identifier", UINT16_MAX), fingerprint);
    lua_pushstring(L, text);
    return 1;
}

static int lua_message_digest(lua_State *L) {
    size_t len;
    uint8_t digest[32];
    const char *message = luaL_checklstring(L, 1, &len);
    attempt_message_digest(digest, (const uint8_t *)message, len);
    lua_pushlstring(L, (const char *)digest, sizeof digest);
    return 1;
}

static void pad_message(lua_State *L, uint8_t out[32], const uint8_t *message, size_t len) {
    struct failure why = {0};
    binding_check(L, attempt_padded_message(out, message, len, &why), &why);
}

static int lua_padded_message(lua_State *L) {
    size_t len;
    uint8_t padded[32];
    const char *message = luaL_checklstring(L, 1, &len);
    pad_message(L, padded, (const uint8_t *)message, len);
    lua_pushlstring(L, (const char *)padded, sizeof padded);
    return 1;
}

static int lua_shuffle_seed(lua_State *L) {
    struct attempt_inputs inputs = read_inputs(L, 1);
    uint8_t padded[32];
    pad_message(L, padded, inputs.message, inputs.message_len);
    lua_pushinteger(L, attempt_shuffle_seed(inputs.key_group, inputs.key_group_len, inputs.session_id,
                                            inputs.session_id_len, padded));
    return 1;
}

static int lua_shuffle(lua_State *L) {
    uint16_t members[PARTICIPANTS_MAX];
    size_t count = read_members(L, 1, members);
    if (!go_shuffle(members, count, luaL_checkinteger(L, 2))) return binding_raise_error(L, ERR_INTERNAL, NULL);
    push_members(L, members, count);
    return 1;
}

static int lua_coordinator(lua_State *L) {
    struct attempt_inputs inputs = read_inputs(L, 1);
    uint32_t number = (uint32_t)integer_between(L, 2, 1, UINT32_MAX, "attempt number");
    uint16_t members[PARTICIPANTS_MAX];
    uint8_t padded[32];
    size_t count = read_canonical(L, 3, members);
    pad_message(L, padded, inputs.message, inputs.message_len);
    uint16_t elected = attempt_coordinator(inputs.key_group, inputs.key_group_len, inputs.session_id,
                                           inputs.session_id_len, padded, number, members, count);
    if (elected == 0) return binding_raise_error(L, ERR_INTERNAL, NULL);
    lua_pushinteger(L, elected);
    return 1;
}

static int lua_derive(lua_State *L) {
    struct attempt_inputs inputs = read_inputs(L, 1);
    uint32_t number = (uint32_t)integer_between(L, 2, 0, UINT32_MAX, "attempt number");
    uint16_t members[PARTICIPANTS_MAX];
    struct attempt_context context;
    struct failure why = {0};
    size_t count = read_members(L, 3, members);
    binding_check(L, attempt_derive(&context, &inputs, number, members, count, &why), &why);
    push_context(L, &context);
    return 1;
}

static int lua_validate(lua_State *L) {
    struct attempt_context context;
    struct failure why = {0};
    read_context(L, 1, &context);
    struct attempt_inputs inputs = read_inputs(L, 2);
    binding_check(L, attempt_validate(&context, &inputs, &why), &why);
    push_context(L, &context);
    return 1;
}

static int push_marker(lua_State *L, const struct marker *marker) {
    lua_pushlstring(L, marker->text, marker->len);
    return 1;
}

/* form: "written" (default), "v2", "bare" */
static int lua_consumed_marker(lua_State *L) {
    static const char *const forms[] = {"written", "v2", "bare", NULL};
    struct marker marker;
    uint16_t member = (uint16_t)integer_between(L, 1, 1, UINT16_MAX, "member");
    const char *id = check_attempt_id(L, 2);
    marker_consumed(&marker, (enum consumed_form)luaL_checkoption(L, 3, "written", forms), member, id);
    return push_marker(L, &marker);
}

/* (attempt_id, message digest, root or nil [, form]); form: "written" (default), "digest", "bare" */
static int lua_aggregated_marker(lua_State *L) {
    static const char *const forms[] = {"written", "digest", "bare", NULL};
    struct marker marker;
    const char *id = check_attempt_id(L, 1);
    const uint8_t *digest = check_bytes(L, 2, 32, "message digest");
    const uint8_t *root = optional_root(L, 3);
    marker_aggregated(&marker, (enum aggregated_form)luaL_checkoption(L, 4, "written", forms), id, digest, root);
    return push_marker(L, &marker);
}

/* (attempt_id, root or nil, package) */
static int lua_authorization_marker(lua_State *L) {
    struct marker marker;
    size_t len;
    const char *id = check_attempt_id(L, 1);
    const uint8_t *root = optional_root(L, 2);
    const char *package = luaL_checklstring(L, 3, &len);
    marker_authorization(&marker, id, root, (const uint8_t *)package, len);
    return push_marker(L, &marker);
}

/* (root or nil, package) */
static int lua_completion_marker(lua_State *L) {
    struct marker marker;
    size_t len;
    const uint8_t *root = optional_root(L, 1);
    const char *package = luaL_checklstring(L, 2, &len);
    marker_completion(&marker, root, (const uint8_t *)package, len);
    return push_marker(L, &marker);
}

/* (16 bytes) -> 32 bytes to sign, or nil when the intent is not a heartbeat */
static int lua_heartbeat_digest(lua_State *L) {
    size_t len;
    uint8_t digest[32];
    const char *intent = luaL_checklstring(L, 1, &len);
    if (!heartbeat_well_formed((const uint8_t *)intent, len)) return 0;
    heartbeat_digest(digest, (const uint8_t *)intent);
    lua_pushlstring(L, (const char *)digest, sizeof digest);
    return 1;
}

static const luaL_Reg functions[] = {
    {"fingerprint", lua_fingerprint},
    {"attempt_id", lua_attempt_id},
    {"message_digest", lua_message_digest},
    {"padded_message", lua_padded_message},
    {"shuffle_seed", lua_shuffle_seed},
    {"shuffle", lua_shuffle},
    {"coordinator", lua_coordinator},
    {"derive", lua_derive},
    {"validate", lua_validate},
    {"consumed_marker", lua_consumed_marker},
    {"aggregated_marker", lua_aggregated_marker},
    {"authorization_marker", lua_authorization_marker},
    {"completion_marker", lua_completion_marker},
    {"heartbeat_digest", lua_heartbeat_digest},
    {NULL, NULL},
};

int luaopen_binding_roast(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
