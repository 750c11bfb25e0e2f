/* Sums of more terms: the table entries of all digits are laid out by place, each place is summed by batch-affine
 * additions, all places together, and one chain of doublings ends it. A part of sum.h. */
#ifndef SIGNER_CURVE_SUM_PLACES_H
#define SIGNER_CURVE_SUM_PLACES_H

#include "curve/sum.h"

/* Terms from which on fewer additions are quicker than fewer inversions. */
#ifdef SIGNER_VECTOR
#define WIDE_TERMS_MAX 64
#else
#define WIDE_TERMS_MAX 24
#endif

/* Multiples of a term's point by number: the entries of its table, then 2P, 4P and 8P, which only help. */
enum { TWICE = TABLE_ENTRIES, FOUR, EIGHT, MULTIPLES };

/* One of them as the sum of two. */
struct table_step {
    uint8_t out, a, b;
};

/* The quickest way for many terms, then that of fewest batches for few, each of which has an inversion: steps of one
 * batch end in a place of their own. */
#define LONG_BATCHES 8
#define WIDE_BATCHES 4
static const struct table_step LONG_STEPS[LONG_BATCHES] = {
    {TWICE, 0, 0}, {1, 0, TWICE}, {2, 1, TWICE}, {3, 2, TWICE},
    {4, 3, TWICE}, {5, 4, TWICE}, {6, 5, TWICE}, {7, 6, TWICE},
};
static const struct table_step WIDE_STEPS[] = {
    {TWICE, 0, 0},       {1, 0, TWICE}, {FOUR, TWICE, TWICE}, {2, 0, FOUR},  {3, 1, FOUR},
    {EIGHT, FOUR, FOUR}, {4, 0, EIGHT}, {5, 1, EIGHT},        {6, 2, EIGHT}, {7, 3, EIGHT},
};
static const uint8_t WIDE_BATCH_STEPS[WIDE_BATCHES] = {1, 2, 3, 4};

static inline struct affine *multiple_of(struct sum *sum, size_t term, uint8_t number) {
    return number < TABLE_ENTRIES ? &sum->tables[term][0][number]
                                  : &sum->cells[(number - TABLE_ENTRIES) * sum->count + term];
}

/* All terms take `count` steps in one batch. */
static inline void take_table_steps(struct sum *sum, const struct table_step *steps, size_t count) {
    size_t taken = 0;
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < sum->count; i++)
            sum->additions[taken++] = (struct addition){
                multiple_of(sum, i, steps[k].out), multiple_of(sum, i, steps[k].a), multiple_of(sum, i, steps[k].b)};
    batch_add(sum->additions, taken, sum->slopes);
}

static inline void make_tables(struct sum *sum) {
    if (sum->count == 0) return;
    for (size_t i = 0; i < sum->count; i++)
        sum->tables[i][0][0] = sum->terms[i].point;
    if (sum->count < WIDE_TERMS_MAX) {
        const struct table_step *steps = WIDE_STEPS;
        for (int i = 0; i < WIDE_BATCHES; steps += WIDE_BATCH_STEPS[i++])
            take_table_steps(sum, steps, WIDE_BATCH_STEPS[i]);
    } else {
        for (int i = 0; i < LONG_BATCHES; i++)
            take_table_steps(sum, &LONG_STEPS[i], 1);
    }
    mirror_tables(sum);
}

static inline void count_digits(struct list lists[DIGIT_PLACES], const struct digits *digits) {
    for (int j = 0; j < digits->count; j++)
        lists[digits->at[j].place].count++;
}

/* Lays the table entries of all digits out by place; single points belong to place 0. */
static inline void fill_lists(struct sum *sum, struct list lists[DIGIT_PLACES]) {
    struct affine *next = sum->cells;
    for (size_t i = 0; i < 2 * sum->count; i++)
        count_digits(lists, &sum->terms[i / 2].digits[i % 2]);
    for (int half = 0; half < 2; half++)
        count_digits(lists, &sum->base_digits[half]);
    lists[0].count += sum->single_count;
    for (int place = 0; place < DIGIT_PLACES; place++) {
        lists[place].points = next;
        next += lists[place].count;
        lists[place].count = 0;
    }
    for (size_t i = 0; i < 2 * sum->count; i++) {
        const struct digits *digits = &sum->terms[i / 2].digits[i % 2];
        for (int j = 0; j < digits->count; j++) {
            struct list *list = &lists[digits->at[j].place];
            table_entry(&list->points[list->count++], sum->tables[i / 2][i % 2], digits->at[j].value);
        }
    }
    for (int half = 0; half < 2; half++) {
        for (int j = 0; j < sum->base_digits[half].count; j++) {
            struct list *list = &lists[sum->base_digits[half].at[j].place];
            base_entry(&list->points[list->count++], sum->base_multiples, 0, half, sum->base_digits[half].at[j].value);
        }
    }
    memcpy(lists[0].points + lists[0].count, sum->singles, sum->single_count * sizeof *sum->singles);
    lists[0].count += sum->single_count;
}

static inline void pass_by_places(struct sum *sum) {
    struct list lists[DIGIT_PLACES] = {{NULL, 0}};
    struct jacobian value = {.infinity = true};
    write_all_digits(sum);
    make_tables(sum);
    fill_lists(sum, lists);
    batch_sum_lists(lists, DIGIT_PLACES, sum->additions, sum->slopes);
    for (int place = DIGIT_PLACES - 1; place >= 0; place--) {
        jacobian_double(&value);
        if (lists[place].count) jacobian_add_affine(&value, &lists[place].points[0]);
    }
    jacobian_add(&sum->total, &value);
}

#endif
