/* The field of secp256k1 for PUBLIC values: variable time, never near a secret. Four 64-bit limbs that
 * hold any representative below 2^256; 2^256 = FIELD_FOLD modulo p, so an overflow comes back as that
 * constant. Only field_normalize gives the one representative below p. Inline: the kernel lives on it. */
#ifndef SIGNER_CURVE_FIELD_H
#define SIGNER_CURVE_FIELD_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "curve/limb.h"

#define FIELD_BYTES 32
#define FIELD_FOLD 0x1000003D1ull

struct field {
    uint64_t limb[4];
};

ALWAYS_INLINE uint64_t field_add_limbs(struct field *out, const struct field *a, const uint64_t b[4]) {
    uint64_t carry = limb_add(&out->limb[0], a->limb[0], b[0], 0);
    carry = limb_add(&out->limb[1], a->limb[1], b[1], carry);
    carry = limb_add(&out->limb[2], a->limb[2], b[2], carry);
    return limb_add(&out->limb[3], a->limb[3], b[3], carry);
}

ALWAYS_INLINE uint64_t field_sub_limbs(struct field *out, const struct field *a, const uint64_t b[4]) {
    uint64_t borrow = limb_sub(&out->limb[0], a->limb[0], b[0], 0);
    borrow = limb_sub(&out->limb[1], a->limb[1], b[1], borrow);
    borrow = limb_sub(&out->limb[2], a->limb[2], b[2], borrow);
    return limb_sub(&out->limb[3], a->limb[3], b[3], borrow);
}

/* An overflow of 2^256 comes back as FIELD_FOLD. Where that overflows once more, the value is below
 * FIELD_FOLD and the last addition cannot. */
ALWAYS_INLINE void field_add(struct field *out, const struct field *a, const struct field *b) {
    const uint64_t fold[4] = {(0 - field_add_limbs(out, a, b->limb)) & FIELD_FOLD, 0, 0, 0};
    if (__builtin_expect(field_add_limbs(out, out, fold) != 0, 0)) out->limb[0] += FIELD_FOLD;
}

/* The mirror image: after a second borrow the value is above 2^256 - FIELD_FOLD. */
ALWAYS_INLINE void field_sub(struct field *out, const struct field *a, const struct field *b) {
    const uint64_t fold[4] = {(0 - field_sub_limbs(out, a, b->limb)) & FIELD_FOLD, 0, 0, 0};
    if (__builtin_expect(field_sub_limbs(out, out, fold) != 0, 0)) out->limb[0] -= FIELD_FOLD;
}

ALWAYS_INLINE void field_negate(struct field *out, const struct field *a) {
    static const struct field zero;
    field_sub(out, &zero, a);
}

/* 512 bits to 256. */
ALWAYS_INLINE void field_reduce(struct field *out, const uint64_t value[8]) {
    uint64_t carry = limb_mul(&out->limb[0], value[4], FIELD_FOLD, value[0], 0);
    carry = limb_mul(&out->limb[1], value[5], FIELD_FOLD, value[1], carry);
    carry = limb_mul(&out->limb[2], value[6], FIELD_FOLD, value[2], carry);
    carry = limb_mul(&out->limb[3], value[7], FIELD_FOLD, value[3], carry);
    limb_wide top = (limb_wide)carry * FIELD_FOLD; /* up to 67 bits */
    const uint64_t fold[4] = {(uint64_t)top, (uint64_t)(top >> 64), 0, 0};
    if (__builtin_expect(field_add_limbs(out, out, fold) != 0, 0)) {
        const uint64_t again[4] = {FIELD_FOLD, 0, 0, 0}; /* the value is below 2^67 now */
        field_add_limbs(out, out, again);
    }
}

ALWAYS_INLINE void field_mul_portable(struct field *out, const struct field *a, const struct field *b) {
    uint64_t product[8] = {0};
    limb_mul_row(product, a->limb[0], b->limb);
    limb_mul_row(product + 1, a->limb[1], b->limb);
    limb_mul_row(product + 2, a->limb[2], b->limb);
    limb_mul_row(product + 3, a->limb[3], b->limb);
    field_reduce(out, product);
}

/* The mixed products once, doubled, then the squares on one chain of carries. */
ALWAYS_INLINE void field_sqr_portable(struct field *out, const struct field *a) {
    const uint64_t *limb = a->limb;
    uint64_t product[8], low[4], high[4];
    uint64_t carry = limb_mul(&product[1], limb[0], limb[1], 0, 0);
    carry = limb_mul(&product[2], limb[0], limb[2], 0, carry);
    product[4] = limb_mul(&product[3], limb[0], limb[3], 0, carry);
    carry = limb_mul(&product[3], limb[1], limb[2], product[3], 0);
    product[5] = limb_mul(&product[4], limb[1], limb[3], product[4], carry);
    product[6] = limb_mul(&product[5], limb[2], limb[3], product[5], 0);
    for (int i = 0; i < 4; i++)
        high[i] = limb_mul(&low[i], limb[i], limb[i], 0, 0);
    carry = 0;
    for (int i = 1; i < 7; i++)
        carry = limb_add(&product[i], product[i], product[i], carry);
    product[7] = carry;
    product[0] = low[0];
    carry = limb_add(&product[1], product[1], high[0], 0);
    for (int i = 1; i < 4; i++) {
        carry = limb_add(&product[2 * i], product[2 * i], low[i], carry);
        carry = limb_add(&product[2 * i + 1], product[2 * i + 1], high[i], carry);
    }
    field_reduce(out, product);
}

/* A file that is reached behind the check of the processor defines SIGNER_FIELD_ADX before this header. */
#ifdef SIGNER_FIELD_ADX
#include "curve/field_adx.h"
#define field_mul field_mul_adx
#define field_sqr field_sqr_adx
#else
#define field_mul field_mul_portable
#define field_sqr field_sqr_portable
#endif

ALWAYS_INLINE void field_double(struct field *out, const struct field *a) {
    field_add(out, a, a);
}

/* An odd value becomes even by adding p, which is odd. */
ALWAYS_INLINE void field_halve(struct field *out, const struct field *a) {
    static const uint64_t modulus[4] = {0 - FIELD_FOLD, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint64_t mask = 0 - (a->limb[0] & 1);
    const uint64_t odd[4] = {modulus[0] & mask, modulus[1] & mask, modulus[2] & mask, modulus[3] & mask};
    uint64_t carry = field_add_limbs(out, a, odd);
    out->limb[0] = out->limb[0] >> 1 | out->limb[1] << 63;
    out->limb[1] = out->limb[1] >> 1 | out->limb[2] << 63;
    out->limb[2] = out->limb[2] >> 1 | out->limb[3] << 63;
    out->limb[3] = out->limb[3] >> 1 | carry << 63;
}

/* Brings the value below p. */
static inline void field_normalize(struct field *inout) {
    const uint64_t fold[4] = {FIELD_FOLD, 0, 0, 0};
    struct field reduced;
    if (field_add_limbs(&reduced, inout, fold)) *inout = reduced;
}

static inline bool field_is_zero(const struct field *a) {
    if ((a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3]) == 0) return true;
    return a->limb[0] == 0 - FIELD_FOLD && (a->limb[1] & a->limb[2] & a->limb[3]) == UINT64_MAX;
}

static inline void field_decode(struct field *out, const uint8_t in[FIELD_BYTES]) { /* any 256 bits */
    for (int i = 0; i < 4; i++) {
        uint64_t limb;
        memcpy(&limb, in + 8 * (3 - i), sizeof limb);
        out->limb[i] = be64toh(limb);
    }
}

static inline void field_encode(uint8_t out[FIELD_BYTES], const struct field *in) { /* below p */
    struct field value = *in;
    field_normalize(&value);
    for (int i = 0; i < 4; i++) {
        uint64_t limb = htobe64(value.limb[3 - i]);
        memcpy(out + 8 * i, &limb, sizeof limb);
    }
}

static inline bool field_equal(const struct field *a, const struct field *b) {
    struct field difference;
    field_sub(&difference, a, b);
    return field_is_zero(&difference);
}

#endif
