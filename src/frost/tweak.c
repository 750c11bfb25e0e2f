/* Even-Y normalisation and Taproot tweak (frost 4). The parity of the group key alone decides. */
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
    enum signer_error error = point_mul_base(&out->tweak_point, tweak);
    if (error != SIGNER_OK) return error;
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

static void adjust_public_package(struct frost_public_package *inout, const struct frost_adjustment *adjustment) {
    for (size_t i = 0; i < inout->count; i++)
        frost_adjust_point(&inout->shares[i].share, adjustment);
    inout->verifying_key = adjustment->key;
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

void frost_public_package_even_y(struct frost_public_package *inout) {
    struct frost_adjustment adjustment;
    if (even_adjustment(&adjustment, &inout->verifying_key)) adjust_public_package(inout, &adjustment);
}

enum signer_error frost_public_package_tweak(struct frost_public_package *inout, const struct frost_root *root) {
    struct frost_adjustment adjustment;
    enum signer_error error = tweak_adjustment(&adjustment, &inout->verifying_key, root);
    if (error == SIGNER_OK) adjust_public_package(inout, &adjustment);
    return error;
}
