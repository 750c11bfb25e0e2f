/* Polynomials whose coefficients are PUBLIC points, at small arguments: all at one argument, or one at
 * many. The lanes go in step, so that every addition is one of a batch. Variable time. */
#ifndef SIGNER_CURVE_POLYNOMIAL_H
#define SIGNER_CURVE_POLYNOMIAL_H

#include <stdlib.h>

#include "base/fault.h"
#include "curve/batch.h"

#define LANES_MIN 12 /* below, each polynomial by itself in Jacobian form */

struct lanes {
    size_t count;
    struct affine *values;
    struct affine *bases; /* what the small multiplication started from; then another `count` of free places */
    struct addition *additions;
    struct slope *slopes;
    void *block;
};

static inline bool lanes_begin(struct lanes *lanes, size_t count) {
    *lanes = (struct lanes){.count = count};
    uint8_t *at =
        signer_malloc((count + 1) * (3 * sizeof *lanes->values + sizeof *lanes->additions + sizeof *lanes->slopes));
    if (!at) return false;
    lanes->block = at;
    lanes->values = (struct affine *)(void *)at;
    lanes->bases = lanes->values + count;
    lanes->slopes = (struct slope *)(void *)(lanes->bases + 2 * count);
    lanes->additions = (struct addition *)(void *)(lanes->slopes + count);
    return true;
}

static inline void lanes_end(struct lanes *lanes) {
    free(lanes->block);
}

/* `x` in non-adjacent form, lowest digit first; the number of digits, the top one of which is 1. */
static inline int write_small_digits(int8_t digits[34], uint32_t x) {
    int count = 0;
    for (uint64_t rest = x; rest; rest >>= 1) {
        int digit = rest & 1 ? 2 - (int)(rest & 3) : 0;
        digits[count++] = (int8_t)digit;
        if (digit < 0) rest += 1;
    }
    return count;
}

/* Adds `addends`, one a lane, to the lanes whose arguments have bit `bit` (all where `at` is NULL). */
static inline void lanes_add(struct lanes *lanes, const struct affine *addends, size_t step, const uint32_t *at,
                             int bit) {
    size_t taken = 0;
    for (size_t i = 0; i < lanes->count; i++) {
        if (at && !(at[i] >> bit & 1)) continue;
        lanes->additions[taken++] = (struct addition){&lanes->values[i], &lanes->values[i], &addends[i * step]};
    }
    if (taken) batch_add(lanes->additions, taken, lanes->slopes);
}

/* -- many polynomials at one argument ------------------------------------------------------------- */

static inline void lanes_mul_small(struct lanes *lanes, const int8_t *digits, int digit_count) {
    struct affine *minus = lanes->bases + lanes->count;
    for (size_t i = 0; i < lanes->count; i++) {
        lanes->bases[i] = lanes->values[i];
        minus[i] = lanes->values[i];
        affine_negate(&minus[i]);
    }
    if (digit_count == 0) memset(lanes->values, 0, lanes->count * sizeof *lanes->values);
    for (int i = digit_count - 2; i >= 0; i--) {
        lanes_add(lanes, lanes->values, 1, NULL, 0);
        if (digits[i]) lanes_add(lanes, digits[i] > 0 ? lanes->bases : minus, 1, NULL, 0);
    }
}

static inline bool horner_in_step(struct point *out, const struct point *const *polynomials, size_t count,
                                  size_t length, uint32_t x) {
    int8_t digits[34];
    int digit_count = write_small_digits(digits, x);
    struct lanes lanes;
    bool good = true;
    if (!lanes_begin(&lanes, count)) return false;
    memset(lanes.values, 0, count * sizeof *lanes.values);
    for (size_t k = length; k-- > 0;) {
        lanes_mul_small(&lanes, digits, digit_count);
        for (size_t i = 0; i < count; i++)
            affine_from_point(&lanes.bases[i], &polynomials[i][k]);
        lanes_add(&lanes, lanes.bases, 1, NULL, 0);
    }
    for (size_t i = 0; i < count && good; i++)
        good = point_from_affine(&out[i], &lanes.values[i]);
    lanes_end(&lanes);
    return good;
}

static inline void jacobian_mul_small(struct jacobian *inout, const int8_t *digits, int count) {
    struct jacobian base = *inout, minus = *inout;
    field_negate(&minus.y, &minus.y);
    if (count == 0) jacobian_set_infinity(inout);
    for (int i = count - 2; i >= 0; i--) {
        jacobian_double(inout);
        if (digits[i]) jacobian_add(inout, digits[i] > 0 ? &base : &minus);
    }
}

static inline void horner_alone(struct jacobian *out, const struct point *coefficients, size_t length, uint32_t x) {
    int8_t digits[34];
    int digit_count = write_small_digits(digits, x);
    jacobian_set_infinity(out);
    for (size_t k = length; k-- > 0;) {
        struct affine coefficient;
        jacobian_mul_small(out, digits, digit_count);
        affine_from_point(&coefficient, &coefficients[k]);
        jacobian_add_affine(out, &coefficient);
    }
}

/* Below LANES_MIN of them, with one inversion. */
static inline bool points_from_few(struct point *out, const struct jacobian *in, size_t count) {
    struct affine affine[LANES_MIN];
    struct field scratch[LANES_MIN];
    bool good = true;
    jacobian_normalize(affine, in, count, scratch);
    for (size_t i = 0; i < count && good; i++)
        good = point_from_affine(&out[i], &affine[i]);
    return good;
}

static inline bool kernel_horner(struct point *out, const struct point *const *polynomials, size_t count, size_t length,
                                 uint32_t x) {
    struct jacobian values[LANES_MIN] = {{.infinity = true}};
    if (count >= LANES_MIN) return horner_in_step(out, polynomials, count, length, x);
    for (size_t i = 0; i < count; i++)
        horner_alone(&values[i], polynomials[i], length, x);
    return points_from_few(out, values, count);
}

/* -- one polynomial at many arguments ------------------------------------------------------------- */

/* values = values * at + coefficient, lane by lane, from the top bit of the largest argument. A lane
 * starts as the identity, so bits above its own do nothing. */
static inline void lanes_step(struct lanes *lanes, const uint32_t *at, int bits, const struct affine *coefficient) {
    memcpy(lanes->bases, lanes->values, lanes->count * sizeof *lanes->values);
    memset(lanes->values, 0, lanes->count * sizeof *lanes->values);
    for (int bit = bits - 1; bit >= 0; bit--) {
        if (bit < bits - 1) {
            size_t taken = 0;
            for (size_t i = 0; i < lanes->count; i++)
                if (at[i] >> bit >> 1)
                    lanes->additions[taken++] =
                        (struct addition){&lanes->values[i], &lanes->values[i], &lanes->values[i]};
            if (taken) batch_add(lanes->additions, taken, lanes->slopes);
        }
        lanes_add(lanes, lanes->bases, 1, at, bit);
    }
    lanes_add(lanes, coefficient, 0, NULL, 0);
}

/* Horner at each argument. */
static inline void lanes_horner(struct lanes *lanes, const struct affine *coefficients, size_t length,
                                const uint32_t *at) {
    uint32_t any = 0;
    int bits = 0;
    for (size_t i = 0; i < lanes->count; i++)
        any |= at[i];
    for (; any >> bits; bits++)
        if (bits == 31) {
            bits = 32;
            break;
        }
    memset(lanes->values, 0, lanes->count * sizeof *lanes->values);
    for (size_t k = length; k-- > 0;)
        lanes_step(lanes, at, bits, &coefficients[k]);
}

/* From f at `length` consecutive arguments, in values[0..length), to the differences that end there:
 * values[length-1-m] becomes the m-th difference of the last m + 1 values. */
static inline void make_differences(struct lanes *lanes, size_t length) {
    for (size_t level = 1; level < length; level++) {
        size_t rest = length - level;
        for (size_t i = 0; i < rest; i++) {
            lanes->bases[i] = lanes->values[i];
            affine_negate(&lanes->bases[i]);
            lanes->additions[i] = (struct addition){&lanes->values[i], &lanes->values[i + 1], &lanes->bases[i]};
        }
        batch_add(lanes->additions, rest, lanes->slopes);
    }
}

/* The values at the next `more` arguments. One value needs `length` - 1 additions, each on the one before;
 * values follow each other by one addition, so that a wave takes one addition of each. Wave w adds
 * difference m + 1 to difference m for the value number w - (length - 1 - m). */
static inline void extend_by_differences(struct affine *out, struct lanes *lanes, size_t length, size_t more) {
    size_t top = length - 1;
    struct affine *difference = lanes->values; /* number m at top - m */
    for (size_t wave = 1; wave <= more + top - 1; wave++) {
        size_t taken = 0;
        /* From m = 0, whose own value is the last that is asked, so that each input is read before it is written. */
        for (size_t m = 0; m < top; m++) {
            size_t level = top - m, number = wave - level + 1;
            if (wave + 1 <= level || number > more) continue;
            lanes->additions[taken++] =
                (struct addition){&difference[top - m], &difference[top - m], &difference[top - m - 1]};
        }
        batch_add(lanes->additions, taken, lanes->slopes);
        if (wave >= top) out[wave - top] = difference[top];
    }
}

static inline bool are_consecutive(const uint32_t *at, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (at[i] != at[i - 1] + 1) return false;
    return count == 0 || at[count - 1] >= at[0];
}

/* `coefficients` and `out` are affine; the first `direct` values by Horner, the rest by differences. */
static inline bool evaluate_affine(struct affine *out, const struct affine *coefficients, size_t length,
                                   const uint32_t *at, size_t count) {
    bool differences = length > 2 && count > length + 1 && are_consecutive(at, count);
    size_t direct = differences ? length : count;
    struct lanes lanes;
    if (!lanes_begin(&lanes, direct)) return false;
    lanes_horner(&lanes, coefficients, length, at);
    memcpy(out, lanes.values, direct * sizeof *out);
    if (differences) {
        make_differences(&lanes, length);
        extend_by_differences(out + direct, &lanes, length, count - direct);
    }
    lanes_end(&lanes);
    return true;
}

static inline bool kernel_evaluate(struct point *out, const struct point *coefficients, size_t length,
                                   const uint32_t *at, size_t count) {
    bool good = true;
    if (count < LANES_MIN) {
        struct jacobian values[LANES_MIN] = {{.infinity = true}};
        for (size_t i = 0; i < count; i++)
            horner_alone(&values[i], coefficients, length, at[i]);
        return points_from_few(out, values, count);
    }
    struct affine *work = signer_malloc((length + count + 1) * sizeof *work);
    if (!work) return false;
    for (size_t k = 0; k < length; k++)
        affine_from_point(&work[k], &coefficients[k]);
    good = evaluate_affine(work + length, work, length, at, count);
    for (size_t i = 0; i < count && good; i++)
        good = point_from_affine(&out[i], &work[length + i]);
    free(work);
    return good;
}

/* -- sums of coefficients ---------------------------------------------------------------------------- */

#define COLUMN_CELLS 8192 /* points summed at once: bounds the memory */

#define COLUMN_CELLS_FEW 32 /* up to here one by one, with one inversion for all columns */

static inline bool sum_few_columns(struct point *out, const struct point *const *polynomials, size_t count,
                                   size_t length) {
    struct jacobian sums[LANES_MIN] = {{.infinity = true}};
    for (size_t k = 0; k < length; k++) {
        jacobian_set_infinity(&sums[k]);
        for (size_t i = 0; i < count; i++) {
            struct affine addend;
            affine_from_point(&addend, &polynomials[i][k]);
            jacobian_add_affine(&sums[k], &addend);
        }
    }
    return points_from_few(out, sums, length);
}

static inline bool kernel_sum_columns(struct point *out, const struct point *const *polynomials, size_t count,
                                      size_t length) {
    size_t width = count && COLUMN_CELLS / count ? COLUMN_CELLS / count : 1, cells = width * count;
    bool good = true;
    if (length < LANES_MIN && count * length <= COLUMN_CELLS_FEW)
        return sum_few_columns(out, polynomials, count, length);
    struct list *lists = signer_calloc(width, sizeof *lists);
    uint8_t *at = signer_malloc((cells + 1) * (sizeof(struct affine) + sizeof(struct addition) + sizeof(struct slope)));
    if (!lists || !at) good = false;
    struct affine *points = (struct affine *)(void *)at;
    struct slope *slopes = (struct slope *)(void *)(points + cells);
    struct addition *additions = (struct addition *)(void *)(slopes + cells);
    if (good && count == 0) *points = (struct affine){.x = {{0}}}; /* every sum */
    for (size_t from = 0; from < length && good; from += width) {
        size_t columns = length - from < width ? length - from : width;
        for (size_t k = 0; k < columns; k++) {
            lists[k] = (struct list){points + k * count, count};
            for (size_t i = 0; i < count; i++)
                affine_from_point(&lists[k].points[i], &polynomials[i][from + k]);
        }
        batch_sum_lists(lists, columns, additions, slopes);
        for (size_t k = 0; k < columns && good; k++)
            good = point_from_affine(&out[from + k], &lists[k].points[0]);
    }
    free(lists);
    free(at);
    return good;
}

#endif
