/* Protection data united with the state: changes that only add refusals. */
#include "registry/import_union.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

bool import_out_of_memory(struct protection *import) {
    import->error = fail_plain(import->in.why, ERR_OUT_OF_MEMORY);
    return false;
}

static struct numbered *add_known(struct protection *import, const void *id, size_t len, uint32_t highest) {
    if (import->known_count == import->known_capacity) {
        size_t capacity = import->known_capacity ? 2 * import->known_capacity : 64;
        struct numbered *grown = signer_realloc(import->known, capacity * sizeof *grown);
        if (!grown) return NULL;
        import->known = grown;
        import->known_capacity = capacity;
    }
    struct numbered *known = &import->known[import->known_count++];
    *known = (struct numbered){.highest = highest};
    session_digest(known->digest, id, len);
    return known;
}

void union_free(struct protection *import) {
    for (size_t i = 0; i < import->known_count; i++)
        buffer_free(&import->known[i].id);
    free(import->known);
    import->known = NULL;
    import->known_count = import->known_capacity = 0;
}

static void put_rekey(struct protection *import, const struct given_session *given) {
    struct buffer value = {0};
    buffer_append(&value, given->rekey.data, given->rekey.len);
    buffer_lp(&value, given->key_group.data, given->key_group.len);
    if (value.failed) import->changes.body.failed = true;
    change_field_set(&import->changes, (const char *)given->id.data, given->id.len, FIELD_REKEY_EVENT, value.data,
                     value.len);
    buffer_free(&value);
    import->counts->events++;
}

static void unite(struct protection *import, const struct given_session *given, const struct session *session) {
    const char *id = (const char *)given->id.data;
    struct changes *changes = &import->changes;
    for (size_t i = 0; i < given->count; i++) {
        const struct given_entry *entry = &given->entries[i];
        if (session && session_set_holds(session, entry->set, (const char *)entry->text.data, entry->text.len))
            continue;
        change_set_add(changes, id, given->id.len, entry->set, (const char *)entry->text.data, entry->text.len);
        import->counts->entries++;
    }
    if (given->has_highest && (!session || given->highest > session->highest_attempt_number))
        change_field_u32(changes, id, given->id.len, FIELD_HIGHEST_ATTEMPT, (uint32_t)given->highest);
    if (given->has_rekey && (!session || !session_has(session, FIELD_REKEY_EVENT))) put_rekey(import, given);
}

static void put_tombstone(struct protection *import, const uint8_t digest[32], const char *key_group,
                          uint32_t highest) {
    struct buffer payload = {0};
    buffer_append(&payload, digest, 32);
    buffer_lp(&payload, key_group, strlen(key_group));
    buffer_be32(&payload, highest);
    if (payload.failed) import->changes.body.failed = true;
    change_op(&import->changes, OP_TOMBSTONE, payload.data, payload.len);
    buffer_free(&payload);
    import->counts->tombstones++;
}

/* A session that the store lacks: a tombstone, which is raised under the key group that it has. */
static bool bury(struct protection *import, const struct given_session *given, uint32_t highest) {
    struct numbered *known = add_known(import, given->id.data, given->id.len, highest);
    if (!known) return import_out_of_memory(import);
    const struct tombstone *old = tombstones_find(&import->state->tombstones, known->digest);
    if (old && old->group)
        memcpy(known->key_group, old->group->text, KEY_GROUP_TEXT_BYTES);
    else if (!old && given->key_group.len)
        memcpy(known->key_group, given->key_group.data, KEY_GROUP_TEXT_BYTES);
    if (old && old->highest >= highest)
        known->highest = old->highest;
    else
        put_tombstone(import, known->digest, known->key_group, highest);
    return true;
}

/* A session that the store lacks, with a rekey event. */
static bool bring(struct protection *import, const struct given_session *given) {
    struct numbered *known = add_known(import, given->id.data, given->id.len, (uint32_t)given->highest);
    if (!known) return import_out_of_memory(import);
    buffer_append(&known->id, given->id.data, given->id.len);
    if (known->id.failed) return import_out_of_memory(import);
    change_session_create(&import->changes, (const char *)given->id.data, given->id.len);
    unite(import, given, NULL);
    return true;
}

bool union_put_session(struct protection *import, const struct given_session *given) {
    const struct session *session = state_session(import->state, (const char *)given->id.data, given->id.len);
    struct numbered *known = NULL;
    bool put = true;
    if (session) {
        known = add_known(import, given->id.data, given->id.len, session->highest_attempt_number);
        if (!known) return import_out_of_memory(import);
        known->session = session;
        if (given->highest > known->highest) known->highest = (uint32_t)given->highest;
        unite(import, given, session);
    } else if (given->has_rekey) {
        put = bring(import, given);
    } else {
        put = bury(import, given, given->has_highest ? (uint32_t)given->highest : HIGHEST_ATTEMPT_UNKNOWN);
    }
    import->counts->sessions++;
    return put;
}

/* Of one digest the higher number first. */
static int compare_known(const void *left, const void *right) {
    const struct numbered *a = left, *b = right;
    int order = memcmp(a->digest, b->digest, sizeof a->digest);
    return order ? order : (a->highest < b->highest) - (a->highest > b->highest);
}

static int compare_digest(const void *key, const void *element) {
    return memcmp(key, ((const struct numbered *)element)->digest, 32);
}

/* Sessions of the store that the text named are known already, perhaps with a higher number. */
bool union_know_sessions(struct protection *import) {
    for (struct session *session = state_next(import->state, NULL); session;
         session = state_next(import->state, session)) {
        struct numbered *known = add_known(import, session->id.data, session->id.len, session->highest_attempt_number);
        if (!known) return import_out_of_memory(import);
        known->session = session;
    }
    if (import->known_count) qsort(import->known, import->known_count, sizeof *import->known, compare_known);
    return true;
}

/* The first, so the highest, of its digest. */
static struct numbered *find_known(struct protection *import, const uint8_t digest[32]) {
    struct numbered *known =
        import->known_count ? bsearch(digest, import->known, import->known_count, sizeof *import->known, compare_digest)
                            : NULL;
    while (known && known > import->known && memcmp(known[-1].digest, digest, 32) == 0)
        known--;
    return known;
}

void union_raise(struct protection *import, const uint8_t digest[32], uint32_t highest) {
    struct numbered *known = find_known(import, digest);
    const struct tombstone *old = known ? NULL : tombstones_find(&import->state->tombstones, digest);
    if (known ? known->highest >= highest : old && old->highest >= highest) return;
    if (known) known->highest = highest;
    const struct bytes none = {0};
    const struct bytes id = !known           ? none
                            : known->session ? known->session->id
                                             : (struct bytes){known->id.data, known->id.len};
    if (id.len)
        change_field_u32(&import->changes, (const char *)id.data, id.len, FIELD_HIGHEST_ATTEMPT, highest);
    else if (known)
        put_tombstone(import, digest, known->key_group, highest);
    else
        put_tombstone(import, digest, old && old->group ? old->group->text : "", highest);
}
