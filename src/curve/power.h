/* Powers in the public field: square roots, and inverses by Fermat. */
#ifndef SIGNER_CURVE_POWER_H
#define SIGNER_CURVE_POWER_H

#include "curve/field.h"

#define POWER_LANES 2 /* bases at once: two independent chains hide each other's latency */

struct power_lanes {
    struct field lane[POWER_LANES];
};

/* out = a^(2^squarings) * b, lane by lane */
static inline void square_and_mul(struct power_lanes *out, const struct power_lanes *a, int squarings,
                                  const struct power_lanes *b) {
    struct power_lanes value = *a;
    for (int i = 0; i < squarings; i++) {
        field_sqr(&value.lane[0], &value.lane[0]);
        field_sqr(&value.lane[1], &value.lane[1]);
    }
    field_mul(&out->lane[0], &value.lane[0], &b->lane[0]);
    field_mul(&out->lane[1], &value.lane[1], &b->lane[1]);
}

/* The way to a^((p+1)/4): a root of `a` where there is one, else of -a. In binary the exponent is 223 ones, a
 * zero, 22 ones, four zeros, 11, two zeros: runs of ones are built by doubling their length. Each step squares
 * what step `from` gave and multiplies by what step `times` gave; step 0 is `a`. Two squarings end it. */
#define ROOT_STEPS 13
static const struct {
    uint8_t from, squarings, times;
} ROOT_CHAIN[ROOT_STEPS] = {
    {0, 1, 0},  /* 2 ones */
    {1, 1, 0},  /* 3 */
    {2, 3, 2},  /* 6 */
    {3, 3, 2},  /* 9 */
    {4, 2, 1},  /* 11 */
    {5, 11, 5}, /* 22 */
    {6, 22, 6}, /* 44 */
    {7, 44, 7}, /* 88 */
    {8, 88, 8}, /* 176 */
    {9, 44, 7}, /* 220 */
    {10, 3, 2}, /* 223 */
    {11, 23, 6}, {12, 6, 1},
};

static inline void field_sqrt_lanes(struct power_lanes *out, const struct power_lanes *a) {
    struct power_lanes values[ROOT_STEPS + 1];
    values[0] = *a;
    for (int i = 0; i < ROOT_STEPS; i++)
        square_and_mul(&values[i + 1], &values[ROOT_CHAIN[i].from], ROOT_CHAIN[i].squarings,
                       &values[ROOT_CHAIN[i].times]);
    for (int i = 0; i < POWER_LANES; i++) {
        field_sqr(&out->lane[i], &values[ROOT_STEPS].lane[i]);
        field_sqr(&out->lane[i], &out->lane[i]);
    }
}

#endif
