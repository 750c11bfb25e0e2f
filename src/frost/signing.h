/* Nonces, signing packages, shares, aggregation, share verification (frost 8, 9, 11). */
#ifndef SIGNER_FROST_SIGNING_H
#define SIGNER_FROST_SIGNING_H

#include "frost/frost.h"
#include "frost/keys.h"

/* -- nonces and commitments (nonces.c) ------------------------------------------------------------ */

/* Strict: ERR_FROST_DESERIALIZATION or ERR_FROST_GROUP. */
enum signer_error frost_commitments_decode(struct frost_commitments *out, const uint8_t *in, size_t len);
/* Strict, and the commitments must belong to the scalars: ERR_FROST_INCORRECT_COMMITMENT. On failure
 * `out` is wiped. */
enum signer_error frost_nonces_decode(struct frost_nonces *out, const uint8_t *in, size_t len);
enum signer_error frost_nonces_encode(struct buffer *out, const struct frost_nonces *in);
void frost_nonces_clear(struct frost_nonces *inout);

/* Draws a nonce pair from two random inputs of 32 bytes each (frost 9): H3(random || share), over the
 * stored share. ERR_FROST_FIELD: a zero nonce. */
enum signer_error frost_nonces_from_random(struct frost_nonces *out, const struct frost_key_package *key,
                                           const uint8_t hiding_random[32], const uint8_t binding_random[32]);

/* -- signing packages (package.c) ------------------------------------------------------------------- */

/* Strict; at most FROST_SIGNERS_MAX entries. On failure nothing is left to free. */
enum signer_error frost_signing_package_decode(struct frost_signing_package *out, const uint8_t *in, size_t len);
enum signer_error frost_signing_package_encode(struct buffer *out, const struct frost_signing_package *in);
/* Assembles a package; `entries` are copied and sorted. Duplicate: ERR_FROST_DUPLICATED_IDENTIFIER. */
enum signer_error frost_signing_package_make(struct frost_signing_package *out,
                                             const struct frost_package_entry *entries, size_t count,
                                             const uint8_t *message, size_t message_len);
void frost_signing_package_free(struct frost_signing_package *inout);
const struct frost_package_entry *frost_package_find(const struct frost_signing_package *package,
                                                     const struct frost_identifier *identifier);

/* -- what a package and a key determine (round.c): computed once, good for every share of it ---------- */

/* Public. Tied to the package that it was made from: both live together. */
struct frost_round {
    struct frost_adjustment adjustment; /* effective key */
    uint8_t commitment_x[XONLY_BYTES];  /* x(R) */
    bool commitment_odd;                /* R has odd Y: nonces count negatively */
    struct scalar challenge;
    struct scalar *binding_factors; /* one an entry */
    size_t count;
};

/* ERR_FROST_IDENTITY_COMMITMENT: R is the identity, or there is no entry; ERR_FROST_FIELD: a hash gave
 * zero; ERR_FROST_GROUP: no usable key. On failure nothing is left to free. */
enum signer_error frost_round_open(struct frost_round *out, const struct frost_signing_package *package,
                                   const struct point *verifying_key, const struct frost_root *root);
void frost_round_free(struct frost_round *inout);
/* The PUBLIC share of `entry` (an entry of the package) under the stored verifying share: SIGNER_OK or
 * ERR_FROST_INVALID_SHARE. Variable time. */
enum signer_error frost_round_check_share(const struct frost_round *round, const struct frost_signing_package *package,
                                          const struct frost_package_entry *entry, const struct scalar *share,
                                          const struct point *verifying_share);
/* The same for the own share, which is nobody's yet: `weight` is challenge * Lagrange factor. The equation is
 * multiplied by a fresh random scalar in constant time: of a share that must not leave, the variable-time sum sees
 * that scalar and its product with the share, each uniform by itself, once. */
enum signer_error frost_round_check_own_share(const struct frost_round *round,
                                              const struct frost_signing_package *package,
                                              const struct frost_package_entry *entry, const struct scalar *share,
                                              const struct scalar *weight, const struct point *verifying_share);
/* The bad ones among all shares (`shares` in the order of the package), ascending into `culprits`, which
 * has room for package->count: by random-weighted sums over halves, with verdicts equal to those of
 * frost_round_check_share. ERR_FROST_UNKNOWN_IDENTIFIER: a verifying share is missing. */
enum signer_error frost_round_find_culprits(const struct frost_round *round,
                                            const struct frost_signing_package *package,
                                            const struct scalar *const *shares, const struct frost_public_package *keys,
                                            struct frost_identifier *culprits, size_t *culprit_count);

/* -- shares and signatures (share.c, aggregate.c) ------------------------------------------------------ */

/* One signer's share. `nonces` are cleared on every path, before the answer is known to the caller
 * (destroy first); the own share is verified before it leaves (D-041). In this order:
 * ERR_FROST_COMMITMENT_COUNT, ERR_FROST_MISSING_COMMITMENT, ERR_FROST_INCORRECT_COMMITMENT; then those of
 * frost_round_open; ERR_FROST_INVALID_SHARE: the own share does not verify. On failure `share` is zero. */
enum signer_error frost_sign(uint8_t share[FROST_SHARE_BYTES], const struct frost_signing_package *package,
                             struct frost_nonces *nonces, const struct frost_key_package *key,
                             const struct frost_root *root);

/* The `_with` forms leave the round that they open to the caller, who frees it; frost_sign_with opens one of its
 * own in any case (`round` is empty before), the others take one that is open for the same package, key and
 * root, and open it where it is empty (count 0). */
enum signer_error frost_sign_with(uint8_t share[FROST_SHARE_BYTES], const struct frost_signing_package *package,
                                  struct frost_nonces *nonces, const struct frost_key_package *key,
                                  const struct frost_root *root, struct frost_round *round);

struct frost_signature_share {
    struct frost_identifier identifier;
    struct scalar share;
};

/* Aggregates and verifies (frost 11.5). On ERR_FROST_INVALID_SHARE `culprits` (room for
 * package->count) holds every bad signer, ascending. `threshold` 0 = the one in `keys`.
 * In this order: ERR_FROST_UNKNOWN_IDENTIFIER (share count), ERR_FROST_SHARE_COUNT (below the
 * threshold), ERR_FROST_UNKNOWN_IDENTIFIER (a signer without share or verifying share); last
 * ERR_FROST_INVALID_SIGNATURE: invalid, though every share verifies. */
enum signer_error frost_aggregate(uint8_t signature[FROST_SIGNATURE_BYTES], const struct frost_signing_package *package,
                                  const struct frost_signature_share *shares, size_t share_count,
                                  const struct frost_public_package *keys, uint16_t threshold,
                                  const struct frost_root *root, struct frost_identifier *culprits,
                                  size_t *culprit_count);

enum signer_error frost_aggregate_with(uint8_t signature[FROST_SIGNATURE_BYTES],
                                       const struct frost_signing_package *package,
                                       const struct frost_signature_share *shares, size_t share_count,
                                       const struct frost_public_package *keys, uint16_t threshold,
                                       const struct frost_root *root, struct frost_round *round,
                                       struct frost_identifier *culprits, size_t *culprit_count);

/* SIGNER_OK valid, ERR_FROST_INVALID_SHARE invalid, anything else indeterminate (frost 11.6). */
enum signer_error frost_verify_share(const struct frost_signing_package *package,
                                     const struct frost_identifier *identifier, const struct scalar *share,
                                     const struct frost_public_package *keys, const struct frost_root *root);
enum signer_error frost_verify_share_with(const struct frost_signing_package *package,
                                          const struct frost_identifier *identifier, const struct scalar *share,
                                          const struct frost_public_package *keys, const struct frost_root *root,
                                          struct frost_round *round);
/* BIP-340 under the effective key of a public package: ERR_FROST_INVALID_SIGNATURE. */
enum signer_error frost_verify_signature(const uint8_t signature[FROST_SIGNATURE_BYTES], const uint8_t *message,
                                         size_t message_len, const struct point *verifying_key,
                                         const struct frost_root *root);

/* -- Lagrange factors at 0 (lagrange.c; frost 8) ----------------------------------------------------------- */

/* For a set of identifiers, all with one inversion: ERR_FROST_IDENTIFIER_COUNT (empty set),
 * ERR_FROST_DUPLICATED_IDENTIFIER. */
enum signer_error frost_lagrange(struct scalar *factors, const struct frost_identifier *identifiers, size_t count);
/* The factor of entry `index` over all signers of a package. */
enum signer_error frost_lagrange_factor(struct scalar *out, const struct frost_signing_package *package, size_t index);

#endif
