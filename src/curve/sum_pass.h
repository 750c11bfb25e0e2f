/* One pass of a sum, by the way that suits what was put in. */
#ifndef SIGNER_CURVE_SUM_PASS_H
#define SIGNER_CURVE_SUM_PASS_H

#include "curve/sum_buckets.h"
#include "curve/sum_few.h"
#include "curve/sum_places.h"
#ifdef SIGNER_VECTOR
#include "curve/vector_pass.h"
#else
#define pass_in_lanes(sum) false
#endif

/* Adds what was put in to the total. */
static __attribute__((noinline)) void sum_pass(struct sum *sum) {
    if (sum->count + sum->single_count == 0 && (sum->base[0].value | sum->base[1].value) == 0) return;
    if (sum->buckets)
        pass_by_buckets(sum);
    else if (!pass_in_lanes(sum) && !pass_for_few(sum))
        pass_by_places(sum);
    sum_clear(sum);
}

#endif
