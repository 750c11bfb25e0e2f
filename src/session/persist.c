/* Checks and storage of a seat's key package, in the order of abi 3.5. */
#include "session/persist.h"

#include <sodium.h>
#include <string.h>

#include "session/gates.h"

/* -- outside the mutex ---------------------------------------------------------------------------------- */

static enum signer_error read_public_package(struct persist_plan *plan, const struct persist_request *request,
                                             struct failure *why) {
    struct point key;
    uint8_t encoded[POINT_BYTES];
    enum signer_error error = point_lift_x(&key, request->verifying_key_x);
    if (!error) error = frost_public_package_make(&plan->keys, request->shares, request->share_count, &key, 0);
    if (!error) error = point_encode(encoded, &key);
    if (error == ERR_OUT_OF_MEMORY) return fail_plain(why, error);
    if (error) return fail(why, ERR_VALIDATION, "public_key_package: %s", error_info(error)->text);
    hex_encode(plan->key_group, encoded, sizeof encoded);
    if (plan->keys.count > PARTICIPANTS_MAX)
        return fail(why, ERR_VALIDATION, "public_key_package: too many verifying shares");
    for (size_t i = 0; i < plan->keys.count; i++)
        if (!frost_identifier_to_member(&plan->members[plan->member_count++], &plan->keys.shares[i].identifier))
            return fail(why, ERR_VALIDATION, "public_key_package: an identifier is not canonical (1..65535)");
    if (plan->keys.count != request->participant_count)
        return fail(why, ERR_VALIDATION, "participant_count is %u, the public key package has %zu verifying shares",
                    (unsigned)request->participant_count, plan->keys.count);
    return SIGNER_OK;
}

/* The checks of the decoded key package against request and public package. */
static enum signer_error match_key(struct call *call, const struct persist_plan *plan,
                                   const struct persist_request *request, const struct frost_key_package *key,
                                   struct failure *why) {
    struct frost_identifier seat;
    uint8_t seed[32];
    if (frost_identifier_compare(&key->identifier, &request->identifier) != 0)
        return fail(why, ERR_VALIDATION, "key_package.identifier does not match its content");
    frost_identifier_from_member(&seat, request->participant);
    if (frost_identifier_compare(&key->identifier, &seat) != 0)
        return fail(why, ERR_VALIDATION, "the key package belongs to another participant");
    if (key->min_signers != request->threshold)
        return fail(why, ERR_VALIDATION, "the key package holds threshold %u", (unsigned)key->min_signers);
    if (!point_equal(&key->verifying_key, &plan->keys.verifying_key))
        return fail(why, ERR_VALIDATION, "key package and public key package have different group keys");
    const struct point *share = frost_verifying_share(&plan->keys, &key->identifier);
    if (!share) return fail(why, ERR_VALIDATION, "the public key package has no verifying share of this participant");
    if (!point_equal(share, &key->verifying_share))
        return fail(why, ERR_VALIDATION, "the verifying share differs from that of the public key package");
    if (frost_key_package_check(key) != SIGNER_OK)
        return fail(why, ERR_VALIDATION, "the signing share does not belong to the verifying share");
    platform_random(call->engine->platform, seed, sizeof seed);
    enum signer_error error = frost_public_package_check_degree(&plan->keys, request->threshold, seed);
    if (error == ERR_OUT_OF_MEMORY) return fail_plain(why, error);
    if (error)
        return fail(why, ERR_VALIDATION, "the verifying shares do not belong to the group key at this threshold");
    return SIGNER_OK;
}

/* Decodes into a slot of the call and checks it. */
static enum signer_error read_key_package(struct call *call, struct persist_plan *plan,
                                          const struct persist_request *request, struct failure *why) {
    struct vault *vault = call->engine->vault;
    size_t len = 0;
    void *memory = NULL;
    vault_handle handle = 0;
    if (!request->has_identifier) return fail(why, ERR_VALIDATION, "key_package.identifier is no identifier");
    const uint8_t *encoded = vault_borrow(vault, request->key_package, SECRET_BYTES, &len);
    if (!encoded) return fail(why, ERR_VALIDATION, "key_package.data_hex is no hex");
    enum signer_error error = vault_new(vault, SECRET_KEY_PACKAGE, sizeof(struct frost_key_package), &handle, &memory);
    if (error) return fail_plain(why, error);
    error = call_own(call, handle);
    if (error) return fail_plain(why, error);
    error = frost_key_package_parse(memory, encoded, len);
    if (error == ERR_OUT_OF_MEMORY) return fail_plain(why, error);
    if (error) error = fail(why, ERR_VALIDATION, "key_package: %s", error_info(error)->text);
    if (!error) error = match_key(call, plan, request, memory, why);
    if (!error) plan->key = handle;
    return error;
}

enum signer_error persist_plan_make(struct call *call, struct persist_plan *out, const struct persist_request *request,
                                    struct failure *why) {
    memset(out, 0, sizeof *out);
    memcpy(out->session_id, request->session_id, request->session_id_len);
    out->session_id_len = request->session_id_len;
    out->participant = request->participant;
    out->threshold = request->threshold;
    out->participant_count = request->participant_count;
    enum signer_error error = read_public_package(out, request, why);
    if (error) return error;
    error = read_key_package(call, out, request, &out->refusal);
    if (error) out->refusal.error = error;
    return SIGNER_OK;
}

void persist_plan_free(struct persist_plan *plan) {
    frost_public_package_free(&plan->keys);
}

void persist_facts(struct admission_facts *out, const struct persist_plan *plan) {
    *out = (struct admission_facts){
        .session_id = plan->session_id,
        .session_id_len = plan->session_id_len,
        .key_group = plan->key_group,
        .participant = plan->participant,
        .threshold = plan->threshold,
        .members = plan->members,
        .member_count = plan->member_count,
    };
}

/* -- under the mutex -------------------------------------------------------------------------------------- */

static enum signer_error check_ownership(const struct session *session, const struct session *owner,
                                         const struct persist_plan *plan, struct failure *why) {
    if (owner && owner != session && owner->dkg_origin == 2)
        return fail(why, ERR_SESSION_CONFLICT, "session %.*s holds this key group", (int)owner->id.len,
                    (const char *)owner->id.data);
    if (!session) return SIGNER_OK;
    if (session_is_per_message(session))
        return fail(why, ERR_SESSION_CONFLICT, "session %s signs for a wallet of another session", plan->session_id);
    if (!session_has(session, FIELD_DKG_RESULT)) return SIGNER_OK;
    if (strcmp(session->dkg.key_group, plan->key_group) != 0 || session->dkg_origin != 2)
        return fail(why, ERR_SESSION_CONFLICT, "session %s holds another wallet", plan->session_id);
    if (session->dkg.threshold != plan->threshold || session->dkg.participant_count != plan->participant_count)
        return fail(why, ERR_VALIDATION, "session %s holds this wallet with another threshold or count",
                    plan->session_id);
    if (!frost_public_package_equal(&session->public_package, &plan->keys))
        return fail(why, ERR_VALIDATION, "session %s holds another public key package", plan->session_id);
    return SIGNER_OK;
}

static bool same_seat(struct vault *vault, const struct session *session, const struct persist_plan *plan) {
    const struct seat_key *seat = session ? session_seat(session, plan->participant) : NULL;
    if (!seat) return false;
    const struct frost_key_package *stored = vault_borrow(vault, seat->key_package, SECRET_KEY_PACKAGE, NULL);
    const struct frost_key_package *given = vault_borrow(vault, plan->key, SECRET_KEY_PACKAGE, NULL);
    /* Identifier, threshold and keys were compared already; the shares are in guarded memory. */
    return stored && given && scalar_equal(&stored->signing_share, &given->signing_share);
}

static void fill_result(struct persist_result *out, const struct dkg_result *dkg) {
    memcpy(out->key_group, dkg->key_group, sizeof out->key_group);
    out->participant_count = dkg->participant_count;
    out->threshold = dkg->threshold;
    out->created_at_unix = dkg->created_at_unix;
}

/* Seats of the session with this one put in its place, ascending. */
static size_t join_seats(struct seat_key *out, const struct session *session, const struct persist_plan *plan) {
    size_t count = 0;
    bool placed = false;
    for (size_t i = 0; session && i < session->seat_count; i++) {
        if (!placed && session->seats[i].member >= plan->participant) {
            out[count++] = (struct seat_key){plan->participant, plan->key};
            placed = true;
        }
        if (session->seats[i].member != plan->participant) out[count++] = session->seats[i];
    }
    if (!placed) out[count++] = (struct seat_key){plan->participant, plan->key};
    return count;
}

static enum signer_error store_seat(struct call *call, const struct session *session, const struct persist_plan *plan,
                                    struct persist_result *out, struct failure *why) {
    struct changes changes;
    struct seat_key seats[PARTICIPANTS_MAX + 1];
    const char *id = plan->session_id;
    size_t len = plan->session_id_len, count = join_seats(seats, session, plan);
    struct dkg_result dkg = {
        .session_id = (char *)(uintptr_t)id,
        .participant_count = plan->participant_count,
        .threshold = plan->threshold,
        .created_at_unix = call_recorded_time(call),
    };
    memcpy(dkg.key_group, plan->key_group, sizeof dkg.key_group);
    bool known = session && session_has(session, FIELD_DKG_RESULT);
    changes_init(&changes);
    if (!session) change_session_create(&changes, id, len);
    change_key_packages(&changes, call->engine->vault, id, len, seats, count);
    if (!known) {
        uint8_t origin = 2;
        change_public_package(&changes, id, len, &plan->keys);
        change_dkg_result(&changes, id, len, &dkg);
        change_field_set(&changes, id, len, FIELD_DKG_ORIGIN, &origin, 1);
    }
    fill_result(out, known ? &session->dkg : &dkg);
    enum signer_error error = call_commit(call, &changes, RECORD_ORDINARY, why);
    changes_free(&changes);
    return error;
}

enum signer_error persist_commit(struct call *call, const struct persist_plan *plan, struct persist_result *out,
                                 struct failure *why) {
    struct state *state = call->engine->state;
    struct admission_facts facts;
    struct session *session = state_session(state, plan->session_id, plan->session_id_len);
    struct session *owner = state_wallet(state, plan->key_group, KEY_GROUP_TEXT_BYTES, session);
    call_depend(call, session);
    call_depend(call, owner);
    persist_facts(&facts, plan);
    enum signer_error error = gate_admission(call, &facts, why);
    if (!error)
        error = gate_quarantine(call, plan->session_id, plan->session_id_len, plan->members, plan->member_count, why);
    if (error) return error;
    if (plan->refusal.error || !plan->key) {
        if (why) *why = plan->refusal;
        return plan->refusal.error ? plan->refusal.error : fail_plain(why, ERR_INTERNAL);
    }
    error = gate_emergency_rekey(call, session, owner, plan->key_group, KEY_GROUP_TEXT_BYTES, why);
    if (!error && !session) error = call_make_room(call, owner, why);
    if (!error) error = check_ownership(session, owner, plan, why);
    if (error) return error;
    if (same_seat(call->engine->vault, session, plan)) {
        fill_result(out, &session->dkg);
        return SIGNER_OK;
    }
    return store_seat(call, session, plan, out, why);
}
