/* Sums of few terms: one chain of doublings for all (Strauss), whose additions are all mixed ones, since the tables
 * stand over one denominator that is never inverted. A part of sum.h. */
#ifndef SIGNER_CURVE_SUM_FEW_H
#define SIGNER_CURVE_SUM_FEW_H

#include "curve/sum.h"

#define SUM_FEW 6 /* terms at most */

/* 2P of an affine point, affine on the curve that `scale` leads to, and P brought there: x scale^2 and y scale^3 come
 * up on the way. */
static inline void double_on_new_curve(struct affine *twice, struct affine *point, struct field *scale) {
    struct field m, s, t, x;
    *scale = point->y;
    field_sqr(&m, &point->x);
    field_sqr(&s, &point->y);
    field_double(&x, &m);
    field_add(&m, &x, &m);
    field_halve(&m, &m);
    field_mul(&t, &point->x, &s);
    field_sqr(&x, &m);
    field_sqr(&point->y, &s);
    field_sub(&x, &x, &t);
    field_sub(&twice->x, &x, &t);
    point->x = t;
    field_sub(&t, &t, &twice->x);
    field_mul(&m, &m, &t);
    field_sub(&twice->y, &m, &point->y);
}

/* P, 3P, … of a point that was brought to the denominator `z`; then that of the last entry. Entries are written
 * without their denominators: each has that of the one before times its `growth`. False: two of the multiples are equal
 * or opposite, which only groups of few points have. */
static inline bool grow_table(struct affine table[TABLE_ENTRIES], struct field growth[TABLE_ENTRIES], struct field *z,
                              const struct affine *point) {
    struct affine twice;
    struct field r;
    table[0] = *point;
    double_on_new_curve(&twice, &table[0], &growth[0]);
    struct jacobian sum = {.x = table[0].x, .y = table[0].y, .z = {{1, 0, 0, 0}}};
    for (int k = 1; k < TABLE_ENTRIES; k++) {
        if (k > 1) {
            addend_differences(&growth[k], &r, &sum, &twice, &sum.z);
        } else {
            field_sub(&growth[k], &twice.x, &sum.x);
            field_sub(&r, &twice.y, &sum.y);
        }
        if (field_is_zero(&growth[k])) return false;
        add_finish(&sum, &growth[k], &r);
        table[k] = (struct affine){.x = sum.x, .y = sum.y};
    }
    field_mul(z, z, &growth[0]);
    field_mul(z, z, &sum.z);
    return true;
}

/* All tables over the denominator `z` of the last. False: some have none. */
static inline bool share_tables(struct sum *sum, struct field *z) {
    struct field growth[SUM_FEW][TABLE_ENTRIES], scale = {{1, 0, 0, 0}};
    *z = scale;
    for (size_t i = 0; i < sum->count; i++) {
        struct affine point = sum->terms[i].point;
        if (affine_is_infinity(&point)) return false;
        if (i > 0) affine_scale(&point, z);
        if (!grow_table(sum->tables[i][0], growth[i], z, &point)) return false;
    }
    for (size_t i = sum->count; i-- > 0;) {
        for (size_t k = TABLE_ENTRIES; k-- > 0;) {
            if (i + 1 < sum->count || k + 1 < TABLE_ENTRIES) affine_scale(&sum->tables[i][0][k], &scale);
            field_mul(&scale, &scale, &growth[i][k]);
        }
    }
    mirror_tables(sum);
    return true;
}

/* The digits of all halves, a list for every place; 0 ends a list. */
struct place_lists {
    uint16_t first[DIGIT_PLACES];
    struct {
        uint16_t next;
        uint8_t stream; /* 2 * term + half */
        int8_t value;
    } digits[SUM_FEW * 2 * DIGITS_MAX + 1];
};

static inline void list_by_place(struct place_lists *lists, const struct sum *sum) {
    uint16_t used = 0;
    memset(lists->first, 0, sizeof lists->first);
    for (size_t stream = 0; stream < 2 * sum->count; stream++) {
        const struct digits *digits = &sum->terms[stream / 2].digits[stream % 2];
        for (int i = 0; i < digits->count; i++) {
            uint16_t *first = &lists->first[digits->at[i].place];
            lists->digits[++used].next = *first;
            lists->digits[used].stream = (uint8_t)stream;
            lists->digits[used].value = digits->at[i].value;
            *first = used;
        }
    }
}

/* value += point, where the point is on the curve itself and the value on the one that `scale` leads to. */
static inline void add_unscaled(struct jacobian *value, const struct affine *point, const struct field *scale) {
    struct field z, h, r;
    if (value->infinity || affine_is_infinity(point)) {
        struct affine scaled = *point;
        affine_scale(&scaled, scale);
        jacobian_add_affine(value, &scaled);
        return;
    }
    field_mul(&z, &value->z, scale);
    addend_differences(&h, &r, value, point, &z);
    add_finish(value, &h, &r);
}

/* From the top place down. A multiple of G alone needs the places of one block only. */
static inline void run_chain(struct jacobian *value, const struct sum *sum, const struct field *scale) {
    struct place_lists lists;
    struct base_walk base;
    struct affine entry;
    list_by_place(&lists, sum);
    base_walk_begin(&base, sum->base_digits, sum->count ? 1 : BASE_BLOCKS);
    for (int place = sum->count ? DIGIT_PLACES - 1 : BASE_BLOCK_PLACES; place >= 0; place--) {
        jacobian_double(value);
        for (uint16_t i = lists.first[place]; i; i = lists.digits[i].next) {
            size_t stream = lists.digits[i].stream;
            table_entry(&entry, sum->tables[stream / 2][stream % 2], lists.digits[i].value);
            jacobian_add_affine(value, &entry);
        }
        while (base_walk_next(&entry, &base, sum->base_multiples, place))
            add_unscaled(value, &entry, scale);
    }
    for (size_t i = 0; i < sum->single_count; i++)
        add_unscaled(value, &sum->singles[i], scale);
}

/* False: nothing was done, there are too many terms, or multiples of one are equal. */
static inline bool pass_for_few(struct sum *sum) {
    struct jacobian value = {.infinity = true};
    struct field scale;
    if (sum->count > SUM_FEW || sum->single_count > 2 * SUM_FEW || !share_tables(sum, &scale)) return false;
    write_all_digits(sum);
    run_chain(&value, sum, &scale);
    field_mul(&value.z, &value.z, &scale);
    jacobian_add(&sum->total, &value);
    return true;
}

#endif
