/* The two secret packages of the key generation: identifier, [t coefficients,] t commitments,
 * [secret share,] t, N; no header (frost 3.2). SECRET. */
#include "frost/dkg_secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/codec.h"

#define COMMITMENT_CHUNK 64 /* points decoded together */

size_t dkg_round1_secret_bytes(uint16_t min_signers, uint16_t max_signers) {
    return FROST_IDENTIFIER_BYTES + 3 * frost_varint_bytes(min_signers) +
           (size_t)min_signers * (SCALAR_BYTES + POINT_BYTES) + frost_varint_bytes(max_signers);
}

size_t dkg_round2_secret_bytes(uint16_t min_signers, uint16_t max_signers) {
    return FROST_IDENTIFIER_BYTES + 2 * frost_varint_bytes(min_signers) + (size_t)min_signers * POINT_BYTES +
           SCALAR_BYTES + frost_varint_bytes(max_signers);
}

enum signer_error dkg_check_counts(uint16_t min_signers, uint16_t max_signers) {
    if (min_signers < 2) return ERR_FROST_MIN_SIGNERS;
    if (max_signers < 2) return ERR_FROST_MAX_SIGNERS;
    if (min_signers > max_signers || min_signers > FROST_SIGNERS_MAX) return ERR_FROST_MIN_SIGNERS;
    return SIGNER_OK;
}

static void read_counts(struct frost_reader *reader, struct dkg_secret_info *info, size_t count) {
    info->min_signers = (uint16_t)frost_read_varint(reader, UINT16_MAX);
    info->max_signers = (uint16_t)frost_read_varint(reader, UINT16_MAX);
    if (info->min_signers != count || dkg_check_counts(info->min_signers, info->max_signers) != SIGNER_OK)
        frost_read_fail(reader, ERR_FROST_DESERIALIZATION);
}

enum signer_error round1_secret_read(struct round1_secret *out, const uint8_t *in, size_t len) {
    struct frost_reader reader;
    struct scalar coefficient;
    struct point commitments[COMMITMENT_CHUNK];
    memset(out, 0, sizeof *out);
    frost_read_begin(&reader, in, len);
    frost_read_identifier(&reader, &out->info.identifier);
    size_t count = frost_read_count(&reader, SCALAR_BYTES);
    out->coefficients = reader.in.at;
    for (size_t k = 0; k < count && reader.error == SIGNER_OK; k++)
        frost_read_scalar(&reader, &coefficient);
    if (frost_read_count(&reader, POINT_BYTES) != count) frost_read_fail(&reader, ERR_FROST_DESERIALIZATION);
    out->commitments = reader.in.at;
    for (size_t k = 0; k < count; k += COMMITMENT_CHUNK)
        frost_read_points(&reader, commitments, count - k < COMMITMENT_CHUNK ? count - k : COMMITMENT_CHUNK);
    read_counts(&reader, &out->info, count);
    scalar_clear(&coefficient);
    return frost_read_end(&reader);
}

enum signer_error round2_secret_read(struct round2_secret *out, const uint8_t *in, size_t len) {
    struct frost_reader reader;
    struct scalar share;
    memset(out, 0, sizeof *out);
    frost_read_begin(&reader, in, len);
    frost_read_identifier(&reader, &out->info.identifier);
    size_t count = frost_read_count(&reader, POINT_BYTES);
    if (reader.error != SIGNER_OK) return reader.error;
    out->commitments = signer_calloc(count ? count : 1, sizeof *out->commitments);
    if (!out->commitments) return ERR_OUT_OF_MEMORY;
    frost_read_points(&reader, out->commitments, count);
    out->share = reader.in.at;
    frost_read_scalar(&reader, &share);
    scalar_clear(&share);
    read_counts(&reader, &out->info, count);
    enum signer_error error = frost_read_end(&reader);
    if (error != SIGNER_OK) round2_secret_free(out);
    return error;
}

void round2_secret_free(struct round2_secret *inout) {
    free(inout->commitments);
    memset(inout, 0, sizeof *inout);
}

enum signer_error round2_secret_write(uint8_t *out, size_t len, const struct round1_secret *from,
                                      const struct scalar *share) {
    struct frost_writer writer;
    frost_write_begin(&writer, out, len);
    frost_write_raw(&writer, from->info.identifier.bytes, FROST_IDENTIFIER_BYTES);
    frost_write_varint(&writer, from->info.min_signers);
    frost_write_raw(&writer, from->commitments, (size_t)from->info.min_signers * POINT_BYTES);
    frost_write_scalar(&writer, share);
    frost_write_varint(&writer, from->info.min_signers);
    frost_write_varint(&writer, from->info.max_signers);
    return frost_write_end(&writer);
}

enum signer_error dkg_round1_secret_check(struct dkg_secret_info *out, const uint8_t *in, size_t len) {
    struct round1_secret secret;
    enum signer_error error = round1_secret_read(&secret, in, len);
    *out = secret.info;
    return error;
}

enum signer_error dkg_round2_secret_check(struct dkg_secret_info *out, const uint8_t *in, size_t len) {
    struct round2_secret secret;
    enum signer_error error = round2_secret_read(&secret, in, len);
    *out = secret.info;
    if (error == SIGNER_OK) round2_secret_free(&secret);
    return error;
}
