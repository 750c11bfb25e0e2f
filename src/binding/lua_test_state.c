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

#include "binding/binding.h"
#include "curve/hash.h"
#include "frost/keys.h"
#include "session/live.h"

/* -- writing ---------------------------------------------------------------------------------- */

/* Commits and waits, as a call does; frees the changes; raises. */
static void commit(lua_State *L, struct engine *engine, struct changes *changes) {
    struct failure why = {0};
    struct call *call = calloc(1, sizeof *call);
    if (!call) luaL_error(L, "out of memory");
    call_begin(call, engine);
    enum signer_error error;
    do {
        error = call_enter(call, &why);
        if (error == SIGNER_OK) error = call_commit(call, changes, RECORD_RESERVED, &why);
        call_leave(call);
        if (error != ERR_AGAIN) break;
        error = call_make_ready(call, &why);
    } while (error == SIGNER_OK);
    if (error == SIGNER_OK) error = call_wait(call, &why);
    call_end(call);
    free(call);
    changes_free(changes);
    binding_check(L, error, &why);
}

static bool exists(struct engine *engine, const char *id, size_t len) {
    engine_lock(engine);
    bool found = engine->state && state_session(engine->state, id, len);
    engine_unlock(engine);
    return found;
}

static void open_state(lua_State *L, struct engine *engine) {
    struct failure why = {0};
    binding_check(L, engine_open(engine, &why), &why);
}

static void begin(lua_State *L, struct engine *engine, struct changes *changes, const char *id, size_t len) {
    open_state(L, engine);
    changes_init(changes);
    if (!exists(engine, id, len)) change_session_create(changes, id, len);
}

static lua_Integer field_integer(lua_State *L, int table, const char *name) {
    lua_getfield(L, table, name);
    lua_Integer value = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return value;
}

static const char *field_string(lua_State *L, int table, const char *name, size_t *len) {
    lua_getfield(L, table, name);
    const char *text = luaL_checklstring(L, -1, len);
    lua_pop(L, 1);
    return text;
}

#define POLYNOMIAL_MAX 256

static void evaluate(struct scalar *out, const struct scalar *coefficients, size_t count, uint16_t at) {
    struct scalar x;
    scalar_set_u64(&x, at);
    scalar_set_u64(out, 0);
    for (size_t i = count; i-- > 0;) {
        scalar_mul(out, out, &x);
        scalar_add(out, out, &coefficients[i]);
    }
}

struct dealt {
    struct scalar coefficients[POLYNOMIAL_MAX];
    uint16_t threshold, participants;
    uint16_t terms; /* of the polynomial */
    struct point key;
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
};

static void deal(lua_State *L, struct dealt *dealt, const char *seed, size_t seed_len) {
    uint8_t encoded[POINT_BYTES];
    for (uint16_t i = 0; i < dealt->terms; i++) {
        uint8_t number[2], digest[32];
        store_be16(number, i);
        const struct bytes parts[] = {{(const uint8_t *)seed, seed_len}, {number, 2}};
        sha256_parts(digest, parts, 2);
        scalar_reduce(&dealt->coefficients[i], digest);
    }
    binding_check(L, point_mul_base(&dealt->key, &dealt->coefficients[0]), NULL);
    if (point_has_odd_y(&dealt->key)) {
        for (uint16_t i = 0; i < dealt->terms; i++)
            scalar_negate(&dealt->coefficients[i], &dealt->coefficients[i]);
        point_negate(&dealt->key);
    }
    binding_check(L, point_encode(encoded, &dealt->key), NULL);
    hex_encode(dealt->key_group, encoded, sizeof encoded);
}

static vault_handle seat_key_of(lua_State *L, struct engine *engine, const struct dealt *dealt, uint16_t member) {
    vault_handle handle = 0;
    void *memory = NULL;
    binding_check(L, vault_new(engine->vault, SECRET_KEY_PACKAGE, sizeof(struct frost_key_package), &handle, &memory),
                  NULL);
    struct frost_key_package *key = memory;
    frost_identifier_from_member(&key->identifier, member);
    evaluate(&key->signing_share, dealt->coefficients, dealt->terms, member);
    binding_check(L, point_mul_base(&key->verifying_share, &key->signing_share), NULL);
    key->verifying_key = dealt->key;
    key->min_signers = dealt->threshold;
    return handle;
}

static int make_wallet(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t id_len, seed_len;
    const char *id = field_string(L, 2, "session_id", &id_len);
    const char *seed = field_string(L, 2, "seed", &seed_len);
    struct dealt *dealt = lua_newuserdatauv(L, sizeof *dealt, 0);
    memset(dealt, 0, sizeof *dealt);
    dealt->threshold = (uint16_t)field_integer(L, 2, "threshold");
    dealt->participants = (uint16_t)field_integer(L, 2, "participants");
    lua_getfield(L, 2, "terms");
    dealt->terms = (uint16_t)luaL_optinteger(L, -1, dealt->threshold);
    if (dealt->terms > POLYNOMIAL_MAX) return luaL_error(L, "threshold too large");
    deal(L, dealt, seed, seed_len);
    size_t count = dealt->participants;
    struct frost_verifying_share *shares = lua_newuserdatauv(L, count * sizeof *shares, 0);
    for (uint16_t member = 1; member <= count; member++) {
        struct scalar share;
        frost_identifier_from_member(&shares[member - 1].identifier, member);
        evaluate(&share, dealt->coefficients, dealt->terms, member);
        binding_check(L, point_mul_base(&shares[member - 1].share, &share), NULL);
    }
    const struct frost_public_package keys = {
        .shares = shares, .count = count, .verifying_key = dealt->key, .min_signers = dealt->threshold};
    lua_getfield(L, 2, "seats");
    size_t seat_count = lua_rawlen(L, -1);
    struct seat_key *seats = lua_newuserdatauv(L, (seat_count + 1) * sizeof *seats, 0);
    for (size_t i = 0; i < seat_count; i++) {
        lua_rawgeti(L, -2, (lua_Integer)i + 1);
        seats[i].member = (uint16_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
        seats[i].key_package = seat_key_of(L, engine, dealt, seats[i].member);
    }
    struct dkg_result result = {.session_id = (char *)id,
                                .participant_count = (uint16_t)count,
                                .threshold = dealt->threshold,
                                .created_at_unix = 1700000000};
    memcpy(result.key_group, dealt->key_group, sizeof result.key_group);
    const uint8_t distributed = 2;
    char fingerprint[65];
    memset(fingerprint, 'f', 64);
    fingerprint[64] = '\0';
    struct changes changes;
    begin(L, engine, &changes, id, id_len);
    change_field_text(&changes, id, id_len, FIELD_DKG_FINGERPRINT, fingerprint, 64);
    change_key_packages(&changes, engine->vault, id, id_len, seats, seat_count);
    change_public_package(&changes, id, id_len, &keys);
    change_dkg_result(&changes, id, id_len, &result);
    change_field_set(&changes, id, id_len, FIELD_DKG_ORIGIN, &distributed, 1);
    for (size_t i = 0; i < seat_count; i++)
        vault_wipe(engine->vault, seats[i].key_package);
    commit(L, engine, &changes);
    lua_pushstring(L, dealt->key_group);
    return 1;
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
    open_state(L, engine);
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
    open_state(L, engine);
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

static void set_integer(lua_State *L, const char *name, uint64_t value) {
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

static void push_sets(lua_State *L, const struct session *session) {
    lua_newtable(L);
    for (int set = 1; set < SET_COUNT; set++) {
        lua_newtable(L);
        for (size_t i = 0; i < session->sets[set].count; i++) {
            const struct bytes *entry = &session->sets[set].entries[i];
            lua_pushlstring(L, (const char *)entry->data, entry->len);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        lua_rawseti(L, -2, set);
    }
}

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
    open_state(L, engine);
    engine_lock(engine);
    const struct session *session = state_session(engine->state, id, len);
    if (session) {
        lua_newtable(L);
        push_sets(L, session);
        lua_setfield(L, -2, "sets");
        push_verifying_shares(L, session);
        lua_setfield(L, -2, "verifying_shares");
        lua_createtable(L, (int)session->seat_count, 0);
        for (size_t i = 0; i < session->seat_count; i++) {
            lua_pushinteger(L, session->seats[i].member);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        lua_setfield(L, -2, "seats");
        if (session->bound_key_group) {
            lua_pushstring(L, session->bound_key_group);
            lua_setfield(L, -2, "bound_key_group");
        }
        if (session_has(session, FIELD_RETIRED_AT)) set_integer(L, "retired_at", session->retired_at_unix);
        if (session_has(session, FIELD_HIGHEST_ATTEMPT)) set_integer(L, "highest", session->highest_attempt_number);
        set_integer(L, "present", session->present);
        set_integer(L, "pins", session->pins);
        set_integer(L, "idle_since", session->idle_since_unix);
        lua_pushboolean(L, session->live);
        lua_setfield(L, -2, "live");
    } else {
        lua_pushnil(L);
    }
    engine_unlock(engine);
    return 1;
}

static void push_session_entries(lua_State *L, const struct live_session *session) {
    for (const struct live_entry *entry = session ? session->first : NULL; entry; entry = entry->session_next) {
        lua_newtable(L);
        set_integer(L, "member", entry->member);
        set_integer(L, "attempt_number", entry->attempt_number);
        set_integer(L, "active_ms", entry->active_ms);
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
    open_state(L, engine);
    vault_usage(engine->vault, &usage);
    engine_lock(engine);
    lua_newtable(L);
    set_integer(L, "sessions", state_session_count(engine->state));
    set_integer(L, "active", state_active_count(engine->state));
    set_integer(L, "live", live_count(engine->live));
    set_integer(L, "generation", state_generation(engine->state));
    set_integer(L, "witness_base", state_witness_base(engine->state));
    set_integer(L, "waiting_retirements", engine->retirements.count);
    set_integer(L, "secrets", usage.live_slots);
    engine_unlock(engine);
    return 1;
}

static int counters(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    lua_newtable(L);
#define COUNTER(name) set_integer(L, #name, engine_counter(engine, COUNTER_##name));
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
    struct engine *engine = binding_check_engine(L, 1);
    uint8_t out[32];
    crypto_hash_sha256_state hash;
    open_state(L, engine);
    crypto_hash_sha256_init(&hash);
    engine_lock(engine);
    const struct store_sink sink = state_sink(&engine->sink_context);
    enum signer_error error = sink.snapshot(sink.context, engine->state, hash_op, &hash);
    engine_unlock(engine);
    crypto_hash_sha256_final(&hash, out);
    binding_check(L, error, NULL);
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

static const luaL_Reg functions[] = {
    {"wallet", make_wallet},      {"create", create_session}, {"text", set_text},
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
