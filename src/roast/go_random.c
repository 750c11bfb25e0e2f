/* Go's rngSource and Shuffle, with the seeding table recomputed (roast 4.1, 4.2). */
#include "roast/go_random.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"

#define LAG GO_RANDOM_WORDS
#define SHORT_LAG 273
#define FIRST_FEED (LAG - SHORT_LAG)
#define MODULUS 2147483647
#define ZERO_SEED 89482311
#define WARM_UP 20
#define TABLE_CALLS 7800000000000u

static const uint8_t table_sha256[crypto_hash_sha256_BYTES] = {
    0x71, 0xca, 0x56, 0x84, 0x1e, 0x25, 0xce, 0x19, 0x4c, 0x26, 0x00, 0xfa, 0xac, 0x90, 0x6b, 0xb8,
    0x4e, 0x97, 0xd2, 0x68, 0xa3, 0xbc, 0x45, 0x3f, 0xf9, 0xf1, 0xa1, 0x41, 0x0a, 0xf1, 0xd2, 0x28,
};

static uint64_t table[LAG];
static uint64_t jumps[LAG]; /* where the seeding with 1 stands before each word; times the seed for any other */
static bool table_good;
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

/* 48271 * x mod (2^31 - 1), 1 <= x <= 2^31 - 2. */
static uint64_t step(uint64_t x) {
    return x * 48271u % MODULUS;
}

static uint64_t warm_up(uint64_t x) {
    for (int i = 0; i < WARM_UP; i++)
        x = step(x);
    return x;
}

/* Both seedings of the additive generator: Go's has shifts 40 and 20, the table's 20 and 10. */
static uint64_t next_word(uint64_t *x, unsigned high, unsigned middle) {
    const uint64_t first = step(*x), second = step(first), third = step(second);
    *x = third;
    return first << high ^ second << middle ^ third;
}

/* Where the word of call `k` lies (k from -606, which is the first word, upwards). */
static size_t index_of_call(uint64_t calls, size_t t) {
    uint64_t position = (calls + LAG + 1 + t) % LAG; /* calls - 606 + t, modulo 607 */
    return (size_t)((FIRST_FEED + LAG - position) % LAG);
}

/* x^607 = x^334 + 1, because y_k = y_(k-273) + y_(k-607). */
static void reduce(uint64_t product[2 * LAG]) {
    for (int d = 2 * LAG - 1; d >= LAG; d--) {
        product[d - LAG] += product[d];
        product[d - SHORT_LAG] += product[d];
    }
}

/* out = x^exponent modulo x^607 - x^334 - 1, over the integers modulo 2^64. */
static void power_of_x(uint64_t out[LAG], uint64_t exponent) {
    uint64_t product[2 * LAG];
    memset(out, 0, LAG * sizeof *out);
    out[0] = 1;
    for (int bit = 63; bit >= 0; bit--) {
        memset(product, 0, sizeof product);
        size_t up = exponent >> bit & 1u;
        for (int i = 0; i < LAG; i++)
            for (size_t j = 0; out[i] && j < LAG; j++)
                product[(size_t)i + j + up] += out[i] * out[j];
        reduce(product);
        memcpy(out, product, LAG * sizeof *out);
    }
}

void go_random_table(uint64_t out[GO_RANDOM_WORDS], uint64_t calls) {
    uint64_t initial[LAG], sequence[2 * LAG], power[LAG];
    uint64_t x = warm_up(1);
    for (size_t i = 0; i < LAG; i++)
        initial[i] = next_word(&x, 20, 10);
    for (size_t j = 0; j < LAG; j++)
        sequence[j] = initial[index_of_call(0, j)];
    for (size_t j = LAG; j < 2 * LAG; j++)
        sequence[j] = sequence[j - LAG] + sequence[j - SHORT_LAG];
    power_of_x(power, calls);
    for (size_t t = 0; t < LAG; t++) {
        uint64_t word = 0;
        for (size_t j = 0; j < LAG; j++)
            word += power[j] * sequence[j + t];
        out[index_of_call(calls, t)] = word;
    }
}

static void make_table(void) {
    uint8_t digest[crypto_hash_sha256_BYTES], raw[8];
    crypto_hash_sha256_state hash;
    go_random_table(table, TABLE_CALLS);
    crypto_hash_sha256_init(&hash);
    for (int i = 0; i < LAG; i++) {
        store_be64(raw, table[i]);
        crypto_hash_sha256_update(&hash, raw, sizeof raw);
    }
    crypto_hash_sha256_final(&hash, digest);
    uint64_t x = warm_up(1);
    for (int i = 0; i < LAG; i++) {
        jumps[i] = x;
        next_word(&x, 20, 10);
    }
    table_good = memcmp(digest, table_sha256, sizeof digest) == 0;
}

static bool table_is_good(void) {
    pthread_once(&table_once, make_table);
    return table_good;
}

bool go_random_seed(struct go_random *out, int64_t seed) {
    if (!table_is_good()) return false;
    seed %= MODULUS;
    if (seed < 0) seed += MODULUS;
    if (seed == 0) seed = ZERO_SEED;
    out->seed = (uint64_t)seed;
    out->calls = 0;
    out->tap = 0;
    out->feed = FIRST_FEED;
    return true;
}

static uint64_t seeded_word(const struct go_random *random, size_t i) {
    uint64_t x = random->seed * jumps[i] % MODULUS;
    return next_word(&x, 40, 20) ^ table[i];
}

/* A word is seeded where it is read for the first time: an election needs a few of them. */
uint64_t go_random_u64(struct go_random *inout) {
    inout->tap = (inout->tap ? inout->tap : LAG) - 1;
    inout->feed = (inout->feed ? inout->feed : LAG) - 1;
    if (inout->calls < LAG) inout->words[inout->feed] = seeded_word(inout, inout->feed);
    if (inout->calls < SHORT_LAG) inout->words[inout->tap] = seeded_word(inout, inout->tap);
    inout->calls++;
    inout->words[inout->feed] += inout->words[inout->tap];
    return inout->words[inout->feed];
}

/* Uint32 = Int63 >> 31: bits 31 to 62. */
static uint32_t draw_u32(struct go_random *random) {
    return (uint32_t)(go_random_u64(random) >> 31);
}

/* The unexported int31n of Shuffle: multiply and shift, with rejection. */
static uint32_t draw_below(struct go_random *random, uint32_t bound) {
    uint64_t product = (uint64_t)draw_u32(random) * bound;
    if ((uint32_t)product < bound) {
        uint32_t threshold = (uint32_t)-bound % bound;
        while ((uint32_t)product < threshold)
            product = (uint64_t)draw_u32(random) * bound;
    }
    return (uint32_t)(product >> 32);
}

bool go_shuffle(uint16_t *items, size_t count, int64_t seed) {
    struct go_random random;
    if (!go_random_seed(&random, seed)) return false;
    for (size_t i = count; i > 1; i--) {
        uint32_t j = draw_below(&random, (uint32_t)i);
        uint16_t swapped = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swapped;
    }
    return true;
}
