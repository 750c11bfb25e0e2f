/* Sums of multiples of PUBLIC points. Few terms share one chain of doublings (Strauss). Many are laid
 * out by the place of their digits, each place is summed by batch-affine additions, all places together,
 * and one chain of doublings ends it. Multiples of G come from a table. Variable time. */
#ifndef SIGNER_CURVE_SUM_H
#define SIGNER_CURVE_SUM_H

#include <sodium.h>
#include <stdlib.h>

#include "base/fault.h"
#include "curve/base_multiples.h"
#include "curve/batch.h"

#define TABLE_ENTRIES 8       /* P, 3P, … 15P */
#define SUM_TERMS_MAX 128     /* of one pass: bounds the memory */
#define SUM_FEW 5             /* up to here one chain of doublings takes all */
#define CACHE_LINE 64         /* bytes; points and slopes are as long */
#define TABLES_BY_BATCH_MIN 8 /* terms; below, tables are made by Jacobian additions */

struct sum_term {
    struct affine point;
    struct half halves[2];   /* of the factor: of the point, and of lambda times it */
    struct digits digits[2]; /* of the halves, once a pass needs them */
};

/* A sum in the making, with room for one pass. */
struct sum {
    size_t count;
    size_t single_count;
    struct sum_term *terms;
    struct affine *singles; /* points that count once */
    struct half base[2];    /* the factor of G, split */
    struct digits base_digits[2];
    const struct base_multiples *base_multiples;
    struct affine (*tables)[2][TABLE_ENTRIES];
    struct affine *cells;       /* points by place */
    struct addition *additions; /* half as many as cells; also for the tables */
    struct slope *slopes;
    struct jacobian total; /* of earlier passes */
    void *block;
    size_t block_len;
};

/* Room for `terms` terms and as many single points, both at most SUM_TERMS_MAX, and a multiple of G. False:
 * no memory. */
static inline bool sum_begin(struct sum *sum, size_t terms, const struct base_multiples *base_multiples) {
    size_t room = (terms < SUM_TERMS_MAX ? terms : SUM_TERMS_MAX) + 1;
    size_t cells = room * (2 * DIGITS_MAX + 1), pairs = cells / 2 + 1;
    *sum = (struct sum){.base_multiples = base_multiples, .total = {.infinity = true}};
    sum->block_len = room * (sizeof *sum->tables + sizeof *sum->singles + sizeof *sum->terms) +
                     cells * sizeof *sum->cells + pairs * (sizeof *sum->additions + sizeof *sum->slopes) + CACHE_LINE;
    uint8_t *at = signer_malloc(sum->block_len);
    if (!at) return false;
    sum->block = at;
    at += CACHE_LINE - (uintptr_t)at % CACHE_LINE;
    sum->tables = (struct affine(*)[2][TABLE_ENTRIES])(void *)at;
    sum->cells = (struct affine *)(void *)(sum->tables + room);
    sum->singles = sum->cells + cells;
    sum->terms = (struct sum_term *)(void *)(sum->singles + room);
    sum->slopes = (struct slope *)(void *)(sum->terms + room);
    sum->additions = (struct addition *)(void *)(sum->slopes + pairs);
    return true;
}

/* `wipe`: the block keeps nothing of the factors. */
static inline void sum_end(struct sum *sum, bool wipe) {
    if (wipe) sodium_memzero(sum->block, sum->block_len);
    free(sum->block);
}

/* Nothing is left to add. */
static inline void sum_clear(struct sum *sum) {
    sum->count = sum->single_count = 0;
    sum->base[0].value = sum->base[1].value = 0;
}

/* Tables by Jacobian additions and one inversion for all. */
static inline void tables_for_few(struct sum *sum) {
    struct jacobian multiples[TABLES_BY_BATCH_MIN * TABLE_ENTRIES];
    struct affine affine[TABLES_BY_BATCH_MIN * TABLE_ENTRIES];
    struct field scratch[TABLES_BY_BATCH_MIN * TABLE_ENTRIES];
    for (size_t i = 0; i < sum->count; i++) {
        struct jacobian *multiple = &multiples[i * TABLE_ENTRIES], twice;
        jacobian_set_infinity(&multiple[0]);
        jacobian_add_affine(&multiple[0], &sum->terms[i].point);
        twice = multiple[0];
        jacobian_double(&twice);
        multiple[1] = twice;
        jacobian_add_affine(&multiple[1], &sum->terms[i].point);
        for (int k = 2; k < TABLE_ENTRIES; k++) {
            multiple[k] = multiple[k - 1];
            jacobian_add(&multiple[k], &twice);
        }
    }
    jacobian_normalize(affine, multiples, sum->count * TABLE_ENTRIES, scratch);
    for (size_t i = 0; i < sum->count; i++)
        memcpy(sum->tables[i][0], &affine[i * TABLE_ENTRIES], sizeof sum->tables[i][0]);
}

/* Tables entry by entry, each for all terms at once. */
static inline void tables_for_many(struct sum *sum) {
    struct affine *twice = sum->cells;
    for (size_t i = 0; i < sum->count; i++)
        sum->additions[i] = (struct addition){&twice[i], &sum->terms[i].point, &sum->terms[i].point};
    batch_add(sum->additions, sum->count, sum->slopes);
    for (size_t k = 1; k < TABLE_ENTRIES; k++) {
        for (size_t i = 0; i < sum->count; i++)
            sum->additions[i] = (struct addition){&sum->tables[i][0][k], &sum->tables[i][0][k - 1], &twice[i]};
        batch_add(sum->additions, sum->count, sum->slopes);
    }
}

static inline void build_tables(struct sum *sum) {
    if (sum->count == 0) return;
    for (size_t i = 0; i < sum->count; i++)
        sum->tables[i][0][0] = sum->terms[i].point;
    if (sum->count < TABLES_BY_BATCH_MIN)
        tables_for_few(sum);
    else
        tables_for_many(sum);
    for (size_t i = 0; i < sum->count; i++) {
        for (int k = 0; k < TABLE_ENTRIES; k++) {
            sum->tables[i][1][k].y = sum->tables[i][0][k].y;
            field_mul(&sum->tables[i][1][k].x, &sum->tables[i][0][k].x, &BETA);
        }
    }
}

static inline void table_entry(struct affine *out, const struct affine table[TABLE_ENTRIES], int digit) {
    *out = table[(digit < 0 ? -digit : digit) / 2];
    if (digit < 0) affine_negate(out);
}

/* One chain of doublings for everything; digits stand from the lowest place upwards. A multiple of G alone
 * needs the places of one block only. */
static inline void pass_for_few(struct sum *sum) {
    struct jacobian value = {.infinity = true};
    uint8_t left[SUM_FEW][2];
    int places = sum->count ? DIGIT_PLACES : BASE_BLOCK_PLACES + 1;
    struct base_walk base;
    base_walk_begin(&base, sum->base_digits, sum->count ? 1 : BASE_BLOCKS);
    for (size_t i = 0; i < sum->count; i++)
        for (int half = 0; half < 2; half++)
            left[i][half] = sum->terms[i].digits[half].count;
    for (int place = places - 1; place >= 0; place--) {
        struct affine entry;
        jacobian_double(&value);
        for (size_t i = 0; i < 2 * sum->count; i++) {
            const struct digits *digits = &sum->terms[i / 2].digits[i % 2];
            uint8_t *rest = &left[i / 2][i % 2];
            if (*rest == 0 || digits->at[*rest - 1].place != place) continue;
            table_entry(&entry, sum->tables[i / 2][i % 2], digits->at[--*rest].value);
            jacobian_add_affine(&value, &entry);
        }
        while (base_walk_next(&entry, &base, sum->base_multiples, place))
            jacobian_add_affine(&value, &entry);
    }
    for (size_t i = 0; i < sum->single_count; i++)
        jacobian_add_affine(&value, &sum->singles[i]);
    jacobian_add(&sum->total, &value);
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

static inline void pass_for_many(struct sum *sum) {
    struct list lists[DIGIT_PLACES] = {{NULL, 0}};
    struct jacobian value = {.infinity = true};
    fill_lists(sum, lists);
    batch_sum_lists(lists, DIGIT_PLACES, sum->additions, sum->slopes);
    for (int place = DIGIT_PLACES - 1; place >= 0; place--) {
        jacobian_double(&value);
        if (lists[place].count) jacobian_add_affine(&value, &lists[place].points[0]);
    }
    jacobian_add(&sum->total, &value);
}

static inline void write_all_digits(struct sum *sum) {
    for (int half = 0; half < 2; half++) {
        for (size_t i = 0; i < sum->count; i++)
            write_digits(&sum->terms[i].digits[half], &sum->terms[i].halves[half], DIGIT_WIDTH);
        write_digits(&sum->base_digits[half], &sum->base[half], BASE_DIGIT_WIDTH);
    }
}

#ifdef SIGNER_VECTOR
#include "curve/vector_pass.h"
#endif

/* Adds what was put in to the total. */
static inline void sum_pass(struct sum *sum) {
    if (sum->count + sum->single_count == 0 && (sum->base[0].value | sum->base[1].value) == 0) return;
#ifdef SIGNER_VECTOR
    if (pass_in_lanes(sum)) return;
#endif
    write_all_digits(sum);
    build_tables(sum);
    if (sum->count <= SUM_FEW && sum->single_count <= 2 * SUM_FEW)
        pass_for_few(sum);
    else
        pass_for_many(sum);
    sum_clear(sum);
}

#endif
