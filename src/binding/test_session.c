/* A session of the state as a Lua table (test build). */
#include "binding/test_session.h"

void test_push_texts(lua_State *L, const struct text_set *set) {
    lua_createtable(L, (int)set->count, 0);
    for (size_t i = 0; i < set->count; i++) {
        lua_pushlstring(L, (const char *)set->entries[i].data, set->entries[i].len);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void test_set_seats(lua_State *L, const struct session *session) {
    lua_createtable(L, (int)session->seat_count, 0);
    for (size_t i = 0; i < session->seat_count; i++) {
        lua_pushinteger(L, session->seats[i].member);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "seats");
}

void test_set_sets(lua_State *L, const struct session *session) {
    lua_newtable(L);
    for (int set = 1; set < SET_COUNT; set++) {
        test_push_texts(L, &session->sets[set]);
        lua_rawseti(L, -2, set);
    }
    lua_setfield(L, -2, "sets");
}

static void push_transaction(lua_State *L, const struct built_transaction *tx) {
    lua_newtable(L);
    lua_pushstring(L, tx->session_id);
    lua_setfield(L, -2, "session_id");
    lua_pushlstring(L, (const char *)tx->tx.data, tx->tx.len);
    lua_setfield(L, -2, "tx");
    lua_newtable(L);
    for (size_t i = 0; i < tx->sighash_count; i++) {
        lua_pushlstring(L, (const char *)tx->sighashes[i], 32);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "sighashes");
    lua_newtable(L);
    for (size_t i = 0; i < tx->prevout_count; i++) {
        lua_newtable(L);
        lua_pushinteger(L, (lua_Integer)tx->prevouts[i].value_sats);
        lua_rawseti(L, -2, 1);
        lua_pushlstring(L, (const char *)tx->prevouts[i].script.data, tx->prevouts[i].script.len);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "prevouts");
}

void test_set_fields(lua_State *L, const struct session *session) {
    binding_set_text(L, "dkg_fingerprint", session->dkg_fingerprint);
    binding_set_text(L, "build_tx_fingerprint", session->build_tx_fingerprint);
    binding_set_text(L, "bound_key_group", session->bound_key_group);
    binding_set_text(L, "finalize_fingerprint", session->finalize_fingerprint);
    binding_set_u64(L, "dkg_origin", session->dkg_origin);
    binding_set_u64(L, "build_tx_at", session->build_tx_at_unix);
    binding_set_u64(L, "share_epoch", session->share_epoch);
    binding_set_u64(L, "retired_at", session->retired_at_unix);
    binding_set_u64(L, "highest_attempt", session->highest_attempt_number);
    binding_set_u64(L, "refreshes", session->refresh_count);
    if (session_has(session, FIELD_DKG_RESULT)) {
        binding_set_text(L, "dkg_session_id", session->dkg.session_id);
        binding_set_text(L, "dkg_key_group", session->dkg.key_group);
        binding_set_u64(L, "participants", session->dkg.participant_count);
        binding_set_u64(L, "threshold", session->dkg.threshold);
    }
    if (session_has(session, FIELD_REKEY_EVENT)) {
        binding_set_text(L, "rekey_reason", session->rekey->reason);
        binding_set_text(L, "rekey_key_group", session->rekey->key_group);
    }
    if (session_has(session, FIELD_TX_RESULT)) {
        push_transaction(L, session->tx);
        lua_setfield(L, -2, "transaction");
    }
}
