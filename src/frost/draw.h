/* Randomness of the key generation: the ChaCha20 stream of one 32-byte seed, taken 32 bytes at a
 * time (frost 5). SECRET. */
#ifndef SIGNER_FROST_DRAW_H
#define SIGNER_FROST_DRAW_H

#include "curve/scalar.h"

#define DRAW_SEED_BYTES 32

struct draw {
    uint8_t seed[DRAW_SEED_BYTES];
    uint64_t taken; /* draws so far */
};

void draw_begin(struct draw *draw, const uint8_t seed[DRAW_SEED_BYTES]);
/* For the weights of checks, which decide no byte of any result: from libsodium's randomness, as the
 * blinding of the library's context is. */
void draw_begin_fresh(struct draw *draw);
void draw_bytes(struct draw *draw, uint8_t out[32]);
void draw_scalar(struct draw *draw, struct scalar *out); /* values not below n are skipped; zero is kept */
void draw_nonzero_scalar(struct draw *draw, struct scalar *out);
/* 128 bits, not zero: a weight of a batch of PUBLIC equations. */
void draw_weight(struct draw *draw, struct scalar *out);
void draw_end(struct draw *draw);

#endif
