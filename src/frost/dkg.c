/* Key generation, parts 1 and 2: a polynomial, its commitments, a proof of possession; then the
 * peers' proofs and one share for each of them (frost 6.1, 6.2). */
#include "frost/dkg.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/workers.h"
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

/* Some of the proofs, looked at by one thread: their part of the sum. */
struct proof_chunk {
    size_t from, to;
    bool good;
    struct scalar responses; /* the factor of G */
    struct point sum;        /* of everything else */
};

struct proofs {
    const struct dkg_round1_entry *const *peers;
    size_t count, chunk_count;
    struct weighted_proof *proofs;
    struct point_term *terms; /* two a proof; then one of G or one a chunk, and one of G */
    struct proof_chunk *chunks;
    enum signer_error *errors; /* of every proof by itself */
};

/* Adds the scalars of one proof to the sum; false where they are malformed. */
static bool weigh_proof(struct weighted_proof *inout, struct scalar *responses, const struct dkg_round1_entry *peer) {
    struct scalar response;
    const uint8_t *proof = peer->package.proof;
    inout->encoded[0] = 2;
    memcpy(inout->encoded + 1, proof, XONLY_BYTES);
    if (!scalar_decode(&response, proof + XONLY_BYTES) ||
        dkg_proof_challenge(&inout->challenge, &peer->sender, &peer->package.commitments[0], proof) != SIGNER_OK)
        return false;
    scalar_mul(&inout->challenge, &inout->challenge, &inout->weight);
    scalar_mul(&response, &response, &inout->weight);
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

/* The terms of a chunk and, unless it is the only one, their sum. */
static void sum_chunk(void *context, size_t index) {
    struct proofs *run = context;
    struct proof_chunk *chunk = &run->chunks[index];
    struct point_term *terms = run->terms;
    bool good = true;
    for (size_t i = chunk->from; i < chunk->to && good; i++) {
        good = weigh_proof(&run->proofs[i], &chunk->responses, run->peers[i]);
        terms[2 * i] = (struct point_term){&run->proofs[i].weight, &run->proofs[i].commitment};
        terms[2 * i + 1] = (struct point_term){&run->proofs[i].challenge, &run->peers[i]->package.commitments[0]};
    }
    chunk->good = good && decode_commitments(&run->proofs[chunk->from], chunk->to - chunk->from);
    if (chunk->good && run->chunk_count > 1)
        point_multi_mul(&chunk->sum, &terms[2 * chunk->from], 2 * (chunk->to - chunk->from));
}

/* True: every proof holds, up to a chance of 2^-128. False says nothing: then each is looked at alone. */
static bool all_proofs_hold(struct proofs *run, struct draw *draw, unsigned workers) {
    struct scalar responses = {{0}};
    struct point_term *terms = run->terms;
    size_t used = 2 * run->count;
    for (size_t i = 0; i < run->count; i++)
        draw_weight(draw, &run->proofs[i].weight);
    workers_run(workers, run->chunk_count, sum_chunk, run);
    if (run->chunk_count > 1) terms += used, used = 0;
    for (size_t i = 0; i < run->chunk_count; i++) {
        if (!run->chunks[i].good) return false;
        scalar_add(&responses, &responses, &run->chunks[i].responses);
        if (run->chunk_count > 1) terms[used++] = (struct point_term){NULL, &run->chunks[i].sum};
    }
    terms[used++] = (struct point_term){&responses, NULL};
    return point_terms_cancel(terms, used);
}

static void check_alone(void *context, size_t index) {
    struct proofs *run = context;
    run->errors[index] = check_proof(run->peers[index]);
}

/* The first proof that does not hold answers. */
static enum signer_error find_bad_proof(struct proofs *run, unsigned workers, struct frost_identifier *culprit,
                                        bool *has_culprit) {
    workers_run(workers, run->count, check_alone, run);
    for (size_t i = 0; i < run->count; i++) {
        if (run->errors[i] == SIGNER_OK) continue;
        *culprit = run->peers[i]->sender;
        *has_culprit = run->errors[i] == ERR_FROST_INVALID_PROOF;
        return run->errors[i];
    }
    return SIGNER_OK;
}

/* Chunks as even as they can be. */
static void cut_chunks(struct proofs *run) {
    for (size_t i = 0; i < run->chunk_count; i++) {
        run->chunks[i].from = run->count * i / run->chunk_count;
        run->chunks[i].to = run->count * (i + 1) / run->chunk_count;
    }
}

static enum signer_error check_proofs(const struct dkg_round1_entry *const *peers, size_t count, unsigned workers,
                                      struct draw *draw, struct frost_identifier *culprit, bool *has_culprit) {
    struct proofs run = {.peers = peers, .count = count, .chunk_count = workers};
    enum signer_error error = ERR_OUT_OF_MEMORY;
    run.proofs = signer_calloc(count + 1, sizeof *run.proofs);
    run.terms = signer_calloc(2 * count + workers + 1, sizeof *run.terms);
    run.chunks = signer_calloc(workers, sizeof *run.chunks);
    run.errors = signer_calloc(count + 1, sizeof *run.errors);
    if (!run.proofs || !run.terms || !run.chunks || !run.errors) goto cleanup;
    cut_chunks(&run);
    error = all_proofs_hold(&run, draw, workers) ? SIGNER_OK : find_bad_proof(&run, workers, culprit, has_culprit);
cleanup:
    free(run.proofs);
    free(run.terms);
    free(run.chunks);
    free(run.errors);
    return error;
}

unsigned dkg_workers(const struct dkg_means *means, size_t members, size_t commitments) {
    return means->workers > 1 && members * commitments >= DKG_SPLIT_POINTS ? means->workers : 1;
}

static enum signer_error check_peers(const struct dkg_round1_entry *const *peers, size_t count, uint16_t min_signers,
                                     const struct dkg_means *means, struct draw *draw, struct frost_identifier *culprit,
                                     bool *has_culprit) {
    enum signer_error error = dkg_check_commitment_counts(peers, count, min_signers, culprit, has_culprit);
    if (error != SIGNER_OK) return error;
    unsigned workers = dkg_workers(means, count, min_signers);
    return check_proofs(peers, count, workers, draw, culprit, has_culprit);
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
    error = check_peers(ordered, peer_count, own.info.min_signers, means, &draw, culprit, has_culprit);
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
