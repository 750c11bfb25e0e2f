/* Points of secp256k1: parsed once, kept. Secret multiples of G go through libsecp256k1's constant
 * time code only; work on public points goes to our own kernel (curve/kernel.h), or to the library
 * where there is none. */
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

/* Whether that sum is the identity: cheaper than the sum. Where it is not, nothing of the factors is left in freed
 * memory or on the stack: a blind that hides a wrong share may be one of them. */
bool point_terms_cancel(const struct point_term *terms, size_t count);

/* Many points of the same form as point_decode, cheaper together; `in` holds pointers to POINT_BYTES each.
 * ERR_FROST_GROUP when any is wrong. */
enum signer_error point_decode_many(struct point *out, const uint8_t *const *in, size_t count);

/* Polynomials of `length` PUBLIC coefficients, constant term first; cheap for arguments below 2^32. Length
 * 0 gives the identity. */
/* Sum of coefficients[k] * x^k. */
void point_horner(struct point *out, const struct point *coefficients, size_t length, const struct scalar *x);
/* The same for `count` polynomials, all at x. */
void point_horner_many(struct point *out, const struct point *const *polynomials, size_t count, size_t length,
                       const struct scalar *x);
/* One polynomial at `count` arguments: cheapest where they follow one another. */
void point_evaluate(struct point *out, const struct point *coefficients, size_t length, const struct scalar *at,
                    size_t count);
/* The sum of polynomials: out[k] = sum of polynomials[i][k] over i below `count`. */
void point_sum_polynomials(struct point *out, const struct point *const *polynomials, size_t count, size_t length);

/* Verifies a BIP-340 signature over a message of any length under the x of a point: no root is taken for it. */
bool schnorr_verify_under(const uint8_t signature[64], const uint8_t *message, size_t message_len,
                          const struct point *key);
/* The same under an x-only key. */
bool schnorr_verify(const uint8_t signature[64], const uint8_t *message, size_t message_len,
                    const uint8_t key_x[XONLY_BYTES]);

/* The process-wide, randomised library context (curve/context.c); thread safe. */
const secp256k1_context *curve_context(void);

#endif
