/* Key generation, parts 1 and 2: a polynomial, its commitments, a proof of possession; then the
 * peers' proofs and one share for each of them (frost 6.1, 6.2). */
#include "frost/dkg.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/codec.h"
#include "frost/dkg_secret.h"
#include "frost/draw.h"

/* -- part 1 ----------------------------------------------------------------------------------- */

/* (k, R) with R of even Y; mu = k + a_0 * c (frost 6.1 step 3). */
static enum signer_error prove_possession(uint8_t proof[FROST_SIGNATURE_BYTES], struct draw *draw,
                                          const struct frost_identifier *identifier, const struct scalar *secret,
                                          const struct point *constant) {
    struct scalar nonce, challenge, response;
    struct point commitment;
    uint8_t encoded[POINT_BYTES];
    scalar_set_u64(&response, 0);
    draw_nonzero_scalar(draw, &nonce);
    enum signer_error error = point_mul_base(&commitment, &nonce);
    if (error == SIGNER_OK) error = point_encode(encoded, &commitment);
    if (error == SIGNER_OK) error = dkg_proof_challenge(&challenge, identifier, constant, encoded + 1);
    if (error == SIGNER_OK) {
        scalar_negate_if(&nonce, encoded[0] == 3);
        scalar_mul(&response, secret, &challenge);
        scalar_add(&response, &response, &nonce);
        memcpy(proof, encoded + 1, XONLY_BYTES);
        scalar_encode(proof + XONLY_BYTES, &response);
    }
    scalar_clear(&nonce);
    return error;
}

/* Draws the coefficients into `writer` and commits to them; keeps the constant term. A zero
 * coefficient has no commitment: ERR_FROST_SERIALIZATION. */
static enum signer_error draw_polynomial(struct frost_writer *writer, struct dkg_round1_package *package,
                                         struct scalar *constant, struct draw *draw) {
    struct scalar coefficient;
    enum signer_error error = SIGNER_OK;
    draw_nonzero_scalar(draw, constant);
    coefficient = *constant;
    for (size_t k = 0; k < package->count && error == SIGNER_OK; k++) {
        if (k > 0) draw_scalar(draw, &coefficient);
        frost_write_scalar(writer, &coefficient);
        error = point_mul_base(&package->commitments[k], &coefficient);
        if (error == SIGNER_OK && package->commitments[k].infinity) error = ERR_FROST_SERIALIZATION;
    }
    scalar_clear(&coefficient);
    return error;
}

static enum signer_error make_part1(struct dkg_round1_package *package, struct frost_writer *writer,
                                    const struct frost_identifier *identifier, uint16_t max_signers,
                                    struct draw *draw) {
    struct scalar constant;
    uint32_t count = (uint32_t)package->count;
    frost_write_raw(writer, identifier->bytes, FROST_IDENTIFIER_BYTES);
    frost_write_varint(writer, count);
    enum signer_error error = draw_polynomial(writer, package, &constant, draw);
    if (error == SIGNER_OK)
        error = prove_possession(package->proof, draw, identifier, &constant, &package->commitments[0]);
    scalar_clear(&constant);
    if (error != SIGNER_OK) return error;
    frost_write_varint(writer, count);
    for (size_t k = 0; k < count; k++)
        frost_write_point(writer, &package->commitments[k]);
    frost_write_varint(writer, count);
    frost_write_varint(writer, max_signers);
    return frost_write_end(writer);
}

enum signer_error dkg_part1(struct dkg_round1_package *package, uint8_t *secret, size_t secret_len,
                            const struct frost_identifier *identifier, uint16_t max_signers, uint16_t min_signers,
                            const uint8_t seed[32]) {
    struct draw draw;
    struct frost_writer writer;
    memset(package, 0, sizeof *package);
    enum signer_error error = dkg_check_counts(min_signers, max_signers);
    if (error == SIGNER_OK) error = frost_identifier_check(identifier);
    if (error != SIGNER_OK) return error;
    package->commitments = signer_calloc(min_signers, sizeof *package->commitments);
    if (!package->commitments) return ERR_OUT_OF_MEMORY;
    package->count = min_signers;
    draw_begin(&draw, seed);
    frost_write_begin(&writer, secret, secret_len);
    error = make_part1(package, &writer, identifier, max_signers, &draw);
    draw_end(&draw);
    scalar_scrub_stack();
    if (error != SIGNER_OK) {
        sodium_memzero(secret, secret_len);
        dkg_round1_package_free(package);
    }
    return error;
}

/* -- part 2 ----------------------------------------------------------------------------------- */

/* Accepts iff R = mu * G - c * phi_0 with R the even-Y point of the proof. */
static enum signer_error check_proof(const struct dkg_round1_entry *peer) {
    struct point commitment;
    struct scalar response, challenge;
    const uint8_t *proof = peer->package.proof;
    const struct point *constant = &peer->package.commitments[0];
    if (point_lift_x(&commitment, proof) != SIGNER_OK || !scalar_decode(&response, proof + XONLY_BYTES))
        return ERR_FROST_INVALID_PROOF;
    enum signer_error error = dkg_proof_challenge(&challenge, &peer->sender, constant, proof);
    if (error != SIGNER_OK) return error;
    scalar_negate(&response, &response);
    const struct point_term terms[] = {{NULL, &commitment}, {&challenge, constant}, {&response, NULL}};
    return point_terms_cancel(terms, 3) ? SIGNER_OK : ERR_FROST_INVALID_PROOF;
}

/* f(x), the coefficients read where they lie. */
static void evaluate(struct scalar *out, const struct round1_secret *secret, const struct frost_identifier *at) {
    struct scalar x, coefficient;
    scalar_decode(&x, at->bytes);
    scalar_set_u64(out, 0);
    for (size_t k = secret->info.min_signers; k-- > 0;) {
        scalar_decode(&coefficient, secret->coefficients + k * SCALAR_BYTES);
        scalar_mul(out, out, &x);
        scalar_add(out, out, &coefficient);
    }
    scalar_clear(&coefficient);
}

/* One proof in the sum. */
struct weighted_proof {
    uint8_t encoded[POINT_BYTES]; /* R with even Y */
    struct point commitment;
    struct scalar weight;
    struct scalar challenge; /* weighted */
};

/* Adds the scalars of one proof to the sum; false where they are malformed. */
static bool weigh_proof(struct weighted_proof *out, struct scalar *responses, const struct dkg_round1_entry *peer,
                        struct draw *draw) {
    struct scalar response;
    const uint8_t *proof = peer->package.proof;
    out->encoded[0] = 2;
    memcpy(out->encoded + 1, proof, XONLY_BYTES);
    if (!scalar_decode(&response, proof + XONLY_BYTES) ||
        dkg_proof_challenge(&out->challenge, &peer->sender, &peer->package.commitments[0], proof) != SIGNER_OK)
        return false;
    draw_weight(draw, &out->weight);
    scalar_mul(&out->challenge, &out->challenge, &out->weight);
    scalar_mul(&response, &response, &out->weight);
    scalar_sub(responses, responses, &response);
    return true;
}

static bool decode_commitments(struct weighted_proof *proofs, size_t count) {
    struct point *points = signer_calloc(count + 1, sizeof *points);
    const uint8_t **encoded = signer_calloc(count + 1, sizeof(const uint8_t *));
    bool good = points && encoded;
    for (size_t i = 0; i < count && good; i++)
        encoded[i] = proofs[i].encoded;
    good = good && point_decode_many(points, encoded, count) == SIGNER_OK;
    for (size_t i = 0; i < count && good; i++)
        proofs[i].commitment = points[i];
    free(points);
    free(encoded);
    return good;
}

/* True: every proof holds, up to a chance of 2^-128. False says nothing: then each is looked at alone. */
static bool all_proofs_hold(const struct dkg_round1_entry *const *peers, size_t count, struct draw *draw) {
    struct weighted_proof *proofs = signer_calloc(count + 1, sizeof *proofs);
    struct point_term *terms = signer_calloc(2 * count + 1, sizeof *terms);
    struct scalar responses = {{0}};
    bool good = proofs && terms;
    for (size_t i = 0; i < count && good; i++) {
        good = weigh_proof(&proofs[i], &responses, peers[i], draw);
        terms[2 * i] = (struct point_term){&proofs[i].weight, &proofs[i].commitment};
        terms[2 * i + 1] = (struct point_term){&proofs[i].challenge, &peers[i]->package.commitments[0]};
    }
    if (good) good = decode_commitments(proofs, count);
    if (good) {
        terms[2 * count] = (struct point_term){&responses, NULL};
        good = point_terms_cancel(terms, 2 * count + 1);
    }
    free(proofs);
    free(terms);
    return good;
}

static enum signer_error check_peers(const struct dkg_round1_entry *const *peers, size_t count, uint16_t min_signers,
                                     struct draw *draw, struct frost_identifier *culprit, bool *has_culprit) {
    enum signer_error error = dkg_check_commitment_counts(peers, count, min_signers, culprit, has_culprit);
    if (error != SIGNER_OK || all_proofs_hold(peers, count, draw)) return error;
    for (size_t i = 0; i < count; i++) {
        error = check_proof(peers[i]);
        if (error == SIGNER_OK) continue;
        *culprit = peers[i]->sender;
        *has_culprit = error == ERR_FROST_INVALID_PROOF;
        return error;
    }
    return SIGNER_OK;
}

enum signer_error dkg_part2(struct dkg_round2_entry *shares, uint8_t *round2_secret, size_t round2_secret_len,
                            const uint8_t *secret, size_t secret_len, const struct dkg_round1_entry *peers,
                            size_t peer_count, const struct dkg_means *means, struct frost_identifier *culprit,
                            bool *has_culprit) {
    struct round1_secret own;
    struct draw draw;
    struct scalar own_share = {{0}};
    const struct dkg_round1_entry **ordered = NULL;
    *has_culprit = false;
    enum signer_error error = round1_secret_read(&own, secret, secret_len);
    if (error != SIGNER_OK) goto cleanup;
    error = ERR_OUT_OF_MEMORY;
    ordered = signer_calloc(peer_count ? peer_count : 1, sizeof(const struct dkg_round1_entry *));
    if (!ordered) goto cleanup;
    error = dkg_order_peers(ordered, peers, peer_count, &own.info);
    if (error != SIGNER_OK) goto cleanup;
    dkg_begin_weights(&draw, means->random, ordered, peer_count, NULL, secret, secret_len);
    error = check_peers(ordered, peer_count, own.info.min_signers, &draw, culprit, has_culprit);
    draw_end(&draw);
    if (error != SIGNER_OK) goto cleanup;
    for (size_t i = 0; i < peer_count; i++) {
        shares[i].peer = ordered[i]->sender;
        evaluate(&shares[i].share, &own, &ordered[i]->sender);
    }
    evaluate(&own_share, &own, &own.info.identifier);
    error = round2_secret_write(round2_secret, round2_secret_len, &own, &own_share);
    if (error != SIGNER_OK) sodium_memzero(shares, peer_count * sizeof *shares);
cleanup:
    if (error != SIGNER_OK) sodium_memzero(round2_secret, round2_secret_len);
    scalar_clear(&own_share);
    scalar_scrub_stack();
    free(ordered);
    return error;
}
