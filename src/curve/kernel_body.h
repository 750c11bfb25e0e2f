/* The kernel of one field. A file that includes this has chosen the field (curve/field.h) and makes one
 * struct kernel of it. */
#ifndef SIGNER_CURVE_KERNEL_BODY_H
#define SIGNER_CURVE_KERNEL_BODY_H

#include <pthread.h>

#include "curve/kernel.h"
#include "curve/polynomial.h"
#include "curve/power.h"
#include "curve/sum_pass.h"
#ifdef SIGNER_VECTOR
#include "curve/vector_power.h"
#endif

static const struct affine GENERATOR = {
    .x = {{0x59F2815B16F81798u, 0x029BFCDB2DCE28D9u, 0x55A06295CE870B07u, 0x79BE667EF9DCBBACu}},
    .y = {{0x9C47D08FFB10D4B8u, 0xFD17B448A6855419u, 0x5DA4FBFC0E1108A8u, 0x483ADA7726A3C465u}},
};

/* -- sums ---------------------------------------------------------------------------------------- */

static inline bool is_one(const struct scalar *a) {
    return a->limb[0] == 1 && (a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

/* Made at the first use, then only read. */
static struct base_multiples base_multiples;
static pthread_once_t base_multiples_once = PTHREAD_ONCE_INIT;

static void make_base_multiples(void) {
    base_multiples_make(&base_multiples, &GENERATOR);
}

/* Takes one term into the pass, which runs before where it is full; those of G into `base`; factors 1 and -1 cost no
 * doubling. */
static inline bool take_term(struct sum *sum, struct scalar *base, const struct point_term *term) {
    static const struct scalar one = {{1, 0, 0, 0}};
    struct affine point;
    struct scalar minus;
    if (!term->point) {
        scalar_add(base, base, term->factor ? term->factor : &one);
        return true;
    }
    affine_from_point(&point, term->point);
    if (affine_is_infinity(&point) || (term->factor && scalar_is_zero(term->factor))) return true;
    if (term->factor) scalar_negate(&minus, term->factor);
    bool negative = term->factor && is_one(&minus);
    if (!term->factor || negative || is_one(term->factor)) {
        if (negative) affine_negate(&point);
        if (sum->single_count == sum->room) sum_pass(sum);
        sum->singles[sum->single_count++] = point;
        return true;
    }
    if (sum->count == sum->room) sum_pass(sum);
    sum->terms[sum->count].point = point;
    return split_halves(sum->terms[sum->count++].halves, term->factor);
}

static inline size_t count_factors(const struct point_term *terms, size_t count) {
    size_t factors = 0;
    for (size_t i = 0; i < count; i++)
        factors += terms[i].point && terms[i].factor;
    return factors;
}

/* `cancels`: they should, and where they do not, nothing of the factors is left on the heap (curve/point.h). */
static inline bool sum_terms(struct jacobian *out, const struct point_term *terms, size_t count, bool cancels) {
    struct sum sum;
    struct scalar base = {{0}};
    size_t factors = count_factors(terms, count);
    bool good = true;
    pthread_once(&base_multiples_once, make_base_multiples);
    if (!sum_begin(&sum, factors, count - factors, &base_multiples)) return false;
    for (size_t i = 0; i < count && good; i++) {
        good = take_term(&sum, &base, &terms[i]);
    }
    good = good && split_halves(sum.base, &base);
    if (good) sum_pass(&sum);
    *out = sum.total;
    sum_end(&sum, cancels && !(good && out->infinity));
    return good;
}

static inline bool kernel_multi_mul(struct point *out, const struct point_term *terms, size_t count) {
    struct jacobian total;
    return sum_terms(&total, terms, count, false) && point_from_jacobian(out, &total);
}

static inline bool kernel_is_identity(bool *out, const struct point_term *terms, size_t count) {
    struct jacobian total;
    if (!sum_terms(&total, terms, count, true)) return false;
    *out = total.infinity;
    return true;
}

/* -- decoding ------------------------------------------------------------------------------------ */

/* x^3 + 7 of a compressed point; false: the first byte or x is none. */
static inline bool curve_right_side(struct field *x, struct field *out, const uint8_t in[POINT_BYTES]) {
    static const struct field seven = {{7, 0, 0, 0}};
    struct field canonical;
    if (in[0] != 2 && in[0] != 3) return false;
    field_decode(x, in + 1);
    canonical = *x;
    field_normalize(&canonical);
    if (memcmp(&canonical, x, sizeof canonical) != 0) return false;
    field_sqr(out, x);
    field_mul(out, out, x);
    field_add(out, out, &seven);
    return true;
}

/* The library looks again whether the point is on the curve. */
static inline bool finish_decoding(struct point *out, const struct field *x, const struct field *root, bool odd) {
    struct affine affine = {.x = *x, .y = *root};
    field_normalize(&affine.y);
    if ((affine.y.limb[0] & 1) != odd) affine_negate(&affine);
    return point_from_affine(out, &affine);
}

/* Two at a time, so that their chains of squarings run side by side. */
static inline size_t decode_in_pairs(struct point *out, const uint8_t *const *in, size_t count) {
    for (size_t i = 0; i < count; i += POWER_LANES) {
        size_t last = i + 1 < count ? i + 1 : i;
        struct power_lanes x, y;
        if (!curve_right_side(&x.lane[0], &y.lane[0], in[i])) return i;
        if (!curve_right_side(&x.lane[1], &y.lane[1], in[last])) last = i;
        if (last == i) {
            x.lane[1] = x.lane[0];
            y.lane[1] = y.lane[0];
        }
        field_sqrt_lanes(&y, &y);
        if (!finish_decoding(&out[i], &x.lane[0], &y.lane[0], in[i][0] == 3)) return i;
        if (i + 1 < count && (last == i || !finish_decoding(&out[last], &x.lane[1], &y.lane[1], in[last][0] == 3)))
            return i + 1;
    }
    return count;
}

#ifdef SIGNER_VECTOR
/* As many as the vectors hold; up to the first that has no right side, so that it ends the work. */
static inline size_t decode_in_vectors(struct point *out, const uint8_t *const *in, size_t count) {
    struct field x[VECTOR_ROOTS_MAX], y[VECTOR_ROOTS_MAX] = {{{0}}};
    size_t taken = 0;
    while (taken < count && taken < VECTOR_ROOTS_MAX && curve_right_side(&x[taken], &y[taken], in[taken]))
        taken++;
    field_sqrt_vectors(y, taken);
    for (size_t i = 0; i < taken; i++)
        if (!finish_decoding(&out[i], &x[i], &y[i], in[i][0] == 3)) return i;
    return taken;
}

static inline size_t kernel_decode(struct point *out, const uint8_t *const *in, size_t count) {
    size_t done = 0;
    while (count - done >= VECTOR_ROOTS_MIN) {
        size_t left = count - done, taken = left < VECTOR_ROOTS_MAX ? left : VECTOR_ROOTS_MAX;
        size_t good = decode_in_vectors(out + done, in + done, taken);
        done += good;
        if (good < taken) return done;
    }
    return done + decode_in_pairs(out + done, in + done, count - done);
}
#else
#define kernel_decode decode_in_pairs
#endif

#define KERNEL_OF(field_name)                                                                                          \
    {                                                                                                                  \
        .name = field_name, .multi_mul = kernel_multi_mul, .is_identity = kernel_is_identity, .horner = kernel_horner, \
        .sum_columns = kernel_sum_columns, .evaluate = kernel_evaluate, .decode = kernel_decode                        \
    }

#endif
