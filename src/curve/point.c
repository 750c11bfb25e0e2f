/* Points over libsecp256k1's public interface, with the identity as a flag (frost 15.2). */
#include "curve/point.h"

#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/section.h"
#include "curve/kernel.h"

/* Points that one call of the library's sum takes at most; longer sums go in steps. */
#define SUM_CHUNK 128
/* Stack that a sum takes, in the kernel or in the library. */
#define SUM_STACK_BYTES 65536

enum signer_error point_decode(struct point *out, const uint8_t in[POINT_BYTES]) {
    section_forbids("curve arithmetic");
    out->infinity = true;
    if (in[0] != 2 && in[0] != 3) return ERR_FROST_GROUP;
    if (!secp256k1_ec_pubkey_parse(curve_context(), &out->key, in, POINT_BYTES)) return ERR_FROST_GROUP;
    out->infinity = false;
    return SIGNER_OK;
}

enum signer_error point_lift_x(struct point *out, const uint8_t in[XONLY_BYTES]) {
    section_forbids("curve arithmetic");
    uint8_t compressed[POINT_BYTES];
    compressed[0] = 2;
    memcpy(compressed + 1, in, XONLY_BYTES);
    return point_decode(out, compressed);
}

enum signer_error point_encode(uint8_t out[POINT_BYTES], const struct point *in) {
    size_t len = POINT_BYTES;
    if (in->infinity) return ERR_FROST_GROUP;
    secp256k1_ec_pubkey_serialize(curve_context(), out, &len, &in->key, SECP256K1_EC_COMPRESSED);
    return SIGNER_OK;
}

bool point_has_odd_y(const struct point *in) {
    uint8_t compressed[POINT_BYTES];
    return point_encode(compressed, in) == SIGNER_OK && compressed[0] == 3;
}

bool point_equal(const struct point *a, const struct point *b) {
    if (a->infinity || b->infinity) return a->infinity == b->infinity;
    return secp256k1_ec_pubkey_cmp(curve_context(), &a->key, &b->key) == 0;
}

void point_set_infinity(struct point *out) {
    memset(out, 0, sizeof *out);
    out->infinity = true;
}

void point_negate(struct point *inout) {
    if (!inout->infinity) (void)!secp256k1_ec_pubkey_negate(curve_context(), &inout->key);
}

void point_add(struct point *out, const struct point *a, const struct point *b) {
    section_forbids("curve arithmetic");
    const struct point *const both[2] = {a, b};
    point_sum(out, both, 2);
}

/* The library refuses a sum exactly when it is the identity. */
static void sum_keys(struct point *out, const secp256k1_pubkey *const *keys, size_t count) {
    secp256k1_pubkey sum;
    if (count == 0 || !secp256k1_ec_pubkey_combine(curve_context(), &sum, keys, count)) {
        point_set_infinity(out);
        return;
    }
    out->key = sum;
    out->infinity = false;
}

void point_sum(struct point *out, const struct point *const *points, size_t count) {
    section_forbids("curve arithmetic");
    const secp256k1_pubkey *keys[SUM_CHUNK];
    struct point sum;
    point_set_infinity(&sum);
    for (size_t at = 0; at < count;) {
        size_t taken = 0;
        if (!sum.infinity) keys[taken++] = &sum.key;
        for (; at < count && taken < SUM_CHUNK; at++)
            if (!points[at]->infinity) keys[taken++] = &points[at]->key;
        sum_keys(&sum, keys, taken);
    }
    *out = sum;
}

enum signer_error point_mul_base(struct point *out, const struct scalar *secret) {
    section_forbids("curve arithmetic");
    uint8_t raw[SCALAR_BYTES];
    if (scalar_is_zero(secret)) {
        point_set_infinity(out);
        return SIGNER_OK;
    }
    scalar_encode(raw, secret);
    int made = secp256k1_ec_pubkey_create(curve_context(), &out->key, raw);
    sodium_memzero(raw, sizeof raw);
    scalar_scrub_stack(); /* the library leaves the scalar behind */
    out->infinity = !made;
    return made ? SIGNER_OK : ERR_FROST_FIELD;
}

void point_mul_public(struct point *out, const struct scalar *factor, const struct point *point) {
    section_forbids("curve arithmetic");
    uint8_t raw[SCALAR_BYTES];
    if (point->infinity || scalar_is_zero(factor)) {
        point_set_infinity(out);
        return;
    }
    scalar_encode(raw, factor);
    secp256k1_pubkey product = point->key;
    (void)!secp256k1_ec_pubkey_tweak_mul(curve_context(), &product, raw);
    out->key = product;
    out->infinity = false;
}

static void term_value(struct point *out, const struct point_term *term) {
    static const struct scalar one = {{1, 0, 0, 0}};
    if (!term->point)
        (void)!point_mul_base(out, term->factor ? term->factor : &one);
    else if (!term->factor)
        *out = *term->point;
    else
        point_mul_public(out, term->factor, term->point);
}

/* The same as the kernel by the library's functions alone. */
static void sum_by_library(struct point *out, const struct point_term *terms, size_t count) {
    struct point values[SUM_CHUNK];
    const struct point *pointers[SUM_CHUNK];
    struct point sum;
    point_set_infinity(&sum);
    for (size_t at = 0; at < count;) {
        size_t taken = 0;
        values[taken++] = sum;
        for (; at < count && taken < SUM_CHUNK; at++)
            term_value(&values[taken++], &terms[at]);
        for (size_t i = 0; i < taken; i++)
            pointers[i] = &values[i];
        point_sum(&sum, pointers, taken);
    }
    *out = sum;
}

void point_multi_mul(struct point *out, const struct point_term *terms, size_t count) {
    section_forbids("curve arithmetic");
    const struct kernel *kernel = kernel_active();
    struct point sum;
    if (!kernel || !kernel->multi_mul(&sum, terms, count)) sum_by_library(&sum, terms, count);
    *out = sum;
}

static bool terms_cancel(const struct point_term *terms, size_t count) {
    const struct kernel *kernel = kernel_active();
    struct point sum;
    bool cancel;
    if (kernel && kernel->is_identity(&cancel, terms, count)) return cancel;
    sum_by_library(&sum, terms, count);
    return sum.infinity;
}

bool point_terms_cancel(const struct point_term *terms, size_t count) {
    section_forbids("curve arithmetic");
    if (terms_cancel(terms, count)) return true;
    sodium_stackzero(SUM_STACK_BYTES);
    return false;
}

enum signer_error point_decode_many(struct point *out, const uint8_t *const *in, size_t count) {
    section_forbids("curve arithmetic");
    const struct kernel *kernel = kernel_active();
    size_t good = kernel && count > 1 ? kernel->decode(out, in, count) : 0;
    for (size_t i = good; i < count; i++) /* the library has the last word on what is no point */
        if (point_decode(&out[i], in[i]) != SIGNER_OK) return ERR_FROST_GROUP;
    return SIGNER_OK;
}

/* -- polynomials ----------------------------------------------------------------------------------- */

static bool small_value(uint32_t *out, const struct scalar *in) {
    *out = (uint32_t)in->limb[0];
    return (in->limb[0] >> 32 | in->limb[1] | in->limb[2] | in->limb[3]) == 0;
}

static void horner_by_library(struct point *out, const struct point *coefficients, size_t length,
                              const struct scalar *x) {
    struct point sum;
    point_set_infinity(&sum);
    for (size_t k = length; k-- > 0;) {
        point_mul_public(&sum, x, &sum);
        point_add(&sum, &sum, &coefficients[k]);
    }
    *out = sum;
}

/* One sum of multiples by the powers of x, for which no step of Horner's would be cheap. False: no answer. */
static bool horner_by_powers(struct point *out, const struct point *coefficients, size_t length,
                             const struct scalar *x) {
    const struct kernel *kernel = kernel_active();
    struct scalar *powers = kernel ? signer_calloc(length + 1, sizeof *powers) : NULL;
    struct point_term *terms = kernel ? signer_calloc(length + 1, sizeof *terms) : NULL;
    bool good = powers && terms;
    if (good) scalar_set_u64(&powers[0], 1);
    for (size_t k = 0; k < length && good; k++) {
        terms[k] = (struct point_term){&powers[k], &coefficients[k]};
        scalar_mul(&powers[k + 1], &powers[k], x);
    }
    good = good && kernel->multi_mul(out, terms, length);
    free(powers);
    free(terms);
    return good;
}

void point_horner_many(struct point *out, const struct point *const *polynomials, size_t count, size_t length,
                       const struct scalar *x) {
    section_forbids("curve arithmetic");
    const struct kernel *kernel = kernel_active();
    uint32_t small;
    if (kernel && small_value(&small, x) && kernel->horner(out, polynomials, count, length, small)) return;
    for (size_t i = 0; i < count; i++)
        if (!horner_by_powers(&out[i], polynomials[i], length, x))
            horner_by_library(&out[i], polynomials[i], length, x);
}

void point_horner(struct point *out, const struct point *coefficients, size_t length, const struct scalar *x) {
    point_horner_many(out, &coefficients, 1, length, x);
}

static bool evaluate_by_kernel(struct point *out, const struct point *coefficients, size_t length,
                               const struct scalar *at, size_t count) {
    const struct kernel *kernel = kernel_active();
    uint32_t *small = kernel ? signer_calloc(count + 1, sizeof *small) : NULL;
    bool good = small != NULL;
    for (size_t i = 0; i < count && good; i++)
        good = small_value(&small[i], &at[i]);
    good = good && kernel->evaluate(out, coefficients, length, small, count);
    free(small);
    return good;
}

void point_evaluate(struct point *out, const struct point *coefficients, size_t length, const struct scalar *at,
                    size_t count) {
    section_forbids("curve arithmetic");
    if (evaluate_by_kernel(out, coefficients, length, at, count)) return;
    for (size_t i = 0; i < count; i++)
        point_horner(&out[i], coefficients, length, &at[i]);
}

void point_sum_polynomials(struct point *out, const struct point *const *polynomials, size_t count, size_t length) {
    section_forbids("curve arithmetic");
    const struct kernel *kernel = kernel_active();
    if (kernel && kernel->sum_columns(out, polynomials, count, length)) return;
    for (size_t k = 0; k < length; k++) {
        point_set_infinity(&out[k]);
        for (size_t i = 0; i < count; i++)
            point_add(&out[k], &out[k], &polynomials[i][k]);
    }
}

static bool verify_with(const uint8_t signature[64], const uint8_t *message, size_t message_len,
                        const secp256k1_xonly_pubkey *key) {
    static const uint8_t empty[1];
    return secp256k1_schnorrsig_verify(curve_context(), signature, message_len ? message : empty, message_len, key);
}

bool schnorr_verify_under(const uint8_t signature[64], const uint8_t *message, size_t message_len,
                          const struct point *key) {
    section_forbids("curve arithmetic");
    secp256k1_xonly_pubkey x;
    if (key->infinity || !secp256k1_xonly_pubkey_from_pubkey(curve_context(), &x, NULL, &key->key)) return false;
    return verify_with(signature, message, message_len, &x);
}

bool schnorr_verify(const uint8_t signature[64], const uint8_t *message, size_t message_len,
                    const uint8_t key_x[XONLY_BYTES]) {
    section_forbids("curve arithmetic");
    secp256k1_xonly_pubkey key;
    if (!secp256k1_xonly_pubkey_parse(curve_context(), &key, key_x)) return false;
    return verify_with(signature, message, message_len, &key);
}
