/* Few terms of a sum by chains of eight lanes. A part of sum.h, with the vector instructions. */
#ifndef SIGNER_CURVE_VECTOR_PASS_H
#define SIGNER_CURVE_VECTOR_PASS_H

#include "curve/sum.h"
#include "curve/vector_sum.h"

#define CHAIN_LANES_MAX (CHAIN_VECTORS * VECTOR_LANES)

VECTOR_CODE_BEGIN

/* Lanes from `high` on count 2^64 times. */
struct lane_list {
    size_t count, high;
    int places;
    struct affine points[CHAIN_LANES_MAX];
    struct half factors[CHAIN_LANES_MAX];
};

static inline void put_lane(struct lane_list *list, const struct affine *point, unsigned __int128 value,
                            bool negative) {
    if (value == 0) return;
    list->points[list->count] = *point;
    list->factors[list->count++] = (struct half){.value = value, .negative = negative};
}

static inline void lanes_of_term(struct lane_list *list, const struct affine *point, const struct half halves[2]) {
    struct affine image = *point;
    field_mul(&image.x, &image.x, &BETA);
    put_lane(list, point, halves[0].value, halves[0].negative);
    put_lane(list, &image, halves[1].value, halves[1].negative);
}

/* Few lanes become twice as many of half the length. */
static inline void spread_lanes(struct lane_list *list) {
    struct lane_list whole = *list;
    list->places = CHAIN_PLACES / 2;
    list->count = 0;
    for (size_t i = 0; i < whole.count; i++)
        put_lane(list, &whole.points[i], (uint64_t)whole.factors[i].value, whole.factors[i].negative);
    list->high = list->count;
    for (size_t i = 0; i < whole.count; i++)
        put_lane(list, &whole.points[i], whole.factors[i].value >> 64, whole.factors[i].negative);
}

static inline void list_lanes(struct lane_list *list, const struct sum *sum) {
    list->count = 0;
    list->places = CHAIN_PLACES;
    for (size_t i = 0; i < sum->count; i++)
        lanes_of_term(list, &sum->terms[i].point, sum->terms[i].halves);
    if (sum->base_multiples) lanes_of_term(list, &sum->base_multiples->odd[0][0], sum->base);
    list->high = list->count;
    if (2 * list->count <= VECTOR_LANES) spread_lanes(list);
}

/* Lanes without a factor of their own repeat the first. */
static inline void chain_load(struct chain *chain, const struct lane_list *list, size_t from) {
    struct field x[VECTOR_LANES], y[VECTOR_LANES];
    struct affine8 points;
    chain->even = chain->negative = 0;
    for (size_t lane = 0; lane < VECTOR_LANES; lane++) {
        size_t i = from + lane < list->count ? from + lane : from;
        x[lane] = list->points[i].x;
        y[lane] = list->points[i].y;
        chain_set_factor(chain, (int)lane, &list->factors[i], list->places);
    }
    field8_load(&points.x, x);
    field8_load(&points.y, y);
    chain_make_table(chain, &points);
}

/* False: the lanes met equal or opposite points on their way, which only groups of few points have. */
static inline bool chain_store(struct jacobian out[VECTOR_LANES], const struct chain *chain) {
    struct field x[VECTOR_LANES], y[VECTOR_LANES], z[VECTOR_LANES];
    if (field8_zeros(&chain->value.z)) return false;
    field8_store(x, &chain->value.x);
    field8_store(y, &chain->value.y);
    field8_store(z, &chain->value.z);
    for (size_t i = 0; i < VECTOR_LANES; i++)
        out[i] = (struct jacobian){.x = x[i], .y = y[i], .z = z[i]};
    return true;
}

static inline bool lanes_run(struct jacobian values[CHAIN_LANES_MAX], const struct lane_list *list) {
    struct chain chains[CHAIN_VECTORS];
    size_t vectors = (list->count + VECTOR_LANES - 1) / VECTOR_LANES;
    bool good = true;
    for (size_t i = 0; i < vectors; i++)
        chain_load(&chains[i], list, i * VECTOR_LANES);
    chains_run(chains, vectors, list->places);
    for (size_t i = 0; i < vectors && good; i++)
        good = chain_store(&values[i * VECTOR_LANES], &chains[i]);
    return good;
}

VECTOR_CODE_END

/* False: nothing was done, the terms are too many or none. */
static inline bool pass_in_lanes(struct sum *sum) {
    struct lane_list list;
    struct jacobian values[CHAIN_LANES_MAX], total = {.infinity = true};
    if (sum->count == 0 || 2 * (sum->count + 1) > CHAIN_LANES_MAX) return false;
    list_lanes(&list, sum);
    if (!lanes_run(values, &list)) return false;
    for (size_t i = list.high; i < list.count; i++)
        jacobian_add(&total, &values[i]);
    for (int i = 0; i < 64 && list.high < list.count; i++)
        jacobian_double(&total);
    for (size_t i = 0; i < list.high; i++)
        jacobian_add(&total, &values[i]);
    for (size_t i = 0; i < sum->single_count; i++)
        jacobian_add_affine(&total, &sum->singles[i]);
    jacobian_add(&sum->total, &total);
    return true;
}

#endif
