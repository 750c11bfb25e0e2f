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

/* a^((p+1)/4): a root of `a` where there is one, else of -a. In binary the exponent is 223 ones, a zero,
 * 22 ones, four zeros, 11, two zeros: runs of ones are built by doubling their length. */
static inline void field_sqrt_lanes(struct power_lanes *out, const struct power_lanes *a) {
    struct power_lanes ones2, ones3, ones6, ones11, ones22, ones44, ones88, value;
    square_and_mul(&ones2, a, 1, a);
    square_and_mul(&ones3, &ones2, 1, a);
    square_and_mul(&ones6, &ones3, 3, &ones3);
    square_and_mul(&value, &ones6, 3, &ones3);
    square_and_mul(&ones11, &value, 2, &ones2);
    square_and_mul(&ones22, &ones11, 11, &ones11);
    square_and_mul(&ones44, &ones22, 22, &ones22);
    square_and_mul(&ones88, &ones44, 44, &ones44);
    square_and_mul(&value, &ones88, 88, &ones88);
    square_and_mul(&value, &value, 44, &ones44);
    square_and_mul(&value, &value, 3, &ones3);
    square_and_mul(&value, &value, 23, &ones22);
    square_and_mul(&value, &value, 6, &ones2);
    for (int i = 0; i < POWER_LANES; i++) {
        field_sqr(&value.lane[i], &value.lane[i]);
        field_sqr(&out->lane[i], &value.lane[i]);
    }
}

#endif
