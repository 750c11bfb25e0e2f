/* Scalars modulo the group order n, constant time in every operand (frost 1, 15.2).
 * Zero is a legal value everywhere; decoders that forbid it say so. */
#ifndef SIGNER_CURVE_SCALAR_H
#define SIGNER_CURVE_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCALAR_BYTES 32

/* Four little-endian limbs, always fully reduced. */
struct scalar {
    uint64_t limb[4];
};

bool scalar_decode(struct scalar *out, const uint8_t in[SCALAR_BYTES]); /* false: not below n */
void scalar_reduce(struct scalar *out, const uint8_t in[SCALAR_BYTES]); /* 256-bit value modulo n */
void scalar_reduce_wide(struct scalar *out, const uint8_t in[48]);      /* 384-bit value modulo n */
void scalar_encode(uint8_t out[SCALAR_BYTES], const struct scalar *in);
void scalar_set_u64(struct scalar *out, uint64_t value);
void scalar_add(struct scalar *out, const struct scalar *a, const struct scalar *b);
void scalar_sub(struct scalar *out, const struct scalar *a, const struct scalar *b);
void scalar_negate(struct scalar *out, const struct scalar *a);
void scalar_mul(struct scalar *out, const struct scalar *a, const struct scalar *b);
/* Negates in place where `condition` holds, without a branch. */
void scalar_negate_if(struct scalar *inout, bool condition);
void scalar_inverse(struct scalar *out, const struct scalar *a); /* 0 gives 0 */
/* The same for a PUBLIC value, variable time (curve/scalar_public.c). */
void scalar_inverse_public(struct scalar *out, const struct scalar *a);
/* One inversion for all (Montgomery's trick); `scratch` holds `count` scalars. Zeros stay zero. */
void scalar_inverse_batch(struct scalar *inout, size_t count, struct scalar *scratch);
/* The same for PUBLIC values, variable time. */
void scalar_inverse_batch_public(struct scalar *inout, size_t count, struct scalar *scratch);
bool scalar_is_zero(const struct scalar *a);
bool scalar_equal(const struct scalar *a, const struct scalar *b);
void scalar_clear(struct scalar *inout);
/* Overwrites what finished calls have left on the stack below the caller. These functions keep no
 * copies of their own, but intermediate values lie where the compiler put them: whoever computes with
 * a secret calls this once, at the end. */
void scalar_scrub_stack(void);

#endif
