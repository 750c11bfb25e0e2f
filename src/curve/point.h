/* Points of secp256k1: parsed once, kept. Secret multiples of G go through libsecp256k1's constant
 * time code only; sums over public points stand behind point_multi_mul, the one seam behind which
 * a faster kernel may come. */
#ifndef SIGNER_CURVE_POINT_H
#define SIGNER_CURVE_POINT_H

#include <secp256k1.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "curve/scalar.h"

#define POINT_BYTES 33
#define XONLY_BYTES 32

/* The identity has `infinity` set and no defined key. */
struct point {
    secp256k1_pubkey key;
    bool infinity;
};

/* Compressed, prefix 02 or 03, x < p, on the curve; else ERR_FROST_GROUP. */
enum signer_error point_decode(struct point *out, const uint8_t in[POINT_BYTES]);
/* The point with even Y and this x; else ERR_FROST_GROUP. */
enum signer_error point_lift_x(struct point *out, const uint8_t in[XONLY_BYTES]);
/* The identity cannot be encoded: ERR_FROST_GROUP. */
enum signer_error point_encode(uint8_t out[POINT_BYTES], const struct point *in);
bool point_has_odd_y(const struct point *in);
bool point_equal(const struct point *a, const struct point *b);
void point_set_infinity(struct point *out);
void point_negate(struct point *inout);
void point_add(struct point *out, const struct point *a, const struct point *b);
void point_sum(struct point *out, const struct point *const *points, size_t count);
/* secret * G, constant time, stack behind the library scrubbed. 0 gives the identity. */
enum signer_error point_mul_base(struct point *out, const struct scalar *secret);
/* Variable time: PUBLIC scalar and point only. */
void point_mul_public(struct point *out, const struct scalar *factor, const struct point *point);

struct point_term {
    const struct scalar *factor; /* NULL = 1 */
    const struct point *point;   /* NULL = G */
};
/* Sum of factor * point over PUBLIC values, variable time. */
void point_multi_mul(struct point *out, const struct point_term *terms, size_t count);

/* Sum of coefficients[k] * x^k, all PUBLIC; cheap for small x. `count` 0 gives the identity. */
void point_horner(struct point *out, const struct point *coefficients, size_t count, const struct scalar *x);

/* Verifies a BIP-340 signature over a message of any length under an x-only key. */
bool schnorr_verify(const uint8_t signature[64], const uint8_t *message, size_t message_len,
                    const uint8_t key_x[XONLY_BYTES]);

/* The process-wide, randomised library context (curve/context.c); thread safe. */
const secp256k1_context *curve_context(void);

#endif
