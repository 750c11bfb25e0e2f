/* Tombstones of evicted sessions. */
#include "registry/tombstones.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define BUCKET_FIRST_CAPACITY 4u

/* The first 12 bits. */
static size_t bucket_number(const uint8_t digest[32]) {
    return (size_t)digest[0] << 4 | digest[1] >> 4;
}

bool tombstones_same_bucket(const uint8_t a[32], const uint8_t b[32]) {
    return bucket_number(a) == bucket_number(b);
}

static struct tombstone_bucket *bucket_of(const struct tombstones *tombstones, const uint8_t digest[32]) {
    return &tombstones->buckets[bucket_number(digest)];
}

/* Where the digest is in the bucket, or belongs. */
static bool locate(const struct tombstone_bucket *bucket, const uint8_t digest[32], uint32_t *at) {
    uint32_t low = 0;
    uint32_t high = bucket->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(digest, bucket->items[middle].digest, 32);
        if (order == 0) {
            *at = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *at = low;
    return false;
}

enum signer_error tombstones_init(struct tombstones *tombstones) {
    tombstones->count = 0;
    tombstones->buckets = signer_calloc(TOMBSTONE_BUCKETS, sizeof *tombstones->buckets);
    return tombstones->buckets ? SIGNER_OK : ERR_OUT_OF_MEMORY;
}

void tombstones_free(struct tombstones *tombstones) {
    if (!tombstones->buckets) return;
    for (size_t i = 0; i < TOMBSTONE_BUCKETS; i++)
        free(tombstones->buckets[i].items);
    free(tombstones->buckets);
    tombstones->buckets = NULL;
}

const struct tombstone *tombstones_find(const struct tombstones *tombstones, const uint8_t digest[32]) {
    const struct tombstone_bucket *bucket = bucket_of(tombstones, digest);
    uint32_t at = 0;
    return locate(bucket, digest, &at) ? &bucket->items[at] : NULL;
}

enum signer_error tombstones_reserve(struct tombstones *tombstones, const uint8_t digest[32], uint32_t extra) {
    struct tombstone_bucket *bucket = bucket_of(tombstones, digest);
    if (extra <= bucket->capacity - bucket->count) return SIGNER_OK;
    uint32_t capacity = bucket->capacity ? bucket->capacity : BUCKET_FIRST_CAPACITY;
    while (capacity - bucket->count < extra)
        capacity *= 2;
    struct tombstone *items = signer_realloc(bucket->items, capacity * sizeof *items);
    if (!items) return ERR_OUT_OF_MEMORY;
    bucket->items = items;
    bucket->capacity = capacity;
    return SIGNER_OK;
}

void tombstones_put(struct tombstones *tombstones, const struct tombstone *tombstone) {
    struct tombstone_bucket *bucket = bucket_of(tombstones, tombstone->digest);
    uint32_t at = 0;
    if (locate(bucket, tombstone->digest, &at)) {
        bucket->items[at].highest = tombstone->highest;
        return;
    }
    memmove(&bucket->items[at + 1], &bucket->items[at], (bucket->count - at) * sizeof *bucket->items);
    bucket->items[at] = *tombstone;
    bucket->count++;
    tombstones->count++;
    if (tombstone->group) tombstone->group->tombstones++;
}

const struct tombstone *tombstones_at(const struct tombstones *tombstones, size_t bucket, size_t at) {
    return at < tombstones->buckets[bucket].count ? &tombstones->buckets[bucket].items[at] : NULL;
}
