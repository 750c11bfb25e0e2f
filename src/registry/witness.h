/* The witness history: one image digest and one commitment per generation since the base (sealed-store
 * 20.1, 35.8; D-088, D-089). Carried records change their digest outside the engine mutex, so it has
 * a lock of its own, a leaf. */
#ifndef SIGNER_REGISTRY_WITNESS_H
#define SIGNER_REGISTRY_WITNESS_H

#include <pthread.h>

#include "curve/sha256.h"
#include "registry/state.h"

#define WITNESS_CHUNK 512u

struct witness_entry {
    uint64_t seq; /* of the record; 0 when it came from a snapshot */
    uint8_t digest[32];
    uint8_t commitment[32];
};

struct witness {
    pthread_mutex_t mutex;
    uint8_t fingerprint[32];
    crypto_hash_sha256_state commitment_start; /* over what every commitment of this store begins with */
    bool lazy;                                 /* commitments are worked out where somebody asks */
    bool has_base;
    uint64_t base;
    uint64_t tip;
    uint64_t committed;          /* up to this generation the entries have their commitment */
    uint64_t origin;             /* generation of the first entry of chunks[0], at most the base */
    uint8_t origin_previous[32]; /* commitment before it */
    struct witness_entry **chunks;
    size_t chunk_count;
    size_t chunk_capacity;
    uint64_t open_number;
    uint64_t purge_seq;
    uint64_t purge_generation; /* of the record with purge_seq; 0 when a snapshot told it */
};

/* `lazy`: for a state that is only passed on, which needs hardly a commitment. */
enum signer_error witness_init(struct witness *witness, bool lazy);
void witness_free(struct witness *witness);
void witness_set_store(struct witness *witness, const uint8_t store_id[32]);
/* Generation 1: the absent image on the genesis root. */
enum signer_error witness_genesis(struct witness *witness);
enum signer_error witness_set_base(struct witness *witness, uint64_t generation, const uint8_t previous[32],
                                   const uint8_t digest[32]);
/* Room for `extra` more generations, then pushing cannot fail. */
enum signer_error witness_reserve(struct witness *witness, size_t extra);
void witness_push(struct witness *witness, uint64_t seq, const uint8_t digest[32]);
/* The same for `count` digests of 32 bytes that came from a snapshot. */
void witness_push_all(struct witness *witness, const uint8_t *digests, size_t count);
/* The base moves up to a retained generation. */
void witness_rebase(struct witness *witness, uint64_t generation);
void witness_rechain(struct witness *witness, uint64_t old_seq, uint64_t seq, const uint8_t digest[32]);
/* The record of the tip is a PURGE. */
void witness_purge(struct witness *witness, uint64_t seq);
/* From a snapshot, or (`purge_seq` NULL) from an OPEN. */
void witness_set_counters(struct witness *witness, uint64_t open_number, const uint64_t *purge_seq);
void witness_counters(struct witness *witness, uint64_t *open_number, uint64_t *purge_seq);
bool witness_at(struct witness *witness, uint64_t generation, struct witness_point *out);
/* Appends the image digests of `count` retained generations from `from` on. */
void witness_put_digests(struct witness *witness, uint64_t from, size_t count, struct buffer *out);
uint64_t witness_tip(struct witness *witness);
uint64_t witness_base(struct witness *witness);

#endif
