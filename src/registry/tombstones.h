/* Tombstones of evicted sessions (D-123): SHA-256 of the session id, key group, highest attempt
 * number. Up to TOMBSTONES_MAX, found by digest; 4096 buckets, each ascending by digest, so that the
 * order of the snapshot costs nothing. */
#ifndef SIGNER_REGISTRY_TOMBSTONES_H
#define SIGNER_REGISTRY_TOMBSTONES_H

#include "base/error.h"
#include "registry/groups.h"

#define TOMBSTONE_BUCKETS 4096u

struct tombstone {
    uint8_t digest[32];
    uint32_t highest;
    struct key_group *group; /* NULL: imported without one */
};

struct tombstones {
    struct tombstone_bucket {
        struct tombstone *items;
        uint32_t count;
        uint32_t capacity;
    } * buckets;
    size_t count;
};

enum signer_error tombstones_init(struct tombstones *tombstones);
void tombstones_free(struct tombstones *tombstones);
const struct tombstone *tombstones_find(const struct tombstones *tombstones, const uint8_t digest[32]);
bool tombstones_same_bucket(const uint8_t a[32], const uint8_t b[32]);
/* Makes room for `extra` more in the bucket of this digest. */
enum signer_error tombstones_reserve(struct tombstones *tombstones, const uint8_t digest[32], uint32_t extra);
/* Adds or raises; the room was reserved. */
void tombstones_put(struct tombstones *tombstones, const struct tombstone *tombstone);
/* In ascending order: the `at`-th of the bucket. */
const struct tombstone *tombstones_at(const struct tombstones *tombstones, size_t bucket, size_t at);

#endif
