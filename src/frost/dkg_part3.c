/* Key generation, part 3: check and sum the shares, derive everybody's verifying share (frost 6.3). */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/workers.h"
#include "frost/dkg_secret.h"

#define CHUNK_MIN 33 /* polynomials that one thread evaluates together, at least */

struct part3 {
    struct round2_secret own;
    const struct dkg_round1_entry **peers;  /* ascending by sender */
    const struct dkg_round2_entry **shares; /* the same senders */
    size_t count;
    const struct point **polynomials; /* commitments of the peers, then the own ones */
    struct point *commitments;        /* sums over all participants */
    struct point *expected;           /* what the shares must be, times G, in the order of the peers */
    struct frost_public_package *keys;
    enum signer_error derived; /* of the public package */
    size_t chunks;             /* of the polynomials */
    struct scalar at;          /* the own identifier */
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

/* f_l(i) * G by the commitments of the senders of one chunk. */
static void expect_shares(const struct part3 *run, size_t chunk) {
    size_t from = run->count * chunk / run->chunks, to = run->count * (chunk + 1) / run->chunks;
    point_horner_many(&run->expected[from], &run->polynomials[from], to - from, run->own.info.min_signers, &run->at);
}

/* True: every share belongs to its commitments, and the sum of all to the own verifying share, up to a chance
 * of 2^-128. The shares are secret: they are summed with their weights in constant time, the own sum with weight
 * 1, and only the multiple of G of that sum goes further. */
static bool all_shares_hold(const struct part3 *run, const struct scalar *own_sum, const struct point *own_expected,
                            struct draw *draw) {
    struct scalar *weights = signer_calloc(run->count + 1, sizeof *weights);
    struct point_term *terms = signer_calloc(run->count + 2, sizeof *terms);
    struct scalar sum = *own_sum, weighted = {{0}};
    struct point actual;
    bool good = weights && terms;
    for (size_t i = 0; i < run->count && good; i++) {
        draw_weight(draw, &weights[i]);
        scalar_mul(&weighted, &run->shares[i]->share, &weights[i]);
        scalar_add(&sum, &sum, &weighted);
        terms[i] = (struct point_term){&weights[i], &run->expected[i]};
    }
    if (good) good = point_mul_base(&actual, &sum) == SIGNER_OK;
    if (good) {
        point_negate(&actual);
        terms[run->count] = (struct point_term){NULL, &actual};
        terms[run->count + 1] = (struct point_term){NULL, own_expected};
        good = point_terms_cancel(terms, run->count + 2);
    }
    scalar_clear(&sum);
    scalar_clear(&weighted);
    free(weights);
    free(terms);
    return good;
}

/* The first share that does not belong to its commitments, each by itself. */
static enum signer_error find_bad_share(const struct part3 *run, struct frost_identifier *culprit, bool *has_culprit) {
    for (size_t i = 0; i < run->count; i++) {
        struct point actual;
        enum signer_error error = point_mul_base(&actual, &run->shares[i]->share);
        if (error != SIGNER_OK) return error;
        if (point_equal(&run->expected[i], &actual)) continue;
        *culprit = run->peers[i]->sender;
        *has_culprit = true;
        return ERR_FROST_INVALID_SECRET_SHARE;
    }
    return SIGNER_OK;
}

/* The own share of the key, not yet checked. */
static void sum_shares(struct scalar *out, const struct part3 *run) {
    scalar_decode(out, run->own.share);
    for (size_t i = 0; i < run->count; i++)
        scalar_add(out, out, &run->shares[i]->share);
}

/* Every received share, and the own sum against `own_expected` (D-042). */
static enum signer_error check_shares(const struct part3 *run, const struct scalar *own_sum,
                                      const struct point *own_expected, struct draw *draw,
                                      struct frost_identifier *culprit, bool *has_culprit) {
    struct point actual;
    if (all_shares_hold(run, own_sum, own_expected, draw)) return SIGNER_OK;
    enum signer_error error = find_bad_share(run, culprit, has_culprit);
    if (error == SIGNER_OK) error = point_mul_base(&actual, own_sum);
    if (error == SIGNER_OK && !point_equal(&actual, own_expected)) error = ERR_FROST_INCORRECT_PACKAGE;
    return error;
}

/* V_j for every participant, the own one included, ascending. */
static enum signer_error derive_public_package(struct frost_public_package *keys, const struct part3 *run) {
    size_t own_at = 0, count = run->count + 1;
    struct scalar *at = signer_calloc(count, sizeof *at);
    struct point *values = signer_calloc(count, sizeof *values);
    enum signer_error error = ERR_OUT_OF_MEMORY;
    keys->shares = signer_calloc(count, sizeof *keys->shares);
    if (!at || !values || !keys->shares) goto cleanup;
    keys->count = count;
    keys->min_signers = run->own.info.min_signers;
    keys->verifying_key = run->commitments[0];
    while (own_at < run->count && frost_identifier_compare(&run->peers[own_at]->sender, &run->own.info.identifier) < 0)
        own_at++;
    for (size_t i = 0; i < count; i++) {
        keys->shares[i].identifier = i == own_at ? run->own.info.identifier : run->peers[i - (i > own_at)]->sender;
        scalar_decode(&at[i], keys->shares[i].identifier.bytes);
    }
    point_evaluate(values, run->commitments, keys->min_signers, at, count);
    error = keys->verifying_key.infinity ? ERR_FROST_GROUP : SIGNER_OK;
    for (size_t i = 0; i < count; i++) {
        keys->shares[i].share = values[i];
        if (values[i].infinity) error = ERR_FROST_GROUP;
    }
cleanup:
    free(at);
    free(values);
    return error;
}

/* The sums with what lies on them take about as long as all polynomials at once, and neither of the two gets much
 * shorter in parts: every step inverts once for all that go in step. So two threads have one each, and a third takes
 * half of the polynomials. */
static size_t count_chunks(size_t polynomials, unsigned workers) {
    return workers > 2 && polynomials >= 2 * CHUNK_MIN ? 2 : 1;
}

/* Item 0: the sums and what lies on them; then the chunks. */
static void work_on_commitments(void *context, size_t item) {
    struct part3 *run = context;
    if (item > 0) {
        expect_shares(run, item - 1);
        return;
    }
    point_sum_polynomials(run->commitments, run->polynomials, run->count + 1, run->own.info.min_signers);
    run->derived = derive_public_package(run->keys, run);
}

/* The tweak with no root and even Y on both packages. */
static enum signer_error finish_packages(struct frost_key_package *key, struct frost_public_package *keys,
                                         const struct part3 *run) {
    key->identifier = run->own.info.identifier;
    key->min_signers = run->own.info.min_signers;
    key->verifying_key = keys->verifying_key;
    key->verifying_share = *frost_verifying_share(keys, &key->identifier);
    enum signer_error error = frost_packages_tweak(key, keys, NULL);
    if (error != SIGNER_OK) return error;
    frost_key_package_even_y(key);
    frost_public_package_even_y(keys);
    return SIGNER_OK;
}

/* A bad share comes before a key or verifying share that is the identity, and that before an own sum that does
 * not belong to the commitments. */
static enum signer_error run_part3(struct part3 *run, struct frost_key_package *key, struct frost_public_package *keys,
                                   const struct dkg_means *means, struct draw *draw, struct frost_identifier *culprit,
                                   bool *has_culprit) {
    uint16_t length = run->own.info.min_signers;
    unsigned workers = dkg_workers(means, run->count, length);
    run->keys = keys;
    run->chunks = count_chunks(run->count, workers);
    scalar_decode(&run->at, run->own.info.identifier.bytes);
    for (size_t i = 0; i < run->count; i++)
        run->polynomials[i] = run->peers[i]->package.commitments;
    run->polynomials[run->count] = run->own.commitments;
    workers_run(workers, 1 + run->chunks, work_on_commitments, run);
    enum signer_error derived = run->derived;
    if (derived == ERR_OUT_OF_MEMORY) return derived;
    sum_shares(&key->signing_share, run); /* not before: while others work, no secret lies on this stack */
    enum signer_error error = check_shares(
        run, &key->signing_share, frost_verifying_share(keys, &run->own.info.identifier), draw, culprit, has_culprit);
    if (derived != SIGNER_OK && (error == SIGNER_OK || error == ERR_FROST_INCORRECT_PACKAGE)) return derived;
    return error == SIGNER_OK ? finish_packages(key, keys, run) : error;
}

enum signer_error dkg_part3(struct frost_key_package *key, struct frost_public_package *keys, const uint8_t *secret,
                            size_t secret_len, const struct dkg_round1_entry *peers, size_t peer_count,
                            const struct dkg_round2_entry *shares, size_t share_count, const struct dkg_means *means,
                            struct frost_identifier *culprit, bool *has_culprit) {
    struct part3 run = {.count = peer_count};
    struct draw draw;
    *has_culprit = false;
    memset(keys, 0, sizeof *keys);
    enum signer_error error = round2_secret_read(&run.own, secret, secret_len);
    if (error != SIGNER_OK) goto cleanup;
    error = ERR_OUT_OF_MEMORY;
    run.peers = signer_calloc(peer_count + 1, sizeof(const struct dkg_round1_entry *));
    run.shares = signer_calloc(peer_count + 1, sizeof(const struct dkg_round2_entry *));
    run.polynomials = signer_calloc(peer_count + 1, sizeof(const struct point *));
    run.commitments = signer_calloc(run.own.info.min_signers, sizeof *run.commitments);
    run.expected = signer_calloc(peer_count + 1, sizeof *run.expected);
    if (!run.peers || !run.shares || !run.polynomials || !run.commitments || !run.expected) goto cleanup;
    error = match_inputs(&run, peers, peer_count, shares, share_count, culprit, has_culprit);
    if (error != SIGNER_OK) goto cleanup;
    dkg_begin_weights(&draw, means->random, run.peers, peer_count, run.shares, secret, secret_len);
    error = run_part3(&run, key, keys, means, &draw, culprit, has_culprit);
    draw_end(&draw);
cleanup:
    if (error != SIGNER_OK) {
        frost_key_package_clear(key);
        frost_public_package_free(keys);
    }
    round2_secret_free(&run.own);
    scalar_scrub_stack();
    free(run.peers);
    free(run.shares);
    free(run.polynomials);
    free(run.commitments);
    free(run.expected);
    return error;
}
