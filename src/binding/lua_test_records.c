/* test_records: the builders of change_records.h over a list of test_changes (test build). Records are tables
 * with the names of the C structs; members are lists of integers; u64 values are Lua integers.
 *
 *   test_records.round(changes, id, fingerprint, message, round, attempt or nil)
 *   test_records.finalized(changes, id, fingerprint, result)      .transition(changes, id, record)
 *   test_records.refreshed(changes, id, fingerprint, result, count)
 *   test_records.refresh_history(changes, id, record, replace)    .share_refreshed(changes, id, record)
 *   test_records.refreshes_open(changes, id, engine, list)        seats: those that the session holds
 *   test_records.round_clear(changes, id, engine), .retire(changes, id, engine)
 *   test_records.imported(changes, schema, sha256, time)          .anchor_confirmed(changes, seq, chain)
 *   test_records.checkpoint_set(changes, kind, bytes)             .checkpoint_clear(changes, kind)
 *   test_records.trust_append(changes, json)  .trust_intent(changes, json)  .trust_intent_clear(changes) */
#include <string.h>

#include "binding/frost_objects.h"
#include "binding/test_registry.h"
#include "frost/keys.h"
#include "registry/change_records.h"

static struct changes *check_changes(lua_State *L) {
    return luaL_checkudata(L, 1, TEST_CHANGES);
}

/* -- members of a record at `table`; what is pushed stays on the stack, so that texts live ----------- */

static const char *opt_text(lua_State *L, int table, const char *name) {
    lua_getfield(L, table, name);
    return lua_isnil(L, -1) ? NULL : luaL_checkstring(L, -1);
}

static const char *text(lua_State *L, int table, const char *name) {
    const char *value = opt_text(L, table, name);
    return value ? value : "";
}

static uint64_t number(lua_State *L, int table, const char *name) {
    lua_getfield(L, table, name);
    return (uint64_t)luaL_optinteger(L, -1, 0);
}

static uint16_t u16(lua_State *L, int table, const char *name) {
    return (uint16_t)number(L, table, name);
}

static uint32_t u32(lua_State *L, int table, const char *name) {
    return (uint32_t)number(L, table, name);
}

static const uint8_t *raw(lua_State *L, int table, const char *name, size_t len) {
    lua_getfield(L, table, name);
    return lua_isnil(L, -1) ? NULL : binding_check_raw(L, -1, len);
}

static void copy_raw(lua_State *L, int table, const char *name, uint8_t *out, size_t len) {
    const uint8_t *bytes = raw(L, table, name, len);
    if (bytes) memcpy(out, bytes, len);
}

static struct member_list members(lua_State *L, int table, const char *name) {
    luaL_checkstack(L, 4, NULL);
    lua_getfield(L, table, name);
    if (lua_isnil(L, -1)) return (struct member_list){0};
    const int list = lua_gettop(L);
    const size_t count = (size_t)luaL_len(L, list);
    uint16_t *values = lua_newuserdatauv(L, (count + 1) * sizeof *values, 0);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, list, (lua_Integer)i + 1);
        values[i] = (uint16_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    return (struct member_list){values, count};
}

static struct bytes bytes_at(lua_State *L, int index) {
    size_t len;
    const char *data = luaL_checklstring(L, index, &len);
    return (struct bytes){(const uint8_t *)data, len};
}

#define TARGET()                                                                                                       \
    struct changes *changes = check_changes(L);                                                                        \
    size_t len = 0;                                                                                                    \
    const char *id = luaL_checklstring(L, 2, &len);                                                                    \
    luaL_checkstack(L, 40, NULL)

/* -- coarse rounds ------------------------------------------------------------------------------------ */

static int build_round(lua_State *L) {
    TARGET();
    luaL_checktype(L, 5, LUA_TTABLE);
    lua_settop(L, 6);
    struct round_state round = {.session_id = text(L, 5, "session_id"),
                                .round_id = text(L, 5, "round_id"),
                                .required_contributions = u16(L, 5, "required_contributions"),
                                .taproot_root = raw(L, 5, "taproot_root", 32),
                                .signing = members(L, 5, "signing"),
                                .own_member = u16(L, 5, "own_member")};
    copy_raw(L, 5, "message_digest", round.message_digest, 32);
    copy_raw(L, 5, "own_share", round.own_share, 32);
    struct attempt_telemetry telemetry = {0};
    if (lua_getfield(L, 5, "telemetry") == LUA_TTABLE) {
        const int at = lua_gettop(L);
        telemetry = (struct attempt_telemetry){.from_attempt = u32(L, at, "from_attempt"),
                                               .to_attempt = u32(L, at, "to_attempt"),
                                               .from_coordinator = u16(L, at, "from_coordinator"),
                                               .to_coordinator = u16(L, at, "to_coordinator"),
                                               .reason = text(L, at, "reason"),
                                               .excluded = members(L, at, "excluded"),
                                               .coordinator_rotated = number(L, at, "coordinator_rotated") != 0};
        round.telemetry = &telemetry;
    }
    struct round_attempt attempt = {0};
    if (lua_istable(L, 6))
        attempt = (struct round_attempt){.attempt_number = u32(L, 6, "attempt_number"),
                                         .coordinator = u16(L, 6, "coordinator"),
                                         .included = members(L, 6, "included"),
                                         .fingerprint = text(L, 6, "fingerprint"),
                                         .attempt_id = text(L, 6, "attempt_id")};
    change_round(changes, id, len, luaL_checkstring(L, 3), bytes_at(L, 4), &round, lua_istable(L, 6) ? &attempt : NULL);
    return 0;
}

static int build_finalized(lua_State *L) {
    TARGET();
    struct signature_result result = {.session_id = text(L, 4, "session_id"), .round_id = text(L, 4, "round_id")};
    copy_raw(L, 4, "signature", result.signature, 64);
    change_finalized(changes, id, len, luaL_checkstring(L, 3), &result);
    return 0;
}

static int build_transition(lua_State *L) {
    TARGET();
    const struct transition_record record = {
        .from_attempt = u32(L, 3, "from_attempt"),
        .to_attempt = u32(L, 3, "to_attempt"),
        .from_attempt_id = text(L, 3, "from_attempt_id"),
        .to_attempt_id = text(L, 3, "to_attempt_id"),
        .previous_round_id = text(L, 3, "previous_round_id"),
        .previous_request_fingerprint = text(L, 3, "previous_request_fingerprint"),
        .from_coordinator = u16(L, 3, "from_coordinator"),
        .to_coordinator = u16(L, 3, "to_coordinator"),
        .reason = text(L, 3, "reason"),
        .excluded = members(L, 3, "excluded"),
        .share_proof_fingerprint = opt_text(L, 3, "share_proof_fingerprint"),
        .transcript_hash = text(L, 3, "transcript_hash"),
        .recorded_at_unix = number(L, 3, "recorded_at_unix"),
    };
    change_transition(changes, id, len, &record);
    return 0;
}

/* -- refreshes ---------------------------------------------------------------------------------------- */

static int build_refreshed(lua_State *L) {
    TARGET();
    lua_getfield(L, 4, "shares");
    const int list = lua_gettop(L);
    const size_t count = (size_t)luaL_len(L, list);
    struct refreshed_share *shares = lua_newuserdatauv(L, (count + 1) * sizeof *shares, 0);
    luaL_checkstack(L, (int)count * 2 + 20, NULL);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, list, (lua_Integer)i + 1);
        shares[i].member = u16(L, lua_gettop(L), "member");
        lua_pop(L, 1);
        lua_getfield(L, -1, "encrypted_share");
        shares[i].encrypted_share = bytes_at(L, -1);
    }
    const struct refresh_result result = {
        .session_id = text(L, 4, "session_id"),
        .refresh_epoch = number(L, 4, "refresh_epoch"),
        .shares = shares,
        .share_count = count,
    };
    change_refreshed(changes, id, len, luaL_checkstring(L, 3), &result, (uint64_t)luaL_checkinteger(L, 5));
    return 0;
}

static int build_refresh_history(lua_State *L) {
    TARGET();
    const bool replace = lua_toboolean(L, 4);
    const struct refresh_history_record record = {
        .refresh_epoch = number(L, 3, "refresh_epoch"),
        .refreshed_at_unix = number(L, 3, "refreshed_at_unix"),
        .share_count = u16(L, 3, "share_count"),
        .key_group = opt_text(L, 3, "key_group"),
        .request_fingerprint = opt_text(L, 3, "request_fingerprint"),
    };
    change_refresh_history(changes, id, len, &record, replace);
    return 0;
}

static int build_share_refreshed(lua_State *L) {
    TARGET();
    const struct share_refresh_record record = {
        .refresh_epoch = number(L, 3, "refresh_epoch"),
        .share_epoch = number(L, 3, "share_epoch"),
        .refreshed_at_unix = number(L, 3, "refreshed_at_unix"),
        .participants = u16(L, 3, "participants"),
        .key_group = text(L, 3, "key_group"),
    };
    change_share_refreshed(changes, id, len, &record);
    return 0;
}

static const struct session *session_of(lua_State *L, const struct engine *engine, const char *id, size_t len) {
    const struct session *session = engine->state ? state_session(engine->state, id, len) : NULL;
    if (!session) luaL_error(L, "no such session");
    return session;
}

/* One entry of field 24 at the top of the stack. */
static void read_open_refresh(lua_State *L, struct share_refresh *out, const struct session *wallet,
                              struct bytes public_package) {
    const int at = lua_gettop(L);
    const struct member_list list = members(L, at, "participants");
    *out = (struct share_refresh){.status = (uint8_t)number(L, at, "status"), .old_epoch = number(L, at, "old_epoch")};
    copy_raw(L, at, "refresh_id", out->refresh_id, 32);
    copy_raw(L, at, "context", out->context, 32);
    copy_raw(L, at, "transcript", out->transcript, 32);
    out->participants = (uint16_t *)(uintptr_t)list.members;
    out->participant_count = list.count;
    out->seats = (struct seat_key *)(uintptr_t)wallet->seats;
    out->seat_count = wallet->seat_count;
    out->public_package = public_package;
}

static int build_refreshes_open(lua_State *L) {
    TARGET();
    struct engine *engine = binding_check_engine(L, 3);
    const size_t count = (size_t)luaL_len(L, 4);
    struct share_refresh *refreshes = lua_newuserdatauv(L, (count + 1) * sizeof *refreshes, 0);
    luaL_checkstack(L, (int)count * 12 + 20, NULL);
    const struct session *wallet = session_of(L, engine, id, len);
    struct buffer encoded = {0};
    enum signer_error error = frost_public_package_encode(&encoded, &wallet->public_package);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 4, (lua_Integer)i + 1);
        read_open_refresh(L, &refreshes[i], wallet, (struct bytes){encoded.data, encoded.len});
    }
    test_changes_hold(L, 1, engine->vault);
    if (error == SIGNER_OK) change_refreshes_open(changes, engine->vault, id, len, refreshes, count);
    buffer_free(&encoded);
    binding_check(L, error, NULL);
    return 0;
}

static int build_round_clear(lua_State *L) {
    TARGET();
    change_round_clear(changes, session_of(L, binding_check_engine(L, 3), id, len));
    return 0;
}

static int build_retire(lua_State *L) {
    TARGET();
    change_retire(changes, session_of(L, binding_check_engine(L, 3), id, len));
    return 0;
}

/* -- import, anchor, trust ------------------------------------------------------------------------------ */

static int build_imported(lua_State *L) {
    change_imported(check_changes(L), (uint16_t)luaL_checkinteger(L, 2), binding_check_raw(L, 3, 32),
                    (uint64_t)luaL_checkinteger(L, 4));
    return 0;
}

static int build_anchor_confirmed(lua_State *L) {
    change_anchor_confirmed(check_changes(L), (uint64_t)luaL_checkinteger(L, 2), binding_check_raw(L, 3, 32));
    return 0;
}

static int build_checkpoint_set(lua_State *L) {
    change_checkpoint_set(check_changes(L), (uint8_t)luaL_checkinteger(L, 2),
                          binding_check_raw(L, 3, CHECKPOINT_BYTES));
    return 0;
}

static int build_checkpoint_clear(lua_State *L) {
    change_checkpoint_clear(check_changes(L), (uint8_t)luaL_checkinteger(L, 2));
    return 0;
}

static int build_trust_append(lua_State *L) {
    change_trust_append(check_changes(L), bytes_at(L, 2));
    return 0;
}

static int build_trust_intent(lua_State *L) {
    change_trust_intent(check_changes(L), bytes_at(L, 2));
    return 0;
}

static int build_trust_intent_clear(lua_State *L) {
    change_trust_intent_clear(check_changes(L));
    return 0;
}

static const luaL_Reg functions[] = {
    {"round", build_round},
    {"round_clear", build_round_clear},
    {"finalized", build_finalized},
    {"transition", build_transition},
    {"refreshed", build_refreshed},
    {"refresh_history", build_refresh_history},
    {"refreshes_open", build_refreshes_open},
    {"share_refreshed", build_share_refreshed},
    {"retire", build_retire},
    {"imported", build_imported},
    {"anchor_confirmed", build_anchor_confirmed},
    {"checkpoint_set", build_checkpoint_set},
    {"checkpoint_clear", build_checkpoint_clear},
    {"trust_append", build_trust_append},
    {"trust_intent", build_trust_intent},
    {"trust_intent_clear", build_trust_intent_clear},
    {NULL, NULL},
};

int luaopen_binding_test_records(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
