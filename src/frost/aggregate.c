/* Aggregation, search for bad shares, verification of one share and of a signature (frost 11.5, 11.6). */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/signing.h"

/* The share of `identifier`; `likely` is where it stands when shares come in the package's order. */
static const struct scalar *find_share(const struct frost_signature_share *shares, size_t count, size_t likely,
                                       const struct frost_identifier *identifier) {
    if (frost_identifier_compare(&shares[likely].identifier, identifier) == 0) return &shares[likely].share;
    for (size_t i = 0; i < count; i++)
        if (frost_identifier_compare(&shares[i].identifier, identifier) == 0) return &shares[i].share;
    return NULL;
}

/* Shares in the order of the package, and the checks that need no curve. */
static enum signer_error match_shares(const struct scalar **ordered, const struct frost_signing_package *package,
                                      const struct frost_signature_share *shares, size_t share_count,
                                      const struct frost_public_package *keys, uint16_t threshold) {
    uint16_t needed = threshold ? threshold : keys->min_signers;
    if (share_count != package->count || share_count == 0) return ERR_FROST_UNKNOWN_IDENTIFIER;
    if (share_count < needed) return ERR_FROST_SHARE_COUNT;
    for (size_t i = 0; i < package->count; i++) {
        const struct frost_identifier *identifier = &package->entries[i].identifier;
        ordered[i] = find_share(shares, share_count, i, identifier);
        if (!ordered[i] || !frost_verifying_share(keys, identifier)) return ERR_FROST_UNKNOWN_IDENTIFIER;
    }
    return SIGNER_OK;
}

static enum signer_error ensure_open(struct frost_round *round, const struct frost_signing_package *package,
                                     const struct frost_public_package *keys, const struct frost_root *root) {
    return round->count > 0 ? SIGNER_OK : frost_round_open(round, package, &keys->verifying_key, root);
}

enum signer_error frost_aggregate_with(uint8_t signature[FROST_SIGNATURE_BYTES],
                                       const struct frost_signing_package *package,
                                       const struct frost_signature_share *shares, size_t share_count,
                                       const struct frost_public_package *keys, uint16_t threshold,
                                       const struct frost_root *root, struct frost_round *round,
                                       struct frost_identifier *culprits, size_t *culprit_count) {
    struct scalar sum = {{0}};
    *culprit_count = 0;
    memset(signature, 0, FROST_SIGNATURE_BYTES);
    const struct scalar **ordered = signer_calloc(package->count ? package->count : 1, sizeof(const struct scalar *));
    if (!ordered) return ERR_OUT_OF_MEMORY;
    enum signer_error error = match_shares(ordered, package, shares, share_count, keys, threshold);
    if (error != SIGNER_OK) goto cleanup;
    error = ensure_open(round, package, keys, root);
    if (error != SIGNER_OK) goto cleanup;
    for (size_t i = 0; i < package->count; i++)
        scalar_add(&sum, &sum, ordered[i]);
    memcpy(signature, round->commitment_x, XONLY_BYTES);
    scalar_encode(signature + XONLY_BYTES, &sum);
    if (schnorr_verify_under(signature, package->message, package->message_len, &round->adjustment.key)) goto cleanup;
    memset(signature, 0, FROST_SIGNATURE_BYTES);
    error = frost_round_find_culprits(round, package, ordered, keys, culprits, culprit_count);
    if (error == SIGNER_OK) error = *culprit_count ? ERR_FROST_INVALID_SHARE : ERR_FROST_INVALID_SIGNATURE;
cleanup:
    free(ordered);
    return error;
}

enum signer_error frost_aggregate(uint8_t signature[FROST_SIGNATURE_BYTES], const struct frost_signing_package *package,
                                  const struct frost_signature_share *shares, size_t share_count,
                                  const struct frost_public_package *keys, uint16_t threshold,
                                  const struct frost_root *root, struct frost_identifier *culprits,
                                  size_t *culprit_count) {
    struct frost_round round = {.count = 0};
    enum signer_error error = frost_aggregate_with(signature, package, shares, share_count, keys, threshold, root,
                                                   &round, culprits, culprit_count);
    frost_round_free(&round);
    return error;
}

enum signer_error frost_verify_share_with(const struct frost_signing_package *package,
                                          const struct frost_identifier *identifier, const struct scalar *share,
                                          const struct frost_public_package *keys, const struct frost_root *root,
                                          struct frost_round *round) {
    const struct frost_package_entry *entry = frost_package_find(package, identifier);
    const struct point *verifying_share = frost_verifying_share(keys, identifier);
    if (!entry || !verifying_share) return ERR_FROST_UNKNOWN_IDENTIFIER;
    enum signer_error error = ensure_open(round, package, keys, root);
    return error == SIGNER_OK ? frost_round_check_share(round, package, entry, share, verifying_share) : error;
}

enum signer_error frost_verify_share(const struct frost_signing_package *package,
                                     const struct frost_identifier *identifier, const struct scalar *share,
                                     const struct frost_public_package *keys, const struct frost_root *root) {
    struct frost_round round = {.count = 0};
    enum signer_error error = frost_verify_share_with(package, identifier, share, keys, root, &round);
    frost_round_free(&round);
    return error;
}

enum signer_error frost_verify_signature(const uint8_t signature[FROST_SIGNATURE_BYTES], const uint8_t *message,
                                         size_t message_len, const struct point *verifying_key,
                                         const struct frost_root *root) {
    struct frost_adjustment adjustment;
    enum signer_error error = frost_adjustment_make(&adjustment, verifying_key, root);
    if (error != SIGNER_OK) return error;
    return schnorr_verify_under(signature, message, message_len, &adjustment.key) ? SIGNER_OK
                                                                                  : ERR_FROST_INVALID_SIGNATURE;
}
