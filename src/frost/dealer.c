/* Key generation by a trusted dealer. The coefficients are drawn anew for every share, so that they
 * never lie in memory together. */
#include "frost/dealer.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/dkg.h"
#include "frost/draw.h"

/* f(x), and f(0) where `x` is NULL. */
static void evaluate(struct scalar *out, const struct scalar *x, uint16_t threshold, const uint8_t seed[32]) {
    struct draw draw;
    struct scalar coefficient, power;
    draw_begin(&draw, seed);
    draw_nonzero_scalar(&draw, out);
    scalar_set_u64(&power, 1);
    for (uint16_t k = 1; x && k < threshold; k++) {
        draw_scalar(&draw, &coefficient);
        scalar_mul(&power, &power, x);
        scalar_mul(&coefficient, &coefficient, &power);
        scalar_add(out, out, &coefficient);
    }
    scalar_clear(&coefficient);
    draw_end(&draw);
}

static enum signer_error deal_one(struct frost_key_package *out, const struct point *key, uint16_t threshold,
                                  const uint8_t seed[32]) {
    struct scalar x;
    if (!scalar_decode(&x, out->identifier.bytes) || scalar_is_zero(&x)) return ERR_FROST_FIELD;
    evaluate(&out->signing_share, &x, threshold, seed);
    out->verifying_key = *key;
    out->min_signers = threshold;
    enum signer_error error = point_mul_base(&out->verifying_share, &out->signing_share);
    if (error == SIGNER_OK && out->verifying_share.infinity) error = ERR_FROST_GROUP;
    return error;
}

static int by_member(const void *a, const void *b) {
    return frost_identifier_compare(&((const struct frost_key_package *)a)->identifier,
                                    &((const struct frost_key_package *)b)->identifier);
}

enum signer_error frost_deal(struct frost_key_package *packages, struct frost_public_package *keys,
                             const uint16_t *members, size_t count, uint16_t threshold, const uint8_t seed[32]) {
    struct scalar secret;
    struct point key;
    struct frost_verifying_share *shares = NULL;
    memset(keys, 0, sizeof *keys);
    if (count > FROST_SIGNERS_MAX) return ERR_FROST_MAX_SIGNERS;
    enum signer_error error = dkg_check_counts(threshold, (uint16_t)count);
    if (error != SIGNER_OK) return error;
    evaluate(&secret, NULL, threshold, seed);
    error = point_mul_base(&key, &secret);
    scalar_clear(&secret);
    for (size_t i = 0; i < count; i++)
        frost_identifier_from_member(&packages[i].identifier, members[i]);
    qsort(packages, count, sizeof *packages, by_member);
    for (size_t i = 0; i < count && error == SIGNER_OK; i++)
        error = deal_one(&packages[i], &key, threshold, seed);
    if (error == SIGNER_OK) {
        shares = signer_calloc(count, sizeof *shares);
        if (!shares) error = ERR_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < count && error == SIGNER_OK; i++)
        shares[i] = (struct frost_verifying_share){packages[i].identifier, packages[i].verifying_share};
    if (error == SIGNER_OK) error = frost_public_package_make(keys, shares, count, &key, threshold);
    free(shares);
    scalar_scrub_stack();
    if (error != SIGNER_OK) sodium_memzero(packages, count * sizeof *packages);
    return error;
}
