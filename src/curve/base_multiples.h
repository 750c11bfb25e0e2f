/* Multiples of G kept for sums over PUBLIC values: odd ones, of G and of 2^32, 2^64 and 2^96 times G, so that
 * a multiple of G alone takes 32 doublings in place of 128. Variable time. */
#ifndef SIGNER_CURVE_BASE_MULTIPLES_H
#define SIGNER_CURVE_BASE_MULTIPLES_H

#include "curve/endomorphism.h"
#include "curve/group.h"

#define BASE_BLOCKS 4
#define BASE_BLOCK_PLACES 32
#define BASE_ENTRIES (1 << (BASE_DIGIT_WIDTH - 2))

/* odd[b][i] = (2i + 1) * 2^(32 b) * G */
struct base_multiples {
    struct affine odd[BASE_BLOCKS][BASE_ENTRIES];
};

static inline void base_multiples_make(struct base_multiples *out, const struct affine *generator) {
    struct jacobian power = {.infinity = true}, twice, multiples[BASE_ENTRIES];
    struct field scratch[BASE_ENTRIES];
    jacobian_add_affine(&power, generator);
    for (int block = 0; block < BASE_BLOCKS; block++) {
        multiples[0] = twice = power;
        jacobian_double(&twice);
        for (int i = 1; i < BASE_ENTRIES; i++) {
            multiples[i] = multiples[i - 1];
            jacobian_add(&multiples[i], &twice);
        }
        jacobian_normalize(out->odd[block], multiples, BASE_ENTRIES, scratch);
        for (int i = 0; i < BASE_BLOCK_PLACES; i++)
            jacobian_double(&power);
    }
}

/* digit * 2^(32 * block) * G, times lambda in the second half. */
static inline void base_entry(struct affine *out, const struct base_multiples *multiples, int block, int half,
                              int digit) {
    *out = multiples->odd[block][(digit < 0 ? -digit : digit) / 2];
    if (half) field_mul(&out->x, &out->x, &BETA);
    if (digit < 0) affine_negate(out);
}

/* The digits of a split factor from the top place of every block downwards; with one block that is all. */
struct base_walk {
    const struct digits *halves;
    int blocks;
    uint8_t first[2][BASE_BLOCKS], end[2][BASE_BLOCKS]; /* digits of the block that are left */
};

static inline void base_walk_begin(struct base_walk *walk, const struct digits halves[2], int blocks) {
    walk->halves = halves;
    walk->blocks = blocks;
    for (int half = 0; half < 2; half++) {
        uint8_t at = 0;
        for (int block = 0; block < blocks; block++) {
            walk->first[half][block] = at;
            while (at < halves[half].count &&
                   (block == blocks - 1 || halves[half].at[at].place < (block + 1) * BASE_BLOCK_PLACES))
                at++;
            walk->end[half][block] = at;
        }
    }
}

/* The next point at `place` within its block; false: none is left there. */
static inline bool base_walk_next(struct affine *out, struct base_walk *walk, const struct base_multiples *multiples,
                                  int place) {
    for (int half = 0; half < 2; half++) {
        for (int block = 0; block < walk->blocks; block++) {
            uint8_t *end = &walk->end[half][block];
            if (*end == walk->first[half][block]) continue;
            const struct digit *digit = &walk->halves[half].at[*end - 1];
            if (digit->place - block * BASE_BLOCK_PLACES != place) continue;
            --*end;
            base_entry(out, multiples, block, half, digit->value);
            return true;
        }
    }
    return false;
}

#endif
