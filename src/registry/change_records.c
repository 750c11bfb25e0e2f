/* Builders of records that hold structs: fields in the order of sealed-store 6.3, absent ones `00`. */
#include "registry/change_records.h"

#include <string.h>

#include "registry/change_build.h"
#include "registry/fields.h"

static void put_text(struct buffer *out, const char *text) {
    buffer_lp(out, text, strlen(text));
}

static void put_optional_text(struct buffer *out, const char *text) {
    buffer_u8(out, text ? 1 : 0);
    if (text) put_text(out, text);
}

static void put_members(struct buffer *out, const struct member_list *list) {
    buffer_be32(out, (uint32_t)list->count);
    for (size_t i = 0; i < list->count; i++)
        buffer_be16(out, list->members[i]);
}

static void put_optional_members(struct buffer *out, const struct member_list *list) {
    buffer_u8(out, list->count ? 1 : 0);
    if (list->count) put_members(out, list);
}

/* -- coarse rounds ---------------------------------------------------------------------------------- */

static void put_telemetry(struct buffer *out, const struct attempt_telemetry *telemetry) {
    buffer_be32(out, telemetry->from_attempt);
    buffer_be32(out, telemetry->to_attempt);
    buffer_be16(out, telemetry->from_coordinator);
    buffer_be16(out, telemetry->to_coordinator);
    put_text(out, telemetry->reason);
    put_optional_members(out, &telemetry->excluded);
    buffer_u8(out, telemetry->coordinator_rotated ? 1 : 0);
}

static void put_round_state(struct buffer *out, const struct round_state *round) {
    put_text(out, round->session_id);
    put_text(out, round->round_id);
    buffer_be16(out, round->required_contributions);
    buffer_lp(out, round->message_digest, sizeof round->message_digest);
    buffer_u8(out, round->taproot_root ? 1 : 0);
    if (round->taproot_root) buffer_lp(out, round->taproot_root, 32);
    put_optional_members(out, &round->signing);
    buffer_u8(out, round->telemetry ? 1 : 0);
    if (round->telemetry) put_telemetry(out, round->telemetry);
    buffer_be16(out, round->own_member);
    buffer_lp(out, round->own_share, sizeof round->own_share);
}

static void put_attempt(struct buffer *out, const struct round_attempt *attempt) {
    buffer_be32(out, attempt->attempt_number);
    buffer_be16(out, attempt->coordinator);
    put_members(out, &attempt->included);
    put_text(out, attempt->fingerprint);
    put_text(out, attempt->attempt_id);
}

void change_round(struct changes *changes, const char *id, size_t len, const char *request_fingerprint,
                  struct bytes message, const struct round_state *round, const struct round_attempt *attempt) {
    change_field_text(changes, id, len, FIELD_SIGN_FINGERPRINT, request_fingerprint, strlen(request_fingerprint));
    size_t begin = change_begin_part(changes, OP_FIELD_SET, id, len, FIELD_SIGN_MESSAGE);
    buffer_lp(&changes->body, message.data, message.len);
    change_end(changes, begin);
    begin = change_begin_part(changes, OP_FIELD_SET, id, len, FIELD_ROUND_STATE);
    put_round_state(&changes->body, round);
    change_end(changes, begin);
    if (!attempt) return;
    begin = change_begin_part(changes, OP_FIELD_SET, id, len, FIELD_ACTIVE_ATTEMPT);
    put_attempt(&changes->body, attempt);
    change_end(changes, begin);
}

static void clear_present(struct changes *changes, const struct session *session, const enum session_field *fields,
                          size_t count) {
    for (size_t i = 0; i < count; i++)
        if (session_has(session, fields[i]))
            change_field_clear(changes, (const char *)session->id.data, session->id.len, fields[i]);
}

void change_round_clear(struct changes *changes, const struct session *session) {
    static const enum session_field round[] = {FIELD_SIGN_FINGERPRINT, FIELD_SIGN_MESSAGE, FIELD_ROUND_STATE,
                                               FIELD_ACTIVE_ATTEMPT};
    clear_present(changes, session, round, sizeof round / sizeof *round);
}

void change_finalized(struct changes *changes, const char *id, size_t len, const char *request_fingerprint,
                      const struct signature_result *result) {
    change_field_text(changes, id, len, FIELD_FINALIZE_FINGERPRINT, request_fingerprint, strlen(request_fingerprint));
    size_t begin = change_begin_part(changes, OP_FIELD_SET, id, len, FIELD_SIGNATURE_RESULT);
    put_text(&changes->body, result->session_id);
    put_text(&changes->body, result->round_id);
    buffer_lp(&changes->body, result->signature, sizeof result->signature);
    change_end(changes, begin);
}

void change_transition(struct changes *changes, const char *id, size_t len, const struct transition_record *record) {
    struct buffer *body = &changes->body;
    size_t begin = change_begin_part(changes, OP_LIST_APPEND, id, len, LIST_TRANSITIONS);
    buffer_be32(body, record->from_attempt);
    buffer_be32(body, record->to_attempt);
    put_text(body, record->from_attempt_id);
    put_text(body, record->to_attempt_id);
    put_text(body, record->previous_round_id);
    put_text(body, record->previous_request_fingerprint);
    buffer_be16(body, record->from_coordinator);
    buffer_be16(body, record->to_coordinator);
    put_text(body, record->reason);
    put_optional_members(body, &record->excluded);
    put_optional_text(body, record->share_proof_fingerprint);
    put_text(body, record->transcript_hash);
    buffer_be64(body, record->recorded_at_unix);
    change_end(changes, begin);
}

/* -- refreshes -------------------------------------------------------------------------------------- */

void change_refreshed(struct changes *changes, const char *id, size_t len, const char *request_fingerprint,
                      const struct refresh_result *result, uint64_t count) {
    change_field_text(changes, id, len, FIELD_REFRESH_FINGERPRINT, request_fingerprint, strlen(request_fingerprint));
    size_t begin = change_begin_part(changes, OP_FIELD_SET, id, len, FIELD_REFRESH_RESULT);
    put_text(&changes->body, result->session_id);
    buffer_be64(&changes->body, result->refresh_epoch);
    buffer_be32(&changes->body, (uint32_t)result->share_count);
    for (size_t i = 0; i < result->share_count; i++) {
        buffer_be16(&changes->body, result->shares[i].member);
        buffer_lp(&changes->body, result->shares[i].encrypted_share.data, result->shares[i].encrypted_share.len);
    }
    change_end(changes, begin);
    change_field_u64(changes, id, len, FIELD_REFRESH_COUNT, count);
}

void change_refresh_history(struct changes *changes, const char *id, size_t len,
                            const struct refresh_history_record *record, bool replace_last) {
    const enum state_op op = replace_last ? OP_LIST_REPLACE_LAST : OP_LIST_APPEND;
    size_t begin = change_begin_part(changes, op, id, len, LIST_REFRESH_HISTORY);
    buffer_be64(&changes->body, record->refresh_epoch);
    buffer_be64(&changes->body, record->refreshed_at_unix);
    buffer_be16(&changes->body, record->share_count);
    put_optional_text(&changes->body, record->key_group);
    put_optional_text(&changes->body, record->request_fingerprint);
    change_end(changes, begin);
}

void change_refreshes_open(struct changes *changes, struct vault *vault, const char *id, size_t len,
                           const struct share_refresh *refreshes, size_t count) {
    struct field_value *value = NULL;
    enum signer_error error = field_value_from_refreshes(&value, vault, refreshes, count);
    if (error != SIGNER_OK)
        change_note_error(changes, error);
    else
        change_set_decoded(changes, id, len, value);
}

void change_share_refreshed(struct changes *changes, const char *id, size_t len,
                            const struct share_refresh_record *record) {
    size_t begin = change_begin_part(changes, OP_LIST_APPEND, id, len, LIST_SHARE_REFRESHES);
    buffer_be64(&changes->body, record->refresh_epoch);
    buffer_be64(&changes->body, record->share_epoch);
    buffer_be64(&changes->body, record->refreshed_at_unix);
    buffer_be16(&changes->body, record->participants);
    put_text(&changes->body, record->key_group);
    change_end(changes, begin);
}

static const enum session_field of_a_wallet[] = {FIELD_DKG_FINGERPRINT, FIELD_KEY_PACKAGES, FIELD_PUBLIC_PACKAGE,
                                                 FIELD_DKG_RESULT,      FIELD_SHARE_EPOCH,  FIELD_DKG_ORIGIN,
                                                 FIELD_REFRESHES_OPEN};
#define OF_A_WALLET (sizeof of_a_wallet / sizeof *of_a_wallet)

/* Nothing but what retirement clears. */
static bool holds_only_a_wallet(const struct session *session) {
    uint32_t present = session->present;
    for (size_t i = 0; i < OF_A_WALLET; i++)
        present &= ~(UINT32_C(1) << of_a_wallet[i]);
    for (int set = 1; set < SET_COUNT; set++)
        if (session->sets[set].count) return false;
    return present == 0 && !session->lists[LIST_TRANSITIONS].count && !session->lists[LIST_REFRESH_HISTORY].count;
}

void change_retire(struct changes *changes, const struct session *session) {
    clear_present(changes, session, of_a_wallet, OF_A_WALLET);
    if (holds_only_a_wallet(session)) change_session_delete(changes, (const char *)session->id.data, session->id.len);
    change_purge(changes);
}

/* -- import, anchor, trust --------------------------------------------------------------------------- */

void change_imported(struct changes *changes, uint16_t schema, const uint8_t sha256[32], uint64_t unix_seconds) {
    size_t begin = change_begin(changes, OP_IMPORTED);
    buffer_be16(&changes->body, schema);
    buffer_append(&changes->body, sha256, 32);
    buffer_be64(&changes->body, unix_seconds);
    change_end(changes, begin);
}

void change_anchor_confirmed(struct changes *changes, uint64_t seq, const uint8_t chain[32]) {
    size_t begin = change_begin(changes, OP_ANCHOR_CONFIRMED);
    buffer_be64(&changes->body, seq);
    buffer_append(&changes->body, chain, 32);
    change_end(changes, begin);
}

void change_checkpoint_set(struct changes *changes, uint8_t kind, const uint8_t checkpoint[CHECKPOINT_BYTES]) {
    size_t begin = change_begin(changes, OP_CHECKPOINT_SET);
    buffer_u8(&changes->body, kind);
    buffer_append(&changes->body, checkpoint, CHECKPOINT_BYTES);
    change_end(changes, begin);
}

void change_checkpoint_clear(struct changes *changes, uint8_t kind) {
    change_op(changes, OP_CHECKPOINT_CLEAR, &kind, sizeof kind);
}

static void put_json(struct changes *changes, enum state_op op, struct bytes json) {
    size_t begin = change_begin(changes, op);
    buffer_lp(&changes->body, json.data, json.len);
    change_end(changes, begin);
}

void change_trust_append(struct changes *changes, struct bytes certificate_json) {
    put_json(changes, OP_TRUST_APPEND, certificate_json);
}

void change_trust_intent(struct changes *changes, struct bytes request_json) {
    put_json(changes, OP_TRUST_INTENT, request_json);
}

void change_trust_intent_clear(struct changes *changes) {
    change_op(changes, OP_TRUST_INTENT_CLEAR, NULL, 0);
}
