/* Our own kernel for sums over PUBLIC points: variable time. Behind point_multi_mul and point_horner,
 * which fall back to the library's functions where these answer false (no memory, or a result that
 * the library does not accept). */
#ifndef SIGNER_CURVE_MULTI_MUL_H
#define SIGNER_CURVE_MULTI_MUL_H

#include "curve/point.h"

bool kernel_multi_mul(struct point *out, const struct point_term *terms, size_t count);
/* x below 2^32. */
bool kernel_horner(struct point *out, const struct point *coefficients, size_t count, uint32_t x);

#endif
