/* Go's math/rand of old (rngSource: additive lagged Fibonacci, lags 607 and 273) and its Shuffle,
 * which elect the coordinator (roast 4). Frozen protocol: another sequence is another protocol.
 *
 * The 607 words that Go XORs into its seeding are not copied: they are computed once a process from
 * the recipe of roast 4.2 (a few milliseconds) and compared with their SHA-256. Thread safe. */
#ifndef SIGNER_ROAST_GO_RANDOM_H
#define SIGNER_ROAST_GO_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GO_RANDOM_WORDS 607

struct go_random {
    uint64_t words[GO_RANDOM_WORDS]; /* seeded where they are first read */
    uint64_t seed;                   /* 1 to 2^31 - 2 */
    uint64_t calls;
    size_t tap;
    size_t feed;
};

/* rand.NewSource(seed). False when the computed table is not the expected one: then nobody may be elected,
 * and `out` is unusable. */
bool go_random_seed(struct go_random *out, int64_t seed);
uint64_t go_random_u64(struct go_random *inout);
/* rand.Shuffle over `items` with a source of `seed`. Fewer than two items draw nothing.
 * False as go_random_seed, `items` untouched. */
bool go_shuffle(uint16_t *items, size_t count, int64_t seed);

/* The generator's state after `calls` steps from the table's own seeding (roast 4.2): the table
 * itself is that of 7 800 000 000 000 calls. Cost grows with log2(calls). */
void go_random_table(uint64_t out[GO_RANDOM_WORDS], uint64_t calls);

#endif
