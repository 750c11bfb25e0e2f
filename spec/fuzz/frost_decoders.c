/* libFuzzer: whatever a FROST decoder accepts must encode to the very same bytes (D-040). The first byte
 * names the kind.
 * `make fuzz` builds and runs it. */
#include <stdlib.h>
#include <string.h>

#include "frost/dkg.h"
#include "frost/signing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum signer_error key_package(struct buffer *out, const uint8_t *in, size_t len) {
    struct frost_key_package key;
    enum signer_error error = frost_key_package_parse(&key, in, len);
    return error ? error : frost_key_package_encode(out, &key);
}

static enum signer_error public_package(struct buffer *out, const uint8_t *in, size_t len) {
    struct frost_public_package keys;
    enum signer_error error = frost_public_package_decode(&keys, in, len);
    if (error) return error;
    error = frost_public_package_encode(out, &keys);
    frost_public_package_free(&keys);
    return error;
}

static enum signer_error signing_package(struct buffer *out, const uint8_t *in, size_t len) {
    struct frost_signing_package package;
    enum signer_error error = frost_signing_package_decode(&package, in, len);
    if (error) return error;
    error = frost_signing_package_encode(out, &package);
    frost_signing_package_free(&package);
    return error;
}

static enum signer_error commitments(struct buffer *out, const uint8_t *in, size_t len) {
    struct frost_commitments decoded;
    enum signer_error error = frost_commitments_decode(&decoded, in, len);
    if (!error) buffer_append(out, decoded.encoded, sizeof decoded.encoded);
    return error;
}

static enum signer_error round1_package(struct buffer *out, const uint8_t *in, size_t len) {
    struct dkg_round1_package package;
    enum signer_error error = dkg_round1_package_decode(&package, in, len);
    if (error) return error;
    error = dkg_round1_package_encode(out, &package);
    dkg_round1_package_free(&package);
    return error;
}

static enum signer_error round2_share(struct buffer *out, const uint8_t *in, size_t len) {
    struct scalar share;
    enum signer_error error = dkg_round2_share_decode(&share, in, len);
    return error ? error : dkg_round2_share_encode(out, &share);
}

/* Secret packages have no encoder of their own: no more than their form is tried. */
static enum signer_error round1_secret(struct buffer *out, const uint8_t *in, size_t len) {
    struct dkg_secret_info info;
    enum signer_error error = dkg_round1_secret_check(&info, in, len);
    if (!error && dkg_round1_secret_bytes(info.min_signers, info.max_signers) != len) abort();
    buffer_append(out, in, len);
    return error;
}

static enum signer_error round2_secret(struct buffer *out, const uint8_t *in, size_t len) {
    struct dkg_secret_info info;
    enum signer_error error = dkg_round2_secret_check(&info, in, len);
    if (!error && dkg_round2_secret_bytes(info.min_signers, info.max_signers) != len) abort();
    buffer_append(out, in, len);
    return error;
}

static enum signer_error (*const kinds[])(struct buffer *, const uint8_t *, size_t) = {
    key_package,    public_package, signing_package, commitments,
    round1_package, round2_share,   round1_secret,   round2_secret,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct buffer out;
    if (len == 0) return 0;
    buffer_init(&out);
    enum signer_error error = kinds[data[0] % (sizeof kinds / sizeof kinds[0])](&out, data + 1, len - 1);
    if (error == SIGNER_OK && (out.len != len - 1 || (out.len && memcmp(out.data, data + 1, out.len) != 0))) abort();
    buffer_free(&out);
    return 0;
}
