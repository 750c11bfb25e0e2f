/* Arithmetic modulo the group order n, four 64-bit limbs, without a branch or an index that depends
 * on a value. 2^256 = FOLD mod n with FOLD of 129 bits, so a wide product is brought down by
 * folding its high part three times. */
#include "curve/scalar.h"

#include <sodium.h>

typedef unsigned __int128 wide;

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
static uint64_t subtract_order(uint64_t out[4], const uint64_t a[4]) {
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        wide difference = (wide)a[i] - ORDER[i] - borrow;
        out[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    return borrow;
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
    sodium_memzero(reduced, sizeof reduced);
}

/* out[0..low_len) = low + high * FOLD; the caller knows that the sum fits. */
static void fold(uint64_t *out, size_t out_len, const uint64_t low[4], const uint64_t *high, size_t high_len) {
    for (size_t i = 0; i < out_len; i++)
        out[i] = i < 4 ? low[i] : 0;
    for (size_t i = 0; i < high_len; i++) {
        uint64_t carry = 0;
        for (size_t j = 0; i + j < out_len; j++) {
            wide sum = (wide)high[i] * (j < 3 ? FOLD[j] : 0) + out[i + j] + carry;
            out[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
    }
}

/* 512 bits, little-endian limbs, modulo n. 385, then 260, then 257 bits are left. */
static void reduce_512(struct scalar *out, const uint64_t value[8]) {
    uint64_t first[7], second[5], third[5];
    fold(first, 7, value, value + 4, 4);
    fold(second, 5, first, first + 4, 3);
    fold(third, 5, second, second + 4, 1);
    reduce_once(out, third, third[4]);
    sodium_memzero(first, sizeof first);
    sodium_memzero(second, sizeof second);
    sodium_memzero(third, sizeof third);
}

bool scalar_decode(struct scalar *out, const uint8_t in[SCALAR_BYTES]) {
    uint64_t reduced[4];
    for (int i = 0; i < 4; i++)
        out->limb[i] = load64(in + 8 * (3 - i));
    uint64_t below = subtract_order(reduced, out->limb);
    sodium_memzero(reduced, sizeof reduced);
    if (!below) scalar_clear(out);
    return below;
}

void scalar_reduce(struct scalar *out, const uint8_t in[SCALAR_BYTES]) {
    uint64_t value[4];
    for (int i = 0; i < 4; i++)
        value[i] = load64(in + 8 * (3 - i));
    reduce_once(out, value, 0);
    sodium_memzero(value, sizeof value);
}

void scalar_reduce_wide(struct scalar *out, const uint8_t in[48]) {
    uint64_t value[8] = {0};
    for (int i = 0; i < 6; i++)
        value[i] = load64(in + 8 * (5 - i));
    reduce_512(out, value);
    sodium_memzero(value, sizeof value);
}

void scalar_encode(uint8_t out[SCALAR_BYTES], const struct scalar *in) {
    for (int i = 0; i < 32; i++)
        out[i] = (uint8_t)(in->limb[3 - i / 8] >> (56 - 8 * (i % 8)));
}

void scalar_set_u64(struct scalar *out, uint64_t value) {
    *out = (struct scalar){{value, 0, 0, 0}};
}

void scalar_add(struct scalar *out, const struct scalar *a, const struct scalar *b) {
    uint64_t sum[4], carry = 0;
    for (int i = 0; i < 4; i++) {
        wide limb = (wide)a->limb[i] + b->limb[i] + carry;
        sum[i] = (uint64_t)limb;
        carry = (uint64_t)(limb >> 64);
    }
    reduce_once(out, sum, carry);
    sodium_memzero(sum, sizeof sum);
}

void scalar_negate(struct scalar *out, const struct scalar *a) {
    uint64_t any = a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3];
    uint64_t mask = 0 - ((any | (0 - any)) >> 63); /* 0 stays 0 */
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        wide difference = (wide)ORDER[i] - a->limb[i] - borrow;
        out->limb[i] = (uint64_t)difference & mask;
        borrow = (uint64_t)(difference >> 64) & 1;
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
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; j++) {
            wide sum = (wide)a->limb[i] * b->limb[j] + product[i + j] + carry;
            product[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        product[i + 4] = carry;
    }
    reduce_512(out, product);
    sodium_memzero(product, sizeof product);
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
    return sodium_is_zero((const unsigned char *)a->limb, sizeof a->limb);
}

bool scalar_equal(const struct scalar *a, const struct scalar *b) {
    return sodium_memcmp(a->limb, b->limb, sizeof a->limb) == 0;
}

void scalar_clear(struct scalar *inout) {
    sodium_memzero(inout, sizeof *inout);
}
