/* The decrypted payload of an old state file: one strict pass, one body of ops per session. */
#include "registry/import.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "registry/draft.h"
#include "registry/import_forms.h"
#include "registry/records.h"

#define IMPORT_MEMBERS_MAX 16384u /* sessions, operators */

/* One session on its way in. */
struct session_input {
    struct changes changes;
    struct buffer id;
    struct buffer rekey; /* encoded, without its key group */
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
    bool has_rekey, has_fingerprint, has_markers;
    uint32_t packages;
    uint16_t participants;
    uint64_t refresh_count, refreshes;
};

static const char *id_of(const struct session_input *session) {
    return (const char *)session->id.data;
}

static bool apply(struct form_input *in, struct state *state, const struct changes *changes, const char *name) {
    enum signer_error error = changes->error;
    if (error == SIGNER_OK) error = buffer_status(&changes->body);
    if (error == SIGNER_OK && changes->body.len == 0) return true;
    if (error == SIGNER_OK)
        error = draft_check(state, RECORD_SNAP_PART, changes->body.data, changes->body.len, NULL, in->why);
    if (error == SIGNER_OK) {
        static const uint8_t no_chain[32];
        draft_apply(state, 0, no_chain, 0);
        return true;
    }
    char rule[sizeof in->why->detail];
    memcpy(rule, in->why->detail, sizeof rule);
    rule[sizeof rule - 1] = 0;
    if (in->why->error == error)
        fail(in->why, error, "%s: %s", name, rule);
    else
        fail_plain(in->why, error);
    return false;
}

/* -- sessions --------------------------------------------------------------------------------------- */

static void note_group(struct session_input *session, const uint8_t *text, size_t len) {
    if (session->key_group[0] || !text_is_key_group(text, len)) return;
    memcpy(session->key_group, text, len);
    session->key_group[len] = 0;
}

/* What the back-fill needs to know of a field. */
static void look_at(struct session_input *session, enum session_field field, const struct buffer *value) {
    struct reader reader;
    struct bytes text;
    reader_init(&reader, value->data, value->len);
    switch (field) {
    case FIELD_DKG_FINGERPRINT:
        session->has_fingerprint = true;
        break;
    case FIELD_KEY_PACKAGES:
        session->packages = reader_be32(&reader);
        break;
    case FIELD_DKG_RESULT:
        reader_lp(&reader);
        text = reader_lp(&reader);
        session->participants = reader_be16(&reader);
        note_group(session, text.data, text.len);
        break;
    case FIELD_BOUND_KEY_GROUP:
        text = reader_lp(&reader);
        note_group(session, text.data, text.len);
        break;
    default:
        break;
    }
}

static bool read_field(struct form_input *in, struct session_input *session, const struct session_member *member) {
    static const uint8_t no_prevouts[8]; /* an imported transaction has neither sighashes nor prevouts */
    struct buffer value;
    buffer_init(&value);
    bool read = form_read(in, &member->form, member->name, &value);
    if (read && member->number == FIELD_TX_RESULT) buffer_append(&value, no_prevouts, sizeof no_prevouts);
    if (read && !value.failed) {
        look_at(session, (enum session_field)member->number, &value);
        change_field_set(&session->changes, id_of(session), session->id.len, (enum session_field)member->number,
                         value.data, value.len);
    }
    if (value.failed) session->changes.body.failed = true;
    buffer_free(&value);
    return read;
}

static bool read_set(struct form_input *in, struct session_input *session, const struct session_member *member) {
    struct buffer entry;
    if (in->token.kind != JSON_ARRAY) return form_refuse(in, member->name, "no list");
    for (;;) {
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_ARRAY_END) return true;
        if (in->token.kind != JSON_STRING) return form_refuse(in, member->name, "no text");
        buffer_init(&entry);
        form_text(&entry, &in->token);
        if (entry.failed)
            session->changes.body.failed = true;
        else
            change_set_add(&session->changes, id_of(session), session->id.len, (enum session_set)member->number,
                           (const char *)entry.data, entry.len);
        buffer_free(&entry);
        if (member->number >= SET_CONSUMED_MARKERS) session->has_markers = true;
    }
}

static bool read_list(struct form_input *in, struct session_input *session, const struct session_member *member) {
    struct buffer item;
    if (in->token.kind != JSON_ARRAY) return form_refuse(in, member->name, "no list");
    for (;;) {
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_ARRAY_END) return true;
        buffer_init(&item);
        bool read = form_read(in, &member->form, member->name, &item);
        if (read && !item.failed)
            change_list_append(&session->changes, id_of(session), session->id.len, (enum session_list)member->number,
                               item.data, item.len);
        if (item.failed) session->changes.body.failed = true;
        buffer_free(&item);
        if (!read) return false;
        if (member->number == LIST_REFRESH_HISTORY) session->refreshes++;
    }
}

static bool read_number(struct form_input *in, const struct session_member *member, uint64_t max, uint64_t *out) {
    if (in->token.kind != JSON_INTEGER || in->token.integer > max)
        return form_refuse(in, member->name, "no integer of this width");
    *out = in->token.integer;
    return true;
}

static bool read_part(struct form_input *in, struct session_input *session, const struct session_member *member) {
    uint64_t number = 0;
    switch (member->part) {
    case PART_FIELD:
        return read_field(in, session, member);
    case PART_SET:
        return read_set(in, session, member);
    case PART_LIST:
        return read_list(in, session, member);
    case PART_REKEY:
        session->has_rekey = true;
        return form_read(in, &member->form, member->name, &session->rekey);
    case PART_COUNT:
        return read_number(in, member, UINT64_MAX, &session->refresh_count);
    case PART_EPOCH:
        if (!read_number(in, member, UINT64_MAX, &number)) return false;
        return number == 0 || form_refuse(in, member->name, "not 0");
    default:
        if (!read_number(in, member, UINT32_MAX, &number)) return false;
        if (number != 0)
            change_field_u32(&session->changes, id_of(session), session->id.len, (enum session_field)member->number,
                             (uint32_t)number);
        return true;
    }
}

static bool read_session_members(struct form_input *in, struct session_input *session) {
    for (;;) {
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_OBJECT_END) return true;
        const struct session_member *member = NULL;
        for (size_t i = 0; i < SESSION_MEMBERS && !member; i++)
            if (json_text_is(&in->token, session_members[i].name, strlen(session_members[i].name)))
                member = &session_members[i];
        if (!member) return form_refuse(in, "session", "unknown member");
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_NULL && (member->part == PART_FIELD || member->part == PART_REKEY)) continue;
        if (!read_part(in, session, member)) return false;
    }
}

/* Back-fill (sealed-store 10; fields 15, 16, 21 and 22 of 35.6). */
static void back_fill(struct session_input *session) {
    struct changes *changes = &session->changes;
    uint64_t refreshes = session->refresh_count > session->refreshes ? session->refresh_count : session->refreshes;
    if (refreshes) change_field_u64(changes, id_of(session), session->id.len, FIELD_REFRESH_COUNT, refreshes);
    if (session->has_rekey) {
        buffer_lp(&session->rekey, session->key_group, strlen(session->key_group));
        if (session->rekey.failed) changes->body.failed = true;
        change_field_set(changes, id_of(session), session->id.len, FIELD_REKEY_EVENT, session->rekey.data,
                         session->rekey.len);
    }
    if (session->has_markers)
        change_field_u32(changes, id_of(session), session->id.len, FIELD_HIGHEST_ATTEMPT, HIGHEST_ATTEMPT_UNKNOWN);
    if (!session->participants) return;
    bool dealer = session->has_fingerprint && session->packages == session->participants;
    change_field_u8(changes, id_of(session), session->id.len, FIELD_DKG_ORIGIN,
                    dealer ? DKG_ORIGIN_DEALER : DKG_ORIGIN_DISTRIBUTED);
}

/* At the key. */
static bool read_session(struct form_input *in, struct state *state) {
    struct session_input session = {0};
    changes_init(&session.changes);
    form_text(&session.id, &in->token);
    if (session.id.failed) session.changes.body.failed = true;
    bool read = form_next(in);
    if (read && in->token.kind != JSON_OBJECT) read = form_refuse(in, "session", "no object");
    if (read && !session.id.failed) change_session_create(&session.changes, id_of(&session), session.id.len);
    if (read) read = read_session_members(in, &session);
    if (read) back_fill(&session);
    if (read) read = apply(in, state, &session.changes, "session");
    changes_free(&session.changes);
    buffer_free(&session.id);
    buffer_free(&session.rekey);
    return read;
}

static bool read_sessions(struct form_input *in, struct state *state) {
    if (in->token.kind != JSON_OBJECT) return form_refuse(in, "sessions", "no object");
    for (;;) {
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_OBJECT_END) return true;
        if (!read_session(in, state)) return false;
    }
}

/* -- the engine's own ------------------------------------------------------------------------------- */

/* A decimal number as it is written: no sign, no leading zero. */
static bool key_number(const struct json_token *key, uint16_t *out) {
    uint32_t value = 0;
    if (key->escaped || key->len < 1 || key->len > 5 || key->text[0] == '0') return false;
    for (size_t i = 0; i < key->len; i++) {
        if (key->text[i] < '0' || key->text[i] > '9') return false;
        value = value * 10 + (uint32_t)(key->text[i] - '0');
    }
    *out = (uint16_t)value;
    return value <= UINT16_MAX;
}

static bool read_scores(struct form_input *in, struct changes *changes) {
    const char *name = "operator_fault_scores";
    if (in->token.kind != JSON_OBJECT) return form_refuse(in, name, "no object");
    for (;;) {
        uint16_t operator_id;
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_OBJECT_END) return true;
        if (!key_number(&in->token, &operator_id)) return form_refuse(in, name, "no operator id");
        if (!form_next(in)) return false;
        if (in->token.kind != JSON_INTEGER) return form_refuse(in, name, "no integer");
        if (in->token.integer) change_score(changes, operator_id, in->token.integer);
    }
}

static bool read_quarantine(struct form_input *in, struct changes *changes) {
    const char *name = "quarantined_operator_identifiers";
    if (in->token.kind != JSON_ARRAY) return form_refuse(in, name, "no list");
    for (;;) {
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_ARRAY_END) return true;
        if (in->token.kind != JSON_INTEGER || in->token.integer < 1 || in->token.integer > UINT16_MAX)
            return form_refuse(in, name, "no operator id");
        change_quarantine(changes, (uint16_t)in->token.integer, true);
    }
}

static bool read_canary(struct form_input *in, struct state *state, struct changes *changes) {
    const struct form form = {FORM_RECORD, &form_canary};
    struct buffer value;
    buffer_init(&value);
    bool read = form_read(in, &form, "canary_rollout", &value);
    state->globals.has_canary = false; /* the default of genesis gives way */
    if (read) change_op(changes, OP_CANARY_SET, value.data, value.len);
    if (value.failed) changes->body.failed = true;
    buffer_free(&value);
    return read;
}

static bool read_version(struct form_input *in) {
    if (in->token.kind != JSON_INTEGER) return form_refuse(in, "schema_version", "no integer");
    if (in->token.integer == 1) return true;
    fail(in->why, ERR_STATE_VERSION, "the payload has an unknown schema_version");
    return false;
}

struct seen {
    bool version, sessions, refresh_epoch;
};

static bool read_member(struct form_input *in, struct state *state, struct changes *changes, struct seen *seen) {
    static const char *const names[] = {"schema_version",
                                        "sessions",
                                        "refresh_epoch_counter",
                                        "operator_fault_scores",
                                        "quarantined_operator_identifiers",
                                        "canary_rollout"};
    size_t name = 0;
    while (name < sizeof names / sizeof *names && !json_text_is(&in->token, names[name], strlen(names[name])))
        name++;
    if (!form_next(in)) return false;
    switch (name) {
    case 0:
        seen->version = true;
        return read_version(in);
    case 1:
        seen->sessions = true;
        return read_sessions(in, state);
    case 2:
        seen->refresh_epoch = true;
        if (in->token.kind != JSON_INTEGER) return form_refuse(in, names[name], "no integer");
        if (in->token.integer) change_refresh_epoch(changes, in->token.integer);
        return true;
    case 3:
        return read_scores(in, changes);
    case 4:
        return read_quarantine(in, changes);
    case 5:
        return read_canary(in, state, changes);
    default:
        return form_refuse(in, "state", "unknown member");
    }
}

static bool read_state(struct form_input *in, struct state *state, struct changes *changes) {
    struct seen seen = {0};
    if (!form_next(in)) return false;
    if (in->token.kind != JSON_OBJECT) return form_refuse(in, "state", "no object");
    for (;;) {
        if (!form_next(in)) return false;
        if (in->token.kind == JSON_OBJECT_END) break;
        if (!read_member(in, state, changes, &seen)) return false;
    }
    if (!form_next(in)) return false;
    if (!seen.version || !seen.sessions || !seen.refresh_epoch) return form_refuse(in, "state", "a member is missing");
    return apply(in, state, changes, "state");
}

enum signer_error state_import(struct state *state, const uint8_t *payload, size_t len, uint64_t hash_key,
                               struct failure *why) {
    struct failure unheard = {0};
    struct form_input in = {.why = why ? why : &unheard};
    struct changes changes;
    in.why->error = SIGNER_OK;
    in.json = signer_malloc(sizeof *in.json);
    if (!in.json) return fail_plain(why, ERR_OUT_OF_MEMORY);
    json_init_bounded(in.json, payload, len, hash_key, IMPORT_MEMBERS_MAX);
    changes_init(&changes);
    /* Its ops are those of a snapshot, which begins with this one; genesis has it already. */
    state->globals.has_engine_state = true;
    state->globals.engine_generation = 1;
    bool read = read_state(&in, state, &changes);
    changes_free(&changes);
    sodium_memzero(in.json, sizeof *in.json);
    free(in.json);
    if (read) return SIGNER_OK;
    return in.why->error != SIGNER_OK ? in.why->error : ERR_STATE_CORRUPT;
}
