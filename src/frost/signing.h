/* Nonces, signing packages, shares, aggregation, share verification (frost 8, 9, 11). */
#ifndef SIGNER_FROST_SIGNING_H
#define SIGNER_FROST_SIGNING_H

#include "frost/frost.h"

enum signer_error frost_commitments_decode(struct frost_commitments *out, const uint8_t *in, size_t len);
enum signer_error frost_nonces_decode(struct frost_nonces *out, const uint8_t *in, size_t len);
enum signer_error frost_nonces_encode(struct buffer *out, const struct frost_nonces *in);
void frost_nonces_clear(struct frost_nonces *inout);

enum signer_error frost_signing_package_decode(struct frost_signing_package *out, const uint8_t *in, size_t len);
enum signer_error frost_signing_package_encode(struct buffer *out, const struct frost_signing_package *in);
/* Assembles a package; `entries` are copied and sorted. Duplicate: ERR_FROST_DUPLICATED_IDENTIFIER. */
enum signer_error frost_signing_package_make(struct frost_signing_package *out,
                                             const struct frost_package_entry *entries, size_t count,
                                             const uint8_t *message, size_t message_len);
void frost_signing_package_free(struct frost_signing_package *inout);
const struct frost_package_entry *frost_package_find(const struct frost_signing_package *package,
                                                     const struct frost_identifier *identifier);

/* Draws a nonce pair from two random inputs of 32 bytes each (frost 9): H3(random || share). */
enum signer_error frost_nonces_from_random(struct frost_nonces *out, const struct frost_key_package *key,
                                           const uint8_t hiding_random[32], const uint8_t binding_random[32]);

/* One signer's share. `nonces` are cleared on every path, before the answer is known to the caller
 * (destroy first); the own share is verified before it leaves (D-041). */
enum signer_error frost_sign(uint8_t share[FROST_SHARE_BYTES], const struct frost_signing_package *package,
                             struct frost_nonces *nonces, const struct frost_key_package *key,
                             const struct frost_root *root);

struct frost_signature_share {
    struct frost_identifier identifier;
    struct scalar share;
};

/* Aggregates and verifies (frost 11.5). On ERR_FROST_INVALID_SHARE `culprits` (room for
 * package->count) holds every bad signer, ascending. `threshold` 0 = the one in `keys`. */
enum signer_error frost_aggregate(uint8_t signature[FROST_SIGNATURE_BYTES], const struct frost_signing_package *package,
                                  const struct frost_signature_share *shares, size_t share_count,
                                  const struct frost_public_package *keys, uint16_t threshold,
                                  const struct frost_root *root, struct frost_identifier *culprits,
                                  size_t *culprit_count);

/* SIGNER_OK valid, ERR_FROST_INVALID_SHARE invalid, anything else indeterminate (frost 11.6). */
enum signer_error frost_verify_share(const struct frost_signing_package *package,
                                     const struct frost_identifier *identifier, const struct scalar *share,
                                     const struct frost_public_package *keys, const struct frost_root *root);

/* Lagrange factors at 0 for a set of identifiers (frost 8), all with one inversion. */
enum signer_error frost_lagrange(struct scalar *factors, const struct frost_identifier *identifiers, size_t count);

#endif
