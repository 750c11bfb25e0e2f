/* Markers, tombstones and kill switches of another store, united with those here. */
#include "registry/import_protection.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "registry/export.h"
#include "registry/import_union.h"
#include "registry/records.h"

#define BODY_BYTES (15u << 20) /* a body is given out beyond this: below it all is one record */
#define MEMBERS_MAX 16384u

static bool broken(struct protection *import, const char *name, const char *what) {
    fail(import->in.why, ERR_VALIDATION, "protection data: %s: %s", name, what);
    return false;
}

static bool next(struct protection *import) {
    if (form_next(&import->in)) return true;
    return broken(import, "no valid JSON", import->in.json->error);
}

static bool key_is(const struct protection *import, const char *name) {
    return json_text_is(&import->in.token, name, strlen(name));
}

/* Gives the body out when it is large, or at the end. */
static bool give_out(struct protection *import, bool end) {
    struct changes *changes = &import->changes;
    if (changes->error != SIGNER_OK || changes->body.failed) return import_out_of_memory(import);
    if (changes->body.len == 0 || (!end && changes->body.len < BODY_BYTES)) return true;
    if (import->commit) import->error = import->commit(import->argument, changes, import->in.why);
    changes_free(changes);
    changes_init(changes);
    return import->error == SIGNER_OK;
}

static bool read_number(struct protection *import, const char *name, uint64_t max, uint64_t *out) {
    if (import->in.token.kind != JSON_INTEGER || import->in.token.integer > max)
        return broken(import, name, "no integer of this width");
    *out = import->in.token.integer;
    return true;
}

static bool read_hex32(struct protection *import, const char *name, uint8_t out[32]) {
    const struct json_token *token = &import->in.token;
    if (token->kind == JSON_STRING && !token->escaped && token->len == 64 && hex_decode(out, token->text, 64))
        return true;
    return broken(import, name, "not 64 hex characters");
}

/* -- sessions --------------------------------------------------------------------------------------- */

static void free_given(struct given_session *given) {
    for (size_t i = 0; i < given->count; i++)
        buffer_free(&given->entries[i].text);
    free(given->entries);
    buffer_free(&given->id);
    buffer_free(&given->key_group);
    buffer_free(&given->rekey);
}

static bool add_entry(struct protection *import, struct given_session *given, enum session_set set) {
    const struct json_token *token = &import->in.token;
    if (token->kind != JSON_STRING || token->decoded_len < 1 || token->decoded_len > SET_ENTRY_BYTES_MAX)
        return broken(import, protection_set_name(set), "no text of 1 to 1024 bytes");
    if (given->count == given->capacity) {
        size_t capacity = given->capacity ? 2 * given->capacity : 16;
        struct given_entry *grown = signer_realloc(given->entries, capacity * sizeof *grown);
        if (!grown) return import_out_of_memory(import);
        given->entries = grown;
        given->capacity = capacity;
    }
    struct given_entry *entry = &given->entries[given->count++];
    *entry = (struct given_entry){.set = set};
    form_text(&entry->text, token);
    return !entry->text.failed || import_out_of_memory(import);
}

static bool read_set(struct protection *import, struct given_session *given, enum session_set set) {
    if (import->in.token.kind != JSON_ARRAY) return broken(import, "sets", "no list");
    for (;;) {
        if (!next(import)) return false;
        if (import->in.token.kind == JSON_ARRAY_END) return true;
        /* An authorisation allows something: it is read and dropped. */
        if (set == SET_AUTHORIZED_MARKERS) {
            if (import->in.token.kind != JSON_STRING) return broken(import, "sets", "no text");
            continue;
        }
        if (!add_entry(import, given, set)) return false;
    }
}

static bool read_sets(struct protection *import, struct given_session *given) {
    if (import->in.token.kind != JSON_OBJECT) return broken(import, "sets", "no object");
    given->has_sets = true;
    for (;;) {
        if (!next(import)) return false;
        if (import->in.token.kind == JSON_OBJECT_END) return true;
        int set = 1;
        while (set < SET_COUNT && !key_is(import, protection_set_name((enum session_set)set)))
            set++;
        if (set == SET_COUNT) return broken(import, "sets", "unknown set");
        if (!next(import) || !read_set(import, given, (enum session_set)set)) return false;
    }
}

static bool read_text(struct protection *import, const char *name, struct buffer *out) {
    if (import->in.token.kind != JSON_STRING || import->in.token.decoded_len == 0)
        return broken(import, name, "no text");
    form_text(out, &import->in.token);
    return !out->failed || import_out_of_memory(import);
}

static bool read_rekey(struct protection *import, struct given_session *given) {
    struct failure *why = import->in.why;
    given->has_rekey = true;
    if (form_read(&import->in, &(struct form){FORM_RECORD, &form_rekey_event}, "emergency_rekey_event", &given->rekey))
        return !given->rekey.failed || import_out_of_memory(import);
    why->error = ERR_VALIDATION;
    return false;
}

static bool read_session_member(struct protection *import, struct given_session *given) {
    if (key_is(import, "session_id")) return next(import) && read_text(import, "session_id", &given->id);
    if (key_is(import, "bound_key_group")) {
        if (!next(import) || !read_text(import, "bound_key_group", &given->key_group)) return false;
        return text_is_key_group(given->key_group.data, given->key_group.len) ||
               broken(import, "bound_key_group", "no key group");
    }
    if (key_is(import, "sets")) return next(import) && read_sets(import, given);
    if (key_is(import, "highest_attempt_number")) {
        given->has_highest = true;
        return next(import) && read_number(import, "highest_attempt_number", UINT32_MAX, &given->highest);
    }
    if (key_is(import, "emergency_rekey_event")) return next(import) && read_rekey(import, given);
    return broken(import, "session", "unknown member");
}

static bool read_session(struct protection *import) {
    struct given_session given = {0};
    bool read = import->in.token.kind == JSON_OBJECT || broken(import, "sessions", "no object");
    while (read) {
        read = next(import);
        if (!read || import->in.token.kind == JSON_OBJECT_END) break;
        read = read_session_member(import, &given);
    }
    if (read && given.id.len == 0) read = broken(import, "session_id", "missing");
    if (read && !given.has_sets) read = broken(import, "sets", "missing");
    if (read) read = union_put_session(import, &given) && give_out(import, false);
    free_given(&given);
    return read;
}

static bool read_list(struct protection *import, const char *name, bool (*item)(struct protection *import)) {
    if (import->in.token.kind != JSON_ARRAY) return broken(import, name, "no list");
    for (;;) {
        if (!next(import)) return false;
        if (import->in.token.kind == JSON_ARRAY_END) return true;
        if (!item(import)) return false;
    }
}

/* -- the rest --------------------------------------------------------------------------------------- */

/* A tombstone of a session that lives here raises the session's own number. */
static bool read_tombstone(struct protection *import) {
    uint8_t digest[32];
    uint64_t highest = 0;
    bool has_digest = false, has_highest = false, read = true;
    if (import->in.token.kind != JSON_OBJECT) return broken(import, "tombstones", "no object");
    while (read && next(import) && import->in.token.kind != JSON_OBJECT_END) {
        if (key_is(import, "session_digest")) {
            has_digest = read = next(import) && read_hex32(import, "session_digest", digest);
        } else if (key_is(import, "highest_attempt_number")) {
            has_highest = read = next(import) && read_number(import, "highest_attempt_number", UINT32_MAX, &highest);
        } else {
            return broken(import, "tombstones", "unknown member");
        }
    }
    if (!read || import->in.token.kind != JSON_OBJECT_END) return false;
    if (!has_digest || !has_highest) return broken(import, "tombstones", "a member is missing");
    union_raise(import, digest, (uint32_t)highest);
    return give_out(import, false);
}

static bool read_scores(struct protection *import) {
    const char *name = "operator_fault_scores";
    if (import->in.token.kind != JSON_OBJECT) return broken(import, name, "no object");
    for (;;) {
        uint64_t operator_id = 0, score = 0;
        if (!next(import)) return false;
        if (import->in.token.kind == JSON_OBJECT_END) return true;
        const struct json_token *key = &import->in.token;
        for (size_t i = 0; i < key->len && operator_id <= UINT16_MAX; i++)
            operator_id = key->text[i] >= '0' && key->text[i] <= '9' ? operator_id * 10 + (uint64_t)(key->text[i] - '0')
                                                                     : UINT64_MAX / 16;
        if (operator_id < 1 || operator_id > UINT16_MAX || key->text[0] == '0')
            return broken(import, name, "no operator id");
        if (!next(import) || !read_number(import, name, UINT64_MAX, &score)) return false;
        if (score <= state_operator_score(import->state, (uint16_t)operator_id)) continue;
        change_score(&import->changes, (uint16_t)operator_id, score);
        import->counts->operators++;
    }
}

static bool read_quarantined(struct protection *import) {
    uint64_t operator_id = 0;
    if (!read_number(import, "quarantined_operator_identifiers", UINT16_MAX, &operator_id)) return false;
    if (operator_id == 0) return broken(import, "quarantined_operator_identifiers", "no operator id");
    if (state_operator_quarantined(import->state, (uint16_t)operator_id)) return true;
    change_quarantine(&import->changes, (uint16_t)operator_id, true);
    import->counts->operators++;
    return true;
}

/* The lower percent stays. */
static bool read_canary(struct protection *import) {
    struct buffer value = {0};
    struct reader reader;
    struct canary ours = {0}, theirs;
    bool read = form_read(&import->in, &(struct form){FORM_RECORD, &form_canary}, "canary_rollout", &value);
    if (!read) import->in.why->error = ERR_VALIDATION;
    reader_init(&reader, value.data, value.len);
    theirs.current_percent = reader_u8(&reader);
    theirs.previous_percent = reader_u8(&reader);
    theirs.version = reader_be64(&reader);
    theirs.last_action_unix = reader_be64(&reader);
    bool failed = value.failed;
    buffer_free(&value);
    if (failed) return import_out_of_memory(import);
    if (!read || !state_canary(import->state, &ours) || theirs.current_percent >= ours.current_percent) return read;
    if (theirs.previous_percent < ours.previous_percent) ours.previous_percent = theirs.previous_percent;
    if (theirs.last_action_unix > ours.last_action_unix) ours.last_action_unix = theirs.last_action_unix;
    ours.current_percent = theirs.current_percent;
    ours.version++;
    change_canary(&import->changes, &ours);
    import->counts->canary = true;
    return true;
}

static bool read_schema(struct protection *import) {
    if (import->in.token.kind == JSON_STRING && key_is(import, PROTECTION_SCHEMA)) return true;
    return broken(import, "schema", "is not " PROTECTION_SCHEMA);
}

static bool read_sessions_list(struct protection *import) {
    return read_list(import, "sessions", read_session);
}

static bool read_tombstone_list(struct protection *import) {
    return union_know_sessions(import) && read_list(import, "tombstones", read_tombstone);
}

static bool read_quarantine_list(struct protection *import) {
    return read_list(import, "quarantined_operator_identifiers", read_quarantined);
}

static bool read_store_id(struct protection *import) {
    return read_hex32(import, "store_id", import->counts->store_id);
}

static bool read_seq(struct protection *import) {
    return read_number(import, "seq", UINT64_MAX, &import->counts->seq);
}

static bool read_chain(struct protection *import) {
    uint8_t chain[32];
    return read_hex32(import, "chain", chain);
}

/* All members, in the order of 35.13. */
static bool read_all(struct protection *import) {
    static const struct {
        const char *name;
        bool (*read)(struct protection *import);
    } members[] = {
        {"schema", read_schema},
        {"store_id", read_store_id},
        {"seq", read_seq},
        {"chain", read_chain},
        {"sessions", read_sessions_list},
        {"tombstones", read_tombstone_list},
        {"operator_fault_scores", read_scores},
        {"quarantined_operator_identifiers", read_quarantine_list},
        {"canary_rollout", read_canary},
    };
    if (!next(import)) return false;
    if (import->in.token.kind != JSON_OBJECT) return broken(import, "the text", "no object");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!next(import)) return false;
        if (import->in.token.kind != JSON_KEY || !key_is(import, members[i].name))
            return broken(import, members[i].name, "not at its place");
        if (!next(import) || !members[i].read(import)) return false;
    }
    if (!next(import)) return false;
    if (import->in.token.kind != JSON_OBJECT_END) return broken(import, "the text", "unknown member");
    return next(import) && give_out(import, true);
}

static enum signer_error run(struct protection *import, const char *json, size_t len, uint64_t hash_key) {
    json_init_bounded(import->in.json, json, len, hash_key, MEMBERS_MAX);
    changes_init(&import->changes);
    bool read = read_all(import);
    changes_free(&import->changes);
    union_free(import);
    if (read) return SIGNER_OK;
    return import->error != SIGNER_OK ? import->error : ERR_VALIDATION;
}

enum signer_error protection_import(struct protection_counts *counts, struct state *state, const char *json, size_t len,
                                    uint64_t hash_key,
                                    enum signer_error (*commit)(void *argument, struct changes *changes,
                                                                struct failure *why),
                                    void *argument, struct failure *why) {
    struct failure unheard = {0};
    struct protection import = {.in.why = why ? why : &unheard, .state = state, .counts = counts};
    import.in.json = signer_malloc(sizeof *import.in.json);
    if (!import.in.json) return fail_plain(why, ERR_OUT_OF_MEMORY);
    *counts = (struct protection_counts){0};
    enum signer_error error = run(&import, json, len, hash_key);
    if (error == SIGNER_OK) {
        *counts = (struct protection_counts){0};
        import.commit = commit;
        import.argument = argument;
        error = run(&import, json, len, hash_key);
    }
    free(import.in.json);
    return error;
}
