/* The table of live entries: two hash tables (entries by session and seat, sessions by id) under a
 * random key, and one list in the order of activity. */
#include "session/live.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define BUCKETS_FIRST 64

struct live_table {
    struct vault *vault;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    struct live_entry **entries;
    struct live_session **sessions;
    size_t buckets; /* of each of the two; a power of two */
    size_t count;
    uint64_t last_serial;
    struct live_entry *oldest, *newest; /* by activity */
    live_emptied emptied;
    void *context;
};

static size_t session_bucket(const struct live_table *table, const char *id, size_t len, size_t buckets) {
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const uint8_t *)id, len, table->hash_key);
    return (size_t)load_be64(hash) & (buckets - 1);
}

static size_t entry_bucket(const struct live_table *table, const char *id, size_t len, uint16_t member,
                           size_t buckets) {
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const uint8_t *)id, len, table->hash_key);
    return (size_t)(load_be64(hash) + member * 0x9e3779b97f4a7c15u) & (buckets - 1);
}

enum signer_error live_table_create(struct live_table **out, const struct platform *platform, struct vault *vault,
                                    live_emptied emptied, void *context) {
    struct live_table *table = signer_calloc(1, sizeof *table);
    if (!table) return ERR_OUT_OF_MEMORY;
    table->vault = vault;
    table->emptied = emptied;
    table->context = context;
    table->buckets = BUCKETS_FIRST;
    table->entries = signer_calloc(BUCKETS_FIRST, sizeof(struct live_entry *));
    table->sessions = signer_calloc(BUCKETS_FIRST, sizeof(struct live_session *));
    if (!table->entries || !table->sessions) {
        live_table_destroy(table);
        return ERR_OUT_OF_MEMORY;
    }
    platform_random(platform, table->hash_key, sizeof table->hash_key);
    *out = table;
    return SIGNER_OK;
}

void live_table_destroy(struct live_table *table) {
    if (!table) return;
    table->emptied = NULL;
    while (table->oldest)
        live_remove(table, table->oldest);
    free(table->entries);
    free(table->sessions);
    sodium_memzero(table->hash_key, sizeof table->hash_key);
    free(table);
}

size_t live_count(const struct live_table *table) {
    return table->count;
}

struct live_session *live_session_find(const struct live_table *table, const char *session_id, size_t len) {
    struct live_session *session = table->sessions[session_bucket(table, session_id, len, table->buckets)];
    while (session && (session->id_len != len || memcmp(session->id, session_id, len) != 0))
        session = session->bucket_next;
    return session;
}

static bool entry_matches(const struct live_entry *entry, const char *session_id, size_t len, uint16_t member) {
    return entry->member == member && entry->session->id_len == len && memcmp(entry->session->id, session_id, len) == 0;
}

struct live_entry *live_find(const struct live_table *table, const char *session_id, size_t len, uint16_t member) {
    struct live_entry *entry = table->entries[entry_bucket(table, session_id, len, member, table->buckets)];
    while (entry && !entry_matches(entry, session_id, len, member))
        entry = entry->bucket_next;
    return entry;
}

static struct live_attempt *find_attempt(const struct live_session *session, const char *attempt_id) {
    for (size_t i = 0; i < session->attempt_count; i++)
        if (strcmp(session->attempts[i].attempt_id, attempt_id) == 0) return &session->attempts[i];
    return NULL;
}

size_t live_attempt_seats(const struct live_session *session, const char *attempt_id) {
    const struct live_attempt *attempt = session ? find_attempt(session, attempt_id) : NULL;
    return attempt ? attempt->seats : 0;
}

/* Twice the buckets. On failure the table works on, only slower. */
static void grow(struct live_table *table) {
    size_t buckets = table->buckets * 2;
    struct live_entry **entries = signer_calloc(buckets, sizeof *entries);
    struct live_session **sessions = signer_calloc(buckets, sizeof *sessions);
    if (!entries || !sessions) {
        free(entries);
        free(sessions);
        return;
    }
    for (size_t i = 0; i < table->buckets; i++) {
        for (struct live_entry *entry = table->entries[i], *next; entry; entry = next) {
            next = entry->bucket_next;
            size_t at = entry_bucket(table, entry->session->id, entry->session->id_len, entry->member, buckets);
            entry->bucket_next = entries[at];
            entries[at] = entry;
        }
        for (struct live_session *session = table->sessions[i], *next; session; session = next) {
            next = session->bucket_next;
            size_t at = session_bucket(table, session->id, session->id_len, buckets);
            session->bucket_next = sessions[at];
            sessions[at] = session;
        }
    }
    free(table->entries);
    free(table->sessions);
    table->entries = entries;
    table->sessions = sessions;
    table->buckets = buckets;
}

static bool reserve_attempt(struct live_session *session) {
    if (session->attempt_count < session->attempt_capacity) return true;
    size_t capacity = session->attempt_capacity ? session->attempt_capacity * 2 : 2;
    struct live_attempt *attempts = signer_realloc(session->attempts, capacity * sizeof *attempts);
    if (!attempts) return false;
    session->attempts = attempts;
    session->attempt_capacity = capacity;
    return true;
}

static void free_session(struct live_session *session) {
    free(session->attempts);
    free(session);
}

/* The session's node: the one in the table, or a fresh one that joins it with the entry. */
static struct live_session *session_for(struct live_table *table, const char *session_id, size_t len) {
    struct live_session *session = live_session_find(table, session_id, len);
    if (session) return reserve_attempt(session) ? session : NULL;
    session = signer_calloc(1, sizeof *session);
    if (!session) return NULL;
    memcpy(session->id, session_id, len);
    session->id_len = len;
    if (!reserve_attempt(session)) {
        free_session(session);
        return NULL;
    }
    return session;
}

static void free_entry(struct live_table *table, struct live_entry *entry) {
    vault_wipe(table->vault, entry->nonces);
    if (entry->message) sodium_memzero(entry->message, entry->message_len);
    free(entry->message);
    free(entry->included);
    sodium_memzero(entry, sizeof *entry);
    free(entry);
}

enum signer_error live_prepare(struct live_table *table, struct live_entry **out, const char *session_id, size_t len,
                               const uint16_t *included, size_t included_count, const uint8_t *message,
                               size_t message_len) {
    if (len == 0 || len > SESSION_ID_BYTES_MAX || message_len == 0 || included_count == 0) return ERR_VALIDATION;
    if (table->count >= table->buckets) grow(table);
    struct live_entry *entry = signer_calloc(1, sizeof *entry);
    if (!entry) return ERR_OUT_OF_MEMORY;
    entry->session = session_for(table, session_id, len);
    entry->message = signer_malloc(message_len);
    entry->included = signer_malloc(included_count * sizeof *included);
    if (!entry->session || !entry->message || !entry->included) {
        live_discard(table, entry);
        return ERR_OUT_OF_MEMORY;
    }
    memcpy(entry->message, message, message_len);
    entry->message_len = message_len;
    memcpy(entry->included, included, included_count * sizeof *included);
    entry->included_count = included_count;
    *out = entry;
    return SIGNER_OK;
}

void live_discard(struct live_table *table, struct live_entry *entry) {
    if (!entry) return;
    if (entry->session && entry->session->seats == 0) free_session(entry->session);
    free_entry(table, entry);
}

static void join_idle_list(struct live_table *table, struct live_entry *entry) {
    entry->idle_next = NULL;
    entry->idle_previous = table->newest;
    if (table->newest)
        table->newest->idle_next = entry;
    else
        table->oldest = entry;
    table->newest = entry;
}

static void leave_idle_list(struct live_table *table, struct live_entry *entry) {
    if (entry->idle_previous)
        entry->idle_previous->idle_next = entry->idle_next;
    else
        table->oldest = entry->idle_next;
    if (entry->idle_next)
        entry->idle_next->idle_previous = entry->idle_previous;
    else
        table->newest = entry->idle_previous;
}

static void count_attempt(struct live_session *session, const char *attempt_id) {
    struct live_attempt *attempt = find_attempt(session, attempt_id);
    if (!attempt) {
        attempt = &session->attempts[session->attempt_count++];
        memcpy(attempt->attempt_id, attempt_id, sizeof attempt->attempt_id);
        attempt->seats = 0;
    }
    attempt->seats++;
}

static void uncount_attempt(struct live_session *session, const char *attempt_id) {
    struct live_attempt *attempt = find_attempt(session, attempt_id);
    if (--attempt->seats == 0) *attempt = session->attempts[--session->attempt_count];
}

void live_insert(struct live_table *table, struct live_entry *entry, uint64_t now_ms) {
    struct live_session *session = entry->session;
    struct live_entry *older = live_find(table, session->id, session->id_len, entry->member);
    if (session->seats == 0) {
        size_t at = session_bucket(table, session->id, session->id_len, table->buckets);
        session->bucket_next = table->sessions[at];
        table->sessions[at] = session;
    }
    size_t at = entry_bucket(table, session->id, session->id_len, entry->member, table->buckets);
    entry->bucket_next = table->entries[at];
    table->entries[at] = entry;
    entry->session_previous = NULL;
    entry->session_next = session->first;
    if (session->first) session->first->session_previous = entry;
    session->first = entry;
    session->seats++;
    count_attempt(session, entry->attempt_id);
    table->count++;
    entry->serial = ++table->last_serial;
    entry->active_ms = now_ms;
    join_idle_list(table, entry);
    if (older) live_remove(table, older);
}

void live_touch(struct live_table *table, struct live_entry *entry, uint64_t now_ms) {
    entry->active_ms = now_ms;
    leave_idle_list(table, entry);
    join_idle_list(table, entry);
}

static void unlink_session(struct live_table *table, struct live_session *session) {
    struct live_session **link = &table->sessions[session_bucket(table, session->id, session->id_len, table->buckets)];
    while (*link != session)
        link = &(*link)->bucket_next;
    *link = session->bucket_next;
}

void live_remove(struct live_table *table, struct live_entry *entry) {
    struct live_session *session = entry->session;
    struct live_entry **link =
        &table->entries[entry_bucket(table, session->id, session->id_len, entry->member, table->buckets)];
    while (*link != entry)
        link = &(*link)->bucket_next;
    *link = entry->bucket_next;
    if (entry->session_previous)
        entry->session_previous->session_next = entry->session_next;
    else
        session->first = entry->session_next;
    if (entry->session_next) entry->session_next->session_previous = entry->session_previous;
    leave_idle_list(table, entry);
    uncount_attempt(session, entry->attempt_id);
    session->seats--;
    table->count--;
    free_entry(table, entry);
    if (session->seats > 0) return;
    unlink_session(table, session);
    if (table->emptied) table->emptied(table->context, session->id, session->id_len);
    free_session(session);
}

void *live_take(struct live_table *table, struct live_entry *entry) {
    void *nonces = vault_take(table->vault, entry->nonces, SECRET_NONCES);
    entry->nonces = 0;
    live_remove(table, entry);
    return nonces;
}

size_t live_sweep(struct live_table *table, uint64_t now_ms, uint64_t ttl_ms) {
    size_t removed = 0;
    while (table->oldest && now_ms > table->oldest->active_ms && now_ms - table->oldest->active_ms > ttl_ms) {
        live_remove(table, table->oldest);
        removed++;
    }
    return removed;
}

size_t live_remove_attempt(struct live_table *table, const char *session_id, size_t len, const char *attempt_id) {
    struct live_session *session = live_session_find(table, session_id, len);
    size_t removed = 0;
    for (struct live_entry *entry = session ? session->first : NULL, *next; entry; entry = next) {
        next = entry->session_next; /* read first: with its last entry the session goes too */
        if (attempt_id && strcmp(entry->attempt_id, attempt_id) != 0) continue;
        live_remove(table, entry);
        removed++;
    }
    return removed;
}

size_t live_remove_key_group(struct live_table *table, const char *key_group, size_t len) {
    size_t removed = 0;
    for (struct live_entry *entry = table->oldest, *next; entry; entry = next) {
        next = entry->idle_next;
        if (strlen(entry->key_group) != len || memcmp(entry->key_group, key_group, len) != 0) continue;
        live_remove(table, entry);
        removed++;
    }
    return removed;
}
