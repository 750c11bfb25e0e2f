/* The shuffle of Go's math/rand (rngSource, seeded), its 607-word table recomputed at first use
 * and checked against its hash (roast 4.1, 4.2). Thread safe after the first call. */
#ifndef SIGNER_ROAST_GO_RANDOM_H
#define SIGNER_ROAST_GO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void go_shuffle(uint16_t *items, size_t count, int64_t seed);

#endif
