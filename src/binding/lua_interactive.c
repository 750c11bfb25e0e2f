/* Module `interactive`: the steps of interactive signing for the endpoint files (interactive-session
 * 8 to 12; src/session/interactive.h says what each does). Every function takes the call first.
 *
 *   interactive.session_id_is_valid(text), interactive.attempt_id(text) -> lower-case text or nil
 *   interactive.open{…}       -> object; interactive.opening.<step>(call, object)
 *   interactive.seat{…}       -> object; interactive.round1.<step>, interactive.round2.<step>
 *   interactive.aggregate{…}  -> object; interactive.aggregation.<step>
 *   interactive.verify_keys(call, session_id) -> public package or nil
 *   interactive.verify_share(package, keys, member, share or nil, root or nil) -> verdict
 *   interactive.abort(call, session_id, attempt_id or nil) -> whether anything was live */
#include <string.h>

#include "binding/call_object.h"
#include "binding/frost_objects.h"
#include "frost/keys.h"
#include "session/interactive.h"

#define OPEN_OBJECT "signer.interactive_open"
#define SEAT_OBJECT "signer.interactive_seat"
#define AGGREGATE_OBJECT "signer.interactive_aggregate"

/* -- fields of the table at index 1 ------------------------------------------------------------ */

static const char *text_field(lua_State *L, const char *name, size_t *len) {
    lua_getfield(L, 1, name);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s must be a string", name);
    const char *text = lua_tolstring(L, -1, len);
    lua_pop(L, 1); /* the table keeps it alive */
    return text;
}

static uint16_t member_field(lua_State *L, const char *name) {
    lua_getfield(L, 1, name);
    lua_Integer value = luaL_checkinteger(L, -1);
    if (value < 0 || value > UINT16_MAX) luaL_error(L, "%s is no u16", name);
    lua_pop(L, 1);
    return (uint16_t)value;
}

static void root_field(lua_State *L, struct frost_root *root) {
    lua_getfield(L, 1, "root");
    binding_check_root(L, lua_gettop(L), root);
    lua_pop(L, 1);
}

static const char *attempt_field(lua_State *L) {
    size_t len;
    const char *text = text_field(L, "attempt_id", &len);
    if (len != ATTEMPT_ID_TEXT_BYTES) luaL_error(L, "attempt_id has a wrong length");
    return text;
}

/* -- names ------------------------------------------------------------------------------------- */

static int is_session_id(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, session_id_is_valid(text, len));
    return 1;
}

static int read_attempt_id(lua_State *L) {
    size_t len;
    char out[ATTEMPT_ID_TEXT_BYTES + 1];
    const char *text = luaL_checklstring(L, 1, &len);
    if (attempt_id_read(out, text, len))
        lua_pushstring(L, out);
    else
        lua_pushnil(L);
    return 1;
}

/* -- open ---------------------------------------------------------------------------------------- */

static struct call *check_locked(lua_State *L) {
    return binding_check_locked_call(L, 1);
}

/* The object as this critical section knows it: what an earlier one found is looked for again. */
static struct interactive_open *check_open(lua_State *L, struct call *call) {
    struct failure why = {0};
    struct interactive_open *open = luaL_checkudata(L, 2, OPEN_OBJECT);
    if (open->view.section != call->section || !open->view.wallet)
        binding_check(L, open_find_wallet(call, open, &why), &why);
    return open;
}

static int open_gc(lua_State *L) {
    interactive_open_clear(luaL_checkudata(L, 1, OPEN_OBJECT));
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

/* interactive.open{session_id, member, threshold, key_group, message, root, heartbeat, context, fingerprint} */
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
    struct interactive_open *open = lua_newuserdatauv(L, sizeof *open, 0);
    memset(open, 0, sizeof *open);
    luaL_setmetatable(L, OPEN_OBJECT);
    binding_check(L, interactive_open_init(open, &request, &why), &why);
    return 1;
}

#define OPEN_STEP(step)                                                                                                \
    static int step_##step(lua_State *L) {                                                                             \
        struct failure why = {0};                                                                                      \
        struct call *call = check_locked(L);                                                                           \
        binding_check(L, step(call, check_open(L, call), &why), &why);                                                 \
        return 0;                                                                                                      \
    }

static int step_open_find_wallet(lua_State *L) {
    struct failure why = {0};
    struct call *call = check_locked(L);
    binding_check(L, open_find_wallet(call, luaL_checkudata(L, 2, OPEN_OBJECT), &why), &why);
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
        struct call *call = check_locked(L);                                                                           \
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
    struct call *call = check_locked(L);
    struct interactive_open *open = check_open(L, call);
    binding_check(L, open_answer_retry(call, open, &why), &why);
    lua_pushboolean(L, open->idempotent);
    return 1;
}

static int open_attempt_id(lua_State *L) {
    lua_pushstring(L, ((struct interactive_open *)luaL_checkudata(L, 1, OPEN_OBJECT))->context.attempt_id);
    return 1;
}

static const luaL_Reg open_steps[] = {
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

/* -- rounds 1 and 2 ------------------------------------------------------------------------------- */

static struct interactive_seat *check_seat(lua_State *L) {
    return luaL_checkudata(L, 2, SEAT_OBJECT);
}

static struct interactive_seat *check_current_seat(lua_State *L, struct call *call) {
    struct failure why = {0};
    struct interactive_seat *seat = check_seat(L);
    if (seat->view.section != call->section || !seat->view.session)
        binding_check(L, seat_find_session(call, seat, &why), &why);
    return seat;
}

static int seat_gc(lua_State *L) {
    interactive_seat_clear(luaL_checkudata(L, 1, SEAT_OBJECT));
    return 0;
}

/* interactive.seat{session_id, attempt_id, member, package}: the object keeps the package alive. */
static int seat_new(lua_State *L) {
    struct failure why = {0};
    size_t len;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const char *session_id = text_field(L, "session_id", &len);
    const char *attempt_id = attempt_field(L);
    uint16_t member = member_field(L, "member");
    lua_getfield(L, 1, "package");
    const struct frost_signing_package *package = lua_isnil(L, 2) ? NULL : binding_check_signing_package(L, 2);
    struct interactive_seat *seat = lua_newuserdatauv(L, sizeof *seat, 1);
    memset(seat, 0, sizeof *seat);
    luaL_setmetatable(L, SEAT_OBJECT);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    binding_check(L, interactive_seat_init(seat, session_id, len, attempt_id, member, package, &why), &why);
    return 1;
}

#define SEAT_STEP(step)                                                                                                \
    static int step_##step(lua_State *L) {                                                                             \
        struct failure why = {0};                                                                                      \
        struct call *call = check_locked(L);                                                                           \
        binding_check(L, step(call, check_current_seat(L, call), &why), &why);                                         \
        return 0;                                                                                                      \
    }

static int step_seat_find_session(lua_State *L) {
    struct failure why = {0};
    struct call *call = check_locked(L);
    binding_check(L, seat_find_session(call, check_seat(L), &why), &why);
    return 0;
}

SEAT_STEP(seat_refuse_consumed)
SEAT_STEP(seat_gate_rekey)
SEAT_STEP(seat_gate_own_quarantine)
SEAT_STEP(seat_require_live)
SEAT_STEP(round1_prepare)
SEAT_STEP(round1_install)
SEAT_STEP(round2_refuse_final)
SEAT_STEP(round2_require_marker_room)
SEAT_STEP(round2_pass_gates)
SEAT_STEP(round2_require_commitments)
SEAT_STEP(round2_check_package)
SEAT_STEP(round2_gate_participants)
SEAT_STEP(round2_require_authorization_room)
SEAT_STEP(round2_consume)

static int step_round1_draw(lua_State *L) {
    struct failure why = {0};
    struct call *call = binding_check_call(L, 1);
    binding_check(L, round1_draw(call, check_seat(L), &why), &why);
    return 0;
}

/* -> the commitments of an earlier call, or nil */
static int step_round1_repeat(lua_State *L) {
    struct call *call = check_locked(L);
    struct interactive_seat *seat = check_current_seat(L, call);
    if (round1_answer_repeat(call, seat))
        lua_pushlstring(L, (const char *)seat->commitments, sizeof seat->commitments);
    else
        lua_pushnil(L);
    return 1;
}

/* -> commitments, whether this call drew them */
static int step_round1_commitments(lua_State *L) {
    const struct interactive_seat *seat = check_seat(L);
    lua_pushlstring(L, (const char *)seat->commitments, sizeof seat->commitments);
    lua_pushboolean(L, seat->fresh);
    return 2;
}

static int step_round2_share(lua_State *L) {
    struct failure why = {0};
    uint8_t share[FROST_SHARE_BYTES];
    struct call *call = binding_check_call(L, 1);
    binding_check(L, round2_share(call, check_seat(L), share, &why), &why);
    lua_pushlstring(L, (const char *)share, sizeof share);
    return 1;
}

static const luaL_Reg round1_steps[] = {
    {"find_session", step_seat_find_session},
    {"refuse_consumed", step_seat_refuse_consumed},
    {"gate_rekey", step_seat_gate_rekey},
    {"gate_own_quarantine", step_seat_gate_own_quarantine},
    {"require_live", step_seat_require_live},
    {"repeat_commitments", step_round1_repeat},
    {"prepare", step_round1_prepare},
    {"draw", step_round1_draw},
    {"install", step_round1_install},
    {"commitments", step_round1_commitments},
    {NULL, NULL},
};

static const luaL_Reg round2_steps[] = {
    {"find_session", step_seat_find_session},
    {"refuse_consumed", step_seat_refuse_consumed},
    {"refuse_final", step_round2_refuse_final},
    {"require_marker_room", step_round2_require_marker_room},
    {"pass_gates", step_round2_pass_gates},
    {"require_live", step_seat_require_live},
    {"require_commitments", step_round2_require_commitments},
    {"check_package", step_round2_check_package},
    {"gate_participants", step_round2_gate_participants},
    {"require_authorization_room", step_round2_require_authorization_room},
    {"consume", step_round2_consume},
    {"share", step_round2_share},
    {NULL, NULL},
};

/* -- aggregate ------------------------------------------------------------------------------------- */

static struct interactive_aggregate *check_aggregate(lua_State *L) {
    return luaL_checkudata(L, 2, AGGREGATE_OBJECT);
}

static struct interactive_aggregate *check_current_aggregate(lua_State *L, struct call *call) {
    struct failure why = {0};
    struct interactive_aggregate *aggregate = check_aggregate(L);
    if (aggregate->view.section != call->section || !aggregate->view.session)
        binding_check(L, aggregate_find_session(call, aggregate, &why), &why);
    return aggregate;
}

static int aggregate_gc(lua_State *L) {
    interactive_aggregate_clear(luaL_checkudata(L, 1, AGGREGATE_OBJECT));
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

/* interactive.aggregate{session_id, attempt_id, package, shares, root} */
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
    struct interactive_aggregate *aggregate = lua_newuserdatauv(L, sizeof *aggregate, 1);
    memset(aggregate, 0, sizeof *aggregate);
    luaL_setmetatable(L, AGGREGATE_OBJECT);
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
        struct call *call = check_locked(L);                                                                           \
        binding_check(L, step(call, check_current_aggregate(L, call), &why), &why);                                    \
        return 0;                                                                                                      \
    }

static int step_aggregate_find_session(lua_State *L) {
    struct failure why = {0};
    struct call *call = check_locked(L);
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

static const luaL_Reg aggregate_steps[] = {
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

/* -- the rest ---------------------------------------------------------------------------------------- */

static int verify_keys(lua_State *L) {
    size_t len;
    struct call *call = check_locked(L);
    const char *session_id = luaL_checklstring(L, 2, &len);
    struct frost_public_package *keys = binding_push_public_package(L);
    if (!verify_copy_keys(call, session_id, len, keys)) lua_pushnil(L);
    return 1;
}

static int verify(lua_State *L) {
    static const char *const texts[] = {
        [SHARE_VALID] = "valid", [SHARE_INVALID] = "invalid", [SHARE_INDETERMINATE] = "indeterminate"};
    struct frost_root root;
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    const struct frost_public_package *keys = binding_check_public_package(L, 2);
    lua_Integer member = luaL_checkinteger(L, 3);
    luaL_argcheck(L, member >= 0 && member <= UINT16_MAX, 3, "no u16");
    size_t len = 0;
    const uint8_t *share = (const uint8_t *)luaL_optlstring(L, 4, NULL, &len);
    if (len != FROST_SHARE_BYTES) share = NULL;
    binding_check_root(L, 5, &root);
    lua_pushstring(L, texts[verify_share(package, keys, (uint16_t)member, share, &root)]);
    return 1;
}

static int abort_session(lua_State *L) {
    size_t len;
    struct call *call = check_locked(L);
    const char *session_id = luaL_checklstring(L, 2, &len);
    const char *attempt_id = luaL_optstring(L, 3, NULL);
    lua_pushboolean(L, interactive_abort(call, session_id, len, attempt_id));
    return 1;
}

static const luaL_Reg functions[] = {
    {"session_id_is_valid", is_session_id},
    {"attempt_id", read_attempt_id},
    {"open", open_new},
    {"seat", seat_new},
    {"aggregate", aggregate_new},
    {"verify_keys", verify_keys},
    {"verify_share", verify},
    {"abort", abort_session},
    {NULL, NULL},
};

static void add_steps(lua_State *L, const char *name, const luaL_Reg *steps) {
    lua_newtable(L);
    luaL_setfuncs(L, steps, 0);
    lua_setfield(L, -2, name);
}

int luaopen_binding_interactive(lua_State *L) {
    static const luaL_Reg open_metamethods[] = {{"__gc", open_gc}, {NULL, NULL}};
    static const luaL_Reg seat_metamethods[] = {{"__gc", seat_gc}, {NULL, NULL}};
    static const luaL_Reg aggregate_metamethods[] = {{"__gc", aggregate_gc}, {NULL, NULL}};
    binding_class(L, OPEN_OBJECT, open_metamethods, NULL);
    binding_class(L, SEAT_OBJECT, seat_metamethods, NULL);
    binding_class(L, AGGREGATE_OBJECT, aggregate_metamethods, NULL);
    luaL_newlib(L, functions);
    add_steps(L, "opening", open_steps);
    add_steps(L, "round1", round1_steps);
    add_steps(L, "round2", round2_steps);
    add_steps(L, "aggregation", aggregate_steps);
    return 1;
}
