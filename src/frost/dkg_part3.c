/* Key generation, part 3: check and sum the shares, derive everybody's verifying share (frost 6.3). */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/dkg_secret.h"

struct part3 {
    struct round2_secret own;
    const struct dkg_round1_entry **peers;  /* ascending by sender */
    const struct dkg_round2_entry **shares; /* the same senders */
    size_t count;
    struct point *commitments; /* sums over all participants */
};

static const struct dkg_round2_entry *find_share(const struct dkg_round2_entry *shares, size_t count, size_t likely,
                                                 const struct frost_identifier *sender) {
    if (frost_identifier_compare(&shares[likely].peer, sender) == 0) return &shares[likely];
    for (size_t i = 0; i < count; i++)
        if (frost_identifier_compare(&shares[i].peer, sender) == 0) return &shares[i];
    return NULL;
}

/* Counts and senders of both maps, in the order of frost 6.3 step 1; then D-042's commitment counts. */
static enum signer_error match_inputs(struct part3 *run, const struct dkg_round1_entry *peers, size_t peer_count,
                                      const struct dkg_round2_entry *shares, size_t share_count,
                                      struct frost_identifier *culprit, bool *has_culprit) {
    enum signer_error error = dkg_order_peers(run->peers, peers, peer_count, &run->own.info);
    if (error != SIGNER_OK) return error;
    for (size_t i = 0; i < share_count; i++)
        if (frost_identifier_compare(&shares[i].peer, &run->own.info.identifier) == 0)
            return ERR_FROST_UNKNOWN_IDENTIFIER;
    if (share_count != peer_count) return ERR_FROST_PACKAGE_COUNT;
    for (size_t i = 0; i < peer_count; i++) {
        run->shares[i] = find_share(shares, share_count, i, &run->peers[i]->sender);
        if (!run->shares[i]) return ERR_FROST_INCORRECT_PACKAGE;
    }
    return dkg_check_commitment_counts(run->peers, peer_count, run->own.info.min_signers, culprit, has_culprit);
}

/* f_l(i) * G = sum of phi_{l,k} * i^k for every sender; then the sum of all shares. */
static enum signer_error sum_shares(struct scalar *out, const struct part3 *run, struct frost_identifier *culprit,
                                    bool *has_culprit) {
    struct scalar own;
    scalar_decode(&own, run->own.info.identifier.bytes);
    *out = run->own.share;
    for (size_t i = 0; i < run->count; i++) {
        const struct dkg_round1_package *package = &run->peers[i]->package;
        struct point expected, actual;
        point_horner(&expected, package->commitments, package->count, &own);
        enum signer_error error = point_mul_base(&actual, &run->shares[i]->share);
        if (error != SIGNER_OK) return error;
        if (!point_equal(&expected, &actual)) {
            *culprit = run->peers[i]->sender;
            *has_culprit = true;
            return ERR_FROST_INVALID_SECRET_SHARE;
        }
        scalar_add(out, out, &run->shares[i]->share);
    }
    return SIGNER_OK;
}

static enum signer_error sum_commitments(struct part3 *run) {
    const struct point **column = signer_calloc(run->count + 1, sizeof(const struct point *));
    if (!column) return ERR_OUT_OF_MEMORY;
    for (size_t k = 0; k < run->own.info.min_signers; k++) {
        column[0] = &run->own.commitments[k];
        for (size_t i = 0; i < run->count; i++)
            column[i + 1] = &run->peers[i]->package.commitments[k];
        point_sum(&run->commitments[k], column, run->count + 1);
    }
    free(column);
    return SIGNER_OK;
}

/* V_j for every participant, the own one included, ascending. */
static enum signer_error derive_public_package(struct frost_public_package *keys, const struct part3 *run) {
    size_t own_at = 0;
    keys->shares = signer_calloc(run->count + 1, sizeof *keys->shares);
    if (!keys->shares) return ERR_OUT_OF_MEMORY;
    keys->count = run->count + 1;
    keys->min_signers = run->own.info.min_signers;
    keys->verifying_key = run->commitments[0];
    while (own_at < run->count && frost_identifier_compare(&run->peers[own_at]->sender, &run->own.info.identifier) < 0)
        own_at++;
    for (size_t i = 0; i < keys->count; i++) {
        struct frost_verifying_share *share = &keys->shares[i];
        struct scalar x;
        share->identifier = i == own_at ? run->own.info.identifier : run->peers[i - (i > own_at)]->sender;
        scalar_decode(&x, share->identifier.bytes);
        point_horner(&share->share, run->commitments, keys->min_signers, &x);
        if (share->share.infinity) return ERR_FROST_GROUP;
    }
    return keys->verifying_key.infinity ? ERR_FROST_GROUP : SIGNER_OK;
}

/* Own package, checked against the sum of all commitments; then the tweak with no root and even Y. */
static enum signer_error finish_packages(struct frost_key_package *key, struct frost_public_package *keys,
                                         const struct part3 *run) {
    key->identifier = run->own.info.identifier;
    key->min_signers = run->own.info.min_signers;
    key->verifying_key = keys->verifying_key;
    key->verifying_share = *frost_verifying_share(keys, &key->identifier);
    enum signer_error error = frost_key_package_check(key);
    if (error == SIGNER_OK) error = frost_key_package_tweak(key, NULL);
    if (error == SIGNER_OK) error = frost_public_package_tweak(keys, NULL);
    if (error != SIGNER_OK) return error;
    frost_key_package_even_y(key);
    frost_public_package_even_y(keys);
    return SIGNER_OK;
}

static enum signer_error run_part3(struct part3 *run, struct frost_key_package *key, struct frost_public_package *keys,
                                   struct frost_identifier *culprit, bool *has_culprit) {
    enum signer_error error = sum_shares(&key->signing_share, run, culprit, has_culprit);
    if (error == SIGNER_OK) error = sum_commitments(run);
    if (error == SIGNER_OK) error = derive_public_package(keys, run);
    if (error == SIGNER_OK) error = finish_packages(key, keys, run);
    return error;
}

enum signer_error dkg_part3(struct frost_key_package *key, struct frost_public_package *keys, const uint8_t *secret,
                            size_t secret_len, const struct dkg_round1_entry *peers, size_t peer_count,
                            const struct dkg_round2_entry *shares, size_t share_count, struct frost_identifier *culprit,
                            bool *has_culprit) {
    struct part3 run = {.count = peer_count};
    *has_culprit = false;
    memset(keys, 0, sizeof *keys);
    enum signer_error error = round2_secret_read(&run.own, secret, secret_len);
    if (error != SIGNER_OK) goto cleanup;
    error = ERR_OUT_OF_MEMORY;
    run.peers = signer_calloc(peer_count + 1, sizeof(const struct dkg_round1_entry *));
    run.shares = signer_calloc(peer_count + 1, sizeof(const struct dkg_round2_entry *));
    run.commitments = signer_calloc(run.own.info.min_signers, sizeof *run.commitments);
    if (!run.peers || !run.shares || !run.commitments) goto cleanup;
    error = match_inputs(&run, peers, peer_count, shares, share_count, culprit, has_culprit);
    if (error == SIGNER_OK) error = run_part3(&run, key, keys, culprit, has_culprit);
cleanup:
    if (error != SIGNER_OK) {
        frost_key_package_clear(key);
        frost_public_package_free(keys);
    }
    round2_secret_free(&run.own);
    scalar_scrub_stack();
    free(run.peers);
    free(run.shares);
    free(run.commitments);
    return error;
}
