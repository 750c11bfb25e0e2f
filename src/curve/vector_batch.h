/* Additions of affine points in groups of eight: the same contract as batch_add_scalar in batch.h, which takes
 * what is left over. PUBLIC points, variable time. */
#ifndef SIGNER_CURVE_VECTOR_BATCH_H
#define SIGNER_CURVE_VECTOR_BATCH_H

#include "curve/vector_field.h"

#define VECTOR_BATCH_MIN 24 /* additions; fewer are not worth the way into the lanes */

VECTOR_CODE_BEGIN

struct affine8 {
    struct field8 x, y;
};

/* Rows and columns of eight vectors change places. */
static inline void vector_transpose(__m512i row[8]) {
    __m512i pair[8], quad[8];
    for (int i = 0; i < 8; i += 2) {
        pair[i] = _mm512_unpacklo_epi64(row[i], row[i + 1]);
        pair[i + 1] = _mm512_unpackhi_epi64(row[i], row[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        for (int k = 0; k < 2; k++) {
            quad[i + k] = _mm512_shuffle_i64x2(pair[i + k], pair[i + k + 2], 0x88);
            quad[i + k + 2] = _mm512_shuffle_i64x2(pair[i + k], pair[i + k + 2], 0xDD);
        }
    }
    for (int k = 0; k < 4; k++) {
        row[k] = _mm512_shuffle_i64x2(quad[k], quad[k + 4], 0x88);
        row[k + 4] = _mm512_shuffle_i64x2(quad[k], quad[k + 4], 0xDD);
    }
}

/* Eight points, each one line of four limbs of x and four of y; the lanes of the identity to `infinity`. */
static inline void affine8_load(struct affine8 *out, __mmask8 *infinity, const struct affine *const in[VECTOR_LANES]) {
    __m512i row[8];
    for (int i = 0; i < VECTOR_LANES; i++)
        row[i] = _mm512_loadu_si512(in[i]);
    vector_transpose(row);
    __m512i any = _mm512_or_si512(_mm512_or_si512(row[4], row[5]), _mm512_or_si512(row[6], row[7]));
    *infinity = _mm512_cmpeq_epi64_mask(any, _mm512_setzero_si512());
    field8_from_limbs(&out->x, row);
    field8_from_limbs(&out->y, row + 4);
}

/* The identity to the lanes of `infinity`. */
static inline void affine8_store(struct affine *const out[VECTOR_LANES], const struct affine8 *in, __mmask8 infinity) {
    __m512i row[8];
    field8_to_limbs(row, &in->x);
    field8_to_limbs(row + 4, &in->y);
    for (int i = 0; i < 8; i++)
        row[i] = _mm512_mask_mov_epi64(row[i], infinity, _mm512_setzero_si512());
    vector_transpose(row);
    for (int i = 0; i < VECTOR_LANES; i++)
        _mm512_storeu_si512(out[i], row[i]);
}

struct addends8 {
    struct affine8 a, b;
    __mmask8 a_infinity, b_infinity; /* one of the points is the identity */
    __mmask8 twice, opposite;        /* neither is, and they are equal, or opposite */
};

static inline void addends8_load(struct addends8 *out, struct field8 *divisor, const struct addition *additions) {
    const struct affine *a[VECTOR_LANES], *b[VECTOR_LANES];
    for (int i = 0; i < VECTOR_LANES; i++) {
        a[i] = additions[i].a;
        b[i] = additions[i].b;
    }
    affine8_load(&out->a, &out->a_infinity, a);
    affine8_load(&out->b, &out->b_infinity, b);
    field8_sub(divisor, &out->b.x, &out->a.x);
    __mmask8 special = (__mmask8)(out->a_infinity | out->b_infinity), same_x = field8_zeros(divisor);
    out->twice = out->opposite = 0;
    if (__builtin_expect((same_x | special) == 0, 1)) return;
    struct field8 t;
    field8_sub(&t, &out->b.y, &out->a.y);
    out->twice = (__mmask8)(same_x & ~special & field8_zeros(&t));
    out->opposite = (__mmask8)(same_x & ~special & ~out->twice);
    field8_add(&t, &out->a.y, &out->a.y);
    field8_blend(divisor, out->twice, &t);
    field8_set_one(&t);
    field8_blend(divisor, (__mmask8)(special | out->opposite), &t);
}

static inline void addends8_finish(struct affine *const out[VECTOR_LANES], const struct addends8 *in,
                                   const struct field8 *inverse) {
    struct affine8 sum;
    struct field8 slope, t;
    field8_sub(&slope, &in->b.y, &in->a.y);
    if (__builtin_expect(in->twice != 0, 0)) {
        struct field8 three;
        field8_sqr(&t, &in->a.x);
        three = t;
        field8_put(&three, &t, 1);
        field8_carry(&three);
        field8_blend(&slope, in->twice, &three);
    }
    field8_mul(&slope, &slope, inverse);
    field8_set_zero(&t);
    field8_lift(&t, 2);
    field8_take(&t, &in->a.x, 0);
    field8_take(&t, &in->b.x, 0);
    field8_sqr_plus(&sum.x, &slope, &t);
    field8_sub(&t, &in->a.x, &sum.x);
    struct field8 minus;
    field8_set_zero(&minus);
    field8_lift(&minus, 1);
    field8_take(&minus, &in->a.y, 0);
    field8_mul_plus(&sum.y, &t, &slope, &minus);
    if (__builtin_expect((in->a_infinity | in->b_infinity) != 0, 0)) {
        field8_blend(&sum.x, in->a_infinity, &in->b.x);
        field8_blend(&sum.y, in->a_infinity, &in->b.y);
        field8_blend(&sum.x, in->b_infinity, &in->a.x);
        field8_blend(&sum.y, in->b_infinity, &in->a.y);
    }
    affine8_store(out, &sum, (__mmask8)(in->opposite | (in->a_infinity & in->b_infinity)));
}

/* What one group keeps between the passes, in the slopes of its additions: its divisors, then the products of
 * all before, limb by limb. */
#define GROUP_ROWS (2 * VECTOR_LIMBS)
_Static_assert(GROUP_ROWS * sizeof(__m512i) <= VECTOR_LANES * sizeof(struct slope), "a group fits in its slopes");

static inline void group_keep(struct slope *slopes, size_t group, int from, const struct field8 *in) {
    uint8_t *rows = (uint8_t *)&slopes[group * VECTOR_LANES];
    for (int k = 0; k < VECTOR_LIMBS; k++)
        _mm512_storeu_si512(rows + (size_t)(from + k) * sizeof(__m512i), in->limb[k]);
}

static inline void group_kept(struct field8 *out, const struct slope *slopes, size_t group, int from) {
    const uint8_t *rows = (const uint8_t *)&slopes[group * VECTOR_LANES];
    for (int k = 0; k < VECTOR_LIMBS; k++)
        out->limb[k] = _mm512_loadu_si512(rows + (size_t)(from + k) * sizeof(__m512i));
}

/* Products of the divisors lane by lane; the last go to `products`. */
static inline void groups_multiply(const struct addition *additions, size_t groups, struct slope *slopes,
                                   struct field products[VECTOR_LANES]) {
    struct field8 product;
    field8_set_one(&product);
    for (size_t i = 0; i < groups; i++) {
        struct addends8 addends;
        struct field8 divisor;
        addends8_load(&addends, &divisor, &additions[i * VECTOR_LANES]);
        group_keep(slopes, i, 0, &divisor);
        group_keep(slopes, i, VECTOR_LIMBS, &product);
        field8_mul(&product, &product, &divisor);
    }
    field8_store(products, &product);
}

/* From the inverses of those products to the inverse of every divisor, in the place of its product. */
static inline void groups_invert(size_t groups, struct slope *slopes, const struct field inverses[VECTOR_LANES]) {
    struct field8 inverse;
    field8_load(&inverse, inverses);
    for (size_t i = groups; i-- > 0;) {
        struct field8 divisor, product;
        group_kept(&divisor, slopes, i, 0);
        group_kept(&product, slopes, i, VECTOR_LIMBS);
        field8_mul(&product, &product, &inverse);
        field8_mul(&inverse, &inverse, &divisor);
        group_keep(slopes, i, VECTOR_LIMBS, &product);
    }
}

static inline void groups_finish(const struct addition *additions, size_t groups, const struct slope *slopes) {
    for (size_t i = 0; i < groups; i++) {
        struct affine *out[VECTOR_LANES];
        struct addends8 addends;
        struct field8 unused, inverse;
        addends8_load(&addends, &unused, &additions[i * VECTOR_LANES]);
        group_kept(&inverse, slopes, i, VECTOR_LIMBS);
        for (int k = 0; k < VECTOR_LANES; k++)
            out[k] = additions[i * VECTOR_LANES + (size_t)k].out;
        addends8_finish(out, &addends, &inverse);
    }
}

VECTOR_CODE_END

#define BATCH_PRODUCTS (VECTOR_LANES + BATCH_CHAINS)

/* Groups of eight first, then what is left over, all with one inversion. */
static inline void batch_add_vector(const struct addition *additions, size_t count, struct slope *slopes) {
    size_t groups = count / VECTOR_LANES, grouped = groups * VECTOR_LANES;
    struct field products[BATCH_PRODUCTS], before[BATCH_PRODUCTS], product = {{1, 0, 0, 0}}, inverse;
    if (count < VECTOR_BATCH_MIN) {
        batch_add_scalar(additions, count, slopes);
        return;
    }
    groups_multiply(additions, groups, slopes, products);
    batch_multiply(additions + grouped, count - grouped, slopes + grouped, &products[VECTOR_LANES]);
    for (int i = 0; i < BATCH_PRODUCTS; i++) {
        before[i] = product;
        field_mul(&product, &product, &products[i]);
    }
    field_inverse(&inverse, &product);
    for (int i = BATCH_PRODUCTS - 1; i >= 0; i--) {
        field_mul(&before[i], &before[i], &inverse);
        field_mul(&inverse, &inverse, &products[i]);
    }
    groups_invert(groups, slopes, before);
    batch_invert(count - grouped, slopes + grouped, &before[VECTOR_LANES]);
    groups_finish(additions, groups, slopes);
    batch_finish(additions + grouped, count - grouped, slopes + grouped);
}

#endif
