/* Many additions of affine points with one inversion (Montgomery's trick): 5M + 1S each. PUBLIC points,
 * variable time; equal, opposite and identity inputs are told apart before the inversion. */
#ifndef SIGNER_CURVE_BATCH_H
#define SIGNER_CURVE_BATCH_H

#include "curve/group.h"

/* *out = *a + *b. `out` may be one of the two, and may be an input of a LATER addition of the batch only
 * when that input is its `a` or `b` at a higher place that was read before: see batch_sum_lists. */
struct addition {
    struct affine *out;
    const struct affine *a;
    const struct affine *b;
};

/* What one addition needs: the divisor of its slope, later its inverse. Zero: no slope. */
struct slope {
    struct field divisor;
    struct field product; /* of all divisors before */
#ifdef SIGNER_VECTOR
    uint64_t vector_room[2]; /* eight slopes hold what a group of eight needs, in longer limbs */
#endif
};

static inline void slope_divisor(struct field *out, const struct addition *addition) {
    *out = (struct field){{0}};
    if (affine_is_infinity(addition->a) || affine_is_infinity(addition->b)) return;
    field_sub(out, &addition->b->x, &addition->a->x);
    if (__builtin_expect(!field_is_zero(out), 1)) return;
    *out = (struct field){{0}};
    if (field_equal(&addition->a->y, &addition->b->y)) field_double(out, &addition->a->y);
}

/* An addition without a slope: the identity is among the points, or they are opposite. */
static inline void add_without_slope(const struct addition *addition) {
    if (affine_is_infinity(addition->a))
        *addition->out = *addition->b;
    else if (affine_is_infinity(addition->b))
        *addition->out = *addition->a;
    else
        *addition->out = (struct affine){.x = {{0}}};
}

static inline bool slope_is_zero(const struct slope *slope) {
    const uint64_t *limb = slope->divisor.limb;
    return (limb[0] | limb[1] | limb[2] | limb[3]) == 0;
}

static inline void slope_dividend(struct field *out, const struct affine *a, const struct affine *b) {
    struct field t;
    field_sub(&t, &b->x, &a->x);
    if (__builtin_expect(field_is_zero(&t), 0)) { /* equal points */
        field_sqr(&t, &a->x);
        field_double(out, &t);
        field_add(out, out, &t);
    } else {
        field_sub(out, &b->y, &a->y);
    }
}

/* Additions that have a slope, whose inverses stand in the place of the products: one, or two side by side, line by
 * line, since one alone is a chain in which every multiplication waits for the last. */
ALWAYS_INLINE void add_with_slopes(const struct addition *additions, const struct slope *slopes, size_t count) {
    struct affine a[2], b[2], sum[2];
    struct field slope[2], t[2];
    for (size_t i = 0; i < count; i++) {
        a[i] = *additions[i].a;
        b[i] = *additions[i].b;
        slope_dividend(&slope[i], &a[i], &b[i]);
    }
    for (size_t i = 0; i < count; i++)
        field_mul(&slope[i], &slope[i], &slopes[i].product);
    for (size_t i = 0; i < count; i++)
        field_sqr(&t[i], &slope[i]);
    for (size_t i = 0; i < count; i++) {
        field_sub(&t[i], &t[i], &a[i].x);
        field_sub(&sum[i].x, &t[i], &b[i].x);
        field_sub(&t[i], &a[i].x, &sum[i].x);
    }
    for (size_t i = 0; i < count; i++)
        field_mul(&t[i], &t[i], &slope[i]);
    for (size_t i = 0; i < count; i++) {
        field_sub(&sum[i].y, &t[i], &a[i].y);
        *additions[i].out = sum[i];
    }
}

#define BATCH_CHAINS 2 /* of products, by turns: one alone would wait for itself at every step */

/* The products of all divisors, one of each chain. */
static inline void batch_multiply(const struct addition *additions, size_t count, struct slope *slopes,
                                  struct field products[BATCH_CHAINS]) {
    products[0] = products[1] = (struct field){{1, 0, 0, 0}};
    for (size_t i = 0; i < count; i++) {
        struct field *product = &products[i % BATCH_CHAINS];
        slope_divisor(&slopes[i].divisor, &additions[i]);
        slopes[i].product = *product;
        if (!slope_is_zero(&slopes[i])) field_mul(product, product, &slopes[i].divisor);
    }
}

/* From the inverses of those products to the inverse of every divisor, in the place of its product. */
static inline void batch_invert(size_t count, struct slope *slopes, const struct field of_products[BATCH_CHAINS]) {
    struct field inverses[BATCH_CHAINS] = {of_products[0], of_products[1]};
    for (size_t i = count; i-- > 0;) {
        struct field *inverse = &inverses[i % BATCH_CHAINS];
        if (slope_is_zero(&slopes[i])) continue;
        field_mul(&slopes[i].product, &slopes[i].product, inverse);
        field_mul(inverse, inverse, &slopes[i].divisor);
    }
}

static inline void batch_finish(const struct addition *additions, size_t count, const struct slope *slopes) {
    size_t i = 0;
    while (i < count) {
        if (slope_is_zero(&slopes[i])) {
            add_without_slope(&additions[i++]);
        } else if (i + 1 < count && !slope_is_zero(&slopes[i + 1])) {
            add_with_slopes(&additions[i], &slopes[i], 2);
            i += 2;
        } else {
            add_with_slopes(&additions[i], &slopes[i], 1);
            i++;
        }
    }
}

/* Runs the additions in their order; all inputs are read before the first is written for the slopes'
 * divisors, and each again right before its own result, or its neighbour's, is written. So a result may take the place
 * of an input of an earlier addition or of its own, not of a later one. `slopes` has room for `count`. */
static inline void batch_add_scalar(const struct addition *additions, size_t count, struct slope *slopes) {
    struct field products[BATCH_CHAINS], inverses[BATCH_CHAINS], all;
    batch_multiply(additions, count, slopes, products);
    field_mul(&all, &products[0], &products[1]);
    field_inverse(&all, &all);
    field_mul(&inverses[0], &all, &products[1]);
    field_mul(&inverses[1], &all, &products[0]);
    batch_invert(count, slopes, inverses);
    batch_finish(additions, count, slopes);
}

#ifdef SIGNER_VECTOR
#include "curve/vector_batch.h"
#define batch_add batch_add_vector
#else
#define batch_add batch_add_scalar
#endif

/* A list of points in one array. */
struct list {
    struct affine *points;
    size_t count;
};

/* Every list down to one point, its sum, at its first place; an empty one stays empty. All lists halve
 * together. `additions` and `slopes` have room for half of all points. */
static inline void batch_sum_lists(struct list *lists, size_t count, struct addition *additions, struct slope *slopes) {
    for (;;) {
        size_t taken = 0;
        for (size_t i = 0; i < count; i++) {
            struct affine *points = lists[i].points;
            for (size_t j = 0; j + 1 < lists[i].count; j += 2)
                additions[taken++] = (struct addition){&points[j / 2], &points[j], &points[j + 1]};
        }
        if (taken == 0) return;
        batch_add(additions, taken, slopes);
        for (size_t i = 0; i < count; i++) {
            struct list *list = &lists[i];
            if (list->count > 1 && list->count % 2) list->points[list->count / 2] = list->points[list->count - 1];
            list->count = (list->count + 1) / 2;
        }
    }
}

#endif
