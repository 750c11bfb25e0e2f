/* Scalars that are PUBLIC: variable time. Apart from scalar.c, which knows no such thing. */
#include "curve/inverse.h"
#include "curve/scalar.h"

void scalar_inverse_public(struct scalar *out, const struct scalar *a) {
    if (scalar_is_zero(a))
        scalar_set_u64(out, 0);
    else
        inverse_limbs(out->limb, a->limb, &ORDER_MODULUS62);
}
