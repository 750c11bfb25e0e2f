/* Module `interactive_seat`: rounds 1 and 2 of one seat (interactive-session 9, 10; src/session/interactive.h
 * says what each step does).
 *
 *   interactive_seat.new{…} -> object; interactive_seat.round1.<step>(call, object), .round2.<step>(call, object) */
#include <string.h>

#include "binding/interactive_fields.h"

#define SEAT_OBJECT "signer.interactive_seat"

static struct interactive_seat *check_seat(lua_State *L) {
    return binding_check_object(L, 2, SEAT_OBJECT);
}

static struct interactive_seat *check_current_seat(lua_State *L, struct call *call) {
    struct failure why = {0};
    struct interactive_seat *seat = check_seat(L);
    if (seat->view.section != call->section || !seat->view.session)
        binding_check(L, seat_find_session(call, seat, &why), &why);
    return seat;
}

static int seat_gc(lua_State *L) {
    interactive_seat_clear(binding_check_object(L, 1, SEAT_OBJECT));
    return 0;
}

/* interactive_seat.new{session_id, attempt_id, member, package}: the object keeps the package alive. */
static int seat_new(lua_State *L) {
    struct failure why = {0};
    size_t len;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const char *session_id = text_field(L, "session_id", &len);
    const char *attempt_id = attempt_field(L);
    uint16_t member = member_field(L, "member");
    lua_getfield(L, 1, "package");
    struct interactive_seat *seat = binding_new_object(L, sizeof *seat, 1, SEAT_OBJECT);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    binding_check(L, interactive_seat_init(seat, session_id, len, attempt_id, member, &why), &why);
    if (lua_isnil(L, 2)) return 1;
    uint8_t digest[HASH_BYTES];
    const struct frost_signing_package *package = binding_check_signing_package(L, 2);
    binding_signing_package_digest(L, 2, digest);
    binding_check(L, interactive_seat_take_package(seat, package, digest, &why), &why);
    return 1;
}

#define SEAT_STEP(step)                                                                                                \
    static int step_##step(lua_State *L) {                                                                             \
        struct failure why = {0};                                                                                      \
        struct call *call = binding_check_locked_call(L, 1);                                                           \
        binding_check(L, step(call, check_current_seat(L, call), &why), &why);                                         \
        return 0;                                                                                                      \
    }

static int step_seat_find_session(lua_State *L) {
    struct failure why = {0};
    struct call *call = binding_check_locked_call(L, 1);
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
    struct call *call = binding_check_locked_call(L, 1);
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

/* -> nil, "seat" or "package". No lock. */
static int step_round2_question(lua_State *L) {
    static const char *const texts[] = {
        [ROUND2_ASKS_NOTHING] = NULL, [ROUND2_ASKS_SEAT] = "seat", [ROUND2_ASKS_PACKAGE] = "package"};
    struct call *call = binding_check_call(L, 1);
    lua_pushstring(L, texts[round2_question(call, check_seat(L))]);
    return 1;
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
    {"question", step_round2_question},
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

static void add_steps(lua_State *L, const char *name, const luaL_Reg *steps) {
    lua_newtable(L);
    luaL_setfuncs(L, steps, 0);
    lua_setfield(L, -2, name);
}

int luaopen_binding_interactive_seat(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", seat_gc}, {NULL, NULL}};
    binding_class(L, SEAT_OBJECT, metamethods, NULL);
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, seat_new);
    lua_setfield(L, -2, "new");
    add_steps(L, "round1", round1_steps);
    add_steps(L, "round2", round2_steps);
    return 1;
}
