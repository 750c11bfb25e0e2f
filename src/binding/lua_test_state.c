/* The state of an engine as specs set it up and look at it (test build): what no entry point can
 * produce, and what no entry point shows. Writers commit through the engine's own record path.
 *
 *   test_state.wallet(engine, {session_id, seed, threshold, participants, seats = {…}}) -> key group,
 *       a wallet from a dealer's polynomial made of the seed; `terms` = its coefficients, threshold by default
 *   test_state.create(engine, id), test_state.text(engine, id, field, text), .number(…), .clear(engine, id, field)
 *   test_state.mark(engine, id, set, text), test_state.unmark(…)
 *   test_state.rekey(engine, id, reason, key_group), test_state.quarantine(engine, member, in)
 *   test_state.transaction(engine, id, {session_id, tx, sighashes = {…}, prevouts = {{value, script}, …}})
 *   test_state.evict(engine, id)    test_state.environment(engine, name, text or nil)
 *   test_state.session(engine, id) -> table or nil      test_state.live(engine) -> list
 *   test_state.counts(engine), test_state.counters(engine), test_state.digest(engine) -> of the durable
 *       state but for its open number */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "binding/test_engine.h"
#include "binding/test_session.h"
#include "curve/hash.h"
#include "frost/keys.h"
#include "session/live.h"

/* -- writing ---------------------------------------------------------------------------------- */

/* Commits and waits, as a call does; frees the changes; raises. */
static void commit(lua_State *L, struct engine *engine, struct changes *changes) {
    struct failure why = {0};
    enum signer_error error = test_engine_commit(engine, changes, RECORD_RESERVED, true, &why);
    changes_free(changes);
    binding_check(L, error, &why);
}

static void begin(lua_State *L, struct engine *engine, struct changes *changes, const char *id, size_t len) {
    test_engine_open(L, engine);
    changes_init(changes);
    if (!test_engine_has(engine, id, len)) change_session_create(changes, id, len);
}

static const char *field_string(lua_State *L, int table, const char *name, size_t *len) {
    lua_getfield(L, table, name);
    const char *text = luaL_checklstring(L, -1, len);
    lua_pop(L, 1);
    return text;
}

static const char *check_id(lua_State *L, size_t *len) {
    return luaL_checklstring(L, 2, len);
}

static int create_session(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *id = check_id(L, &len);
    struct changes changes;
    begin(L, engine, &changes, id, len);
    commit(L, engine, &changes);
    return 0;
}

static int set_text(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len, text_len;
    const char *id = check_id(L, &len);
    enum session_field field = (enum session_field)luaL_checkinteger(L, 3);
    const char *text = luaL_checklstring(L, 4, &text_len);
    struct changes changes;
    begin(L, engine, &changes, id, len);
    change_field_text(&changes, id, len, field, text, text_len);
    commit(L, engine, &changes);
    return 0;
}

static int set_number(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *id = check_id(L, &len);
    enum session_field field = (enum session_field)luaL_checkinteger(L, 3);
    uint64_t value = (uint64_t)luaL_checkinteger(L, 4);
    struct changes changes;
    begin(L, engine, &changes, id, len);
    if (field == FIELD_HIGHEST_ATTEMPT)
        change_field_u32(&changes, id, len, field, (uint32_t)value);
    else
        change_field_u64(&changes, id, len, field, value);
    commit(L, engine, &changes);
    return 0;
}

static int clear_field(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *id = check_id(L, &len);
    struct changes changes;
    begin(L, engine, &changes, id, len);
    change_field_clear(&changes, id, len, (enum session_field)luaL_checkinteger(L, 3));
    commit(L, engine, &changes);
    return 0;
}

static int change_mark(lua_State *L, bool add) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len, text_len;
    const char *id = check_id(L, &len);
    enum session_set set = (enum session_set)luaL_checkinteger(L, 3);
    struct changes changes;
    lua_Integer last = lua_istable(L, 4) ? luaL_len(L, 4) : 1;
    begin(L, engine, &changes, id, len);
    for (lua_Integer i = 1; i <= last; i++) {
        if (lua_istable(L, 4))
            lua_geti(L, 4, i);
        else
            lua_pushvalue(L, 4);
        const char *text = luaL_checklstring(L, -1, &text_len);
        if (add)
            change_set_add(&changes, id, len, set, text, text_len);
        else
            change_set_remove(&changes, id, len, set, text, text_len);
        lua_pop(L, 1);
    }
    commit(L, engine, &changes);
    return 0;
}

static int mark(lua_State *L) {
    return change_mark(L, true);
}

static int unmark(lua_State *L) {
    return change_mark(L, false);
}

static int rekey(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *id = check_id(L, &len);
    const char *key_group = luaL_optstring(L, 4, "");
    struct rekey_event event = {.reason = (char *)luaL_optstring(L, 3, "spec"), .triggered_at_unix = 1700000000};
    strncpy(event.key_group, key_group, KEY_GROUP_TEXT_BYTES);
    struct changes changes;
    begin(L, engine, &changes, id, len);
    change_rekey_event(&changes, id, len, &event);
    commit(L, engine, &changes);
    if (!*key_group) return 0;
    engine_lock(engine); /* the kill switch wipes the wallet's live nonces (D-062) */
    live_remove_key_group(engine->live, key_group, strlen(key_group));
    engine_unlock(engine);
    return 0;
}

static int quarantine(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    struct changes changes;
    test_engine_open(L, engine);
    changes_init(&changes);
    change_quarantine(&changes, (uint16_t)luaL_checkinteger(L, 2), lua_toboolean(L, 3));
    commit(L, engine, &changes);
    return 0;
}

static int transaction(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len, tx_len, owner_len;
    const char *id = check_id(L, &len);
    luaL_checktype(L, 3, LUA_TTABLE);
    struct built_transaction tx = {.session_id = (char *)field_string(L, 3, "session_id", &owner_len)};
    tx.tx.data = (const uint8_t *)field_string(L, 3, "tx", &tx_len);
    tx.tx.len = tx_len;
    lua_getfield(L, 3, "sighashes");
    tx.sighash_count = lua_rawlen(L, 4);
    tx.sighashes = lua_newuserdatauv(L, 32 * (tx.sighash_count + 1), 0);
    for (size_t i = 0; i < tx.sighash_count; i++) {
        lua_rawgeti(L, 4, (lua_Integer)i + 1);
        memcpy(tx.sighashes[i], luaL_checkstring(L, -1), 32);
        lua_pop(L, 1);
    }
    lua_getfield(L, 3, "prevouts");
    int prevouts = lua_gettop(L);
    tx.prevout_count = lua_rawlen(L, prevouts);
    tx.prevouts = lua_newuserdatauv(L, sizeof *tx.prevouts * (tx.prevout_count + 1), 0);
    for (size_t i = 0; i < tx.prevout_count; i++) {
        lua_rawgeti(L, prevouts, (lua_Integer)i + 1);
        lua_rawgeti(L, -1, 1);
        tx.prevouts[i].value_sats = (uint64_t)luaL_checkinteger(L, -1);
        lua_rawgeti(L, -2, 2);
        tx.prevouts[i].script.data = (const uint8_t *)luaL_checklstring(L, -1, &tx.prevouts[i].script.len);
        lua_pop(L, 3);
    }
    struct changes changes;
    begin(L, engine, &changes, id, len);
    change_built_transaction(&changes, id, len, &tx);
    commit(L, engine, &changes);
    return 0;
}

/* Lives as long as the process: a call may be reading it. */
struct override {
    const char *(*below)(void *context, const char *name);
    void *context;
    char *name, *value;
};

static const char *look_up(void *context, const char *name) {
    const struct override *override = context;
    if (strcmp(override->name, name) == 0) return override->value;
    return override->below(override->context, name);
}

/* test_state.environment(engine, name, text or nil): what the engine reads from now on */
static int set_environment(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    const char *value = luaL_optstring(L, 3, NULL);
    const char *name = luaL_checkstring(L, 2);
    size_t name_bytes = strlen(name) + 1, value_bytes = value ? strlen(value) + 1 : 0;
    /* Kept by the registry: the engine may ask as long as it lives. */
    struct override *override = lua_newuserdatauv(L, sizeof *override + name_bytes + value_bytes, 0);
    luaL_ref(L, LUA_REGISTRYINDEX);
    override->below = engine->settings.environment;
    override->context = engine->settings.environment_context;
    override->name = memcpy(override + 1, name, name_bytes);
    override->value = value ? memcpy(override->name + name_bytes, value, value_bytes) : NULL;
    engine->settings.environment = look_up;
    engine->settings.environment_context = override;
    return 0;
}

static int evict(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *id = check_id(L, &len);
    struct changes changes;
    test_engine_open(L, engine);
    changes_init(&changes);
    engine_lock(engine);
    const struct session *session = state_session(engine->state, id, len);
    if (session) change_tombstone(&changes, session);
    engine_unlock(engine);
    change_session_delete(&changes, id, len);
    commit(L, engine, &changes);
    return 0;
}

/* -- reading ---------------------------------------------------------------------------------- */

/* By member: 33 bytes each. */
static void push_verifying_shares(lua_State *L, const struct session *session) {
    lua_newtable(L);
    if (!session_has(session, FIELD_PUBLIC_PACKAGE)) return;
    for (size_t i = 0; i < session->public_package.count; i++) {
        uint8_t encoded[POINT_BYTES];
        uint16_t member = 0;
        if (!frost_identifier_to_member(&member, &session->public_package.shares[i].identifier)) continue;
        if (point_encode(encoded, &session->public_package.shares[i].share) != SIGNER_OK) continue;
        lua_pushlstring(L, (const char *)encoded, sizeof encoded);
        lua_rawseti(L, -2, member);
    }
}

static int session_table(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *id = check_id(L, &len);
    test_engine_open(L, engine);
    engine_lock(engine);
    const struct session *session = state_session(engine->state, id, len);
    if (session) {
        lua_newtable(L);
        test_set_sets(L, session);
        test_set_seats(L, session);
        push_verifying_shares(L, session);
        lua_setfield(L, -2, "verifying_shares");
        binding_set_text(L, "bound_key_group", session->bound_key_group);
        if (session_has(session, FIELD_RETIRED_AT)) binding_set_u64(L, "retired_at", session->retired_at_unix);
        if (session_has(session, FIELD_HIGHEST_ATTEMPT)) binding_set_u64(L, "highest", session->highest_attempt_number);
        binding_set_u64(L, "present", session->present);
        binding_set_u64(L, "pins", session->pins);
        binding_set_u64(L, "idle_since", session->idle_since_unix);
        binding_set_flag(L, "live", session->live);
    } else {
        lua_pushnil(L);
    }
    engine_unlock(engine);
    return 1;
}

static void push_session_entries(lua_State *L, const struct live_session *session) {
    for (const struct live_entry *entry = session ? session->first : NULL; entry; entry = entry->session_next) {
        lua_newtable(L);
        binding_set_u64(L, "member", entry->member);
        binding_set_u64(L, "attempt_number", entry->attempt_number);
        binding_set_u64(L, "active_ms", entry->active_ms);
        lua_pushstring(L, entry->attempt_id);
        lua_setfield(L, -2, "attempt_id");
        lua_pushboolean(L, entry->nonces != 0);
        lua_setfield(L, -2, "committed");
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
}

/* test_state.live(engine, session_id) -> the session's live entries */
static int live_entries(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *id = check_id(L, &len);
    engine_lock(engine);
    lua_newtable(L);
    push_session_entries(L, live_session_find(engine->live, id, len));
    engine_unlock(engine);
    return 1;
}

static int counts(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    struct vault_usage usage;
    test_engine_open(L, engine);
    vault_usage(engine->vault, &usage);
    engine_lock(engine);
    lua_newtable(L);
    binding_set_u64(L, "sessions", state_session_count(engine->state));
    binding_set_u64(L, "active", state_active_count(engine->state));
    binding_set_u64(L, "live", live_count(engine->live));
    binding_set_u64(L, "generation", state_generation(engine->state));
    binding_set_u64(L, "witness_base", state_witness_base(engine->state));
    binding_set_u64(L, "waiting_retirements", engine->retirements.count);
    binding_set_u64(L, "secrets", usage.live_slots);
    engine_unlock(engine);
    return 1;
}

static int counters(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    lua_newtable(L);
#define COUNTER(name) binding_set_u64(L, #name, engine_counter(engine, COUNTER_##name));
#include "session/counters.def"
#undef COUNTER
    return 1;
}

/* One op of a snapshot; the open number, which each open raises, is left out. */
static enum signer_error hash_op(void *argument, uint8_t op, const uint8_t *payload, size_t len) {
    crypto_hash_sha256_state *hash = argument;
    crypto_hash_sha256_update(hash, &op, 1);
    if (op == OP_ENGINE_STATE && len >= 16) {
        crypto_hash_sha256_update(hash, payload, 8);
        payload += 16;
        len -= 16;
    }
    crypto_hash_sha256_update(hash, payload, len);
    return SIGNER_OK;
}

static int digest(lua_State *L) {
    return test_engine_digest(L, hash_op);
}

static const luaL_Reg functions[] = {
    {"wallet", test_make_wallet}, {"create", create_session}, {"text", set_text},
    {"number", set_number},       {"clear", clear_field},     {"mark", mark},
    {"unmark", unmark},           {"rekey", rekey},           {"quarantine", quarantine},
    {"transaction", transaction}, {"evict", evict},           {"environment", set_environment},
    {"session", session_table},   {"live", live_entries},     {"counts", counts},
    {"counters", counters},       {"digest", digest},         {NULL, NULL},
};

static const struct {
    const char *name;
    int value;
} constants[] = {
    {"FINALIZE_FINGERPRINT", FIELD_FINALIZE_FINGERPRINT},
    {"BOUND_KEY_GROUP", FIELD_BOUND_KEY_GROUP},
    {"RETIRED_AT", FIELD_RETIRED_AT},
    {"HIGHEST_ATTEMPT", FIELD_HIGHEST_ATTEMPT},
    {"KEY_PACKAGES", FIELD_KEY_PACKAGES},
    {"PUBLIC_PACKAGE", FIELD_PUBLIC_PACKAGE},
    {"DKG_FINGERPRINT", FIELD_DKG_FINGERPRINT},
    {"DKG_RESULT", FIELD_DKG_RESULT},
    {"TX_RESULT", FIELD_TX_RESULT},
    {"CONSUMED", SET_CONSUMED_MARKERS},
    {"AGGREGATED", SET_AGGREGATED_MARKERS},
    {"AUTHORIZED", SET_AUTHORIZED_MARKERS},
};

int luaopen_binding_test_state(lua_State *L) {
    luaL_newlib(L, functions);
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        lua_pushinteger(L, constants[i].value);
        lua_setfield(L, -2, constants[i].name);
    }
    return 1;
}
