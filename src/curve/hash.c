/* Hashes of the ciphersuite over libsodium's SHA-256. Inputs may be secret (nonces), so every
 * intermediate value is wiped. */
#include "curve/hash.h"

#include <string.h>

static void update_parts(crypto_hash_sha256_state *state, const struct bytes *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (parts[i].len) sha256_update(state, parts[i].data, parts[i].len);
}

void sha256(uint8_t out[HASH_BYTES], const void *data, size_t len) {
    struct bytes part = {data, len};
    sha256_parts(out, &part, 1);
}

void sha256_parts(uint8_t out[HASH_BYTES], const struct bytes *parts, size_t count) {
    crypto_hash_sha256_state state;
    sha256_begin(&state);
    update_parts(&state, parts, count);
    sha256_finish(&state, out);
    sodium_memzero(&state, sizeof state);
}

void tagged_hash(uint8_t out[HASH_BYTES], const char *tag, const struct bytes *parts, size_t count) {
    uint8_t tag_hash[HASH_BYTES];
    crypto_hash_sha256_state state;
    sha256(tag_hash, tag, strlen(tag));
    sha256_begin(&state);
    sha256_update(&state, tag_hash, sizeof tag_hash);
    sha256_update(&state, tag_hash, sizeof tag_hash);
    update_parts(&state, parts, count);
    sha256_finish(&state, out);
    sodium_memzero(&state, sizeof state);
}

void scalar_hasher_begin(struct scalar_hasher *hasher, const char *dst, const struct bytes *prefix, size_t count) {
    static const uint8_t zeros[64];
    hasher->dst = dst;
    sha256_begin(&hasher->prefix);
    sha256_update(&hasher->prefix, zeros, sizeof zeros);
    update_parts(&hasher->prefix, prefix, count);
}

/* One block b_i = SHA256(seed || index || dst || len(dst)). */
static void expand_block(uint8_t out[HASH_BYTES], const uint8_t seed[HASH_BYTES], uint8_t index, const char *dst) {
    uint8_t dst_len = (uint8_t)strlen(dst);
    const struct bytes parts[] = {{seed, HASH_BYTES}, {&index, 1}, {(const uint8_t *)dst, dst_len}, {&dst_len, 1}};
    sha256_parts(out, parts, sizeof parts / sizeof parts[0]);
}

static void expand_finish(uint8_t out[HASH_WIDE_BYTES], const struct scalar_hasher *hasher, const struct bytes *rest,
                          size_t count) {
    static const uint8_t length_and_zero[3] = {0, HASH_WIDE_BYTES, 0};
    uint8_t dst_len = (uint8_t)strlen(hasher->dst);
    uint8_t b0[HASH_BYTES], b1[HASH_BYTES], b2[HASH_BYTES];
    crypto_hash_sha256_state state = hasher->prefix;
    update_parts(&state, rest, count);
    sha256_update(&state, length_and_zero, sizeof length_and_zero);
    sha256_update(&state, (const uint8_t *)hasher->dst, dst_len);
    sha256_update(&state, &dst_len, 1);
    sha256_finish(&state, b0);
    expand_block(b1, b0, 1, hasher->dst);
    for (size_t i = 0; i < HASH_BYTES; i++)
        b0[i] ^= b1[i];
    expand_block(b2, b0, 2, hasher->dst);
    memcpy(out, b1, HASH_BYTES);
    memcpy(out + HASH_BYTES, b2, HASH_WIDE_BYTES - HASH_BYTES);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(b0, sizeof b0);
    sodium_memzero(b1, sizeof b1);
    sodium_memzero(b2, sizeof b2);
}

void scalar_hasher_finish(struct scalar *out, const struct scalar_hasher *hasher, const struct bytes *rest,
                          size_t count) {
    uint8_t expanded[HASH_WIDE_BYTES];
    expand_finish(expanded, hasher, rest, count);
    scalar_reduce_wide(out, expanded);
    sodium_memzero(expanded, sizeof expanded);
}

void hash_expand_48(uint8_t out[HASH_WIDE_BYTES], const char *dst, const struct bytes *parts, size_t count) {
    struct scalar_hasher hasher;
    scalar_hasher_begin(&hasher, dst, parts, count);
    expand_finish(out, &hasher, NULL, 0);
    sodium_memzero(&hasher, sizeof hasher);
}

void hash_to_scalar(struct scalar *out, const char *dst, const struct bytes *parts, size_t count) {
    uint8_t expanded[HASH_WIDE_BYTES];
    hash_expand_48(expanded, dst, parts, count);
    scalar_reduce_wide(out, expanded);
    sodium_memzero(expanded, sizeof expanded);
}
