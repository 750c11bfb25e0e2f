/* Nonce pairs and their commitments (frost 9). */
#include "frost/signing.h"

#include <string.h>

#include "frost/codec.h"
#include "frost/suite.h"

static void read_commitments(struct frost_reader *reader, struct frost_commitments *out) {
    const uint8_t *start = reader->in.at;
    memset(out, 0, sizeof *out);
    frost_read_header(reader);
    frost_read_point(reader, &out->hiding);
    frost_read_point(reader, &out->binding);
    if (reader->error == SIGNER_OK) memcpy(out->encoded, start, FROST_COMMITMENTS_BYTES);
}

enum signer_error frost_commitments_decode(struct frost_commitments *out, const uint8_t *in, size_t len) {
    struct frost_reader reader;
    frost_read_begin(&reader, in, len);
    read_commitments(&reader, out);
    return frost_read_end(&reader);
}

/* The commitments of the two scalars, with their encoding. */
static enum signer_error commit(struct frost_commitments *out, const struct scalar *hiding,
                                const struct scalar *binding) {
    struct frost_writer writer;
    memset(out, 0, sizeof *out);
    enum signer_error error = point_mul_base(&out->hiding, hiding);
    if (error == SIGNER_OK) error = point_mul_base(&out->binding, binding);
    if (error != SIGNER_OK) return error;
    frost_write_begin(&writer, out->encoded, sizeof out->encoded);
    frost_write_header(&writer);
    frost_write_point(&writer, &out->hiding);
    frost_write_point(&writer, &out->binding);
    return frost_write_end(&writer);
}

enum signer_error frost_nonces_decode(struct frost_nonces *out, const uint8_t *in, size_t len) {
    struct frost_reader reader;
    struct frost_commitments made;
    frost_read_begin(&reader, in, len);
    frost_read_header(&reader);
    frost_read_scalar(&reader, &out->hiding);
    frost_read_scalar(&reader, &out->binding);
    read_commitments(&reader, &out->commitments);
    enum signer_error error = frost_read_end(&reader);
    if (error == SIGNER_OK && (commit(&made, &out->hiding, &out->binding) != SIGNER_OK ||
                               memcmp(made.encoded, out->commitments.encoded, sizeof made.encoded) != 0))
        error = ERR_FROST_INCORRECT_COMMITMENT;
    if (error != SIGNER_OK) frost_nonces_clear(out);
    scalar_scrub_stack();
    return error;
}

enum signer_error frost_nonces_encode(struct buffer *out, const struct frost_nonces *in) {
    struct frost_writer writer;
    frost_write_into_buffer(&writer, out, FROST_NONCES_BYTES);
    frost_write_header(&writer);
    frost_write_scalar(&writer, &in->hiding);
    frost_write_scalar(&writer, &in->binding);
    frost_write_raw(&writer, in->commitments.encoded, FROST_COMMITMENTS_BYTES);
    return frost_write_end(&writer);
}

void frost_nonces_clear(struct frost_nonces *inout) {
    sodium_memzero(inout, sizeof *inout);
}

/* H3(random || share) */
static enum signer_error derive_nonce(struct scalar *out, const uint8_t random[32], const uint8_t share[SCALAR_BYTES]) {
    const struct bytes parts[] = {{random, 32}, {share, SCALAR_BYTES}};
    hash_to_scalar(out, FROST_CONTEXT "nonce", parts, 2);
    return scalar_is_zero(out) ? ERR_FROST_FIELD : SIGNER_OK;
}

enum signer_error frost_nonces_from_random(struct frost_nonces *out, const struct frost_key_package *key,
                                           const uint8_t hiding_random[32], const uint8_t binding_random[32]) {
    uint8_t share[SCALAR_BYTES];
    scalar_encode(share, &key->signing_share);
    enum signer_error error = derive_nonce(&out->hiding, hiding_random, share);
    if (error == SIGNER_OK) error = derive_nonce(&out->binding, binding_random, share);
    if (error == SIGNER_OK) error = commit(&out->commitments, &out->hiding, &out->binding);
    sodium_memzero(share, sizeof share);
    if (error != SIGNER_OK) frost_nonces_clear(out);
    scalar_scrub_stack();
    return error;
}
