/* SHA-256 with the processor's instructions (FIPS 180-4; Intel's description of the SHA extensions). */
#include "curve/sha256.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__) && !defined(SIGNER_NO_KERNEL)
#define SHA256_INSTRUCTIONS
#include <cpuid.h>
#include <immintrin.h>
#endif

#define BLOCK_BYTES 64

#ifdef SHA256_INSTRUCTIONS
static bool instructions;

__attribute__((constructor)) static void look_for_instructions(void) {
    unsigned a, b = 0, c, d;
    bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
    instructions = sha && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) && (c & bit_SSSE3);
}

static const uint32_t ROUND_CONSTANTS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Four rounds; the words of the block stand in `words`, constants not yet added. */
#define FOUR_ROUNDS(at, words)                                                                                         \
    do {                                                                                                               \
        __m128i sum = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)(const void *)&ROUND_CONSTANTS[at]));      \
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);                                                                 \
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));                                        \
    } while (0)

/* w0 = the four words after w3 of the schedule. */
#define NEXT_WORDS(w0, w1, w2, w3)                                                                                     \
    w0 = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3)

__attribute__((target("sha,sse4.1,ssse3"))) static void compress(uint32_t state[8], const uint8_t *data,
                                                                 size_t blocks) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xF0);
    for (; blocks > 0; blocks--, data += BLOCK_BYTES) {
        const __m128i *in = (const __m128i *)(const void *)data;
        __m128i start_abef = abef, start_cdgh = cdgh;
        __m128i w0 = _mm_shuffle_epi8(_mm_loadu_si128(in), swap), w1 = _mm_shuffle_epi8(_mm_loadu_si128(in + 1), swap);
        __m128i w2 = _mm_shuffle_epi8(_mm_loadu_si128(in + 2), swap),
                w3 = _mm_shuffle_epi8(_mm_loadu_si128(in + 3), swap);
        for (int at = 0; at < 64; at += 16) {
            if (at) NEXT_WORDS(w0, w1, w2, w3);
            FOUR_ROUNDS(at, w0);
            if (at) NEXT_WORDS(w1, w2, w3, w0);
            FOUR_ROUNDS(at + 4, w1);
            if (at) NEXT_WORDS(w2, w3, w0, w1);
            FOUR_ROUNDS(at + 8, w2);
            if (at) NEXT_WORDS(w3, w0, w1, w2);
            FOUR_ROUNDS(at + 12, w3);
        }
        abef = _mm_add_epi32(abef, start_abef);
        cdgh = _mm_add_epi32(cdgh, start_cdgh);
    }
    low = _mm_shuffle_epi32(abef, 0x1B);
    high = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

static void update_by_instructions(crypto_hash_sha256_state *state, const uint8_t *data, size_t len) {
    size_t used = (size_t)(state->count >> 3) % BLOCK_BYTES, room = BLOCK_BYTES - used;
    state->count += (uint64_t)len << 3;
    if (len < room) {
        memcpy(state->buf + used, data, len);
        return;
    }
    if (used) {
        memcpy(state->buf + used, data, room);
        compress(state->state, state->buf, 1);
        data += room;
        len -= room;
    }
    compress(state->state, data, len / BLOCK_BYTES);
    memcpy(state->buf, data + len / BLOCK_BYTES * BLOCK_BYTES, len % BLOCK_BYTES);
}

static void finish_by_instructions(crypto_hash_sha256_state *state, uint8_t out[crypto_hash_sha256_BYTES]) {
    static const uint8_t padding[BLOCK_BYTES] = {0x80};
    uint64_t bits = htobe64(state->count);
    size_t used = (size_t)(state->count >> 3) % BLOCK_BYTES;
    update_by_instructions(state, padding, (used < 56 ? 56 : 120) - used);
    update_by_instructions(state, (const uint8_t *)&bits, sizeof bits);
    for (int i = 0; i < 8; i++) {
        uint32_t word = htobe32(state->state[i]);
        memcpy(out + 4 * i, &word, sizeof word);
    }
    sodium_memzero(state, sizeof *state);
}
#else
static const bool instructions = false;
static void update_by_instructions(crypto_hash_sha256_state *state, const uint8_t *data, size_t len) {
    crypto_hash_sha256_update(state, data, len);
}
static void finish_by_instructions(crypto_hash_sha256_state *state, uint8_t out[crypto_hash_sha256_BYTES]) {
    crypto_hash_sha256_final(state, out);
}
#endif

void sha256_begin(crypto_hash_sha256_state *state) {
    crypto_hash_sha256_init(state);
}

void sha256_update(crypto_hash_sha256_state *state, const void *data, size_t len) {
    if (len == 0) return;
    if (instructions)
        update_by_instructions(state, data, len);
    else
        crypto_hash_sha256_update(state, data, len);
}

void sha256_finish(crypto_hash_sha256_state *state, uint8_t out[crypto_hash_sha256_BYTES]) {
    if (instructions)
        finish_by_instructions(state, out);
    else
        crypto_hash_sha256_final(state, out);
}

const char *sha256_name(void) {
    return instructions ? "instructions" : "libsodium";
}
