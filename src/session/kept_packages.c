/* The table of decoded packages: lists by the first byte of their digest. */
#include "session/kept_packages.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define LISTS 256

struct entry {
    struct entry *next;
    uint8_t digest[HASH_BYTES]; /* SHA-256 of the encoding */
    uint8_t proof[FROST_SIGNATURE_BYTES];
    size_t count;
    struct point commitments[];
};

struct kept_packages {
    pthread_mutex_t mutex;
    struct entry *lists[LISTS];
    struct kept_packages_info info;
};

enum signer_error kept_packages_create(struct kept_packages **out) {
    struct kept_packages *table = signer_calloc(1, sizeof *table);
    if (!table) return ERR_OUT_OF_MEMORY;
    pthread_mutex_init(&table->mutex, NULL);
    *out = table;
    return SIGNER_OK;
}

static size_t bytes_of(size_t commitments) {
    return sizeof(struct entry) + commitments * sizeof(struct point);
}

static void drop_list(struct kept_packages *table, size_t list) {
    while (table->lists[list]) {
        struct entry *entry = table->lists[list];
        table->lists[list] = entry->next;
        table->info.count--;
        table->info.bytes -= bytes_of(entry->count);
        free(entry);
    }
}

static void drop_all(struct kept_packages *table) {
    for (size_t i = 0; i < LISTS; i++)
        drop_list(table, i);
}

void kept_packages_destroy(struct kept_packages *table) {
    if (!table) return;
    drop_all(table);
    pthread_mutex_destroy(&table->mutex);
    free(table);
}

/* -- under the mutex ------------------------------------------------------------------------------------- */

static const struct entry *find(const struct kept_packages *table, const uint8_t digest[HASH_BYTES]) {
    const struct entry *entry = table->lists[digest[0]];
    while (entry && memcmp(entry->digest, digest, HASH_BYTES) != 0)
        entry = entry->next;
    return entry;
}

static bool is_full(const struct entry *entry) {
    size_t count = 0;
    for (; entry; entry = entry->next)
        count++;
    return count >= KEPT_PACKAGES_LIST_MAX;
}

static bool copy(struct dkg_round1_package *out, const struct entry *entry) {
    if (!entry) return false;
    struct point *commitments = signer_malloc((entry->count + 1) * sizeof *commitments);
    if (!commitments) return false;
    memcpy(commitments, entry->commitments, entry->count * sizeof *commitments);
    *out = (struct dkg_round1_package){.commitments = commitments, .count = entry->count};
    memcpy(out->proof, entry->proof, sizeof out->proof);
    return true;
}

/* -- public ---------------------------------------------------------------------------------------------- */

static bool take(struct kept_packages *table, struct dkg_round1_package *out, const uint8_t digest[HASH_BYTES]) {
    pthread_mutex_lock(&table->mutex);
    bool found = copy(out, find(table, digest));
    *(found ? &table->info.found : &table->info.missed) += 1;
    pthread_mutex_unlock(&table->mutex);
    return found;
}

/* Where there is no memory, it is not kept. */
static void keep(struct kept_packages *table, const struct dkg_round1_package *package,
                 const uint8_t digest[HASH_BYTES]) {
    size_t bytes = bytes_of(package->count);
    struct entry *entry = signer_malloc(bytes);
    if (!entry) return;
    memcpy(entry->digest, digest, HASH_BYTES);
    memcpy(entry->proof, package->proof, sizeof entry->proof);
    entry->count = package->count;
    memcpy(entry->commitments, package->commitments, package->count * sizeof *package->commitments);
    pthread_mutex_lock(&table->mutex);
    bool first = !find(table, digest);
    if (first) {
        if (table->info.bytes + bytes > KEPT_PACKAGES_BYTES_MAX) drop_all(table);
        if (is_full(table->lists[digest[0]])) drop_list(table, digest[0]);
        entry->next = table->lists[digest[0]];
        table->lists[digest[0]] = entry;
        table->info.count++;
        table->info.bytes += bytes;
    }
    pthread_mutex_unlock(&table->mutex);
    if (!first) free(entry);
}

enum signer_error kept_packages_decode(struct kept_packages *table, struct dkg_round1_package *out, const uint8_t *in,
                                       size_t len) {
    uint8_t digest[HASH_BYTES];
    if (!table) return dkg_round1_package_decode(out, in, len);
    sha256(digest, in, len);
    if (take(table, out, digest)) return SIGNER_OK;
    enum signer_error error = dkg_round1_package_decode(out, in, len);
    if (error == SIGNER_OK) keep(table, out, digest);
    return error;
}

void kept_packages_info(struct kept_packages *table, struct kept_packages_info *out) {
    pthread_mutex_lock(&table->mutex);
    *out = table->info;
    pthread_mutex_unlock(&table->mutex);
}
