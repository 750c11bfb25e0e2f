/* Packages of the key generation as bytes (frost 3.2), and what all its parts check first. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/codec.h"
#include "frost/dkg_secret.h"
#include "frost/suite.h"

static enum signer_error new_commitments(struct dkg_round1_package *out, size_t count) {
    memset(out, 0, sizeof *out);
    out->commitments = signer_calloc(count ? count : 1, sizeof *out->commitments);
    if (!out->commitments) return ERR_OUT_OF_MEMORY;
    out->count = count;
    return SIGNER_OK;
}

/* A signature: varint 64, x(R) on the curve, z below n. */
static void read_proof(struct frost_reader *reader, uint8_t out[FROST_SIGNATURE_BYTES]) {
    struct point commitment;
    struct scalar response;
    if (frost_read_varint(reader, FROST_SIGNATURE_BYTES) != FROST_SIGNATURE_BYTES)
        frost_read_fail(reader, ERR_FROST_DESERIALIZATION);
    const uint8_t *raw = frost_read_raw(reader, FROST_SIGNATURE_BYTES);
    if (!raw) return;
    memcpy(out, raw, FROST_SIGNATURE_BYTES);
    if (point_lift_x(&commitment, raw) != SIGNER_OK) frost_read_fail(reader, ERR_FROST_GROUP);
    if (!scalar_decode(&response, raw + XONLY_BYTES)) frost_read_fail(reader, ERR_FROST_FIELD);
}

/* All points, that of the proof among them, decoded together. False: something is wrong, and the parts have to
 * be read one by one to say what comes first. */
static bool read_points_together(struct frost_reader *reader, struct dkg_round1_package *out) {
    struct frost_reader ahead = *reader;
    uint8_t commitment[POINT_BYTES] = {2};
    struct scalar response;
    struct point *points = signer_calloc(out->count + 1, sizeof *points);
    const uint8_t **encoded = signer_calloc(out->count + 1, sizeof(const uint8_t *));
    bool good = points && encoded;
    for (size_t k = 0; k < out->count && good; k++)
        encoded[k] = frost_read_raw(&ahead, POINT_BYTES);
    good = good && frost_read_varint(&ahead, FROST_SIGNATURE_BYTES) == FROST_SIGNATURE_BYTES;
    const uint8_t *proof = good ? frost_read_raw(&ahead, FROST_SIGNATURE_BYTES) : NULL;
    good = proof && scalar_decode(&response, proof + XONLY_BYTES);
    if (good) {
        memcpy(commitment + 1, proof, XONLY_BYTES);
        encoded[out->count] = commitment;
        good = point_decode_many(points, encoded, out->count + 1) == SIGNER_OK;
    }
    if (good) {
        *reader = ahead;
        memcpy(out->commitments, points, out->count * sizeof *points);
        memcpy(out->proof, proof, FROST_SIGNATURE_BYTES);
    }
    free(points);
    free(encoded);
    return good;
}

enum signer_error dkg_round1_package_decode(struct dkg_round1_package *out, const uint8_t *in, size_t len) {
    struct frost_reader reader;
    memset(out, 0, sizeof *out);
    frost_read_begin(&reader, in, len);
    frost_read_header(&reader);
    size_t count = frost_read_count(&reader, POINT_BYTES);
    if (count > FROST_SIGNERS_MAX) frost_read_fail(&reader, ERR_FROST_DESERIALIZATION);
    if (reader.error != SIGNER_OK) return reader.error;
    if (new_commitments(out, count) != SIGNER_OK) return ERR_OUT_OF_MEMORY;
    if (!read_points_together(&reader, out)) {
        frost_read_points(&reader, out->commitments, count);
        read_proof(&reader, out->proof);
    }
    enum signer_error error = frost_read_end(&reader);
    if (error != SIGNER_OK) dkg_round1_package_free(out);
    return error;
}

enum signer_error dkg_round1_package_encode(struct buffer *out, const struct dkg_round1_package *in) {
    struct frost_writer writer;
    frost_write_into_buffer(&writer, out,
                            FROST_HEADER_BYTES + frost_varint_bytes((uint32_t)in->count) + in->count * POINT_BYTES + 1 +
                                FROST_SIGNATURE_BYTES);
    frost_write_header(&writer);
    frost_write_varint(&writer, (uint32_t)in->count);
    for (size_t k = 0; k < in->count; k++)
        frost_write_point(&writer, &in->commitments[k]);
    frost_write_varint(&writer, FROST_SIGNATURE_BYTES);
    frost_write_raw(&writer, in->proof, FROST_SIGNATURE_BYTES);
    return frost_write_end(&writer);
}

void dkg_round1_package_free(struct dkg_round1_package *inout) {
    free(inout->commitments);
    memset(inout, 0, sizeof *inout);
}

enum signer_error dkg_round2_share_decode(struct scalar *out, const uint8_t *in, size_t len) {
    struct frost_reader reader;
    frost_read_begin(&reader, in, len);
    frost_read_header(&reader);
    frost_read_scalar(&reader, out);
    enum signer_error error = frost_read_end(&reader);
    if (error != SIGNER_OK) scalar_clear(out);
    return error;
}

static enum signer_error write_round2_share(struct frost_writer *writer, const struct scalar *in) {
    frost_write_header(writer);
    frost_write_scalar(writer, in);
    return frost_write_end(writer);
}

enum signer_error dkg_round2_share_encode(struct buffer *out, const struct scalar *in) {
    struct frost_writer writer;
    frost_write_into_buffer(&writer, out, DKG_ROUND2_PACKAGE_BYTES);
    return write_round2_share(&writer, in);
}

enum signer_error dkg_round2_share_write(uint8_t out[DKG_ROUND2_PACKAGE_BYTES], const struct scalar *in) {
    struct frost_writer writer;
    frost_write_begin(&writer, out, DKG_ROUND2_PACKAGE_BYTES);
    return write_round2_share(&writer, in);
}

enum signer_error dkg_round1_map_hash(uint8_t out[HASH_BYTES], const struct dkg_round1_entry *entries, size_t count) {
    struct buffer encoded;
    buffer_init(&encoded);
    crypto_hash_sha256_state state;
    const struct dkg_round1_entry **ordered = signer_calloc(count ? count : 1, sizeof(const struct dkg_round1_entry *));
    if (!ordered) return ERR_OUT_OF_MEMORY;
    enum signer_error error = dkg_order_peers(ordered, entries, count, NULL);
    sha256_begin(&state);
    for (size_t i = 0; i < count && error == SIGNER_OK; i++) {
        buffer_clear(&encoded);
        error = dkg_round1_package_encode(&encoded, &ordered[i]->package);
        sha256_update(&state, ordered[i]->sender.bytes, FROST_IDENTIFIER_BYTES);
        sha256_update(&state, encoded.data, encoded.len);
    }
    sha256_finish(&state, out);
    buffer_free(&encoded);
    free(ordered);
    return error;
}

static int by_sender(const void *a, const void *b) {
    return frost_identifier_compare(&(*(const struct dkg_round1_entry *const *)a)->sender,
                                    &(*(const struct dkg_round1_entry *const *)b)->sender);
}

enum signer_error dkg_order_peers(const struct dkg_round1_entry **out, const struct dkg_round1_entry *entries,
                                  size_t count, const struct dkg_secret_info *own) {
    if (own && count + 1 != own->max_signers) return ERR_FROST_PACKAGE_COUNT;
    for (size_t i = 0; i < count; i++) {
        out[i] = &entries[i];
        if (frost_identifier_check(&entries[i].sender) != SIGNER_OK) return ERR_FROST_FIELD;
        if (own && frost_identifier_compare(&entries[i].sender, &own->identifier) == 0)
            return ERR_FROST_UNKNOWN_IDENTIFIER;
    }
    qsort(out, count, sizeof(const struct dkg_round1_entry *), by_sender);
    for (size_t i = 1; i < count; i++)
        if (by_sender(&out[i - 1], &out[i]) == 0) return ERR_FROST_DUPLICATED_IDENTIFIER;
    return SIGNER_OK;
}

enum signer_error dkg_check_commitment_counts(const struct dkg_round1_entry *const *peers, size_t count,
                                              uint16_t min_signers, struct frost_identifier *culprit,
                                              bool *has_culprit) {
    for (size_t i = 0; i < count; i++) {
        if (peers[i]->package.count == min_signers) continue;
        *culprit = peers[i]->sender;
        *has_culprit = true;
        return ERR_FROST_COMMITMENT_COUNT;
    }
    return SIGNER_OK;
}

enum signer_error dkg_proof_challenge(struct scalar *out, const struct frost_identifier *identifier,
                                      const struct point *constant, const uint8_t commitment_x[XONLY_BYTES]) {
    static const uint8_t even = 2;
    uint8_t encoded[POINT_BYTES];
    enum signer_error error = point_encode(encoded, constant);
    if (error != SIGNER_OK) return error;
    const struct bytes parts[] = {
        {identifier->bytes, FROST_IDENTIFIER_BYTES}, {encoded, POINT_BYTES}, {&even, 1}, {commitment_x, XONLY_BYTES}};
    hash_to_scalar(out, FROST_CONTEXT "dkg", parts, 4);
    return scalar_is_zero(out) ? ERR_FROST_FIELD : SIGNER_OK;
}

void dkg_begin_weights(struct draw *draw, const uint8_t random[32], const struct dkg_round1_entry *const *peers,
                       size_t count, const struct dkg_round2_entry *const *shares, const uint8_t *secret,
                       size_t secret_len) {
    uint8_t seed[HASH_BYTES], raw[SCALAR_BYTES];
    crypto_hash_sha256_state state;
    sha256_begin(&state);
    sha256_update(&state, random, 32);
    sha256_update(&state, secret, secret_len);
    for (size_t i = 0; i < count; i++) {
        sha256_update(&state, peers[i]->package.proof, FROST_SIGNATURE_BYTES);
        if (!shares) continue;
        scalar_encode(raw, &shares[i]->share);
        sha256_update(&state, raw, sizeof raw);
    }
    sha256_finish(&state, seed);
    draw_begin(draw, seed);
    sodium_memzero(raw, sizeof raw);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(&state, sizeof state);
}
