/* Eight elements of the PUBLIC field side by side, in AVX-512 with 52-bit multiplications (IFMA). Five limbs of
 * 52 bits; every function takes and gives the weak form: limbs 0 to 3 below 2^52, the top one below 2^49, the
 * value below 2^256 + 2^214 and not unique modulo p. Reached behind the check in kernel.c only. */
#ifndef SIGNER_CURVE_VECTOR_FIELD_H
#define SIGNER_CURVE_VECTOR_FIELD_H

#include <immintrin.h>
#include <stddef.h>

#include "curve/field.h"

/* Around code with vectors, and no other: the compiler would move whole points by one load right after they
 * were written limb by limb, which the processor has to wait for. */
/* clang-format off */
#ifdef __clang__
#define VECTOR_CODE_BEGIN \
    _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512dq,avx512vl,avx512ifma\"))), apply_to = function)")
#define VECTOR_CODE_END _Pragma("clang attribute pop")
#else
#define VECTOR_CODE_BEGIN _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512dq,avx512vl,avx512ifma\")")
#define VECTOR_CODE_END _Pragma("GCC pop_options")
#endif
/* clang-format on */

#define VECTOR_LANES 8
#define VECTOR_LIMBS 5
#define LIMB52_MASK 0xFFFFFFFFFFFFFll
#define TOP48_MASK 0xFFFFFFFFFFFFll

VECTOR_CODE_BEGIN

struct field8 {
    __m512i limb[VECTOR_LIMBS];
};

static inline __m512i vector_set(int64_t value) {
    return _mm512_set1_epi64(value);
}

/* Limbs below 2^62 to the weak form: what is above 2^256 comes back as FIELD_FOLD, then one chain of carries. */
ALWAYS_INLINE void field8_carry(struct field8 *inout) {
    const __m512i mask = vector_set(LIMB52_MASK);
    __m512i *limb = inout->limb;
    __m512i top = _mm512_srli_epi64(limb[4], 48);
    limb[4] = _mm512_and_si512(limb[4], vector_set(TOP48_MASK));
    limb[0] = _mm512_madd52lo_epu64(limb[0], top, vector_set(FIELD_FOLD));
    for (int i = 0; i < VECTOR_LIMBS - 1; i++) {
        limb[i + 1] = _mm512_add_epi64(limb[i + 1], _mm512_srli_epi64(limb[i], 52));
        limb[i] = _mm512_and_si512(limb[i], mask);
    }
}

/* A product as ten limbs of 52 bits and what is above them: below 2^60, the last one below 2^50. */
struct product8 {
    __m512i limb[2 * VECTOR_LIMBS];
};

/* The product modulo p, plus `plus` of limbs below 2^60 (NULL: nothing): 2^260 is 16 * FIELD_FOLD. The bits of a limb
 * above its 52 count in the next. */
ALWAYS_INLINE void field8_reduce(struct field8 *out, const struct product8 *product, const struct field8 *plus) {
    const __m512i fold = vector_set(FIELD_FOLD << 4), zero = _mm512_setzero_si512();
    const __m512i *t = product->limb;
    __m512i top = _mm512_madd52hi_epu64(zero, t[9], fold);
    struct field8 even, odd;
    for (int i = 0; i < VECTOR_LIMBS; i++)
        odd.limb[i] = plus ? plus->limb[i] : zero;
    odd.limb[0] = _mm512_madd52lo_epu64(odd.limb[0], top, fold);
    odd.limb[1] = _mm512_madd52hi_epu64(odd.limb[1], top, fold);
    for (int i = 0; i < VECTOR_LIMBS; i++)
        even.limb[i] = _mm512_madd52lo_epu64(t[i], t[i + 5], fold);
    for (int i = 1; i < VECTOR_LIMBS; i++) {
        even.limb[i] = _mm512_madd52hi_epu64(even.limb[i], t[i + 4], fold);
        odd.limb[i] = _mm512_madd52lo_epu64(odd.limb[i], _mm512_srli_epi64(t[i + 4], 52), fold);
    }
    for (int i = 0; i < VECTOR_LIMBS; i++)
        out->limb[i] = _mm512_add_epi64(even.limb[i], odd.limb[i]);
    field8_carry(out);
}

/* The low and the high halves of all products of two limbs, apart until the end. */
struct halves8 {
    __m512i low[2 * VECTOR_LIMBS - 1], high[2 * VECTOR_LIMBS - 1];
};

ALWAYS_INLINE void halves8_clear(struct halves8 *out) {
    for (int k = 0; k < 2 * VECTOR_LIMBS - 1; k++)
        out->low[k] = out->high[k] = _mm512_setzero_si512();
}

ALWAYS_INLINE void halves8_put(struct halves8 *inout, const struct field8 *a, const struct field8 *b) {
#pragma GCC unroll 5
    for (int i = 0; i < VECTOR_LIMBS; i++) {
#pragma GCC unroll 5
        for (int j = 0; j < VECTOR_LIMBS; j++) {
            inout->low[i + j] = _mm512_madd52lo_epu64(inout->low[i + j], a->limb[i], b->limb[j]);
            inout->high[i + j] = _mm512_madd52hi_epu64(inout->high[i + j], a->limb[i], b->limb[j]);
        }
    }
}

ALWAYS_INLINE void halves8_join(struct product8 *out, const struct halves8 *in) {
    out->limb[0] = in->low[0];
    out->limb[9] = in->high[8];
    for (int k = 1; k < 2 * VECTOR_LIMBS - 1; k++)
        out->limb[k] = _mm512_add_epi64(in->low[k], in->high[k - 1]);
}

/* a * b, plus c * d where they are no NULL */
ALWAYS_INLINE void product8_multiply(struct product8 *out, const struct field8 *a, const struct field8 *b,
                                     const struct field8 *c, const struct field8 *d) {
    struct halves8 halves;
    halves8_clear(&halves);
    halves8_put(&halves, a, b);
    if (c) halves8_put(&halves, c, d);
    halves8_join(out, &halves);
}

/* The mixed products once, doubled, then the squares. */
ALWAYS_INLINE void product8_square(struct product8 *out, const struct field8 *a) {
    struct halves8 halves;
    halves8_clear(&halves);
#pragma GCC unroll 5
    for (int i = 0; i < VECTOR_LIMBS; i++) {
#pragma GCC unroll 5
        for (int j = i + 1; j < VECTOR_LIMBS; j++) {
            halves.low[i + j] = _mm512_madd52lo_epu64(halves.low[i + j], a->limb[i], a->limb[j]);
            halves.high[i + j] = _mm512_madd52hi_epu64(halves.high[i + j], a->limb[i], a->limb[j]);
        }
    }
    for (int k = 1; k < 2 * VECTOR_LIMBS - 2; k++) {
        halves.low[k] = _mm512_add_epi64(halves.low[k], halves.low[k]);
        halves.high[k] = _mm512_add_epi64(halves.high[k], halves.high[k]);
    }
#pragma GCC unroll 5
    for (int i = 0; i < VECTOR_LIMBS; i++) {
        halves.low[2 * i] = _mm512_madd52lo_epu64(halves.low[2 * i], a->limb[i], a->limb[i]);
        halves.high[2 * i] = _mm512_madd52hi_epu64(halves.high[2 * i], a->limb[i], a->limb[i]);
    }
    halves8_join(out, &halves);
}

/* -- sums: the parts leave limbs above their bits, and what ends a sum carries them ----------------- */

ALWAYS_INLINE void field8_set_zero(struct field8 *out) {
    for (int i = 0; i < VECTOR_LIMBS; i++)
        out->limb[i] = _mm512_setzero_si512();
}

/* inout += factor * 2p, whose limbs lie above those of `factor` weak values. */
ALWAYS_INLINE void field8_lift(struct field8 *inout, int64_t factor) {
    inout->limb[0] = _mm512_add_epi64(inout->limb[0], vector_set(factor * 2 * (LIMB52_MASK + 1 - (int64_t)FIELD_FOLD)));
    for (int i = 1; i < VECTOR_LIMBS - 1; i++)
        inout->limb[i] = _mm512_add_epi64(inout->limb[i], vector_set(factor * 2 * LIMB52_MASK));
    inout->limb[4] = _mm512_add_epi64(inout->limb[4], vector_set(factor * 2 * TOP48_MASK));
}

/* inout += a * 2^shift */
ALWAYS_INLINE void field8_put(struct field8 *inout, const struct field8 *a, unsigned shift) {
    for (int i = 0; i < VECTOR_LIMBS; i++)
        inout->limb[i] = _mm512_add_epi64(inout->limb[i], _mm512_slli_epi64(a->limb[i], shift));
}

/* inout -= a * 2^shift; lifted by 2^shift before */
ALWAYS_INLINE void field8_take(struct field8 *inout, const struct field8 *a, unsigned shift) {
    for (int i = 0; i < VECTOR_LIMBS; i++)
        inout->limb[i] = _mm512_sub_epi64(inout->limb[i], _mm512_slli_epi64(a->limb[i], shift));
}

ALWAYS_INLINE void field8_add(struct field8 *out, const struct field8 *a, const struct field8 *b) {
    struct field8 sum = *a;
    field8_put(&sum, b, 0);
    field8_carry(&sum);
    *out = sum;
}

ALWAYS_INLINE void field8_sub(struct field8 *out, const struct field8 *a, const struct field8 *b) {
    struct field8 sum = *a;
    field8_lift(&sum, 1);
    field8_take(&sum, b, 0);
    field8_carry(&sum);
    *out = sum;
}

/* -- products, plus a sum that is not carried -------------------------------------------------------------- */

ALWAYS_INLINE void field8_mul_plus(struct field8 *out, const struct field8 *a, const struct field8 *b,
                                   const struct field8 *plus) {
    struct product8 product;
    product8_multiply(&product, a, b, NULL, NULL);
    field8_reduce(out, &product, plus);
}

/* 2 a * b */
ALWAYS_INLINE void field8_mul_double(struct field8 *out, const struct field8 *a, const struct field8 *b) {
    struct product8 product;
    product8_multiply(&product, a, b, NULL, NULL);
    for (int k = 0; k < 2 * VECTOR_LIMBS; k++)
        product.limb[k] = _mm512_add_epi64(product.limb[k], product.limb[k]);
    field8_reduce(out, &product, NULL);
}

/* a * b + c * d */
ALWAYS_INLINE void field8_mul_twice(struct field8 *out, const struct field8 *a, const struct field8 *b,
                                    const struct field8 *c, const struct field8 *d) {
    struct product8 product;
    product8_multiply(&product, a, b, c, d);
    field8_reduce(out, &product, NULL);
}

ALWAYS_INLINE void field8_sqr_plus(struct field8 *out, const struct field8 *a, const struct field8 *plus) {
    struct product8 product;
    product8_square(&product, a);
    field8_reduce(out, &product, plus);
}

/* 9 a^2 + plus */
ALWAYS_INLINE void field8_nine_sqr_plus(struct field8 *out, const struct field8 *a, const struct field8 *plus) {
    struct product8 product;
    product8_square(&product, a);
    for (int k = 0; k < 2 * VECTOR_LIMBS; k++)
        product.limb[k] = _mm512_add_epi64(product.limb[k], _mm512_slli_epi64(product.limb[k], 3));
    field8_reduce(out, &product, plus);
}

ALWAYS_INLINE void field8_mul(struct field8 *out, const struct field8 *a, const struct field8 *b) {
    field8_mul_plus(out, a, b, NULL);
}

ALWAYS_INLINE void field8_sqr(struct field8 *out, const struct field8 *a) {
    field8_sqr_plus(out, a, NULL);
}

/* -- lanes -------------------------------------------------------------------------------------------- */

ALWAYS_INLINE void field8_set_one(struct field8 *out) {
    field8_set_zero(out);
    out->limb[0] = vector_set(1);
}

/* Lanes of `mask` from `other`. */
ALWAYS_INLINE void field8_blend(struct field8 *inout, __mmask8 mask, const struct field8 *other) {
    for (int i = 0; i < VECTOR_LIMBS; i++)
        inout->limb[i] = _mm512_mask_mov_epi64(inout->limb[i], mask, other->limb[i]);
}

/* The lanes that are zero modulo p: in weak form these are 0 and p alone. */
ALWAYS_INLINE __mmask8 field8_zeros(const struct field8 *a) {
    const __m512i zero = _mm512_setzero_si512();
    __m512i middle = _mm512_and_si512(_mm512_and_si512(a->limb[1], a->limb[2]), a->limb[3]);
    __m512i any = zero;
    for (int i = 0; i < VECTOR_LIMBS; i++)
        any = _mm512_or_si512(any, a->limb[i]);
    __mmask8 is_p = _mm512_cmpeq_epi64_mask(middle, vector_set(LIMB52_MASK));
    is_p &= _mm512_cmpeq_epi64_mask(a->limb[0], vector_set(LIMB52_MASK + 1 - (int64_t)FIELD_FOLD));
    is_p &= _mm512_cmpeq_epi64_mask(a->limb[4], vector_set(TOP48_MASK));
    return (__mmask8)(_mm512_cmpeq_epi64_mask(any, zero) | is_p);
}

/* From four limbs of 64 bits, one vector each. */
ALWAYS_INLINE void field8_from_limbs(struct field8 *out, const __m512i in[4]) {
    const __m512i mask = vector_set(LIMB52_MASK);
    out->limb[0] = _mm512_and_si512(in[0], mask);
    out->limb[1] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(in[0], 52), _mm512_slli_epi64(in[1], 12)), mask);
    out->limb[2] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(in[1], 40), _mm512_slli_epi64(in[2], 24)), mask);
    out->limb[3] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64(in[2], 28), _mm512_slli_epi64(in[3], 36)), mask);
    out->limb[4] = _mm512_srli_epi64(in[3], 16);
}

ALWAYS_INLINE void field8_to_limbs(__m512i out[4], const struct field8 *in) {
    struct field8 value = *in;
    field8_carry(&value); /* below 2^256 now */
    out[0] = _mm512_or_si512(value.limb[0], _mm512_slli_epi64(value.limb[1], 52));
    out[1] = _mm512_or_si512(_mm512_srli_epi64(value.limb[1], 12), _mm512_slli_epi64(value.limb[2], 40));
    out[2] = _mm512_or_si512(_mm512_srli_epi64(value.limb[2], 24), _mm512_slli_epi64(value.limb[3], 28));
    out[3] = _mm512_or_si512(_mm512_srli_epi64(value.limb[3], 36), _mm512_slli_epi64(value.limb[4], 16));
}

ALWAYS_INLINE void field8_load(struct field8 *out, const struct field in[VECTOR_LANES]) {
    uint64_t columns[4][VECTOR_LANES];
    __m512i limbs[4];
    for (int lane = 0; lane < VECTOR_LANES; lane++)
        for (int i = 0; i < 4; i++)
            columns[i][lane] = in[lane].limb[i];
    for (int i = 0; i < 4; i++)
        limbs[i] = _mm512_loadu_si512(columns[i]);
    field8_from_limbs(out, limbs);
}

ALWAYS_INLINE void field8_store(struct field out[VECTOR_LANES], const struct field8 *in) {
    uint64_t columns[4][VECTOR_LANES];
    __m512i limbs[4];
    field8_to_limbs(limbs, in);
    for (int i = 0; i < 4; i++)
        _mm512_storeu_si512(columns[i], limbs[i]);
    for (int lane = 0; lane < VECTOR_LANES; lane++)
        for (int i = 0; i < 4; i++)
            out[lane].limb[i] = columns[i][lane];
}

VECTOR_CODE_END

#endif
