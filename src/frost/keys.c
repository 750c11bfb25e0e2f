/* Key packages and public key packages as bytes (frost 3.2). */
#include "frost/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/codec.h"

enum signer_error frost_key_package_parse(struct frost_key_package *out, const uint8_t *in, size_t len) {
    struct frost_reader reader;
    frost_read_begin(&reader, in, len);
    frost_read_header(&reader);
    frost_read_identifier(&reader, &out->identifier);
    frost_read_scalar(&reader, &out->signing_share);
    frost_read_point(&reader, &out->verifying_share);
    frost_read_point(&reader, &out->verifying_key);
    out->min_signers = (uint16_t)frost_read_varint(&reader, UINT16_MAX);
    enum signer_error error = frost_read_end(&reader);
    if (error != SIGNER_OK) frost_key_package_clear(out);
    scalar_scrub_stack();
    return error;
}

enum signer_error frost_key_package_check(const struct frost_key_package *in) {
    struct point derived;
    enum signer_error error = point_mul_base(&derived, &in->signing_share);
    if (error != SIGNER_OK) return error;
    return point_equal(&derived, &in->verifying_share) ? SIGNER_OK : ERR_FROST_INCORRECT_PACKAGE;
}

enum signer_error frost_key_package_decode(struct frost_key_package *out, const uint8_t *in, size_t len) {
    enum signer_error error = frost_key_package_parse(out, in, len);
    if (error == SIGNER_OK) error = frost_key_package_check(out);
    if (error != SIGNER_OK) frost_key_package_clear(out);
    return error;
}

size_t frost_key_package_bytes(const struct frost_key_package *in) {
    return FROST_HEADER_BYTES + FROST_IDENTIFIER_BYTES + SCALAR_BYTES + 2 * POINT_BYTES +
           frost_varint_bytes(in->min_signers);
}

static enum signer_error write_key_package(struct frost_writer *writer, const struct frost_key_package *in) {
    frost_write_header(writer);
    frost_write_raw(writer, in->identifier.bytes, FROST_IDENTIFIER_BYTES);
    frost_write_scalar(writer, &in->signing_share);
    frost_write_point(writer, &in->verifying_share);
    frost_write_point(writer, &in->verifying_key);
    frost_write_varint(writer, in->min_signers);
    return frost_write_end(writer);
}

enum signer_error frost_key_package_encode(struct buffer *out, const struct frost_key_package *in) {
    struct frost_writer writer;
    frost_write_into_buffer(&writer, out, frost_key_package_bytes(in));
    return write_key_package(&writer, in);
}

enum signer_error frost_key_package_write(uint8_t *out, size_t len, const struct frost_key_package *in) {
    struct frost_writer writer;
    frost_write_begin(&writer, out, len);
    return write_key_package(&writer, in);
}

void frost_key_package_clear(struct frost_key_package *inout) {
    sodium_memzero(inout, sizeof *inout);
}

static enum signer_error new_shares(struct frost_public_package *out, size_t count) {
    memset(out, 0, sizeof *out);
    if (count == 0 || count > FROST_SIGNERS_MAX) return ERR_FROST_IDENTIFIER_COUNT;
    out->shares = signer_calloc(count, sizeof *out->shares);
    if (!out->shares) return ERR_OUT_OF_MEMORY;
    out->count = count;
    return SIGNER_OK;
}

/* Shares and group key with their points decoded together. False: something is wrong, and they have to be read
 * one by one to say what comes first. */
static bool read_points_together(struct frost_reader *reader, struct frost_public_package *out) {
    struct frost_reader ahead = *reader;
    struct point *points = signer_calloc(out->count + 1, sizeof *points);
    const uint8_t **encoded = signer_calloc(out->count + 1, sizeof(const uint8_t *));
    bool good = points && encoded;
    for (size_t i = 0; i < out->count && good; i++) {
        struct frost_verifying_share *entry = &out->shares[i];
        frost_read_identifier(&ahead, &entry->identifier);
        encoded[i] = frost_read_raw(&ahead, POINT_BYTES);
        good = encoded[i] && (i == 0 || frost_identifier_compare(&entry[-1].identifier, &entry->identifier) < 0);
    }
    if (good) encoded[out->count] = frost_read_raw(&ahead, POINT_BYTES);
    good = good && encoded[out->count] && point_decode_many(points, encoded, out->count + 1) == SIGNER_OK;
    for (size_t i = 0; i < out->count && good; i++)
        out->shares[i].share = points[i];
    if (good) {
        out->verifying_key = points[out->count];
        *reader = ahead;
    }
    free(points);
    free(encoded);
    return good;
}

static void read_points(struct frost_reader *reader, struct frost_public_package *out) {
    for (size_t i = 0; i < out->count && reader->error == SIGNER_OK; i++) {
        frost_read_identifier(reader, &out->shares[i].identifier);
        frost_read_point(reader, &out->shares[i].share);
        if (i > 0 && frost_identifier_compare(&out->shares[i - 1].identifier, &out->shares[i].identifier) >= 0)
            frost_read_fail(reader, ERR_FROST_DESERIALIZATION);
    }
    frost_read_point(reader, &out->verifying_key);
}

/* Absent: nothing at all. Present: 01, then a value; we never write 0. */
static void read_optional_min_signers(struct frost_reader *reader, struct frost_public_package *out) {
    if (reader->error != SIGNER_OK || reader_left(&reader->in) == 0) return;
    const uint8_t *tag = frost_read_raw(reader, 1);
    out->min_signers = (uint16_t)frost_read_varint(reader, UINT16_MAX);
    if (!tag || *tag != 1 || out->min_signers == 0) frost_read_fail(reader, ERR_FROST_DESERIALIZATION);
}

enum signer_error frost_public_package_decode(struct frost_public_package *out, const uint8_t *in, size_t len) {
    struct frost_reader reader;
    memset(out, 0, sizeof *out);
    frost_read_begin(&reader, in, len);
    frost_read_header(&reader);
    size_t count = frost_read_count(&reader, FROST_IDENTIFIER_BYTES + POINT_BYTES);
    if (count == 0 || count > FROST_SIGNERS_MAX) frost_read_fail(&reader, ERR_FROST_DESERIALIZATION);
    if (reader.error == SIGNER_OK && new_shares(out, count) != SIGNER_OK) return ERR_OUT_OF_MEMORY;
    if (reader.error == SIGNER_OK && !read_points_together(&reader, out)) read_points(&reader, out);
    read_optional_min_signers(&reader, out);
    enum signer_error error = frost_read_end(&reader);
    if (error != SIGNER_OK) frost_public_package_free(out);
    return error;
}

enum signer_error frost_public_package_encode(struct buffer *out, const struct frost_public_package *in) {
    struct frost_writer writer;
    size_t len = FROST_HEADER_BYTES + frost_varint_bytes((uint32_t)in->count) +
                 in->count * (FROST_IDENTIFIER_BYTES + POINT_BYTES) + POINT_BYTES +
                 (in->min_signers ? 1 + frost_varint_bytes(in->min_signers) : 0);
    frost_write_into_buffer(&writer, out, len);
    frost_write_header(&writer);
    frost_write_varint(&writer, (uint32_t)in->count);
    for (size_t i = 0; i < in->count; i++) {
        frost_write_raw(&writer, in->shares[i].identifier.bytes, FROST_IDENTIFIER_BYTES);
        frost_write_point(&writer, &in->shares[i].share);
    }
    frost_write_point(&writer, &in->verifying_key);
    if (in->min_signers) {
        frost_write_varint(&writer, 1);
        frost_write_varint(&writer, in->min_signers);
    }
    return frost_write_end(&writer);
}

static int by_identifier(const void *a, const void *b) {
    return frost_identifier_compare(&((const struct frost_verifying_share *)a)->identifier,
                                    &((const struct frost_verifying_share *)b)->identifier);
}

enum signer_error frost_public_package_make(struct frost_public_package *out,
                                            const struct frost_verifying_share *shares, size_t count,
                                            const struct point *verifying_key, uint16_t min_signers) {
    enum signer_error error = new_shares(out, count);
    if (error != SIGNER_OK) return error;
    memcpy(out->shares, shares, count * sizeof *shares);
    qsort(out->shares, count, sizeof *out->shares, by_identifier);
    out->verifying_key = *verifying_key;
    out->min_signers = min_signers;
    for (size_t i = 0; i < count && error == SIGNER_OK; i++) {
        error = frost_identifier_check(&out->shares[i].identifier);
        if (i > 0 && by_identifier(&out->shares[i - 1], &out->shares[i]) == 0) error = ERR_FROST_DUPLICATED_IDENTIFIER;
    }
    if (error != SIGNER_OK) frost_public_package_free(out);
    return error;
}

enum signer_error frost_public_package_copy(struct frost_public_package *out, const struct frost_public_package *in) {
    enum signer_error error = new_shares(out, in->count);
    if (error != SIGNER_OK) return error;
    memcpy(out->shares, in->shares, in->count * sizeof *in->shares);
    out->verifying_key = in->verifying_key;
    out->min_signers = in->min_signers;
    return SIGNER_OK;
}

void frost_public_package_free(struct frost_public_package *inout) {
    free(inout->shares);
    memset(inout, 0, sizeof *inout);
}

bool frost_public_package_equal(const struct frost_public_package *a, const struct frost_public_package *b) {
    if (a->count != b->count || a->min_signers != b->min_signers || !point_equal(&a->verifying_key, &b->verifying_key))
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (by_identifier(&a->shares[i], &b->shares[i]) != 0 || !point_equal(&a->shares[i].share, &b->shares[i].share))
            return false;
    return true;
}

const struct point *frost_verifying_share(const struct frost_public_package *package,
                                          const struct frost_identifier *identifier) {
    if (package->count == 0) return NULL;
    struct frost_verifying_share key = {.identifier = *identifier};
    const struct frost_verifying_share *found =
        bsearch(&key, package->shares, package->count, sizeof *package->shares, by_identifier);
    return found ? &found->share : NULL;
}
