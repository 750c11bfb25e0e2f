/* Points over libsecp256k1's public interface, with the identity as a flag (frost 15.2). */
#include "curve/point.h"

#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>
#include <sodium.h>
#include <string.h>

#include "base/section.h"
#include "curve/multi_mul.h"

/* Points that one call of the library's sum takes at most; longer sums go in steps. */
#define SUM_CHUNK 128

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
    struct point sum;
    if (!kernel_multi_mul(&sum, terms, count)) sum_by_library(&sum, terms, count);
    *out = sum;
}

static void horner_by_library(struct point *out, const struct point *coefficients, size_t count,
                              const struct scalar *x) {
    point_set_infinity(out);
    for (size_t k = count; k-- > 0;) {
        point_mul_public(out, x, out);
        point_add(out, out, &coefficients[k]);
    }
}

void point_horner(struct point *out, const struct point *coefficients, size_t count, const struct scalar *x) {
    section_forbids("curve arithmetic");
    struct point sum;
    bool small = (x->limb[0] >> 32 | x->limb[1] | x->limb[2] | x->limb[3]) == 0;
    if (!small || !kernel_horner(&sum, coefficients, count, (uint32_t)x->limb[0]))
        horner_by_library(&sum, coefficients, count, x);
    *out = sum;
}

bool schnorr_verify(const uint8_t signature[64], const uint8_t *message, size_t message_len,
                    const uint8_t key_x[XONLY_BYTES]) {
    section_forbids("curve arithmetic");
    static const uint8_t empty[1];
    secp256k1_xonly_pubkey key;
    if (!secp256k1_xonly_pubkey_parse(curve_context(), &key, key_x)) return false;
    return secp256k1_schnorrsig_verify(curve_context(), signature, message_len ? message : empty, message_len, &key);
}
