/* Building a list of changes. */
#include "registry/change.h"

#include <string.h>

#include "curve/hash.h"
#include "registry/change_build.h"
#include "registry/fields.h"
#include "registry/internal.h"
#include "registry/records.h"

void changes_init(struct changes *changes) {
    memset(changes, 0, sizeof *changes);
    buffer_init(&changes->body);
}

void changes_free(struct changes *changes) {
    buffer_free(&changes->body);
    for (size_t i = 0; i < changes->value_count; i++)
        field_value_release(changes->values[i].value);
    changes_init(changes);
}

void change_note_error(struct changes *changes, enum signer_error error) {
    if (changes->error == SIGNER_OK) changes->error = error;
}

size_t change_begin(struct changes *changes, enum state_op op) {
    buffer_u8(&changes->body, (uint8_t)op);
    buffer_be32(&changes->body, 0);
    changes->count++;
    if (op <= OP_PURGE) changes->counted = true;
    return changes->body.len;
}

void change_end(struct changes *changes, size_t begin) {
    if (changes->body.failed) {
        change_note_error(changes, ERR_OUT_OF_MEMORY);
        return;
    }
    store_be32(changes->body.data + begin - 4, (uint32_t)(changes->body.len - begin));
}

void change_op(struct changes *changes, enum state_op op, const void *payload, size_t len) {
    size_t begin = change_begin(changes, op);
    buffer_append(&changes->body, payload, len);
    change_end(changes, begin);
}

void changes_join(struct changes *changes, const struct changes *more) {
    buffer_append(&changes->body, more->body.data, more->body.len);
    changes->count += more->count;
    changes->counted = changes->counted || more->counted;
    change_note_error(changes, more->error);
    change_note_error(changes, buffer_status(&changes->body));
    for (size_t i = 0; i < more->value_count && changes->value_count < CHANGE_VALUES_MAX; i++) {
        changes->values[changes->value_count] = more->values[i];
        field_value_share(changes->values[changes->value_count++].value);
    }
}

/* An earlier verdict of this body carries it. */
static bool carries(const struct changes *changes, const uint8_t digest[32]) {
    struct reader ops;
    reader_init(&ops, changes->body.data, changes->body.len);
    while (reader_left(&ops) > 0 && !ops.failed) {
        const uint8_t op = reader_u8(&ops);
        const struct bytes payload = reader_lp(&ops);
        struct reader fields;
        const uint8_t *other;
        struct bytes input;
        if (op != OP_VERDICT || ops.failed) continue;
        reader_init(&fields, payload.data, payload.len);
        record_verdict(&fields, &other, &input);
        if (input.data && !fields.failed && memcmp(other, digest, 32) == 0) return true;
    }
    return false;
}

static void join_verdict(struct changes *changes, struct bytes payload, const struct state *state) {
    struct reader fields;
    const uint8_t *digest;
    struct bytes input;
    reader_init(&fields, payload.data, payload.len);
    record_verdict(&fields, &digest, &input);
    const bool repeated =
        !fields.failed && input.data && (inputs_hold(&state->inputs, digest) || carries(changes, digest));
    if (!repeated) {
        change_op(changes, OP_VERDICT, payload.data, payload.len);
        return;
    }
    const size_t begin = change_begin(changes, OP_VERDICT);
    buffer_append(&changes->body, payload.data, payload.len - input.len - 5); /* without flag, length and input */
    buffer_u8(&changes->body, 0);
    change_end(changes, begin);
}

void changes_join_verdicts(struct changes *changes, const struct changes *more, const struct state *state) {
    struct reader ops;
    reader_init(&ops, more->body.data, more->body.len);
    while (reader_left(&ops) > 0 && !ops.failed) {
        const uint8_t op = reader_u8(&ops);
        const struct bytes payload = reader_lp(&ops);
        if (op == OP_VERDICT)
            join_verdict(changes, payload, state);
        else
            change_op(changes, (enum state_op)op, payload.data, payload.len);
    }
    change_note_error(changes, more->error);
    change_note_error(changes, buffer_status(&changes->body));
}

size_t change_begin_session(struct changes *changes, enum state_op op, const char *id, size_t len) {
    size_t begin = change_begin(changes, op);
    buffer_lp(&changes->body, id, len);
    return begin;
}

size_t change_begin_part(struct changes *changes, enum state_op op, const char *id, size_t len, int part) {
    size_t begin = change_begin_session(changes, op, id, len);
    buffer_u8(&changes->body, (uint8_t)part);
    return begin;
}

void change_session_create(struct changes *changes, const char *id, size_t len) {
    change_end(changes, change_begin_session(changes, OP_SESSION_CREATE, id, len));
}

void change_session_delete(struct changes *changes, const char *id, size_t len) {
    change_end(changes, change_begin_session(changes, OP_SESSION_DELETE, id, len));
}

void change_field_set(struct changes *changes, const char *id, size_t len, enum session_field field, const void *value,
                      size_t value_len) {
    size_t begin = change_begin_part(changes, OP_FIELD_SET, id, len, field);
    buffer_append(&changes->body, value, value_len);
    change_end(changes, begin);
}

void change_field_text(struct changes *changes, const char *id, size_t len, enum session_field field, const char *text,
                       size_t text_len) {
    size_t begin = change_begin_part(changes, OP_FIELD_SET, id, len, field);
    buffer_lp(&changes->body, text, text_len);
    change_end(changes, begin);
}

void change_field_u64(struct changes *changes, const char *id, size_t len, enum session_field field, uint64_t value) {
    uint8_t raw[8];
    store_be64(raw, value);
    change_field_set(changes, id, len, field, raw, sizeof raw);
}

void change_field_u32(struct changes *changes, const char *id, size_t len, enum session_field field, uint32_t value) {
    uint8_t raw[4];
    store_be32(raw, value);
    change_field_set(changes, id, len, field, raw, sizeof raw);
}

void change_field_u8(struct changes *changes, const char *id, size_t len, enum session_field field, uint8_t value) {
    change_field_set(changes, id, len, field, &value, 1);
}

void change_field_clear(struct changes *changes, const char *id, size_t len, enum session_field field) {
    change_end(changes, change_begin_part(changes, OP_FIELD_CLEAR, id, len, field));
}

static void set_op(struct changes *changes, enum state_op op, const char *id, size_t len, enum session_set set,
                   const char *entry, size_t entry_len) {
    size_t begin = change_begin_part(changes, op, id, len, set);
    buffer_lp(&changes->body, entry, entry_len);
    change_end(changes, begin);
}

void change_set_add(struct changes *changes, const char *id, size_t len, enum session_set set, const char *entry,
                    size_t entry_len) {
    set_op(changes, OP_SET_ADD, id, len, set, entry, entry_len);
}

void change_set_remove(struct changes *changes, const char *id, size_t len, enum session_set set, const char *entry,
                       size_t entry_len) {
    set_op(changes, OP_SET_REMOVE, id, len, set, entry, entry_len);
}

void change_list_append(struct changes *changes, const char *id, size_t len, enum session_list list, const void *item,
                        size_t item_len) {
    size_t begin = change_begin_part(changes, OP_LIST_APPEND, id, len, list);
    buffer_append(&changes->body, item, item_len);
    change_end(changes, begin);
}

void change_tombstone(struct changes *changes, const struct session *session) {
    uint8_t digest[32];
    session_digest(digest, session->id.data, session->id.len);
    const char *group = session->bound_key_group ? session->bound_key_group : "";
    bool known = session_has(session, FIELD_HIGHEST_ATTEMPT);
    size_t begin = change_begin(changes, OP_TOMBSTONE);
    buffer_append(&changes->body, digest, sizeof digest);
    buffer_lp(&changes->body, group, strlen(group));
    buffer_be32(&changes->body, known ? session->highest_attempt_number : HIGHEST_ATTEMPT_UNKNOWN);
    change_end(changes, begin);
}

void change_evict(struct changes *changes, const struct session *session) {
    change_session_delete(changes, (const char *)session->id.data, session->id.len);
    if (session_needs_tombstone(session)) change_tombstone(changes, session);
}

void change_canary(struct changes *changes, const struct canary *canary) {
    size_t begin = change_begin(changes, OP_CANARY_SET);
    buffer_u8(&changes->body, canary->current_percent);
    buffer_u8(&changes->body, canary->previous_percent);
    buffer_be64(&changes->body, canary->version);
    buffer_be64(&changes->body, canary->last_action_unix);
    change_end(changes, begin);
}

void change_refresh_epoch(struct changes *changes, uint64_t epoch) {
    uint8_t raw[8];
    store_be64(raw, epoch);
    change_op(changes, OP_REFRESH_EPOCH_SET, raw, sizeof raw);
}

void change_score(struct changes *changes, uint16_t operator_id, uint64_t score) {
    uint8_t raw[10];
    store_be16(raw, operator_id);
    store_be64(raw + 2, score);
    change_op(changes, OP_SCORE_SET, raw, sizeof raw);
}

void change_quarantine(struct changes *changes, uint16_t operator_id, bool in) {
    uint8_t raw[3];
    store_be16(raw, operator_id);
    raw[2] = in ? 1 : 0;
    change_op(changes, OP_QUARANTINE_SET, raw, sizeof raw);
}

void change_purge(struct changes *changes) {
    change_op(changes, OP_PURGE, NULL, 0);
}

void change_witness_rebase(struct changes *changes, uint64_t generation) {
    uint8_t raw[8];
    store_be64(raw, generation);
    change_op(changes, OP_WITNESS_REBASE, raw, sizeof raw);
}

/* Keeps a decoded value for the check; without room the check decodes the bytes again. */
static void keep_value(struct changes *changes, const char *id, size_t len, struct field_value *value) {
    if (changes->value_count == CHANGE_VALUES_MAX || len > SESSION_ID_BYTES_MAX) {
        field_value_release(value);
        return;
    }
    struct change_value *kept = &changes->values[changes->value_count++];
    memcpy(kept->session_id, id, len);
    kept->session_id_len = len;
    kept->value = value;
}

void change_set_decoded(struct changes *changes, const char *id, size_t len, struct field_value *value) {
    size_t begin = change_begin_part(changes, OP_FIELD_SET, id, len, value->field);
    enum signer_error error = field_value_encode(&changes->body, value);
    if (error != SIGNER_OK) change_note_error(changes, error);
    change_end(changes, begin);
    keep_value(changes, id, len, value);
}

void change_key_packages(struct changes *changes, struct vault *vault, const char *id, size_t len,
                         const struct seat_key *seats, size_t count) {
    struct field_value *value = NULL;
    enum signer_error error = field_value_from_seats(&value, vault, seats, count);
    if (error != SIGNER_OK)
        change_note_error(changes, error);
    else
        change_set_decoded(changes, id, len, value);
}

void change_public_package(struct changes *changes, const char *id, size_t len,
                           const struct frost_public_package *keys) {
    struct field_value *value = NULL;
    enum signer_error error = field_value_from_public_package(&value, keys);
    if (error != SIGNER_OK)
        change_note_error(changes, error);
    else
        change_set_decoded(changes, id, len, value);
}

void change_dkg_result(struct changes *changes, const char *id, size_t len, const struct dkg_result *result) {
    size_t begin = change_begin_part(changes, OP_FIELD_SET, id, len, FIELD_DKG_RESULT);
    buffer_lp(&changes->body, result->session_id, strlen(result->session_id));
    buffer_lp(&changes->body, result->key_group, strlen(result->key_group));
    buffer_be16(&changes->body, result->participant_count);
    buffer_be16(&changes->body, result->threshold);
    buffer_be64(&changes->body, result->created_at_unix);
    change_end(changes, begin);
}

void change_built_transaction(struct changes *changes, const char *id, size_t len, const struct built_transaction *tx) {
    size_t begin = change_begin_part(changes, OP_FIELD_SET, id, len, FIELD_TX_RESULT);
    buffer_lp(&changes->body, tx->session_id, strlen(tx->session_id));
    buffer_lp(&changes->body, tx->tx.data, tx->tx.len);
    buffer_be32(&changes->body, (uint32_t)tx->sighash_count);
    for (size_t i = 0; i < tx->sighash_count; i++)
        buffer_append(&changes->body, tx->sighashes[i], 32);
    buffer_be32(&changes->body, (uint32_t)tx->prevout_count);
    for (size_t i = 0; i < tx->prevout_count; i++) {
        buffer_be64(&changes->body, tx->prevouts[i].value_sats);
        buffer_lp(&changes->body, tx->prevouts[i].script.data, tx->prevouts[i].script.len);
    }
    change_end(changes, begin);
}

void change_rekey_event(struct changes *changes, const char *id, size_t len, const struct rekey_event *event) {
    size_t begin = change_begin_part(changes, OP_FIELD_SET, id, len, FIELD_REKEY_EVENT);
    buffer_lp(&changes->body, event->reason, strlen(event->reason));
    buffer_be64(&changes->body, event->triggered_at_unix);
    buffer_lp(&changes->body, event->key_group, strlen(event->key_group));
    change_end(changes, begin);
}

void change_verdict(struct changes *changes, const struct verdict_record *verdict) {
    const char *texts[] = {verdict->policy, verdict->version, verdict->rule, verdict->reason};
    size_t begin = change_begin(changes, OP_VERDICT);
    struct buffer *body = &changes->body;
    buffer_u8(body, verdict->allow ? 1 : 0);
    for (int i = 0; i < 4; i++) {
        if (i == 2) buffer_append(body, verdict->source_sha256, 32);
        buffer_lp(body, texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) : 0);
    }
    buffer_lp(body, verdict->session_id, verdict->session_id_len);
    buffer_be64(body, verdict->unix_ms);
    buffer_append(body, verdict->input_digest, 32);
    buffer_u8(body, verdict->input_json.len ? 1 : 0);
    if (verdict->input_json.len) buffer_lp(body, verdict->input_json.data, verdict->input_json.len);
    change_end(changes, begin);
}
