/* Square roots of sixteen PUBLIC field elements side by side, along the chain of power.h. */
#ifndef SIGNER_CURVE_VECTOR_POWER_H
#define SIGNER_CURVE_VECTOR_POWER_H

#include "curve/power.h"
#include "curve/vector_field.h"

#define VECTOR_ROOTS_MIN 3                  /* fewer are as quick two by two */
#define VECTOR_ROOTS_MAX (2 * VECTOR_LANES) /* two vectors, which hide each other's latency */

VECTOR_CODE_BEGIN

static inline void field8_roots(struct field8 *inout, int vectors) {
    struct field8 values[ROOT_STEPS + 1][2];
    for (int v = 0; v < vectors; v++)
        values[0][v] = inout[v];
    for (int i = 0; i < ROOT_STEPS; i++) {
        struct field8 first = values[ROOT_CHAIN[i].from][0], second = first;
        if (vectors > 1) second = values[ROOT_CHAIN[i].from][1];
        for (int k = 0; k < ROOT_CHAIN[i].squarings; k++) {
            field8_sqr(&first, &first);
            if (vectors > 1) field8_sqr(&second, &second);
        }
        field8_mul(&values[i + 1][0], &first, &values[ROOT_CHAIN[i].times][0]);
        if (vectors > 1) field8_mul(&values[i + 1][1], &second, &values[ROOT_CHAIN[i].times][1]);
    }
    for (int v = 0; v < vectors; v++) {
        field8_sqr(&inout[v], &values[ROOT_STEPS][v]);
        field8_sqr(&inout[v], &inout[v]);
    }
}

/* Roots in place of the values, VECTOR_ROOTS_MAX of them with `count` in use. */
static inline void field_sqrt_vectors(struct field inout[VECTOR_ROOTS_MAX], size_t count) {
    struct field8 values[2];
    int vectors = count > VECTOR_LANES ? 2 : 1;
    for (int v = 0; v < vectors; v++)
        field8_load(&values[v], inout + v * VECTOR_LANES);
    field8_roots(values, vectors);
    for (int v = 0; v < vectors; v++)
        field8_store(inout + v * VECTOR_LANES, &values[v]);
}

VECTOR_CODE_END

#endif
