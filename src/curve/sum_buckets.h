/* Sums of many terms (Pippenger): every window of the factors puts each point into the bucket of its digit, buckets
 * are summed by batch-affine additions, many at once, and running sums over the buckets give each its weight. A part
 * of sum.h. */
#ifndef SIGNER_CURVE_SUM_BUCKETS_H
#define SIGNER_CURVE_SUM_BUCKETS_H

#include "curve/sum.h"

/* The digits of all windows, between -BUCKETS and BUCKETS: the upper half of them is taken from the next window. */
static inline void write_windows(int8_t out[BUCKET_WINDOWS], const struct half *in) {
    limb_wide rest = in->value;
    for (int window = 0; window < BUCKET_WINDOWS; window++) {
        int digit = (int)((uint64_t)rest & (2 * BUCKETS - 1));
        rest >>= BUCKET_BITS;
        if (digit > BUCKETS) {
            digit -= 2 * BUCKETS;
            rest += 1;
        }
        out[window] = (int8_t)(in->negative ? -digit : digit);
    }
}

/* The lists of some windows, one for each bucket. */
struct bucket_lists {
    int from, to;
    struct list at[BUCKET_WINDOWS][BUCKETS];
};

static inline struct list *list_of_digit(struct bucket_lists *lists, int window, int digit) {
    return &lists->at[window][(digit < 0 ? -digit : digit) - 1];
}

static inline void put_in_windows(struct bucket_lists *lists, const int8_t *windows, const struct affine *point) {
    for (int window = lists->from; window < lists->to; window++) {
        if (windows[window] == 0) continue;
        struct list *list = list_of_digit(lists, window, windows[window]);
        struct affine *cell = &list->points[list->count++];
        *cell = *point;
        if (windows[window] < 0) affine_negate(cell);
    }
}

/* Lays out the points of some windows by their digits; points that count once lie beside the digit 1 of the lowest. */
static inline void fill_buckets(struct bucket_lists *lists, struct sum *sum) {
    struct affine *next = sum->cells;
    memset(lists->at[lists->from], 0, (size_t)(lists->to - lists->from) * sizeof lists->at[0]);
    for (size_t i = 0; i < 2 * sum->count; i++) {
        const int8_t *windows = sum->terms[i / 2].windows[i % 2];
        for (int window = lists->from; window < lists->to; window++)
            if (windows[window]) list_of_digit(lists, window, windows[window])->count++;
    }
    if (lists->from == 0) lists->at[0][0].count += sum->single_count;
    for (int window = lists->from; window < lists->to; window++) {
        for (int k = 0; k < BUCKETS; k++) {
            struct list *list = &lists->at[window][k];
            list->points = next;
            next += list->count;
            list->count = 0;
        }
    }
    for (size_t i = 0; i < sum->count; i++) {
        struct affine image = sum->terms[i].point;
        put_in_windows(lists, sum->terms[i].windows[0], &image);
        field_mul(&image.x, &image.x, &BETA);
        put_in_windows(lists, sum->terms[i].windows[1], &image);
    }
    if (lists->from > 0) return;
    struct list *ones = &lists->at[0][0];
    memcpy(ones->points + ones->count, sum->singles, sum->single_count * sizeof *sum->singles);
    ones->count += sum->single_count;
}

/* The sums of all buckets, as many windows at once as there are cells for. */
static inline void sum_buckets(struct sum *sum) {
    struct bucket_lists lists;
    size_t needed = 2 * sum->count + sum->single_count, at_once = needed ? BUCKET_CELLS / needed : BUCKET_WINDOWS;
    if (at_once == 0) at_once = 1;
    for (int from = 0; from < BUCKET_WINDOWS; from = lists.to) {
        lists.from = from;
        lists.to = at_once < (size_t)(BUCKET_WINDOWS - from) ? from + (int)at_once : BUCKET_WINDOWS;
        fill_buckets(&lists, sum);
        batch_sum_lists(lists.at[from], (size_t)(lists.to - from) * BUCKETS, sum->additions, sum->slopes);
        for (int window = from; window < lists.to; window++) {
            for (int k = 0; k < BUCKETS; k++) {
                struct affine *bucket = &sum->buckets[window][k];
                *bucket = (struct affine){.x = {{0}}};
                if (lists.at[window][k].count) *bucket = lists.at[window][k].points[0];
            }
        }
    }
}

/* Every window's sum of its buckets, each times its digit: from the highest down, the sum of all that were met is
 * added once more at every step. All windows go in step. */
static inline void weigh_buckets(struct affine totals[BUCKET_WINDOWS], struct sum *sum) {
    struct affine running[BUCKET_WINDOWS];
    memset(totals, 0, BUCKET_WINDOWS * sizeof *totals);
    memset(running, 0, sizeof running);
    for (int k = BUCKETS; k >= 0; k--) {
        size_t taken = 0;
        /* The totals first: they take what was running before this step. */
        for (int window = 0; k < BUCKETS && window < BUCKET_WINDOWS; window++)
            sum->additions[taken++] = (struct addition){&totals[window], &totals[window], &running[window]};
        for (int window = 0; k > 0 && window < BUCKET_WINDOWS; window++)
            sum->additions[taken++] =
                (struct addition){&running[window], &running[window], &sum->buckets[window][k - 1]};
        batch_add(sum->additions, taken, sum->slopes);
    }
}

static inline void pass_by_buckets(struct sum *sum) {
    struct affine totals[BUCKET_WINDOWS];
    struct jacobian value = {.infinity = true};
    if (sum->base_multiples) {
        struct sum_term *base = &sum->terms[sum->count++];
        base->point = sum->base_multiples->odd[0][0];
        memcpy(base->halves, sum->base, sizeof base->halves);
    }
    for (size_t i = 0; i < 2 * sum->count; i++)
        write_windows(sum->terms[i / 2].windows[i % 2], &sum->terms[i / 2].halves[i % 2]);
    sum_buckets(sum);
    weigh_buckets(totals, sum);
    for (int window = BUCKET_WINDOWS - 1; window >= 0; window--) {
        for (int i = 0; i < BUCKET_BITS; i++)
            jacobian_double(&value);
        jacobian_add_affine(&value, &totals[window]);
    }
    jacobian_add(&sum->total, &value);
}

#endif
