/* Randomness of the key generation. */
#include "frost/draw.h"

#include <sodium.h>
#include <string.h>

void draw_begin(struct draw *draw, const uint8_t seed[DRAW_SEED_BYTES]) {
    memcpy(draw->seed, seed, DRAW_SEED_BYTES);
    draw->taken = 0;
}

void draw_begin_fresh(struct draw *draw) {
    randombytes_buf(draw->seed, DRAW_SEED_BYTES);
    draw->taken = 0;
}

void draw_bytes(struct draw *draw, uint8_t out[32]) {
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    uint8_t block[64] = {0};
    crypto_stream_chacha20_xor_ic(block, block, sizeof block, nonce, draw->taken / 2, draw->seed);
    memcpy(out, block + 32 * (draw->taken % 2), 32);
    draw->taken++;
    sodium_memzero(block, sizeof block);
}

void draw_scalar(struct draw *draw, struct scalar *out) {
    uint8_t raw[SCALAR_BYTES];
    do {
        draw_bytes(draw, raw);
    } while (!scalar_decode(out, raw));
    sodium_memzero(raw, sizeof raw);
}

void draw_nonzero_scalar(struct draw *draw, struct scalar *out) {
    do {
        draw_scalar(draw, out);
    } while (scalar_is_zero(out));
}

void draw_weight(struct draw *draw, struct scalar *out) {
    uint8_t raw[SCALAR_BYTES];
    draw_bytes(draw, raw);
    memset(raw, 0, SCALAR_BYTES / 2);
    scalar_decode(out, raw);
    if (scalar_is_zero(out)) scalar_set_u64(out, 1);
}

void draw_end(struct draw *draw) {
    sodium_memzero(draw, sizeof *draw);
}
