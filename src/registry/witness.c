/* The witness history. */
#include "registry/witness.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "curve/hash.h"

/* Labels with the zero byte that ends them. */
#define LABEL_BYTES(text) ((struct bytes){(const uint8_t *)(text), sizeof(text)})
#define PLAIN_BYTES(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void hash_fields(uint8_t out[32], struct bytes label, const struct bytes *fields, size_t count) {
    struct bytes parts[8];
    uint8_t lengths[4][4];
    size_t used = 0;
    parts[used++] = label;
    for (size_t i = 0; i < count; i++) {
        store_be32(lengths[i], (uint32_t)fields[i].len);
        parts[used++] = (struct bytes){lengths[i], 4};
        parts[used++] = fields[i];
    }
    sha256_parts(out, parts, used);
}

static struct witness_entry *entry_at(const struct witness *witness, uint64_t generation) {
    uint64_t index = generation - witness->origin;
    return &witness->chunks[index / WITNESS_CHUNK][index % WITNESS_CHUNK];
}

static void commit(struct witness *witness, uint64_t generation) {
    struct witness_entry *entry = entry_at(witness, generation);
    const uint8_t *previous =
        generation == witness->origin ? witness->origin_previous : entry_at(witness, generation - 1)->commitment;
    crypto_hash_sha256_state hash = witness->commitment_start;
    uint8_t number[8];
    store_be64(number, generation);
    sha256_update(&hash, number, sizeof number);
    sha256_update(&hash, previous, 32);
    sha256_update(&hash, entry->digest, 32);
    sha256_finish(&hash, entry->commitment);
    witness->committed = generation;
}

static void commit_up_to(struct witness *witness, uint64_t generation) {
    while (witness->committed < generation)
        commit(witness, witness->committed + 1);
}

static const uint8_t *previous_of(struct witness *witness, uint64_t generation) {
    if (generation == witness->origin) return witness->origin_previous;
    commit_up_to(witness, generation - 1);
    return entry_at(witness, generation - 1)->commitment;
}

static void begin_commitments(struct witness *witness) {
    static const char label[] = "tbtc-signer-state-witness-commitment-v2";
    sha256_begin(&witness->commitment_start);
    sha256_update(&witness->commitment_start, label, sizeof label);
    sha256_update(&witness->commitment_start, witness->fingerprint, sizeof witness->fingerprint);
}

enum signer_error witness_init(struct witness *witness, bool lazy) {
    memset(witness, 0, sizeof *witness);
    witness->lazy = lazy;
    begin_commitments(witness);
    return pthread_mutex_init(&witness->mutex, NULL) == 0 ? SIGNER_OK : ERR_OUT_OF_MEMORY;
}

void witness_free(struct witness *witness) {
    for (size_t i = 0; i < witness->chunk_count; i++)
        free(witness->chunks[i]);
    free(witness->chunks);
    pthread_mutex_destroy(&witness->mutex);
}

void witness_set_store(struct witness *witness, const uint8_t store_id[32]) {
    struct bytes fields[] = {
        PLAIN_BYTES("tbtc-signer-durable-session-store-identity/v2"), PLAIN_BYTES("encrypted-file-v1"), {store_id, 32}};
    hash_fields(witness->fingerprint, LABEL_BYTES("tbtc-signer-durable-session-store-fingerprint-v2"), fields, 3);
    begin_commitments(witness);
}

enum signer_error witness_genesis(struct witness *witness) {
    uint8_t root[32];
    uint8_t digest[32];
    struct bytes parts[] = {LABEL_BYTES("tbtc-signer-state-witness-genesis-v2"), {witness->fingerprint, 32}};
    sha256_parts(root, parts, 2);
    uint8_t absent = 0;
    struct bytes fields[] = {{&absent, 1}, {NULL, 0}};
    hash_fields(digest, LABEL_BYTES("tbtc-signer-durable-state-image-digest-v1"), fields, 2);
    return witness_set_base(witness, 1, root, digest);
}

static enum signer_error reserve_locked(struct witness *witness, uint64_t generations) {
    uint64_t last = witness->tip + generations - witness->origin;
    while (witness->chunk_count <= last / WITNESS_CHUNK) {
        if (witness->chunk_count == witness->chunk_capacity) {
            size_t capacity = witness->chunk_capacity ? 2 * witness->chunk_capacity : 16;
            struct witness_entry **chunks = signer_realloc(witness->chunks, capacity * sizeof(struct witness_entry *));
            if (!chunks) return ERR_OUT_OF_MEMORY;
            witness->chunks = chunks;
            witness->chunk_capacity = capacity;
        }
        struct witness_entry *chunk = signer_calloc(WITNESS_CHUNK, sizeof *chunk);
        if (!chunk) return ERR_OUT_OF_MEMORY;
        witness->chunks[witness->chunk_count++] = chunk;
    }
    return SIGNER_OK;
}

static void push_locked(struct witness *witness, uint64_t seq, const uint8_t digest[32]) {
    witness->tip++;
    struct witness_entry *entry = entry_at(witness, witness->tip);
    entry->seq = seq;
    memcpy(entry->digest, digest, 32);
    if (!witness->lazy) commit_up_to(witness, witness->tip);
}

enum signer_error witness_set_base(struct witness *witness, uint64_t generation, const uint8_t previous[32],
                                   const uint8_t digest[32]) {
    pthread_mutex_lock(&witness->mutex);
    witness->origin = witness->base = generation;
    witness->tip = witness->committed = generation - 1;
    memcpy(witness->origin_previous, previous, 32);
    enum signer_error error = reserve_locked(witness, 1);
    if (error == SIGNER_OK) {
        push_locked(witness, 0, digest);
        witness->has_base = true;
    }
    pthread_mutex_unlock(&witness->mutex);
    return error;
}

enum signer_error witness_reserve(struct witness *witness, size_t extra) {
    pthread_mutex_lock(&witness->mutex);
    enum signer_error error = reserve_locked(witness, extra);
    pthread_mutex_unlock(&witness->mutex);
    return error;
}

void witness_push(struct witness *witness, uint64_t seq, const uint8_t digest[32]) {
    pthread_mutex_lock(&witness->mutex);
    push_locked(witness, seq, digest);
    pthread_mutex_unlock(&witness->mutex);
}

void witness_push_all(struct witness *witness, const uint8_t *digests, size_t count) {
    pthread_mutex_lock(&witness->mutex);
    for (size_t i = 0; i < count; i++)
        push_locked(witness, 0, digests + 32 * i);
    pthread_mutex_unlock(&witness->mutex);
}

/* One chunk below the base stays: a carried record may still change a digest there. */
static void drop_chunks(struct witness *witness) {
    size_t below = (size_t)((witness->base - witness->origin) / WITNESS_CHUNK);
    if (below < 2) return;
    size_t gone = below - 1;
    uint64_t origin = witness->origin + gone * WITNESS_CHUNK;
    memcpy(witness->origin_previous, previous_of(witness, origin), 32);
    for (size_t i = 0; i < gone; i++)
        free(witness->chunks[i]);
    witness->chunk_count -= gone;
    memmove(witness->chunks, witness->chunks + gone, witness->chunk_count * sizeof *witness->chunks);
    witness->origin = origin;
}

void witness_rebase(struct witness *witness, uint64_t generation) {
    pthread_mutex_lock(&witness->mutex);
    if (generation > witness->base && generation <= witness->tip) {
        witness->base = generation;
        drop_chunks(witness);
    }
    pthread_mutex_unlock(&witness->mutex);
}

void witness_rechain(struct witness *witness, uint64_t old_seq, uint64_t seq, const uint8_t digest[32]) {
    pthread_mutex_lock(&witness->mutex);
    uint64_t generation = witness->tip;
    while (generation > witness->origin && entry_at(witness, generation)->seq > old_seq)
        generation--;
    struct witness_entry *entry = witness->has_base ? entry_at(witness, generation) : NULL;
    if (entry && entry->seq == old_seq && old_seq != 0) {
        entry->seq = seq;
        memcpy(entry->digest, digest, 32);
        if (generation == witness->purge_generation) witness->purge_seq = seq;
        if (witness->committed >= generation) {
            witness->committed = generation - 1;
            if (!witness->lazy) commit_up_to(witness, witness->tip);
        }
    }
    pthread_mutex_unlock(&witness->mutex);
}

void witness_purge(struct witness *witness, uint64_t seq) {
    pthread_mutex_lock(&witness->mutex);
    witness->purge_seq = seq;
    witness->purge_generation = witness->tip;
    pthread_mutex_unlock(&witness->mutex);
}

void witness_set_counters(struct witness *witness, uint64_t open_number, const uint64_t *purge_seq) {
    pthread_mutex_lock(&witness->mutex);
    witness->open_number = open_number;
    if (purge_seq) witness->purge_seq = *purge_seq;
    pthread_mutex_unlock(&witness->mutex);
}

void witness_counters(struct witness *witness, uint64_t *open_number, uint64_t *purge_seq) {
    pthread_mutex_lock(&witness->mutex);
    *open_number = witness->open_number;
    *purge_seq = witness->purge_seq;
    pthread_mutex_unlock(&witness->mutex);
}

bool witness_at(struct witness *witness, uint64_t generation, struct witness_point *out) {
    pthread_mutex_lock(&witness->mutex);
    bool retained = witness->has_base && generation >= witness->base && generation <= witness->tip;
    if (retained) {
        commit_up_to(witness, generation);
        const struct witness_entry *entry = entry_at(witness, generation);
        out->generation = generation;
        memcpy(out->previous_commitment, previous_of(witness, generation), 32);
        memcpy(out->image_digest, entry->digest, 32);
        memcpy(out->commitment, entry->commitment, 32);
    }
    pthread_mutex_unlock(&witness->mutex);
    return retained;
}

void witness_put_digests(struct witness *witness, uint64_t from, size_t count, struct buffer *out) {
    pthread_mutex_lock(&witness->mutex);
    if (buffer_reserve(out, 32 * count) == SIGNER_OK)
        for (size_t i = 0; i < count; i++)
            buffer_append(out, entry_at(witness, from + i)->digest, 32);
    pthread_mutex_unlock(&witness->mutex);
}

uint64_t witness_tip(struct witness *witness) {
    pthread_mutex_lock(&witness->mutex);
    uint64_t tip = witness->tip;
    pthread_mutex_unlock(&witness->mutex);
    return tip;
}

uint64_t witness_base(struct witness *witness) {
    pthread_mutex_lock(&witness->mutex);
    uint64_t base = witness->base;
    pthread_mutex_unlock(&witness->mutex);
    return base;
}
