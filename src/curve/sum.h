/* Sums of multiples of PUBLIC points: what their ways of summing share. Few terms go through one chain of doublings
 * (sum_few.h), more are summed place by place (sum_places.h), many by buckets (sum_buckets.h); sum_pass.h chooses.
 * Variable time. */
#ifndef SIGNER_CURVE_SUM_H
#define SIGNER_CURVE_SUM_H

#include <sodium.h>
#include <stdlib.h>

#include "base/fault.h"
#include "curve/base_multiples.h"
#include "curve/batch.h"

#define TABLE_ENTRIES 8   /* P, 3P, … 15P */
#define SUM_TERMS_MAX 128 /* of one pass with tables: bounds the memory */
#define CACHE_LINE 64     /* bytes; points and slopes are as long */

#define BUCKET_TERMS_MIN 150  /* from here on passes work with buckets, without tables */
#define BUCKET_TERMS_MAX 1024 /* of one pass: bounds the memory */
#define BUCKET_CELLS 8192     /* points laid out at once, which stay in the processor's second cache */
#define BUCKET_BITS 7
#define BUCKET_WINDOWS (128 / BUCKET_BITS + 1) /* what is carried out of the last one counts */
#define BUCKETS (1 << (BUCKET_BITS - 1))       /* of a window: a digit's size */

struct sum_term {
    struct affine point;
    struct half halves[2]; /* of the factor: of the point, and of lambda times it */
    union {                /* digits of the halves, once a pass needs them */
        struct digits digits[2];
        int8_t windows[2][BUCKET_WINDOWS];
    };
};

/* A sum in the making, with room for one pass. */
struct sum {
    size_t room; /* of a pass: terms, and single points */
    size_t count;
    size_t single_count;
    struct sum_term *terms;
    struct affine *singles; /* points that count once */
    struct half base[2];    /* the factor of G, split */
    struct digits base_digits[2];
    const struct base_multiples *base_multiples;
    struct affine (*tables)[2][TABLE_ENTRIES]; /* NULL where passes work with buckets */
    struct affine (*buckets)[BUCKETS];         /* of every window; NULL where they do not */
    struct affine *cells;                      /* points by place, or by bucket */
    struct addition *additions;                /* half as many as cells; also for the tables */
    struct slope *slopes;
    struct jacobian total; /* of earlier passes */
    void *block;
    size_t block_len;
};

/* Passes of equal length, so that the last has as much to do as the others. */
static inline size_t room_of_passes(size_t terms, size_t most) {
    size_t passes = (terms + most - 1) / most;
    return passes ? (terms + passes - 1) / passes : 1;
}

/* Room for one of the passes over `terms` terms and `singles` single points, and a multiple of G. False: no memory. */
static inline bool sum_begin(struct sum *sum, size_t terms, size_t singles,
                             const struct base_multiples *base_multiples) {
    bool buckets = terms >= BUCKET_TERMS_MIN;
    size_t room = room_of_passes(terms > singles ? terms : singles, buckets ? BUCKET_TERMS_MAX : SUM_TERMS_MAX),
           with_base = room + 1;
    size_t cells = with_base * (buckets ? 3 : 2 * DIGITS_MAX + 1);
    if (buckets && cells < BUCKET_CELLS) cells = BUCKET_CELLS;
    size_t pairs = cells / 2 + 1;
    size_t results = buckets ? BUCKET_WINDOWS * sizeof *sum->buckets : with_base * sizeof *sum->tables;
    *sum = (struct sum){.room = room, .base_multiples = base_multiples, .total = {.infinity = true}};
    sum->block_len = results + with_base * (sizeof *sum->singles + sizeof *sum->terms) + cells * sizeof *sum->cells +
                     pairs * (sizeof *sum->additions + sizeof *sum->slopes) + CACHE_LINE;
    uint8_t *at = signer_malloc(sum->block_len);
    if (!at) return false;
    sum->block = at;
    at += CACHE_LINE - (uintptr_t)at % CACHE_LINE;
    if (buckets)
        sum->buckets = (struct affine(*)[BUCKETS])(void *)at;
    else
        sum->tables = (struct affine(*)[2][TABLE_ENTRIES])(void *)at;
    sum->cells = (struct affine *)(void *)(at + results);
    sum->singles = sum->cells + cells;
    sum->terms = (struct sum_term *)(void *)(sum->singles + with_base);
    sum->slopes = (struct slope *)(void *)(sum->terms + with_base);
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

/* The tables of lambda times the points. */
static inline void mirror_tables(struct sum *sum) {
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

static inline void write_all_digits(struct sum *sum) {
    for (int half = 0; half < 2; half++) {
        for (size_t i = 0; i < sum->count; i++)
            write_digits(&sum->terms[i].digits[half], &sum->terms[i].halves[half], DIGIT_WIDTH);
        write_digits(&sum->base_digits[half], &sum->base[half], BASE_DIGIT_WIDTH);
    }
}

#endif
