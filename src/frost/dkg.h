/* Distributed key generation, parts 1 to 3 (frost 6). Secrets are struct objects in buffers of
 * the caller (custody); sizes grow with the threshold. */
#ifndef SIGNER_FROST_DKG_H
#define SIGNER_FROST_DKG_H

#include "frost/frost.h"
#include "frost/keys.h"

#define DKG_ROUND2_PACKAGE_BYTES 37
#define DKG_SPLIT_POINTS 1024 /* commitments of all members from which work is split over threads */

/* Public: commitments to one polynomial, constant term first, and the proof of possession. */
struct dkg_round1_package {
    struct point *commitments;
    size_t count;
    uint8_t proof[FROST_SIGNATURE_BYTES];
};

struct dkg_round1_entry {
    struct frost_identifier sender;
    struct dkg_round1_package package;
};

/* SECRET. */
struct dkg_round2_entry {
    struct frost_identifier peer; /* recipient in part 2, sender in part 3 */
    struct scalar share;
};

/* Strict, at most FROST_SIGNERS_MAX commitments; x(R) and z of the proof are checked as well.
 * On failure nothing is left to free. */
enum signer_error dkg_round1_package_decode(struct dkg_round1_package *out, const uint8_t *in, size_t len);
enum signer_error dkg_round1_package_encode(struct buffer *out, const struct dkg_round1_package *in);
void dkg_round1_package_free(struct dkg_round1_package *inout);
enum signer_error dkg_round2_share_decode(struct scalar *out, const uint8_t *in, size_t len);
enum signer_error dkg_round2_share_encode(struct buffer *out, const struct scalar *in);
/* The same into memory of the caller (custody). */
enum signer_error dkg_round2_share_write(uint8_t out[DKG_ROUND2_PACKAGE_BYTES], const struct scalar *in);

/* Sizes of the encoded secret packages, for custody slots. */
size_t dkg_round1_secret_bytes(uint16_t min_signers, uint16_t max_signers);
size_t dkg_round2_secret_bytes(uint16_t min_signers, uint16_t max_signers);

/* What a secret package says about itself. */
struct dkg_secret_info {
    struct frost_identifier identifier;
    uint16_t min_signers;
    uint16_t max_signers;
};
/* Strict decoding of a secret package, of which only the public head is given out. */
enum signer_error dkg_round1_secret_check(struct dkg_secret_info *out, const uint8_t *in, size_t len);
enum signer_error dkg_round2_secret_check(struct dkg_secret_info *out, const uint8_t *in, size_t len);

/* SHA-256 over the round-1 map in ascending order (D-042), each as identifier and encoded package:
 * binds part 3 to the packages of part 2, and serves hosts as a transcript to compare. */
enum signer_error dkg_round1_map_hash(uint8_t out[HASH_BYTES], const struct dkg_round1_entry *entries, size_t count);

/* 2 <= min_signers <= max_signers, else ERR_FROST_MIN_SIGNERS or ERR_FROST_MAX_SIGNERS. */
enum signer_error dkg_check_counts(uint16_t min_signers, uint16_t max_signers);

/* Part 1 from a 32-byte seed (frost 5): writes the encoded secret package into `secret` (exactly
 * dkg_round1_secret_bytes, guarded memory) and the public package. On failure `secret` is wiped. */
enum signer_error dkg_part1(struct dkg_round1_package *package, uint8_t *secret, size_t secret_len,
                            const struct frost_identifier *identifier, uint16_t max_signers, uint16_t min_signers,
                            const uint8_t seed[32]);

/* What parts 2 and 3 get from their caller. */
struct dkg_means {
    uint8_t random[32]; /* fresh in every call, of the system's source: what weights are drawn from */
    unsigned workers;   /* threads that large work on public values may use; results do not depend on it */
};

/* Part 2: `secret` is the encoded round-1 secret, to be wiped by its owner afterwards; `peers` are the
 * others' packages in any order. `shares` has room for max_signers-1 entries in guarded memory, filled
 * ascending by recipient; `round2_secret` (exactly dkg_round2_secret_bytes) gets the encoded round-2
 * secret. On ERR_FROST_INVALID_PROOF and ERR_FROST_COMMITMENT_COUNT `culprit` names the sender. On
 * failure both outputs are wiped. */
enum signer_error dkg_part2(struct dkg_round2_entry *shares, uint8_t *round2_secret, size_t round2_secret_len,
                            const uint8_t *secret, size_t secret_len, const struct dkg_round1_entry *peers,
                            size_t peer_count, const struct dkg_means *means, struct frost_identifier *culprit,
                            bool *has_culprit);

/* Part 3: key package (guarded memory) and public package, tweaked with no root and then brought to
 * even Y as in frost 4.3. On ERR_FROST_INVALID_SECRET_SHARE and ERR_FROST_COMMITMENT_COUNT `culprit`
 * names the sender. ERR_FROST_INCORRECT_PACKAGE: senders differ, or the own share does not belong to
 * the sum of all commitments (D-042). On failure `key` is wiped, `keys` empty. */
enum signer_error dkg_part3(struct frost_key_package *key, struct frost_public_package *keys, const uint8_t *secret,
                            size_t secret_len, const struct dkg_round1_entry *peers, size_t peer_count,
                            const struct dkg_round2_entry *shares, size_t share_count, const struct dkg_means *means,
                            struct frost_identifier *culprit, bool *has_culprit);

#endif
