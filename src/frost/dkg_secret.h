/* The two secret packages of the key generation, as their bytes lie in custody, and the order in
 * which packages of peers are taken. For the files of the key generation only. */
#ifndef SIGNER_FROST_DKG_SECRET_H
#define SIGNER_FROST_DKG_SECRET_H

#include "frost/dkg.h"
#include "frost/draw.h"

/* Views into an encoded round-1 secret: `coefficients` and `commitments` hold min_signers items. */
struct round1_secret {
    struct dkg_secret_info info;
    const uint8_t *coefficients; /* SECRET, 32 bytes each */
    const uint8_t *commitments;  /* 33 bytes each */
};
enum signer_error round1_secret_read(struct round1_secret *out, const uint8_t *in, size_t len);

/* A view, too: the share is only looked at where it lies. */
struct round2_secret {
    struct dkg_secret_info info;
    struct point *commitments; /* min_signers of them */
    const uint8_t *share;      /* SECRET, 32 bytes: f_i(i) */
};
enum signer_error round2_secret_read(struct round2_secret *out, const uint8_t *in, size_t len);
void round2_secret_free(struct round2_secret *inout);
enum signer_error round2_secret_write(uint8_t *out, size_t len, const struct round1_secret *from,
                                      const struct scalar *share);

/* Pointers to `entries`, ascending by sender. Also refuses: ERR_FROST_PACKAGE_COUNT (not max_signers - 1),
 * ERR_FROST_UNKNOWN_IDENTIFIER (`own` among them), ERR_FROST_DUPLICATED_IDENTIFIER, ERR_FROST_FIELD. */
enum signer_error dkg_order_peers(const struct dkg_round1_entry **out, const struct dkg_round1_entry *entries,
                                  size_t count, const struct dkg_secret_info *own);
/* All packages hold min_signers commitments, else ERR_FROST_COMMITMENT_COUNT and the sender. */
enum signer_error dkg_check_commitment_counts(const struct dkg_round1_entry *const *peers, size_t count,
                                              uint16_t min_signers, struct frost_identifier *culprit,
                                              bool *has_culprit);
/* c = HDKG(identifier || phi_0 || R) with R of even Y. */
enum signer_error dkg_proof_challenge(struct scalar *out, const struct frost_identifier *identifier,
                                      const struct point *constant, const uint8_t commitment_x[XONLY_BYTES]);

/* Threads for work on the commitments of `members` members: 1 below DKG_SPLIT_POINTS. */
unsigned dkg_workers(const struct dkg_means *means, size_t members, size_t commitments);

/* Weights of a batch check, which no sender could foresee: drawn from fresh randomness, hashed with the own
 * secret package, all proofs, and the received shares (`shares` in the order of the peers, or NULL), so that a
 * source that repeats itself makes none of them weak. */
void dkg_begin_weights(struct draw *draw, const uint8_t random[32], const struct dkg_round1_entry *const *peers,
                       size_t count, const struct dkg_round2_entry *const *shares, const uint8_t *secret,
                       size_t secret_len);

#endif
