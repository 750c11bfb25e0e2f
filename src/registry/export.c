/* The protection data of a state as JSON. */
#include "registry/export.h"

#include <string.h>

#include "base/json.h"
#include "registry/import_forms.h"
#include "registry/internal.h"

const char *protection_set_name(enum session_set set) {
    for (size_t i = 0; i < SESSION_MEMBERS; i++)
        if (session_members[i].part == PART_SET && session_members[i].number == (uint8_t)set)
            return session_members[i].name;
    return NULL;
}

static void put_hex(struct buffer *json, const uint8_t *data, size_t len) {
    buffer_u8(json, '"');
    buffer_hex(json, data, len);
    buffer_u8(json, '"');
}

static void put_text(struct buffer *json, const char *text) {
    json_put_text(json, text, strlen(text));
}

static bool protects(const struct session *session) {
    for (int set = 1; set <= PROTECTION_SETS; set++)
        if (session->sets[set].count > 0) return true;
    return session_has(session, FIELD_REKEY_EVENT) || session_has(session, FIELD_HIGHEST_ATTEMPT);
}

/* The wallet that the session's refusals hold for: bound, of its rekey event, or its own. */
static const char *key_group_of(const struct session *session) {
    if (session_has(session, FIELD_BOUND_KEY_GROUP)) return session->bound_key_group;
    if (session_has(session, FIELD_REKEY_EVENT) && session->rekey->key_group[0]) return session->rekey->key_group;
    return session_has(session, FIELD_DKG_RESULT) ? session->dkg.key_group : NULL;
}

static void put_sets(struct buffer *json, const struct session *session) {
    bool first = true;
    form_name(json, "sets", &(bool){false});
    buffer_u8(json, '{');
    for (int set = 1; set <= PROTECTION_SETS; set++) {
        const struct text_set *entries = &session->sets[set];
        if (entries->count == 0) continue;
        form_name(json, protection_set_name((enum session_set)set), &first);
        for (size_t i = 0; i < entries->count; i++) {
            buffer_u8(json, i == 0 ? '[' : ',');
            json_put_text(json, (const char *)entries->entries[i].data, entries->entries[i].len);
        }
        buffer_u8(json, ']');
    }
    buffer_u8(json, '}');
}

static void put_session(struct buffer *json, const struct session *session) {
    bool first = true;
    const char *key_group = key_group_of(session);
    buffer_u8(json, '{');
    form_name(json, "session_id", &first);
    json_put_text(json, (const char *)session->id.data, session->id.len);
    if (key_group) {
        form_name(json, "bound_key_group", &first);
        put_text(json, key_group);
    }
    put_sets(json, session);
    if (session_has(session, FIELD_HIGHEST_ATTEMPT)) {
        form_name(json, "highest_attempt_number", &first);
        form_number(json, session->highest_attempt_number);
    }
    if (session_has(session, FIELD_REKEY_EVENT)) {
        form_name(json, "emergency_rekey_event", &first);
        buffer_text(json, "{\"reason\":");
        put_text(json, session->rekey->reason);
        buffer_text(json, ",\"triggered_at_unix\":");
        form_number(json, session->rekey->triggered_at_unix);
        buffer_u8(json, '}');
    }
    buffer_u8(json, '}');
}

static void put_tombstones(struct buffer *json, const struct tombstones *tombstones) {
    const struct tombstone *stone;
    bool first = true;
    buffer_u8(json, '[');
    for (size_t bucket = 0; bucket < TOMBSTONE_BUCKETS; bucket++) {
        for (size_t at = 0; (stone = tombstones_at(tombstones, bucket, at)); at++) {
            if (!first) buffer_u8(json, ',');
            first = false;
            buffer_text(json, "{\"session_digest\":");
            put_hex(json, stone->digest, sizeof stone->digest);
            buffer_text(json, ",\"highest_attempt_number\":");
            form_number(json, stone->highest);
            buffer_u8(json, '}');
        }
    }
    buffer_u8(json, ']');
}

static void put_scores(struct buffer *json, const struct tree_node *node, bool *first) {
    if (!node) return;
    const struct operator_entry *entry = TREE_OBJECT(node, const struct operator_entry, node);
    put_scores(json, node->left, first);
    if (entry->score) {
        if (!*first) buffer_u8(json, ',');
        *first = false;
        buffer_u8(json, '"');
        form_number(json, entry->id);
        buffer_text(json, "\":");
        form_number(json, entry->score);
    }
    put_scores(json, node->right, first);
}

static void put_quarantine(struct buffer *json, const struct tree_node *node, bool *first) {
    if (!node) return;
    const struct operator_entry *entry = TREE_OBJECT(node, const struct operator_entry, node);
    put_quarantine(json, node->left, first);
    if (entry->quarantined) {
        if (!*first) buffer_u8(json, ',');
        *first = false;
        form_number(json, entry->id);
    }
    put_quarantine(json, node->right, first);
}

/* The members that both forms end with. */
static void put_operators(struct buffer *json, const struct state *state, bool omit_empty, bool *first) {
    struct buffer scores = {0}, quarantined = {0};
    put_scores(&scores, state->operators.root, &(bool){true});
    put_quarantine(&quarantined, state->operators.root, &(bool){true});
    if (scores.len > 0 || !omit_empty) {
        form_name(json, "operator_fault_scores", first);
        buffer_u8(json, '{');
        buffer_append(json, scores.data, scores.len);
        buffer_u8(json, '}');
    }
    if (quarantined.len > 0 || !omit_empty) {
        form_name(json, "quarantined_operator_identifiers", first);
        buffer_u8(json, '[');
        buffer_append(json, quarantined.data, quarantined.len);
        buffer_u8(json, ']');
    }
    if (scores.failed || quarantined.failed) json->failed = true;
    buffer_free(&scores);
    buffer_free(&quarantined);
}

static void put_canary(struct buffer *json, const struct state *state, bool *first) {
    const struct canary *canary = &state->globals.canary;
    struct buffer value = {0};
    struct reader reader;
    form_name(json, "canary_rollout", first);
    buffer_u8(&value, canary->current_percent);
    buffer_u8(&value, canary->previous_percent);
    buffer_be64(&value, canary->version);
    buffer_be64(&value, canary->last_action_unix);
    if (value.failed) json->failed = true;
    reader_init(&reader, value.data, value.len);
    form_write(json, &(struct form){FORM_RECORD, &form_canary}, &reader);
    buffer_free(&value);
}

enum signer_error state_export_protection(struct buffer *json, struct state *state, const uint8_t store_id[32],
                                          uint64_t seq, const uint8_t chain[32]) {
    bool first = true, first_session = true;
    buffer_u8(json, '{');
    form_name(json, "schema", &first);
    put_text(json, PROTECTION_SCHEMA);
    form_name(json, "store_id", &first);
    put_hex(json, store_id, 32);
    form_name(json, "seq", &first);
    form_number(json, seq);
    form_name(json, "chain", &first);
    put_hex(json, chain, 32);
    form_name(json, "sessions", &first);
    buffer_u8(json, '[');
    for (struct session *session = state_next(state, NULL); session; session = state_next(state, session)) {
        if (!protects(session)) continue;
        if (!first_session) buffer_u8(json, ',');
        first_session = false;
        put_session(json, session);
    }
    buffer_u8(json, ']');
    form_name(json, "tombstones", &first);
    put_tombstones(json, &state->tombstones);
    put_operators(json, state, false, &first);
    put_canary(json, state, &first);
    buffer_u8(json, '}');
    return buffer_status(json);
}

static uint64_t count_quarantined(const struct tree_node *node) {
    if (!node) return 0;
    const struct operator_entry *entry = TREE_OBJECT(node, const struct operator_entry, node);
    return (entry->quarantined ? 1 : 0) + count_quarantined(node->left) + count_quarantined(node->right);
}

void state_summarise(struct state_summary *out, struct state *state) {
    *out = (struct state_summary){.sessions = state_session_count(state),
                                  .tombstones = state_tombstone_count(state),
                                  .quarantined = count_quarantined(state->operators.root),
                                  .generation = state_generation(state),
                                  .open_number = state_open_number(state)};
    for (struct session *session = state_next(state, NULL); session; session = state_next(state, session)) {
        out->wallets += session_has(session, FIELD_DKG_RESULT);
        out->seats += session->seat_count;
        out->rekey_events += session_has(session, FIELD_REKEY_EVENT);
        for (int set = 1; set < SET_COUNT; set++)
            out->set_entries += session->sets[set].count;
    }
}

/* -- the old form ------------------------------------------------------------------------------------ */
#ifdef SIGNER_TEST

static bool put_field(struct buffer *json, const struct session *session, const struct session_member *member) {
    struct buffer value = {0};
    struct reader reader;
    enum signer_error error = session_field_encode(&value, session, (enum session_field)member->number);
    reader_init(&reader, value.data, value.len);
    bool written = error == SIGNER_OK && form_write(json, &member->form, &reader);
    buffer_free(&value);
    return written;
}

static bool put_texts(struct buffer *json, const struct text_set *texts, const struct session_member *member) {
    buffer_u8(json, '[');
    for (size_t i = 0; i < texts->count; i++) {
        struct reader reader;
        if (i > 0) buffer_u8(json, ',');
        reader_init(&reader, texts->entries[i].data, texts->entries[i].len);
        if (member->part == PART_SET)
            json_put_text(json, (const char *)texts->entries[i].data, texts->entries[i].len);
        else if (!form_write(json, &member->form, &reader))
            return false;
    }
    buffer_u8(json, ']');
    return true;
}

static bool put_member(struct buffer *json, const struct session *session, const struct session_member *member,
                       bool *first) {
    const struct text_set *texts = member->part == PART_SET    ? &session->sets[member->number]
                                   : member->part == PART_LIST ? &session->lists[member->number]
                                                               : NULL;
    if (texts) {
        if (texts->count == 0) return true;
        form_name(json, member->name, first);
        return put_texts(json, texts, member);
    }
    bool present = session_has(session, (enum session_field)member->number);
    if (!present && member->omit) return true;
    form_name(json, member->name, first);
    if (present) return put_field(json, session, member);
    buffer_text(json, member->part == PART_COUNT ? "0" : "null");
    return true;
}

enum signer_error state_export_payload(struct buffer *json, struct state *state) {
    bool first = true, first_session = true, written = true;
    buffer_text(json, "{\"schema_version\":1");
    first = false;
    form_name(json, "sessions", &first);
    buffer_u8(json, '{');
    for (struct session *session = state_next(state, NULL); session && written; session = state_next(state, session)) {
        bool first_member = true;
        if (!first_session) buffer_u8(json, ',');
        first_session = false;
        json_put_text(json, (const char *)session->id.data, session->id.len);
        buffer_text(json, ":{");
        for (size_t i = 0; i < SESSION_MEMBERS && written; i++)
            written = put_member(json, session, &session_members[i], &first_member);
        buffer_u8(json, '}');
    }
    buffer_u8(json, '}');
    form_name(json, "refresh_epoch_counter", &first);
    form_number(json, state->globals.refresh_epoch);
    put_operators(json, state, true, &first);
    put_canary(json, state, &first);
    buffer_u8(json, '}');
    return written ? buffer_status(json) : ERR_INTERNAL;
}
#endif
