/* Even-Y normalisation and Taproot tweak (frost 4). The parity of the group key alone decides. */
#include <stdlib.h>

#include "base/fault.h"
#include "frost/keys.h"

/* t = TapTweak(x(key) || root) modulo n; a hash above n is reduced (D-040). */
static enum signer_error tap_tweak(struct scalar *out, const struct point *key, const struct frost_root *root) {
    uint8_t encoded[POINT_BYTES], hash[HASH_BYTES];
    enum signer_error error = point_encode(encoded, key);
    if (error != SIGNER_OK) return error;
    const struct bytes parts[] = {{encoded + 1, XONLY_BYTES}, {root->bytes, sizeof root->bytes}};
    tagged_hash(hash, "TapTweak", parts, root->present ? 2 : 1);
    scalar_reduce(out, hash);
    return SIGNER_OK;
}

static enum signer_error adjust_with(struct frost_adjustment *out, const struct point *verifying_key,
                                     const struct scalar *tweak) {
    if (verifying_key->infinity) return ERR_FROST_GROUP;
    out->negate_in = point_has_odd_y(verifying_key);
    out->tweak = *tweak;
    out->key = *verifying_key;
    if (out->negate_in) point_negate(&out->key);
    const struct point_term tweak_term = {tweak, NULL};
    point_set_infinity(&out->tweak_point);
    if (scalar_is_zero(tweak)) return SIGNER_OK;
    point_multi_mul(&out->tweak_point, &tweak_term, 1);
    point_add(&out->key, &out->key, &out->tweak_point);
    return out->key.infinity ? ERR_FROST_GROUP : SIGNER_OK;
}

enum signer_error frost_adjustment_make(struct frost_adjustment *out, const struct point *verifying_key,
                                        const struct frost_root *root) {
    struct scalar tweak;
    scalar_set_u64(&tweak, 0);
    enum signer_error error = root && root->present ? tap_tweak(&tweak, verifying_key, root) : SIGNER_OK;
    if (error == SIGNER_OK) error = adjust_with(out, verifying_key, &tweak);
    if (error != SIGNER_OK) return error;
    out->negate_out = point_has_odd_y(&out->key);
    if (out->negate_out) point_negate(&out->key);
    return SIGNER_OK;
}

void frost_adjust_point(struct point *inout, const struct frost_adjustment *adjustment) {
    if (adjustment->negate_in) point_negate(inout);
    if (!adjustment->tweak_point.infinity) point_add(inout, inout, &adjustment->tweak_point);
    if (adjustment->negate_out) point_negate(inout);
}

void frost_adjust_secret(struct scalar *inout, const struct frost_adjustment *adjustment) {
    scalar_negate_if(inout, adjustment->negate_in);
    scalar_add(inout, inout, &adjustment->tweak);
    scalar_negate_if(inout, adjustment->negate_out);
}

/* The even-Y step alone. */
static bool even_adjustment(struct frost_adjustment *out, const struct point *verifying_key) {
    return frost_adjustment_make(out, verifying_key, NULL) == SIGNER_OK;
}

/* The tweak alone: its result may have odd Y. */
static enum signer_error tweak_adjustment(struct frost_adjustment *out, const struct point *verifying_key,
                                          const struct frost_root *root) {
    static const struct frost_root none;
    struct scalar tweak;
    enum signer_error error = tap_tweak(&tweak, verifying_key, root ? root : &none);
    if (error == SIGNER_OK) error = adjust_with(out, verifying_key, &tweak);
    out->negate_out = false;
    return error;
}

static void adjust_key_package(struct frost_key_package *inout, const struct frost_adjustment *adjustment) {
    frost_adjust_secret(&inout->signing_share, adjustment);
    scalar_scrub_stack();
    frost_adjust_point(&inout->verifying_share, adjustment);
    inout->verifying_key = adjustment->key;
}

/* All shares plus the tweak's point together, where there is one. */
static enum signer_error add_tweak_point(struct frost_public_package *inout,
                                         const struct frost_adjustment *adjustment) {
    size_t count = inout->count;
    if (adjustment->tweak_point.infinity) return SIGNER_OK;
    struct point *sums = signer_calloc(3 * count + 1, sizeof *sums);
    if (!sums) return ERR_OUT_OF_MEMORY;
    const struct point *const addends[] = {sums + count, sums + 2 * count};
    for (size_t i = 0; i < count; i++) {
        sums[count + i] = inout->shares[i].share;
        sums[2 * count + i] = adjustment->tweak_point;
    }
    point_sum_polynomials(sums, addends, 2, count);
    for (size_t i = 0; i < count; i++)
        inout->shares[i].share = sums[i];
    free(sums);
    return SIGNER_OK;
}

static enum signer_error adjust_public_package(struct frost_public_package *inout,
                                               const struct frost_adjustment *adjustment) {
    for (size_t i = 0; i < inout->count && adjustment->negate_in; i++)
        point_negate(&inout->shares[i].share);
    enum signer_error error = add_tweak_point(inout, adjustment);
    if (error != SIGNER_OK) return error;
    for (size_t i = 0; i < inout->count && adjustment->negate_out; i++)
        point_negate(&inout->shares[i].share);
    inout->verifying_key = adjustment->key;
    return SIGNER_OK;
}

void frost_key_package_even_y(struct frost_key_package *inout) {
    struct frost_adjustment adjustment;
    if (even_adjustment(&adjustment, &inout->verifying_key)) adjust_key_package(inout, &adjustment);
}

enum signer_error frost_key_package_tweak(struct frost_key_package *inout, const struct frost_root *root) {
    struct frost_adjustment adjustment;
    enum signer_error error = tweak_adjustment(&adjustment, &inout->verifying_key, root);
    if (error == SIGNER_OK) adjust_key_package(inout, &adjustment);
    return error;
}

enum signer_error frost_packages_tweak(struct frost_key_package *key, struct frost_public_package *keys,
                                       const struct frost_root *root) {
    struct frost_adjustment adjustment;
    if (!point_equal(&key->verifying_key, &keys->verifying_key)) return ERR_FROST_INCORRECT_PACKAGE;
    enum signer_error error = tweak_adjustment(&adjustment, &keys->verifying_key, root);
    if (error == SIGNER_OK) error = adjust_public_package(keys, &adjustment);
    if (error == SIGNER_OK) adjust_key_package(key, &adjustment);
    return error;
}

void frost_public_package_even_y(struct frost_public_package *inout) {
    struct frost_adjustment adjustment;
    /* Without a tweak there is nothing that could fail. */
    if (even_adjustment(&adjustment, &inout->verifying_key)) (void)adjust_public_package(inout, &adjustment);
}

enum signer_error frost_public_package_tweak(struct frost_public_package *inout, const struct frost_root *root) {
    struct frost_adjustment adjustment;
    enum signer_error error = tweak_adjustment(&adjustment, &inout->verifying_key, root);
    if (error == SIGNER_OK) error = adjust_public_package(inout, &adjustment);
    return error;
}
