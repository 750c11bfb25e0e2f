/* The group of secp256k1 for PUBLIC points: variable time. Jacobian (X/Z^2, Y/Z^3) and affine forms;
 * every formula handles equal, opposite and identity inputs, since an attacker chooses them. */
#ifndef SIGNER_CURVE_GROUP_H
#define SIGNER_CURVE_GROUP_H

#include <stddef.h>

#include "curve/field.h"
#include "curve/point.h"

struct affine {
    struct field x, y;
    bool infinity;
};

struct jacobian {
    struct field x, y, z;
    bool infinity;
};

void affine_from_point(struct affine *out, const struct point *in);
void affine_negate(struct affine *inout);
void jacobian_set_infinity(struct jacobian *out);
void jacobian_double(struct jacobian *inout);
void jacobian_add_affine(struct jacobian *inout, const struct affine *other);
void jacobian_add(struct jacobian *inout, const struct jacobian *other);
/* All to affine with one inversion; `scratch` holds `count` field elements. */
void jacobian_normalize(struct affine *out, const struct jacobian *in, size_t count, struct field *scratch);
/* False when the library does not find the result on the curve: a fault of ours. */
bool point_from_jacobian(struct point *out, const struct jacobian *in);

#endif
