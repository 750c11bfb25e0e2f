/* Scalars that are PUBLIC: variable time. Apart from scalar.c, which knows no such thing. */
#include "curve/inverse.h"
#include "curve/scalar.h"

void scalar_inverse_public(struct scalar *out, const struct scalar *a) {
    if (scalar_is_zero(a))
        scalar_set_u64(out, 0);
    else
        inverse_limbs(out->limb, a->limb, &ORDER_MODULUS62);
}

void scalar_inverse_batch_public(struct scalar *inout, size_t count, struct scalar *scratch) {
    struct scalar product, inverse;
    scalar_set_u64(&product, 1);
    for (size_t i = 0; i < count; i++) {
        scratch[i] = product;
        if (!scalar_is_zero(&inout[i])) scalar_mul(&product, &product, &inout[i]);
    }
    scalar_inverse_public(&inverse, &product);
    for (size_t i = count; i-- > 0;) {
        struct scalar value = inout[i];
        if (scalar_is_zero(&value)) continue;
        scalar_mul(&inout[i], &inverse, &scratch[i]);
        scalar_mul(&inverse, &inverse, &value);
    }
}
