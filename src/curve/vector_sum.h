/* Sums of few terms, one lane a half of a factor: every lane goes through the same doublings and additions,
 * without a branch, since every digit of the recoding is odd. PUBLIC points, variable time. */
#ifndef SIGNER_CURVE_VECTOR_SUM_H
#define SIGNER_CURVE_VECTOR_SUM_H

#include "curve/batch.h"

#define CHAIN_WIDTH 4
#define CHAIN_PLACES 32 /* digits of CHAIN_WIDTH bits: 128 */
#define CHAIN_ENTRIES 8 /* P, 3P, … 15P */
#define CHAIN_VECTORS 4 /* of eight lanes at most */

VECTOR_CODE_BEGIN

struct jacobian8 {
    struct field8 x, y, z;
};

/* The chain of eight lanes. Table entries are affine on a curve of their own, reached by (x Z^2, y Z^3) with
 * Z = `scale`. */
struct chain {
    struct affine8 table[CHAIN_ENTRIES];
    struct field8 scale;
    struct jacobian8 value;
    int8_t digits[CHAIN_PLACES][VECTOR_LANES];
    __mmask8 even, negative; /* lanes whose factor was made odd by adding one; whose factor is negative */
};

/* No halving, unlike the scalar formula: with s = Y^2, e = X^2: X' = 9 e^2 - 8 X s, Y' = 3 e (4 X s - X') - 8 s^2,
 * Z' = 2 Y Z. What is added to a product goes into its carries. */
static inline void jacobian8_double(struct jacobian8 *inout) {
    struct field8 e, e3, s, xs, t;
    field8_sqr(&s, &inout->y);
    field8_sqr(&e, &inout->x);
    field8_mul_double(&inout->z, &inout->y, &inout->z);
    field8_mul(&xs, &inout->x, &s);
    field8_set_zero(&t);
    field8_lift(&t, 8);
    field8_take(&t, &xs, 3);
    field8_nine_sqr_plus(&inout->x, &e, &t);
    e3 = e;
    field8_put(&e3, &e, 1);
    field8_carry(&e3);
    field8_set_zero(&t);
    field8_lift(&t, 1);
    field8_put(&t, &xs, 2);
    field8_take(&t, &inout->x, 0);
    field8_carry(&t);
    field8_sqr(&s, &s);
    field8_set_zero(&xs);
    field8_lift(&xs, 8);
    field8_take(&xs, &s, 3);
    field8_mul_plus(&inout->y, &t, &e3, &xs);
}

/* inout += other. The factor that Z grew by, 0 where the points were equal or opposite, goes to `growth`: then
 * Z is 0 and stays so. */
static inline void jacobian8_add_affine(struct jacobian8 *inout, const struct affine8 *other, struct field8 *growth) {
    struct field8 zz, h, r, hh, hhh, v, t, minus_x, minus_y;
    field8_set_zero(&minus_x);
    field8_lift(&minus_x, 1);
    field8_take(&minus_x, &inout->x, 0);
    field8_set_zero(&minus_y);
    field8_lift(&minus_y, 1);
    field8_take(&minus_y, &inout->y, 0);
    field8_sqr(&zz, &inout->z);
    field8_mul(&r, &inout->z, &other->y);
    field8_mul_plus(&h, &other->x, &zz, &minus_x);
    field8_mul_plus(&r, &zz, &r, &minus_y);
    field8_carry(&minus_y);
    field8_sqr(&hh, &h);
    field8_mul(&inout->z, &inout->z, &h);
    field8_mul(&v, &inout->x, &hh);
    field8_mul(&hhh, &hh, &h);
    field8_set_zero(&t);
    field8_lift(&t, 3);
    field8_take(&t, &hhh, 0);
    field8_take(&t, &v, 1);
    field8_sqr_plus(&inout->x, &r, &t);
    field8_sub(&v, &v, &inout->x);
    field8_mul_twice(&inout->y, &v, &r, &minus_y, &hhh);
    *growth = h;
}

static inline void affine8_scale(struct affine8 *inout, const struct field8 *z) {
    struct field8 power;
    field8_sqr(&power, z);
    field8_mul(&inout->x, &inout->x, &power);
    field8_mul(&power, &power, z);
    field8_mul(&inout->y, &inout->y, &power);
}

/* P, 3P, … on the curve where 2P is affine, then all brought to the denominator of the last. */
static inline void chain_make_table(struct chain *chain, const struct affine8 *point) {
    struct jacobian8 twice = {.x = point->x, .y = point->y}, sum;
    struct affine8 step;
    struct field8 growth[CHAIN_ENTRIES], scale;
    field8_set_one(&twice.z);
    jacobian8_double(&twice);
    step = (struct affine8){twice.x, twice.y};
    chain->table[0] = *point;
    affine8_scale(&chain->table[0], &twice.z);
    sum = (struct jacobian8){.x = chain->table[0].x, .y = chain->table[0].y};
    field8_set_one(&sum.z);
    for (int k = 1; k < CHAIN_ENTRIES; k++) {
        jacobian8_add_affine(&sum, &step, &growth[k]);
        chain->table[k] = (struct affine8){sum.x, sum.y};
    }
    field8_mul(&chain->scale, &sum.z, &twice.z);
    scale = growth[CHAIN_ENTRIES - 1];
    for (int k = CHAIN_ENTRIES - 2; k >= 0; k--) {
        affine8_scale(&chain->table[k], &scale);
        if (k > 0) field8_mul(&scale, &scale, &growth[k]);
    }
}

/* Negates the lanes of `mask`. */
static inline void affine8_negate(struct affine8 *inout, __mmask8 mask) {
    struct field8 minus;
    field8_set_zero(&minus);
    field8_sub(&minus, &minus, &inout->y);
    field8_blend(&inout->y, mask, &minus);
}

/* The entries of the digits of one place. */
static inline void chain_entry(struct affine8 *out, const struct chain *chain, int place) {
    __m512i digit = _mm512_cvtepi8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)chain->digits[place]));
    __m512i index = _mm512_srli_epi64(_mm512_abs_epi64(digit), 1);
    *out = chain->table[0];
    for (int k = 1; k < CHAIN_ENTRIES; k++) {
        __mmask8 here = _mm512_cmpeq_epi64_mask(index, vector_set(k));
        field8_blend(&out->x, here, &chain->table[k].x);
        field8_blend(&out->y, here, &chain->table[k].y);
    }
    affine8_negate(out, _mm512_movepi64_mask(digit));
}

/* Odd digits of a value below 2^(4 * places): each place takes its lowest bit for one and gives the difference
 * to the place below. A value of zero has no lane. */
static inline void chain_set_factor(struct chain *chain, int lane, const struct half *factor, int places) {
    if (!(factor->value & 1)) chain->even |= (__mmask8)(1u << lane);
    if (factor->negative) chain->negative |= (__mmask8)(1u << lane);
    for (int i = 0; i < places; i++) {
        int window = (int)(factor->value >> (CHAIN_WIDTH * i)) & 31;
        int digit = i == places - 1 ? window | 1 : (window | 1) - 16;
        chain->digits[i][lane] = (int8_t)(factor->negative ? -digit : digit);
    }
}

/* From the digits of the top place. */
static inline void chain_begin(struct chain *chain, int places) {
    struct affine8 entry;
    chain_entry(&entry, chain, places - 1);
    chain->value = (struct jacobian8){.x = entry.x, .y = entry.y};
    field8_set_one(&chain->value.z);
}

/* Takes back what made factors odd. */
static inline void chain_end(struct chain *chain) {
    struct jacobian8 less = chain->value;
    struct affine8 entry = chain->table[0];
    struct field8 growth;
    affine8_negate(&entry, (__mmask8)~chain->negative);
    jacobian8_add_affine(&less, &entry, &growth);
    field8_blend(&chain->value.x, chain->even, &less.x);
    field8_blend(&chain->value.y, chain->even, &less.y);
    field8_blend(&chain->value.z, chain->even, &less.z);
    field8_mul(&chain->value.z, &chain->value.z, &chain->scale);
}

/* All chains in step, so that their latencies hide each other. */
static inline void chains_run(struct chain *chains, size_t count, int places) {
    for (size_t i = 0; i < count; i++)
        chain_begin(&chains[i], places);
    for (int place = places - 2; place >= 0; place--) {
        for (int k = 0; k < CHAIN_WIDTH; k++)
            for (size_t i = 0; i < count; i++)
                jacobian8_double(&chains[i].value);
        for (size_t i = 0; i < count; i++) {
            struct affine8 entry;
            struct field8 growth;
            chain_entry(&entry, &chains[i], place);
            jacobian8_add_affine(&chains[i].value, &entry, &growth);
        }
    }
    for (size_t i = 0; i < count; i++)
        chain_end(&chains[i]);
}

VECTOR_CODE_END

#endif
