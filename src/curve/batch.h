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

static inline void add_with_slope(const struct addition *addition, const struct field *inverse) {
    struct affine a = *addition->a, b = *addition->b;
    struct field slope, t;
    field_sub(&t, &b.x, &a.x);
    if (__builtin_expect(field_is_zero(&t), 0)) { /* equal points */
        struct field square;
        field_sqr(&square, &a.x);
        field_double(&slope, &square);
        field_add(&slope, &slope, &square);
    } else {
        field_sub(&slope, &b.y, &a.y);
    }
    field_mul(&slope, &slope, inverse);
    field_sqr(&t, &slope);
    field_sub(&t, &t, &a.x);
    field_sub(&addition->out->x, &t, &b.x);
    field_sub(&t, &a.x, &addition->out->x);
    field_mul(&t, &t, &slope);
    field_sub(&addition->out->y, &t, &a.y);
}

static inline bool slope_is_zero(const struct slope *slope) {
    const uint64_t *limb = slope->divisor.limb;
    return (limb[0] | limb[1] | limb[2] | limb[3]) == 0;
}

/* The product of all divisors. */
static inline void batch_multiply(const struct addition *additions, size_t count, struct slope *slopes,
                                  struct field *product) {
    *product = (struct field){{1, 0, 0, 0}};
    for (size_t i = 0; i < count; i++) {
        slope_divisor(&slopes[i].divisor, &additions[i]);
        slopes[i].product = *product;
        if (!slope_is_zero(&slopes[i])) field_mul(product, product, &slopes[i].divisor);
    }
}

/* From the inverse of that product to the inverse of every divisor, in the place of its product. */
static inline void batch_invert(size_t count, struct slope *slopes, const struct field *of_product) {
    struct field inverse = *of_product;
    for (size_t i = count; i-- > 0;) {
        if (slope_is_zero(&slopes[i])) continue;
        field_mul(&slopes[i].product, &slopes[i].product, &inverse);
        field_mul(&inverse, &inverse, &slopes[i].divisor);
    }
}

static inline void batch_finish(const struct addition *additions, size_t count, const struct slope *slopes) {
    for (size_t i = 0; i < count; i++) {
        if (slope_is_zero(&slopes[i]))
            add_without_slope(&additions[i]);
        else
            add_with_slope(&additions[i], &slopes[i].product);
    }
}

/* Runs the additions in their order; all inputs are read before the first is written for the slopes'
 * divisors, and each again right before its own result is written. So a result may take the place of an
 * input of an earlier addition or of its own, not of a later one. `slopes` has room for `count`. */
static inline void batch_add_scalar(const struct addition *additions, size_t count, struct slope *slopes) {
    struct field product, inverse;
    batch_multiply(additions, count, slopes, &product);
    field_inverse(&inverse, &product);
    batch_invert(count, slopes, &inverse);
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
