/* Splits a PUBLIC factor by the endomorphism of the curve, lambda * (x, y) = (beta * x, y): two halves
 * of 128 bits, each as digits of some width with at least width - 1 zeros between them. Variable time. */
#ifndef SIGNER_CURVE_ENDOMORPHISM_H
#define SIGNER_CURVE_ENDOMORPHISM_H

#include "curve/field.h"
#include "curve/scalar.h"

#define DIGIT_WIDTH 5
#define BASE_DIGIT_WIDTH 8 /* of the factor of G, whose multiples are kept */
#define DIGIT_PLACES 129   /* of a value below 2^128 */
#define DIGITS_MAX 26      /* one in five places at most */

/* A cube root of one modulo p and modulo n, and the constants that split a scalar along the short
 * basis of {(a, b): a + b * lambda = 0 mod n}: -b1, -b2, and round(2^384 * b2 / n), round(-2^384 * b1 / n). */
static const struct field BETA = {{0xC1396C28719501EEu, 0x9CF0497512F58995u, 0x6E64479EAC3434E9u, 0x7AE96A2B657C0710u}};
static const struct scalar LAMBDA = {
    {0xDF02967C1B23BD72u, 0x122E22EA20816678u, 0xA5261C028812645Au, 0x5363AD4CC05C30E0u}};
static const struct scalar MINUS_B1 = {{0x6F547FA90ABFE4C3u, 0xE4437ED6010E8828u, 0, 0}};
static const struct scalar MINUS_B2 = {
    {0xD765CDA83DB1562Cu, 0x8A280AC50774346Du, 0xFFFFFFFFFFFFFFFEu, 0xFFFFFFFFFFFFFFFFu}};
static const uint64_t SPLIT_G1[4] = {0xE893209A45DBB031u, 0x3DAA8A1471E8CA7Fu, 0xE86C90E49284EB15u,
                                     0x3086D221A7D46BCDu};
static const uint64_t SPLIT_G2[4] = {0x1571B4AE8AC47F71u, 0x221208AC9DF506C6u, 0x6F547FA90ABFE4C4u,
                                     0xE4437ED6010E8828u};

/* One nonzero digit: odd, below 2^(width-1) in size, times 2^place. */
struct digit {
    uint8_t place;
    int8_t value;
};

struct digits {
    uint8_t count;
    struct digit at[DIGITS_MAX];
};

/* round(a * b / 2^384) */
static inline void mul_shift_384(struct scalar *out, const struct scalar *a, const uint64_t b[4]) {
    uint64_t product[8] = {0};
    for (int i = 0; i < 4; i++)
        limb_mul_row(product + i, a->limb[i], b);
    *out = (struct scalar){{product[6], product[7], 0, 0}};
    uint64_t carry = limb_add(&out->limb[0], out->limb[0], product[5] >> 63, 0);
    out->limb[2] = limb_add(&out->limb[1], out->limb[1], 0, carry);
}

/* factor = low + high * lambda, both within 128 bits after a negation. */
static inline void split_factor(struct scalar *low, struct scalar *high, const struct scalar *factor) {
    struct scalar c1, c2, product;
    mul_shift_384(&c1, factor, SPLIT_G1);
    mul_shift_384(&c2, factor, SPLIT_G2);
    scalar_mul(&c1, &c1, &MINUS_B1);
    scalar_mul(&c2, &c2, &MINUS_B2);
    scalar_add(high, &c1, &c2);
    scalar_mul(&product, high, &LAMBDA);
    scalar_sub(low, factor, &product);
}

/* One of the two parts of a factor: below 2^128 in size. */
struct half {
    unsigned __int128 value;
    bool negative;
};

/* False: a part is no 128-bit one with either sign, which split_factor never gives. */
static inline bool split_halves(struct half out[2], const struct scalar *factor) {
    struct scalar parts[2];
    split_factor(&parts[0], &parts[1], factor);
    for (int i = 0; i < 2; i++) {
        out[i].negative = (parts[i].limb[2] | parts[i].limb[3]) != 0;
        scalar_negate_if(&parts[i], out[i].negative);
        if (parts[i].limb[2] | parts[i].limb[3]) return false;
        out[i].value = (limb_wide)parts[i].limb[1] << 64 | parts[i].limb[0];
    }
    return true;
}

/* `width` is DIGIT_WIDTH or BASE_DIGIT_WIDTH. */
static inline void write_digits(struct digits *out, const struct half *in, int width) {
    limb_wide rest = in->value;
    out->count = 0;
    for (int place = 0; rest;) {
        uint64_t low = (uint64_t)rest;
        int zeros = low ? __builtin_ctzll(low) : 64;
        rest >>= zeros;
        place += zeros;
        if (zeros == 64) continue;
        int window = (int)((uint64_t)rest & ((1u << width) - 1));
        rest >>= width;
        if (window >> (width - 1)) {
            window -= 1 << width;
            rest += 1;
        }
        out->at[out->count++] = (struct digit){(uint8_t)place, (int8_t)(in->negative ? -window : window)};
        place += width;
    }
}

#endif
