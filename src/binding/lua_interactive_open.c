/* Module `interactive_open`: the opening of a seat (interactive-session 8; src/session/interactive.h says what
 * each step does).
 *
 *   interactive_open.new{…} -> object; interactive_open.<step>(call, object) */
#include <string.h>

#include "binding/interactive_fields.h"

#define OPEN_OBJECT "signer.interactive_open"

/* The object as this critical section knows it: what an earlier one found is looked for again. */
static struct interactive_open *check_open(lua_State *L, struct call *call) {
    struct failure why = {0};
    struct interactive_open *open = binding_check_object(L, 2, OPEN_OBJECT);
    if (open->view.section != call->section || !open->view.wallet)
        binding_check(L, open_find_wallet(call, open, &why), &why);
    return open;
}

static int open_gc(lua_State *L) {
    interactive_open_clear(binding_check_object(L, 1, OPEN_OBJECT));
    return 0;
}

/* A text of the context goes over where it has its proper length; another one matches nothing. */
static void context_text(lua_State *L, const char *name, char *out, size_t len) {
    size_t actual;
    lua_getfield(L, -1, name);
    const char *text = luaL_checklstring(L, -1, &actual);
    memset(out, 0, len + 1);
    if (actual == len) memcpy(out, text, len);
    lua_pop(L, 1);
}

static lua_Integer context_integer(lua_State *L, const char *name) {
    lua_getfield(L, -1, name);
    lua_Integer value = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return value;
}

static void context_field(lua_State *L, struct attempt_context *context) {
    lua_getfield(L, 1, "context");
    luaL_checktype(L, -1, LUA_TTABLE);
    context->attempt_number = (uint32_t)context_integer(L, "attempt_number");
    context->coordinator = (uint16_t)context_integer(L, "coordinator_identifier");
    context_text(L, "included_participants_fingerprint", context->fingerprint, FINGERPRINT_TEXT_BYTES);
    context_text(L, "attempt_id", context->attempt_id, ATTEMPT_ID_TEXT_BYTES);
    lua_getfield(L, -1, "included_participants");
    luaL_checktype(L, -1, LUA_TTABLE);
    size_t count = lua_rawlen(L, -1);
    if (count > PARTICIPANTS_MAX) luaL_error(L, "too many participants");
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        context->included[i] = (uint16_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    context->included_count = count;
    lua_pop(L, 2);
}

/* `heartbeat`: the text of the intent's message_hex, nil without an intent. */
static void intent_field(lua_State *L, struct signing_intent *intent) {
    lua_getfield(L, 1, "heartbeat");
    if (!lua_isnil(L, -1)) {
        size_t len;
        const char *text = luaL_checklstring(L, -1, &len);
        intent->heartbeat = true;
        intent->preimage_is_hex = len <= 2 * sizeof intent->preimage && hex_decode(intent->preimage, text, len);
        intent->preimage_len = intent->preimage_is_hex ? len / 2 : 0;
    }
    lua_pop(L, 1);
}

/* interactive_open.new{session_id, member, threshold, key_group, message, root, heartbeat, context, fingerprint} */
static int open_new(lua_State *L) {
    struct open_request request = {0};
    struct failure why = {0};
    size_t len;
    luaL_checktype(L, 1, LUA_TTABLE);
    request.session_id = text_field(L, "session_id", &request.session_id_len);
    request.member = member_field(L, "member");
    request.threshold = member_field(L, "threshold");
    request.key_group = text_field(L, "key_group", &request.key_group_len);
    request.message = (const uint8_t *)text_field(L, "message", &request.message_len);
    root_field(L, &request.root);
    intent_field(L, &request.intent);
    context_field(L, &request.context);
    request.fingerprint = text_field(L, "fingerprint", &len);
    if (len != FINGERPRINT_TEXT_BYTES) return luaL_error(L, "fingerprint has a wrong length");
    struct interactive_open *open = binding_new_object(L, sizeof *open, 0, OPEN_OBJECT);
    binding_check(L, interactive_open_init(open, &request, &why), &why);
    return 1;
}

#define OPEN_STEP(step)                                                                                                \
    static int step_##step(lua_State *L) {                                                                             \
        struct failure why = {0};                                                                                      \
        struct call *call = binding_check_locked_call(L, 1);                                                           \
        binding_check(L, step(call, check_open(L, call), &why), &why);                                                 \
        return 0;                                                                                                      \
    }

static int step_open_find_wallet(lua_State *L) {
    struct failure why = {0};
    struct call *call = binding_check_locked_call(L, 1);
    binding_check(L, open_find_wallet(call, binding_check_object(L, 2, OPEN_OBJECT), &why), &why);
    return 0;
}

OPEN_STEP(open_match_wallet)
OPEN_STEP(open_require_material)
OPEN_STEP(open_require_seat)
OPEN_STEP(open_require_context)
OPEN_STEP(open_require_included)
OPEN_STEP(open_require_group)
OPEN_STEP(open_refuse_consumed)
OPEN_STEP(open_refuse_final)
OPEN_STEP(open_require_newer)
OPEN_STEP(open_require_attempt_room)
OPEN_STEP(open_require_seat_room)
OPEN_STEP(open_require_binding)
OPEN_STEP(open_commit)

#define OPEN_GATE(name, gate)                                                                                          \
    static int pass_##name(lua_State *L) {                                                                             \
        struct failure why = {0};                                                                                      \
        struct call *call = binding_check_locked_call(L, 1);                                                           \
        binding_check(L, open_pass_gate(call, check_open(L, call), gate, &why), &why);                                 \
        return 0;                                                                                                      \
    }

OPEN_GATE(rekey, OPEN_GATE_REKEY)
OPEN_GATE(finalized, OPEN_GATE_FINALIZED)
OPEN_GATE(own_quarantine, OPEN_GATE_QUARANTINE)
OPEN_GATE(message_binding, OPEN_GATE_BINDING)

/* -> true: an exact retry was answered */
static int step_open_is_retry(lua_State *L) {
    struct failure why = {0};
    struct call *call = binding_check_locked_call(L, 1);
    struct interactive_open *open = check_open(L, call);
    binding_check(L, open_answer_retry(call, open, &why), &why);
    lua_pushboolean(L, open->idempotent);
    return 1;
}

static int open_attempt_id(lua_State *L) {
    lua_pushstring(L, ((struct interactive_open *)binding_check_object(L, 1, OPEN_OBJECT))->context.attempt_id);
    return 1;
}

static const luaL_Reg functions[] = {
    {"new", open_new},
    {"find_wallet", step_open_find_wallet},
    {"match_wallet", step_open_match_wallet},
    {"require_material", step_open_require_material},
    {"require_seat", step_open_require_seat},
    {"gate_rekey", pass_rekey},
    {"gate_finalized", pass_finalized},
    {"gate_own_quarantine", pass_own_quarantine},
    {"gate_message_binding", pass_message_binding},
    {"require_context", step_open_require_context},
    {"require_included", step_open_require_included},
    {"require_group", step_open_require_group},
    {"refuse_consumed", step_open_refuse_consumed},
    {"refuse_final", step_open_refuse_final},
    {"is_retry", step_open_is_retry},
    {"require_newer", step_open_require_newer},
    {"require_attempt_room", step_open_require_attempt_room},
    {"require_seat_room", step_open_require_seat_room},
    {"require_binding", step_open_require_binding},
    {"commit", step_open_commit},
    {"attempt_id", open_attempt_id},
    {NULL, NULL},
};

int luaopen_binding_interactive_open(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", open_gc}, {NULL, NULL}};
    binding_class(L, OPEN_OBJECT, metamethods, NULL);
    luaL_newlib(L, functions);
    return 1;
}
