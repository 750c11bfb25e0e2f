/* Arithmetic modulo the group order n, four 64-bit limbs, without a branch or an index that depends
 * on a value. 2^256 = FOLD mod n with FOLD of 129 bits, so a wide product is brought down by
 * folding its high part three times. */
#include "curve/scalar.h"

#include <sodium.h>

#include "curve/limb.h"

/* More than any chain of these functions, or the library below them, puts on the stack. */
#define SCRUB_BYTES 8192

static const uint64_t ORDER[4] = {0xBFD25E8CD0364141u, 0xBAAEDCE6AF48A03Bu, 0xFFFFFFFFFFFFFFFEu, 0xFFFFFFFFFFFFFFFFu};
/* 2^256 - n */
static const uint64_t FOLD[3] = {0x402DA1732FC9BEBFu, 0x4551231950B75FC4u, 1};

static uint64_t load64(const uint8_t in[8]) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = (value << 8) | in[i];
    return value;
}

/* out = a - n; the borrow, 1 where a < n. */
static inline uint64_t subtract_order(uint64_t out[4], const uint64_t a[4]) {
    uint64_t borrow = limb_sub(&out[0], a[0], ORDER[0], 0);
    borrow = limb_sub(&out[1], a[1], ORDER[1], borrow);
    borrow = limb_sub(&out[2], a[2], ORDER[2], borrow);
    return limb_sub(&out[3], a[3], ORDER[3], borrow);
}

/* out = a + b; the carry. */
static inline uint64_t add_limbs(uint64_t out[4], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t carry = limb_add(&out[0], a[0], b[0], 0);
    carry = limb_add(&out[1], a[1], b[1], carry);
    carry = limb_add(&out[2], a[2], b[2], carry);
    return limb_add(&out[3], a[3], b[3], carry);
}

static void select_limbs(uint64_t out[4], const uint64_t a[4], const uint64_t b[4], uint64_t take_a) {
    uint64_t mask = 0 - take_a;
    for (int i = 0; i < 4; i++)
        out[i] = (a[i] & mask) | (b[i] & ~mask);
}

/* value + carry * 2^256, below 2n, to below n. */
static void reduce_once(struct scalar *out, const uint64_t value[4], uint64_t carry) {
    uint64_t reduced[4];
    uint64_t below = subtract_order(reduced, value) & (carry ^ 1);
    select_limbs(out->limb, value, reduced, below);
}

/* out = low + high * FOLD */
static inline void fold(uint64_t out[7], const uint64_t low[4], const uint64_t high[4]) {
    uint64_t carry = limb_mul(&out[0], high[0], FOLD[0], low[0], 0);
    carry = limb_mul(&out[1], high[1], FOLD[0], low[1], carry);
    carry = limb_mul(&out[2], high[2], FOLD[0], low[2], carry);
    out[4] = limb_mul(&out[3], high[3], FOLD[0], low[3], carry);
    out[5] = 0;
    limb_mul_row(out + 1, FOLD[1], high);
    out[6] = add_limbs(out + 2, out + 2, high); /* FOLD[2] = 1 */
}

/* 512 bits, little-endian limbs, modulo n. 386, then 260, then 257 bits are left. */
static void reduce_512(struct scalar *out, const uint64_t value[8]) {
    uint64_t first[8], second[8], third[7];
    fold(first, value, value + 4);
    first[7] = 0;
    fold(second, first, first + 4);
    second[7] = 0;
    fold(third, second, second + 4);
    reduce_once(out, third, third[4]);
}

bool scalar_decode(struct scalar *out, const uint8_t in[SCALAR_BYTES]) {
    uint64_t reduced[4];
    for (int i = 0; i < 4; i++)
        out->limb[i] = load64(in + 8 * (3 - i));
    const uint64_t below = subtract_order(reduced, out->limb);
    for (int i = 0; i < 4; i++)
        out->limb[i] &= -below;
    return below;
}

void scalar_reduce(struct scalar *out, const uint8_t in[SCALAR_BYTES]) {
    uint64_t value[4];
    for (int i = 0; i < 4; i++)
        value[i] = load64(in + 8 * (3 - i));
    reduce_once(out, value, 0);
}

void scalar_reduce_wide(struct scalar *out, const uint8_t in[48]) {
    uint64_t value[8] = {0};
    for (int i = 0; i < 6; i++)
        value[i] = load64(in + 8 * (5 - i));
    reduce_512(out, value);
}

void scalar_encode(uint8_t out[SCALAR_BYTES], const struct scalar *in) {
    for (int i = 0; i < 32; i++)
        out[i] = (uint8_t)(in->limb[3 - i / 8] >> (56 - 8 * (i % 8)));
}

void scalar_set_u64(struct scalar *out, uint64_t value) {
    *out = (struct scalar){{value, 0, 0, 0}};
}

void scalar_add(struct scalar *out, const struct scalar *a, const struct scalar *b) {
    uint64_t sum[4];
    uint64_t carry = add_limbs(sum, a->limb, b->limb);
    reduce_once(out, sum, carry);
}

void scalar_negate(struct scalar *out, const struct scalar *a) {
    uint64_t any = a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3];
    uint64_t mask = 0 - ((any | (0 - any)) >> 63); /* 0 stays 0 */
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        borrow = limb_sub(&out->limb[i], ORDER[i], a->limb[i], borrow);
        out->limb[i] &= mask;
    }
}

void scalar_sub(struct scalar *out, const struct scalar *a, const struct scalar *b) {
    struct scalar negated;
    scalar_negate(&negated, b);
    scalar_add(out, a, &negated);
    scalar_clear(&negated);
}

void scalar_mul(struct scalar *out, const struct scalar *a, const struct scalar *b) {
    uint64_t product[8] = {0};
    limb_mul_row(product, a->limb[0], b->limb);
    limb_mul_row(product + 1, a->limb[1], b->limb);
    limb_mul_row(product + 2, a->limb[2], b->limb);
    limb_mul_row(product + 3, a->limb[3], b->limb);
    reduce_512(out, product);
}

void scalar_negate_if(struct scalar *inout, bool condition) {
    struct scalar negated;
    scalar_negate(&negated, inout);
    select_limbs(inout->limb, negated.limb, inout->limb, (uint64_t)condition);
    scalar_clear(&negated);
}

/* a^(n-2): the exponent is public, so its digits may decide. */
void scalar_inverse(struct scalar *out, const struct scalar *a) {
    struct scalar powers[16], result;
    scalar_set_u64(&powers[0], 1);
    for (int i = 1; i < 16; i++)
        scalar_mul(&powers[i], &powers[i - 1], a);
    scalar_set_u64(&result, 1);
    for (int i = 63; i >= 0; i--) {
        for (int j = 0; j < 4; j++)
            scalar_mul(&result, &result, &result);
        uint64_t limb = ORDER[i / 16] - (i < 16 ? 2 : 0);
        unsigned digit = (unsigned)(limb >> (4 * (i % 16))) & 15u;
        if (digit) scalar_mul(&result, &result, &powers[digit]);
    }
    *out = result;
    sodium_memzero(powers, sizeof powers);
    scalar_clear(&result);
}

/* Zeros take the place of a 1 in the running product. Which entries are zero is not hidden. */
void scalar_inverse_batch(struct scalar *inout, size_t count, struct scalar *scratch) {
    struct scalar product, inverse;
    scalar_set_u64(&product, 1);
    for (size_t i = 0; i < count; i++) {
        scratch[i] = product;
        if (!scalar_is_zero(&inout[i])) scalar_mul(&product, &product, &inout[i]);
    }
    scalar_inverse(&inverse, &product);
    for (size_t i = count; i-- > 0;) {
        if (scalar_is_zero(&inout[i])) continue;
        struct scalar value = inout[i];
        scalar_mul(&inout[i], &inverse, &scratch[i]);
        scalar_mul(&inverse, &inverse, &value);
        scalar_clear(&value);
    }
    scalar_clear(&product);
    scalar_clear(&inverse);
}

bool scalar_is_zero(const struct scalar *a) {
    return (a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

bool scalar_equal(const struct scalar *a, const struct scalar *b) {
    uint64_t difference = 0;
    for (size_t i = 0; i < 4; i++)
        difference |= a->limb[i] ^ b->limb[i];
    return difference == 0;
}

void scalar_scrub_stack(void) {
    sodium_stackzero(SCRUB_BYTES);
}

void scalar_clear(struct scalar *inout) {
    sodium_memzero(inout, sizeof *inout);
}
