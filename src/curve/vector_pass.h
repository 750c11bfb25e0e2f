/* Few terms of a sum by chains of eight lanes: a part of sum.h, with the vector instructions. */
#ifndef SIGNER_CURVE_VECTOR_PASS_H
#define SIGNER_CURVE_VECTOR_PASS_H

#include "curve/vector_sum.h"

#define CHAIN_LANES_MAX (CHAIN_VECTORS * VECTOR_LANES)

VECTOR_CODE_BEGIN

struct lane_list {
    size_t count;
    struct affine points[CHAIN_LANES_MAX];
    const struct half *factors[CHAIN_LANES_MAX];
};

static inline void lanes_of_term(struct lane_list *list, const struct affine *point, const struct half halves[2]) {
    for (int half = 0; half < 2; half++) {
        if (halves[half].value == 0) continue;
        struct affine *own = &list->points[list->count];
        *own = *point;
        if (half) field_mul(&own->x, &own->x, &BETA);
        list->factors[list->count++] = &halves[half];
    }
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
        chain_set_factor(chain, (int)lane, list->factors[i]);
    }
    field8_load(&points.x, x);
    field8_load(&points.y, y);
    chain_make_table(chain, &points);
}

/* False: the lanes met equal or opposite points on their way, which only groups of few points have. */
static inline bool chain_add_up(struct jacobian *total, const struct chain *chain, size_t lanes) {
    struct field x[VECTOR_LANES], y[VECTOR_LANES], z[VECTOR_LANES];
    if (field8_zeros(&chain->value.z)) return false;
    field8_store(x, &chain->value.x);
    field8_store(y, &chain->value.y);
    field8_store(z, &chain->value.z);
    for (size_t i = 0; i < lanes; i++) {
        const struct jacobian own = {.x = x[i], .y = y[i], .z = z[i]};
        jacobian_add(total, &own);
    }
    return true;
}

/* False: nothing was done, the terms are too many or none. */
static inline bool pass_in_lanes(struct sum *sum) {
    struct chain chains[CHAIN_VECTORS];
    struct lane_list list = {.count = 0};
    struct jacobian total = sum->total;
    if (sum->count == 0 || 2 * (sum->count + 1) > CHAIN_LANES_MAX) return false;
    for (size_t i = 0; i < sum->count; i++)
        lanes_of_term(&list, &sum->terms[i].point, sum->terms[i].halves);
    if (sum->base_multiples) lanes_of_term(&list, &sum->base_multiples->odd[0][0], sum->base);
    size_t vectors = (list.count + VECTOR_LANES - 1) / VECTOR_LANES;
    for (size_t i = 0; i < vectors; i++)
        chain_load(&chains[i], &list, i * VECTOR_LANES);
    chains_run(chains, vectors);
    for (size_t i = 0; i < vectors; i++) {
        size_t rest = list.count - i * VECTOR_LANES;
        if (!chain_add_up(&total, &chains[i], rest < VECTOR_LANES ? rest : VECTOR_LANES)) return false;
    }
    for (size_t i = 0; i < sum->single_count; i++)
        jacobian_add_affine(&total, &sum->singles[i]);
    sum->total = total;
    sum_clear(sum);
    return true;
}

VECTOR_CODE_END

#endif
