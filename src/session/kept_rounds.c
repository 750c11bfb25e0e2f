/* The table of kept rounds: lists by the first byte of the package's digest, lists by session, and one list in the
 * order of use. */
#include "session/kept_rounds.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define LISTS 256

struct entry {
    struct kept_round kept;
    atomic_uint references; /* the table holds one */
    uint8_t digest[HASH_BYTES];
    struct frost_root root;
    struct point verifying_key;
    char session_id[SESSION_ID_BYTES_MAX];
    size_t session_id_len;
    size_t bytes;
    struct entry *list_next;
    struct entry *session_next; /* of what was taken out: the next one to release */
    struct entry *newer, *older;
};

struct kept_rounds {
    pthread_mutex_t mutex;
    struct entry *lists[LISTS];
    struct entry *sessions[LISTS];
    struct entry *newest, *oldest;
    struct kept_rounds_info info;
};

static struct entry *entry_of(struct kept_round *reference) {
    return (struct entry *)((char *)reference - offsetof(struct entry, kept));
}

void kept_round_release(struct kept_round *reference) {
    if (!reference) return;
    struct entry *entry = entry_of(reference);
    if (atomic_fetch_sub(&entry->references, 1) != 1) return;
    free(entry->kept.entries);
    frost_round_free(&entry->kept.round);
    free(entry);
}

enum signer_error kept_rounds_create(struct kept_rounds **out) {
    struct kept_rounds *table = signer_calloc(1, sizeof *table);
    if (!table) return ERR_OUT_OF_MEMORY;
    pthread_mutex_init(&table->mutex, NULL);
    *out = table;
    return SIGNER_OK;
}

/* -- under the mutex ------------------------------------------------------------------------------------- */

static void leave_order(struct kept_rounds *table, struct entry *entry) {
    *(entry->newer ? &entry->newer->older : &table->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &table->oldest) = entry->newer;
}

static void join_order(struct kept_rounds *table, struct entry *entry) {
    entry->newer = NULL;
    entry->older = table->newest;
    *(table->newest ? &table->newest->newer : &table->oldest) = entry;
    table->newest = entry;
}

/* Public names, spread a little (FNV-1a); all in one list are as slow as no lists. */
static struct entry **session_list(struct kept_rounds *table, const char *session_id, size_t len) {
    uint32_t spread = 2166136261u;
    for (size_t i = 0; i < len; i++)
        spread = (spread ^ (uint8_t)session_id[i]) * 16777619u;
    return &table->sessions[spread % LISTS];
}

/* In front of `out`, which is released without the mutex. */
static void take_out(struct kept_rounds *table, struct entry *entry, struct entry **out) {
    struct entry **link = &table->lists[entry->digest[0]];
    while (*link != entry)
        link = &(*link)->list_next;
    *link = entry->list_next;
    link = session_list(table, entry->session_id, entry->session_id_len);
    while (*link != entry)
        link = &(*link)->session_next;
    *link = entry->session_next;
    leave_order(table, entry);
    table->info.count--;
    table->info.bytes -= entry->bytes;
    entry->session_next = *out;
    *out = entry;
}

static void release_all(struct entry *out) {
    while (out) {
        struct entry *entry = out;
        out = entry->session_next;
        kept_round_release(&entry->kept);
    }
}

static bool belongs_to(const struct entry *entry, const char *session_id, size_t len) {
    return entry->session_id_len == len && memcmp(entry->session_id, session_id, len) == 0;
}

static struct entry *find(const struct kept_rounds *table, const struct kept_key *key) {
    struct entry *entry = table->lists[key->digest[0]];
    while (entry &&
           !(memcmp(entry->digest, key->digest, HASH_BYTES) == 0 &&
             belongs_to(entry, key->session_id, key->session_id_len) && frost_root_equal(&entry->root, key->root) &&
             point_equal(&entry->verifying_key, key->verifying_key)))
        entry = entry->list_next;
    return entry;
}

static struct kept_round *refer(struct kept_rounds *table, struct entry *entry) {
    if (!entry) return NULL;
    atomic_fetch_add(&entry->references, 1);
    leave_order(table, entry);
    join_order(table, entry);
    return &entry->kept;
}

static void insert(struct kept_rounds *table, struct entry *entry, struct entry **out) {
    struct entry **session = session_list(table, entry->session_id, entry->session_id_len);
    entry->list_next = table->lists[entry->digest[0]];
    table->lists[entry->digest[0]] = entry;
    entry->session_next = *session;
    *session = entry;
    join_order(table, entry);
    table->info.count++;
    table->info.bytes += entry->bytes;
    while (table->info.count > KEPT_ROUNDS_MAX || table->info.bytes > KEPT_ROUNDS_BYTES_MAX)
        take_out(table, table->oldest, out);
}

/* -- public ---------------------------------------------------------------------------------------------- */

void kept_rounds_destroy(struct kept_rounds *table) {
    if (!table) return;
    struct entry *out = NULL;
    while (table->oldest)
        take_out(table, table->oldest, &out);
    release_all(out);
    pthread_mutex_destroy(&table->mutex);
    free(table);
}

struct kept_round *kept_rounds_find(struct kept_rounds *table, const struct kept_key *key) {
    pthread_mutex_lock(&table->mutex);
    struct kept_round *found = refer(table, find(table, key));
    *(found ? &table->info.found : &table->info.missed) += 1;
    pthread_mutex_unlock(&table->mutex);
    return found;
}

struct kept_round *kept_rounds_find_package(struct kept_rounds *table, const uint8_t digest[HASH_BYTES]) {
    pthread_mutex_lock(&table->mutex);
    struct entry *entry = table->lists[digest[0]];
    while (entry && memcmp(entry->digest, digest, HASH_BYTES) != 0)
        entry = entry->list_next;
    struct kept_round *found = refer(table, entry);
    if (found) table->info.packages++;
    pthread_mutex_unlock(&table->mutex);
    return found;
}

/* What is kept, without the round. NULL: no memory. */
static struct entry *new_entry(const struct kept_key *key, const struct frost_signing_package *package) {
    struct entry *entry = signer_calloc(1, sizeof *entry);
    if (!entry) return NULL;
    atomic_init(&entry->references, 1);
    memcpy(entry->digest, key->digest, HASH_BYTES);
    entry->root = *key->root;
    entry->verifying_key = *key->verifying_key;
    memcpy(entry->session_id, key->session_id, key->session_id_len);
    entry->session_id_len = key->session_id_len;
    entry->bytes = sizeof *entry + package->count * (sizeof *package->entries + sizeof(struct scalar));
    entry->kept.entries = signer_malloc(package->count * sizeof *package->entries);
    if (!entry->kept.entries) {
        free(entry);
        return NULL;
    }
    memcpy(entry->kept.entries, package->entries, package->count * sizeof *package->entries);
    entry->kept.count = package->count;
    entry->kept.message_len = package->message_len;
    return entry;
}

void kept_rounds_put(struct kept_rounds *table, const struct kept_key *key, const struct frost_signing_package *package,
                     struct frost_round *round) {
    if (key->session_id_len > SESSION_ID_BYTES_MAX) return;
    struct entry *entry = new_entry(key, package), *out = NULL;
    if (!entry) return;
    pthread_mutex_lock(&table->mutex);
    bool first = !find(table, key);
    if (first) {
        entry->kept.round = *round;
        *round = (struct frost_round){.count = 0};
        insert(table, entry, &out);
    }
    pthread_mutex_unlock(&table->mutex);
    release_all(out);
    if (!first) kept_round_release(&entry->kept);
}

void kept_rounds_forget_session(struct kept_rounds *table, const char *session_id, size_t len) {
    struct entry *out = NULL;
    pthread_mutex_lock(&table->mutex);
    for (struct entry *entry = *session_list(table, session_id, len), *next; entry; entry = next) {
        next = entry->session_next;
        if (belongs_to(entry, session_id, len)) take_out(table, entry, &out);
    }
    pthread_mutex_unlock(&table->mutex);
    release_all(out);
}

void round_use_begin(struct round_use *use, struct kept_rounds *table, const struct kept_key *key) {
    *use = (struct round_use){.table = table, .key = *key, .kept = kept_rounds_find(table, key)};
    if (use->kept) use->round = use->kept->round;
}

void round_use_end(struct round_use *use, const struct frost_signing_package *package) {
    if (use->kept) {
        kept_round_release(use->kept);
    } else if (use->round.count > 0) {
        kept_rounds_put(use->table, &use->key, package, &use->round);
        frost_round_free(&use->round);
    }
    *use = (struct round_use){.kept = NULL};
}

void kept_rounds_info(struct kept_rounds *table, struct kept_rounds_info *out) {
    pthread_mutex_lock(&table->mutex);
    *out = table->info;
    pthread_mutex_unlock(&table->mutex);
}
