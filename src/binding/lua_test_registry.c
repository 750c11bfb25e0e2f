/* test_registry: durable state with a vault of its own (test build). Bytes are strings, ids and texts
 * too; u64 values are Lua integers. Changes are made in lua_test_changes.c.
 *
 *   state = test_registry.new{ store_id = 32 bytes, created_ms = integer (absent: no genesis), max_sessions = n,
 *       passing = boolean (read for a snapshot only) }
 *   state:check(changes)  state:prepare(changes)  state:apply(changes, seq, chain, ticket)  state:drop()
 *   state:replay(kind, body, seq, chain)        kind: "change", "note", "part"; state:finish() = end of replay
 *   state:snapshot() -> list of {op, payload}   state:digest()
 *   state:session(id) -> table | nil            state:field(id, field) -> encoded value | nil
 *   the questions of state.h under their names. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "binding/frost_objects.h"
#include "binding/test_registry.h"
#include "binding/test_session.h"
#include "registry/internal.h"

static struct test_state *check_test(lua_State *L) {
    struct test_state *test = luaL_checkudata(L, 1, TEST_STATE);
    luaL_argcheck(L, test->state, 1, "closed");
    return test;
}

static struct changes *check_changes(lua_State *L, int index) {
    return luaL_checkudata(L, index, TEST_CHANGES);
}

static struct session *find_session(lua_State *L, struct test_state *test, int index) {
    size_t len = 0;
    const char *id = luaL_optlstring(L, index, NULL, &len);
    return id ? state_session(test->state, id, len) : NULL;
}

static struct session *check_session(lua_State *L, struct test_state *test, int index) {
    struct session *session = find_session(L, test, index);
    if (!session) luaL_argerror(L, index, "no such session");
    return session;
}

static uint64_t check_u64(lua_State *L, int index) {
    return (uint64_t)luaL_checkinteger(L, index);
}

static void push_u64(lua_State *L, uint64_t value) {
    lua_pushinteger(L, (lua_Integer)value);
}

static void push_bytes(lua_State *L, struct bytes bytes) {
    lua_pushlstring(L, (const char *)bytes.data, bytes.len);
}

static void push_id(lua_State *L, const struct session *session) {
    if (session)
        push_bytes(L, session->id);
    else
        lua_pushnil(L);
}

/* -- life -------------------------------------------------------------------------------------- */

static int new_state(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    struct test_state *test = lua_newuserdatauv(L, sizeof *test, 0);
    memset(test, 0, sizeof *test);
    luaL_setmetatable(L, TEST_STATE);
    lua_getfield(L, 1, "max_sessions");
    test->max_sessions = (uint64_t)luaL_optinteger(L, -1, 1024);
    lua_getfield(L, 1, "created_ms");
    uint64_t created_ms = (uint64_t)luaL_optinteger(L, -1, 0);
    lua_getfield(L, 1, "passing");
    const bool passing = lua_toboolean(L, -1);
    lua_getfield(L, 1, "store_id");
    const uint8_t *store_id = binding_check_raw(L, -1, 32);
    binding_check(L, vault_create(&test->vault, false), NULL);
    test->context = (struct state_context){.vault = test->vault, .max_sessions = &test->max_sessions};
    test->sink = state_sink(&test->context);
    test->state = test->sink.state_new(&test->context, passing);
    if (!test->state) return binding_raise_error(L, ERR_OUT_OF_MEMORY, NULL);
    test->sink.begin(&test->context, test->state, store_id, created_ms);
    lua_settop(L, 2);
    return 1;
}

static int close_state(lua_State *L) {
    struct test_state *test = luaL_checkudata(L, 1, TEST_STATE);
    if (test->state) test->sink.state_free(&test->context, test->state);
    if (test->vault) vault_destroy(test->vault);
    test->state = NULL;
    test->vault = NULL;
    return 0;
}

static int live_secrets(lua_State *L) {
    struct vault_usage usage;
    vault_usage(check_test(L)->vault, &usage);
    push_u64(L, usage.live_slots);
    return 1;
}

static int set_max_sessions(lua_State *L) {
    check_test(L)->max_sessions = check_u64(L, 2);
    return 0;
}

/* -- check, apply, replay ------------------------------------------------------------------------ */

static int check_on_state(lua_State *L) {
    struct test_state *test = check_test(L);
    struct failure why = {0};
    binding_check(L, changes_check(test->state, check_changes(L, 2), &why), &why);
    return 0;
}

static int prepare_on_state(lua_State *L) {
    binding_check(L, changes_prepare(check_test(L)->state, check_changes(L, 2)), NULL);
    return 0;
}

static int apply_on_state(lua_State *L) {
    struct test_state *test = check_test(L);
    struct store_position position = {.ticket = (uint64_t)luaL_optinteger(L, 5, 1), .seq = check_u64(L, 3)};
    memcpy(position.chain, binding_check_raw(L, 4, 32), 32);
    changes_apply(test->state, check_changes(L, 2), &position);
    return 0;
}

/* parked() -> sessions of a passing state that are kept as their ops */
static int parked(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_test(L)->state->parked.left);
    return 1;
}

static int drop_on_state(lua_State *L) {
    changes_drop(check_test(L)->state);
    return 0;
}

static enum record_type check_type(lua_State *L, int index) {
    static const char *const names[] = {"change", "note", "part", NULL};
    static const enum record_type types[] = {RECORD_CHANGE, RECORD_NOTE, RECORD_SNAP_PART};
    return types[luaL_checkoption(L, index, NULL, names)];
}

static int replay(lua_State *L) {
    struct test_state *test = check_test(L);
    size_t len = 0;
    const char *body = luaL_checklstring(L, 3, &len);
    enum signer_error error = test->sink.apply(
        &test->context, test->state, check_type(L, 2), (const uint8_t *)body, len, (uint64_t)luaL_optinteger(L, 4, 0),
        lua_isnoneornil(L, 5) ? (const uint8_t[32]){0} : binding_check_raw(L, 5, 32));
    binding_check(L, error, NULL);
    return 0;
}

static int finish_replay(lua_State *L) {
    struct test_state *test = check_test(L);
    binding_check(L, test->sink.check(&test->context, test->state), NULL);
    return 0;
}

static int opened(lua_State *L) {
    struct test_state *test = check_test(L);
    test->sink.opened(&test->context, test->state, check_u64(L, 2));
    return 0;
}

static int rechained(lua_State *L) {
    struct test_state *test = check_test(L);
    test->sink.rechained(&test->context, test->state, check_type(L, 2), check_u64(L, 3), check_u64(L, 4),
                         binding_check_raw(L, 5, 32));
    return 0;
}

static int purge_seq(lua_State *L) {
    struct test_state *test = check_test(L);
    push_u64(L, test->sink.purge_seq(&test->context, test->state));
    return 1;
}

static enum signer_error emit(void *argument, uint8_t op, const uint8_t *payload, size_t len) {
    lua_State *L = argument;
    lua_createtable(L, 2, 0);
    lua_pushinteger(L, op);
    lua_rawseti(L, -2, 1);
    lua_pushlstring(L, (const char *)payload, len);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, luaL_len(L, -2) + 1);
    return SIGNER_OK;
}

static int snapshot(lua_State *L) {
    struct test_state *test = check_test(L);
    lua_newtable(L);
    binding_check(L, test->sink.snapshot(&test->context, test->state, emit, L), NULL);
    return 1;
}

static int digest(lua_State *L) {
    uint8_t out[32];
    binding_check(L, state_digest(check_test(L)->state, out), NULL);
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

/* -- questions ----------------------------------------------------------------------------------- */

static int session_of(lua_State *L) {
    struct session *session = find_session(L, check_test(L), 2);
    if (!session) return 0;
    lua_newtable(L);
    push_u64(L, (uint64_t)(uintptr_t)session);
    lua_setfield(L, -2, "address");
    binding_set_u64(L, "present", session->present);
    binding_set_u64(L, "last_ticket", session->last_ticket);
    binding_set_u64(L, "public_shares", session->public_package.count);
    lua_pushboolean(L, session_is_per_message(session));
    lua_setfield(L, -2, "per_message");
    lua_pushboolean(L, session_is_retired(session));
    lua_setfield(L, -2, "retired");
    lua_pushboolean(L, session_needs_tombstone(session));
    lua_setfield(L, -2, "needs_tombstone");
    test_set_fields(L, session);
    test_set_seats(L, session);
    test_set_sets(L, session);
    lua_newtable(L);
    for (int list = 1; list < LIST_COUNT; list++) {
        test_push_texts(L, &session->lists[list]);
        lua_rawseti(L, -2, list);
    }
    lua_setfield(L, -2, "lists");
    return 1;
}

static int field_of(lua_State *L) {
    struct session *session = check_session(L, check_test(L), 2);
    enum session_field field = (enum session_field)luaL_checkinteger(L, 3);
    if (!session_has(session, field)) return 0;
    struct buffer *out = binding_new_buffer(L);
    enum signer_error error = session_field_encode(out, session, field);
    return binding_push_buffer(L, out, error, NULL);
}

/* Whether the plain memory of the session holds the field's bytes. */
/* list(id, number) -> {item, …}, oldest first */
static int list_of(lua_State *L) {
    struct test_state *test = check_test(L);
    size_t len = 0;
    const char *id = luaL_checklstring(L, 2, &len);
    const lua_Integer list = luaL_checkinteger(L, 3);
    const struct session *session = state_session(test->state, id, len);
    luaL_argcheck(L, session, 2, "no such session");
    luaL_argcheck(L, list >= 1 && list < LIST_COUNT, 3, "no such list");
    lua_newtable(L);
    for (size_t i = 0; i < session->lists[list].count; i++) {
        const struct bytes *item = &session->lists[list].entries[i];
        lua_pushlstring(L, (const char *)item->data, item->len);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int raw_len(lua_State *L) {
    struct session *session = check_session(L, check_test(L), 2);
    const struct field_value *value = session->values[luaL_checkinteger(L, 3)];
    lua_pushinteger(L, value ? (lua_Integer)value->raw_len : 0);
    return 1;
}

static int set_holds(lua_State *L) {
    struct session *session = check_session(L, check_test(L), 2);
    size_t len = 0;
    const char *entry = luaL_checklstring(L, 4, &len);
    lua_pushboolean(L, session_set_holds(session, (enum session_set)luaL_checkinteger(L, 3), entry, len));
    return 1;
}

static int has_seat(lua_State *L) {
    struct session *session = check_session(L, check_test(L), 2);
    const struct seat_key *seat = session_seat(session, (uint16_t)luaL_checkinteger(L, 3));
    lua_pushboolean(L, seat && vault_borrow(check_test(L)->vault, seat->key_package, SECRET_KEY_PACKAGE, NULL));
    return 1;
}

static int set_live(lua_State *L) {
    struct test_state *test = check_test(L);
    session_set_live(test->state, check_session(L, test, 2), lua_toboolean(L, 3), (uint64_t)luaL_optinteger(L, 4, 0));
    return 0;
}

static int set_pins(lua_State *L) {
    check_session(L, check_test(L), 2)->pins = (uint32_t)luaL_checkinteger(L, 3);
    return 0;
}

static int loaded(lua_State *L) {
    state_loaded(check_test(L)->state, check_u64(L, 2));
    return 0;
}

static int ids(lua_State *L) {
    struct test_state *test = check_test(L);
    lua_newtable(L);
    lua_Integer at = 1;
    for (struct session *session = state_next(test->state, NULL); session; session = state_next(test->state, session)) {
        push_id(L, session);
        lua_rawseti(L, -2, at++);
    }
    return 1;
}

static int wallet(lua_State *L) {
    struct test_state *test = check_test(L);
    size_t len = 0;
    const char *key_group = luaL_checklstring(L, 2, &len);
    push_id(L, state_wallet(test->state, key_group, len, find_session(L, test, 3)));
    return 1;
}

static int oldest_evictable(lua_State *L) {
    struct test_state *test = check_test(L);
    push_id(L, state_oldest_evictable(test->state, find_session(L, test, 2)));
    return 1;
}

static int tombstone(lua_State *L) {
    size_t len = 0;
    const char *id = luaL_checklstring(L, 2, &len);
    uint32_t highest = 0;
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
    if (!state_tombstone(check_test(L)->state, id, len, &highest, key_group)) return 0;
    lua_pushinteger(L, highest);
    lua_pushstring(L, key_group);
    return 2;
}

static int key_group_rekeyed(lua_State *L) {
    size_t len = 0;
    const char *text = luaL_checklstring(L, 2, &len);
    lua_pushboolean(L, state_key_group_rekeyed(check_test(L)->state, text, len));
    return 1;
}

static int key_group_used(lua_State *L) {
    size_t len = 0;
    const char *text = luaL_checklstring(L, 2, &len);
    lua_pushboolean(L, state_key_group_used(check_test(L)->state, text, len));
    return 1;
}

/* sessions, active ones, tombstones */
static int counts(lua_State *L) {
    struct state *state = check_test(L)->state;
    lua_pushinteger(L, (lua_Integer)state_session_count(state));
    lua_pushinteger(L, (lua_Integer)state_active_count(state));
    lua_pushinteger(L, (lua_Integer)state_tombstone_count(state));
    return 3;
}

/* score, quarantined */
static int operator_of(lua_State *L) {
    struct state *state = check_test(L)->state;
    uint16_t id = (uint16_t)luaL_checkinteger(L, 2);
    push_u64(L, state_operator_score(state, id));
    lua_pushboolean(L, state_operator_quarantined(state, id));
    return 2;
}

/* current, previous, version, last action */
static int canary_of(lua_State *L) {
    struct canary canary;
    if (!state_canary(check_test(L)->state, &canary)) return 0;
    lua_pushinteger(L, canary.current_percent);
    lua_pushinteger(L, canary.previous_percent);
    push_u64(L, canary.version);
    push_u64(L, canary.last_action_unix);
    return 4;
}

/* generation, witness base, open number, refresh epoch */
static int counters(lua_State *L) {
    struct state *state = check_test(L)->state;
    push_u64(L, state_generation(state));
    push_u64(L, state_witness_base(state));
    push_u64(L, state_open_number(state));
    push_u64(L, state_refresh_epoch(state));
    return 4;
}

/* previous commitment, image digest, commitment */
static int witness(lua_State *L) {
    struct witness_point point;
    if (!state_witness_at(check_test(L)->state, check_u64(L, 2), &point)) return 0;
    lua_pushlstring(L, (const char *)point.previous_commitment, 32);
    lua_pushlstring(L, (const char *)point.image_digest, 32);
    lua_pushlstring(L, (const char *)point.commitment, 32);
    return 3;
}

static int log_begins(lua_State *L) {
    state_log_begins(check_test(L)->state, check_u64(L, 2));
    return 0;
}

static int rebase_due(lua_State *L) {
    uint64_t generation = 0;
    if (!state_rebase_due(check_test(L)->state, check_u64(L, 2), &generation)) return 0;
    push_u64(L, generation);
    return 1;
}

/* {confirmed = {seq, chain}, latest, base, certificates, intent} */
static int anchor(lua_State *L) {
    struct state *state = check_test(L)->state;
    uint64_t seq = 0;
    uint8_t chain[32];
    struct bytes intent;
    lua_newtable(L);
    if (state_anchor_confirmed(state, &seq, chain)) {
        binding_set_u64(L, "confirmed_seq", seq);
        lua_pushlstring(L, (const char *)chain, 32);
        lua_setfield(L, -2, "confirmed_chain");
    }
    for (uint8_t kind = 1; kind <= 2; kind++) {
        const uint8_t *checkpoint = state_checkpoint(state, kind);
        if (!checkpoint) continue;
        lua_pushlstring(L, (const char *)checkpoint, CHECKPOINT_BYTES);
        lua_setfield(L, -2, kind == 1 ? "latest" : "base");
    }
    test_push_texts(L, state_trust_certificates(state));
    lua_setfield(L, -2, "certificates");
    if (state_trust_intent(state, &intent)) {
        push_bytes(L, intent);
        lua_setfield(L, -2, "intent");
    }
    return 1;
}

static const luaL_Reg state_methods[] = {
    {"close", close_state},
    {"live_secrets", live_secrets},
    {"set_max_sessions", set_max_sessions},
    {"check", check_on_state},
    {"prepare", prepare_on_state},
    {"apply", apply_on_state},
    {"drop", drop_on_state},
    {"replay", replay},
    {"parked", parked},
    {"finish", finish_replay},
    {"opened", opened},
    {"rechained", rechained},
    {"purge_seq", purge_seq},
    {"snapshot", snapshot},
    {"digest", digest},
    {"session", session_of},
    {"field", field_of},
    {"list", list_of},
    {"raw_len", raw_len},
    {"set_holds", set_holds},
    {"has_seat", has_seat},
    {"set_live", set_live},
    {"set_pins", set_pins},
    {"loaded", loaded},
    {"ids", ids},
    {"wallet", wallet},
    {"oldest_evictable", oldest_evictable},
    {"tombstone", tombstone},
    {"key_group_rekeyed", key_group_rekeyed},
    {"key_group_used", key_group_used},
    {"counts", counts},
    {"operator", operator_of},
    {"canary", canary_of},
    {"counters", counters},
    {"witness", witness},
    {"rebase_due", rebase_due},
    {"log_begins", log_begins},
    {"anchor", anchor},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {{"new", new_state}, {NULL, NULL}};

int luaopen_binding_test_registry(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", close_state}, {NULL, NULL}};
    binding_class(L, TEST_STATE, metamethods, state_methods);
    luaL_newlib(L, functions);
    return 1;
}
