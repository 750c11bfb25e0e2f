/* The forms of sealed-store 6.2 and 6.3. */
#include "registry/import_forms.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define RECORD(r)                                                                                                      \
    { FORM_RECORD, &(r) }
#define RECORDS(r)                                                                                                     \
    { FORM_RECORDS, &(r) }
#define PLAIN(kind)                                                                                                    \
    { FORM_##kind, NULL }

static const struct form_record key_package = {
    2, {{"identifier", PLAIN(U16), false}, {"key_package_hex", PLAIN(HEX), false}}};

static const struct form_record dkg_result = {5,
                                              {{"session_id", PLAIN(TEXT), false},
                                               {"key_group", PLAIN(TEXT), false},
                                               {"participant_count", PLAIN(U16), false},
                                               {"threshold", PLAIN(U16), false},
                                               {"created_at_unix", PLAIN(U64), false}}};

static const struct form_record telemetry = {7,
                                             {{"from_attempt_number", PLAIN(U32), false},
                                              {"to_attempt_number", PLAIN(U32), false},
                                              {"from_coordinator_identifier", PLAIN(U16), false},
                                              {"to_coordinator_identifier", PLAIN(U16), false},
                                              {"reason", PLAIN(TEXT), false},
                                              {"excluded_member_identifiers", PLAIN(MEMBERS), true},
                                              {"coordinator_rotated", PLAIN(BOOL), false}}};

static const struct form_record contribution = {
    2, {{"identifier", PLAIN(U16), false}, {"signature_share_hex", PLAIN(HEX), false}}};

static const struct form_record round_state = {8,
                                               {{"session_id", PLAIN(TEXT), false},
                                                {"round_id", PLAIN(TEXT), false},
                                                {"required_contributions", PLAIN(U16), false},
                                                {"message_digest_hex", PLAIN(HEX), false},
                                                {"taproot_merkle_root_hex", PLAIN(HEX), true},
                                                {"signing_participants", PLAIN(MEMBERS), true},
                                                {"attempt_transition_telemetry", RECORD(telemetry), true},
                                                {"own_contribution", RECORD(contribution), false}}};

static const struct form_record attempt_context = {5,
                                                   {{"attempt_number", PLAIN(U32), false},
                                                    {"coordinator_identifier", PLAIN(U16), false},
                                                    {"included_participants", PLAIN(MEMBERS), false},
                                                    {"included_participants_fingerprint", PLAIN(TEXT), false},
                                                    {"attempt_id", PLAIN(TEXT), false}}};

static const struct form_record transition = {13,
                                              {{"from_attempt_number", PLAIN(U32), false},
                                               {"to_attempt_number", PLAIN(U32), false},
                                               {"from_attempt_id", PLAIN(TEXT), false},
                                               {"to_attempt_id", PLAIN(TEXT), false},
                                               {"previous_round_id", PLAIN(TEXT), false},
                                               {"previous_sign_request_fingerprint", PLAIN(TEXT), false},
                                               {"from_coordinator_identifier", PLAIN(U16), false},
                                               {"to_coordinator_identifier", PLAIN(U16), false},
                                               {"reason", PLAIN(TEXT), false},
                                               {"excluded_member_identifiers", PLAIN(MEMBERS), true},
                                               {"invalid_share_proof_fingerprint", PLAIN(TEXT), true},
                                               {"transcript_hash", PLAIN(TEXT), false},
                                               {"recorded_at_unix", PLAIN(U64), false}}};

static const struct form_record signature_result = {
    3, {{"session_id", PLAIN(TEXT), false}, {"round_id", PLAIN(TEXT), false}, {"signature_hex", PLAIN(HEX), false}}};

static const struct form_record tx_result = {2, {{"session_id", PLAIN(TEXT), false}, {"tx_hex", PLAIN(HEX), false}}};

static const struct form_record new_share = {
    2, {{"identifier", PLAIN(U16), false}, {"encrypted_share_hex", PLAIN(HEX), false}}};

static const struct form_record refresh_result = {3,
                                                  {{"session_id", PLAIN(TEXT), false},
                                                   {"refresh_epoch", PLAIN(U64), false},
                                                   {"new_shares", RECORDS(new_share), false}}};

static const struct form_record refresh_history = {5,
                                                   {{"refresh_epoch", PLAIN(U64), false},
                                                    {"refreshed_at_unix", PLAIN(U64), false},
                                                    {"share_count", PLAIN(U16), false},
                                                    {"key_group", PLAIN(TEXT), true},
                                                    {"request_fingerprint", PLAIN(TEXT), true}}};

const struct form_record form_rekey_event = {
    2, {{"reason", PLAIN(TEXT), false}, {"triggered_at_unix", PLAIN(U64), false}}};

const struct form_record form_canary = {4,
                                        {{"current_percent", PLAIN(U8), false},
                                         {"previous_percent", PLAIN(U8), false},
                                         {"config_version", PLAIN(U64), false},
                                         {"last_action_unix", PLAIN(U64), false}}};

const struct session_member session_members[SESSION_MEMBERS] = {
    {"dkg_request_fingerprint", PART_FIELD, FIELD_DKG_FINGERPRINT, PLAIN(TEXT), false},
    {"dkg_key_packages", PART_FIELD, FIELD_KEY_PACKAGES, RECORDS(key_package), false},
    {"dkg_public_key_package_hex", PART_FIELD, FIELD_PUBLIC_PACKAGE, PLAIN(HEX), false},
    {"dkg_result", PART_FIELD, FIELD_DKG_RESULT, RECORD(dkg_result), false},
    {"sign_request_fingerprint", PART_FIELD, FIELD_SIGN_FINGERPRINT, PLAIN(TEXT), false},
    {"sign_message_hex", PART_FIELD, FIELD_SIGN_MESSAGE, PLAIN(HEX), false},
    {"round_state", PART_FIELD, FIELD_ROUND_STATE, RECORD(round_state), false},
    {"active_attempt_context", PART_FIELD, FIELD_ACTIVE_ATTEMPT, RECORD(attempt_context), true},
    {"attempt_transition_records", PART_LIST, LIST_TRANSITIONS, RECORD(transition), true},
    {"consumed_attempt_ids", PART_SET, SET_CONSUMED_ATTEMPTS, PLAIN(TEXT), true},
    {"consumed_sign_round_ids", PART_SET, SET_CONSUMED_ROUNDS, PLAIN(TEXT), true},
    {"finalize_request_fingerprint", PART_FIELD, FIELD_FINALIZE_FINGERPRINT, PLAIN(TEXT), false},
    {"signature_result", PART_FIELD, FIELD_SIGNATURE_RESULT, RECORD(signature_result), false},
    {"consumed_finalize_round_ids", PART_SET, SET_CONSUMED_FINALIZE_ROUNDS, PLAIN(TEXT), true},
    {"consumed_finalize_request_fingerprints", PART_SET, SET_CONSUMED_FINALIZE_FINGERPRINTS, PLAIN(TEXT), true},
    {"build_tx_request_fingerprint", PART_FIELD, FIELD_BUILD_TX_FINGERPRINT, PLAIN(TEXT), false},
    {"tx_result", PART_FIELD, FIELD_TX_RESULT, RECORD(tx_result), false},
    {"refresh_request_fingerprint", PART_FIELD, FIELD_REFRESH_FINGERPRINT, PLAIN(TEXT), false},
    {"refresh_result", PART_FIELD, FIELD_REFRESH_RESULT, RECORD(refresh_result), false},
    {"refresh_history", PART_LIST, LIST_REFRESH_HISTORY, RECORD(refresh_history), true},
    {"refresh_count", PART_COUNT, FIELD_REFRESH_COUNT, PLAIN(U64), false},
    {"emergency_rekey_event", PART_REKEY, FIELD_REKEY_EVENT, RECORD(form_rekey_event), true},
    {"consumed_interactive_attempt_markers", PART_SET, SET_CONSUMED_MARKERS, PLAIN(TEXT), true},
    {"aggregated_interactive_attempt_markers", PART_SET, SET_AGGREGATED_MARKERS, PLAIN(TEXT), true},
    {"bound_key_group", PART_FIELD, FIELD_BOUND_KEY_GROUP, PLAIN(TEXT), true},
    {"dkg_share_epoch", PART_EPOCH, FIELD_SHARE_EPOCH, PLAIN(U64), true},
    {"policy_snapshot_version", PART_VERSION, FIELD_POLICY_SNAPSHOT, PLAIN(U32), true},
    {"retired_interactive_at_unix", PART_FIELD, FIELD_RETIRED_AT, PLAIN(U64), true},
    {"authorized_interactive_aggregate_markers", PART_SET, SET_AUTHORIZED_MARKERS, PLAIN(TEXT), true},
};

/* -- in -------------------------------------------------------------------------------------------- */

bool form_refuse(struct form_input *in, const char *name, const char *what) {
    fail(in->why, ERR_STATE_CORRUPT, "%s: %s", name, what);
    return false;
}

bool form_next(struct form_input *in) {
    if (json_next(in->json, &in->token) != JSON_INVALID) return true;
    return form_refuse(in, "no valid JSON", in->json->error);
}

void form_text(struct buffer *out, const struct json_token *token) {
    struct json_text text;
    if (!token->escaped) {
        buffer_append(out, token->text, token->len);
        return;
    }
    json_text_init(&text, token);
    for (int byte = json_text_next(&text); byte >= 0; byte = json_text_next(&text))
        buffer_u8(out, (uint8_t)byte);
}

static bool read_integer(struct form_input *in, enum form_kind kind, const char *name, struct buffer *out) {
    static const uint64_t largest[] = {UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX};
    if (in->token.kind != JSON_INTEGER || in->token.integer > largest[kind])
        return form_refuse(in, name, "no integer of this width");
    if (kind == FORM_U8) buffer_u8(out, (uint8_t)in->token.integer);
    if (kind == FORM_U16) buffer_be16(out, (uint16_t)in->token.integer);
    if (kind == FORM_U32) buffer_be32(out, (uint32_t)in->token.integer);
    if (kind == FORM_U64) buffer_be64(out, in->token.integer);
    return true;
}

static bool read_hex(struct form_input *in, const char *name, struct buffer *out) {
    if (in->token.kind != JSON_STRING || in->token.escaped) return form_refuse(in, name, "no hex text");
    size_t len = in->token.len / 2;
    buffer_be32(out, (uint32_t)len);
    size_t at = out->len;
    buffer_zeros(out, len);
    if (out->failed) return true; /* asked for at the end */
    return hex_decode(out->data + at, in->token.text, in->token.len) || form_refuse(in, name, "no hex text");
}

static void put_count(struct buffer *out, size_t at, uint32_t count) {
    if (!out->failed) store_be32(out->data + at, count);
}

static bool read_array(struct form_input *in, const struct form *form, const char *name, struct buffer *out) {
    const struct form item = {form->kind == FORM_MEMBERS ? FORM_U16 : FORM_RECORD, form->record};
    if (in->token.kind != JSON_ARRAY) return form_refuse(in, name, "no list");
    size_t at = out->len;
    uint32_t count = 0;
    buffer_be32(out, 0);
    for (;; count++) {
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_ARRAY_END) break;
        if (count == PARTICIPANTS_MAX) return form_refuse(in, name, "too many entries");
        if (!form_read(in, &item, name, out)) return false;
    }
    put_count(out, at, count);
    return true;
}

static const struct form_member *find_member(const struct form_record *record, const struct json_token *key,
                                             size_t *index) {
    for (*index = 0; *index < record->count; ++*index)
        if (json_text_is(key, record->members[*index].name, strlen(record->members[*index].name)))
            return &record->members[*index];
    return NULL;
}

static bool is_empty_list(const struct form *form, const struct buffer *value) {
    return (form->kind == FORM_MEMBERS || form->kind == FORM_RECORDS) && value->len == 4;
}

/* Members come in any order and are encoded in ours. */
static bool read_members(struct form_input *in, const struct form_record *record, const char *name,
                         struct buffer *values, bool *present) {
    for (;;) {
        size_t index;
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_OBJECT_END) return true;
        const struct form_member *member = find_member(record, &in->token, &index);
        if (!member) return form_refuse(in, name, "unknown member");
        if (!form_next(in)) return false;
        if (member->omit && in->token.kind == JSON_NULL) continue;
        if (!form_read(in, &member->form, member->name, &values[index])) return false;
        present[index] = !(member->omit && is_empty_list(&member->form, &values[index]));
    }
}

static bool put_members(struct form_input *in, const struct form_record *record, const struct buffer *values,
                        const bool *present, struct buffer *out) {
    for (size_t i = 0; i < record->count; i++) {
        const struct form_member *member = &record->members[i];
        if (!present[i] && !member->omit) return form_refuse(in, member->name, "missing");
        if (member->omit) buffer_u8(out, present[i]);
        if (present[i]) buffer_append(out, values[i].data, values[i].len);
        if (values[i].failed) out->failed = true;
    }
    return true;
}

static bool read_record(struct form_input *in, const struct form_record *record, const char *name, struct buffer *out) {
    struct buffer values[FORM_RECORD_MEMBERS_MAX] = {{0}};
    bool present[FORM_RECORD_MEMBERS_MAX] = {false};
    if (in->token.kind != JSON_OBJECT) return form_refuse(in, name, "no object");
    bool read = read_members(in, record, name, values, present);
    if (read) read = put_members(in, record, values, present, out);
    for (size_t i = 0; i < record->count; i++)
        buffer_free(&values[i]);
    return read;
}

bool form_read(struct form_input *in, const struct form *form, const char *name, struct buffer *out) {
    switch (form->kind) {
    case FORM_BOOL:
        if (in->token.kind != JSON_TRUE && in->token.kind != JSON_FALSE) return form_refuse(in, name, "no boolean");
        buffer_u8(out, in->token.kind == JSON_TRUE);
        return true;
    case FORM_TEXT:
        if (in->token.kind != JSON_STRING) return form_refuse(in, name, "no text");
        buffer_be32(out, (uint32_t)in->token.decoded_len);
        form_text(out, &in->token);
        return true;
    case FORM_HEX:
        return read_hex(in, name, out);
    case FORM_MEMBERS:
    case FORM_RECORDS:
        return read_array(in, form, name, out);
    case FORM_RECORD:
        return read_record(in, form->record, name, out);
    default:
        return read_integer(in, form->kind, name, out);
    }
}

/* -- out ------------------------------------------------------------------------------------------- */

void form_number(struct buffer *json, uint64_t number) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    buffer_text(json, digits);
}

void form_name(struct buffer *json, const char *name, bool *first) {
    if (!*first) buffer_u8(json, ',');
    *first = false;
    json_put_text(json, name, strlen(name));
    buffer_u8(json, ':');
}

static bool write_array(struct buffer *json, const struct form *form, struct reader *in) {
    const struct form item = {form->kind == FORM_MEMBERS ? FORM_U16 : FORM_RECORD, form->record};
    uint32_t count = reader_be32(in);
    buffer_u8(json, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) buffer_u8(json, ',');
        if (!form_write(json, &item, in)) return false;
    }
    buffer_u8(json, ']');
    return true;
}

static bool write_record(struct buffer *json, const struct form_record *record, struct reader *in) {
    bool first = true;
    buffer_u8(json, '{');
    for (size_t i = 0; i < record->count; i++) {
        const struct form_member *member = &record->members[i];
        if (member->omit && reader_u8(in) == 0) continue;
        form_name(json, member->name, &first);
        if (!form_write(json, &member->form, in)) return false;
    }
    buffer_u8(json, '}');
    return !in->failed;
}

bool form_write(struct buffer *json, const struct form *form, struct reader *in) {
    struct bytes bytes;
    switch (form->kind) {
    case FORM_U8:
        form_number(json, reader_u8(in));
        break;
    case FORM_U16:
        form_number(json, reader_be16(in));
        break;
    case FORM_U32:
        form_number(json, reader_be32(in));
        break;
    case FORM_U64:
        form_number(json, reader_be64(in));
        break;
    case FORM_BOOL:
        buffer_text(json, reader_u8(in) ? "true" : "false");
        break;
    case FORM_TEXT:
        bytes = reader_lp(in);
        json_put_text(json, (const char *)bytes.data, bytes.len);
        break;
    case FORM_HEX:
        bytes = reader_lp(in);
        buffer_u8(json, '"');
        buffer_hex(json, bytes.data, bytes.len);
        buffer_u8(json, '"');
        break;
    case FORM_RECORD:
        return write_record(json, form->record, in);
    default:
        return write_array(json, form, in);
    }
    return !in->failed;
}
