/* Signing packages (frost 3.2, 11.1). */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/codec.h"
#include "frost/signing.h"

#define ENTRY_BYTES (FROST_IDENTIFIER_BYTES + FROST_COMMITMENTS_BYTES)

static enum signer_error new_package(struct frost_signing_package *out, size_t count, size_t message_len) {
    memset(out, 0, sizeof *out);
    if (count > FROST_SIGNERS_MAX) return ERR_FROST_COMMITMENT_COUNT;
    out->entries = signer_calloc(count ? count : 1, sizeof *out->entries);
    out->message = signer_calloc(message_len ? message_len : 1, 1);
    if (!out->entries || !out->message) {
        frost_signing_package_free(out);
        return ERR_OUT_OF_MEMORY;
    }
    out->count = count;
    out->message_len = message_len;
    return SIGNER_OK;
}

static void read_entry(struct frost_reader *reader, struct frost_package_entry *out) {
    frost_read_identifier(reader, &out->identifier);
    const uint8_t *raw = frost_read_raw(reader, FROST_COMMITMENTS_BYTES);
    if (!raw) return;
    enum signer_error error = frost_commitments_decode(&out->commitments, raw, FROST_COMMITMENTS_BYTES);
    if (error != SIGNER_OK) frost_read_fail(reader, error);
}

/* All entries with their points decoded together. False: something else than a point is wrong, and the
 * entries have to be read one by one to say what comes first. */
static bool read_entries_together(struct frost_reader *reader, struct frost_signing_package *out) {
    struct frost_reader ahead = *reader;
    struct point *points = signer_calloc(2 * out->count + 1, sizeof *points);
    const uint8_t **encoded = signer_calloc(2 * out->count + 1, sizeof(const uint8_t *));
    bool good = points && encoded;
    for (size_t i = 0; i < out->count && good; i++) {
        struct frost_package_entry *entry = &out->entries[i];
        struct frost_reader inner;
        frost_read_identifier(&ahead, &entry->identifier);
        const uint8_t *raw = frost_read_raw(&ahead, FROST_COMMITMENTS_BYTES);
        good = raw && (i == 0 || frost_identifier_compare(&entry[-1].identifier, &entry->identifier) < 0);
        if (!good) break;
        frost_read_begin(&inner, raw, FROST_COMMITMENTS_BYTES);
        frost_read_header(&inner);
        encoded[2 * i] = frost_read_raw(&inner, POINT_BYTES);
        encoded[2 * i + 1] = frost_read_raw(&inner, POINT_BYTES);
        good = frost_read_end(&inner) == SIGNER_OK;
        memcpy(entry->commitments.encoded, raw, FROST_COMMITMENTS_BYTES);
    }
    if (good) {
        *reader = ahead;
        enum signer_error error = point_decode_many(points, encoded, 2 * out->count);
        if (error != SIGNER_OK) frost_read_fail(reader, error);
    }
    for (size_t i = 0; i < out->count && good; i++) {
        out->entries[i].commitments.hiding = points[2 * i];
        out->entries[i].commitments.binding = points[2 * i + 1];
    }
    free(points);
    free(encoded);
    return good;
}

static int by_identifier(const void *a, const void *b) {
    return frost_identifier_compare(&((const struct frost_package_entry *)a)->identifier,
                                    &((const struct frost_package_entry *)b)->identifier);
}

enum signer_error frost_signing_package_decode(struct frost_signing_package *out, const uint8_t *in, size_t len) {
    struct frost_reader reader;
    memset(out, 0, sizeof *out);
    frost_read_begin(&reader, in, len);
    frost_read_header(&reader);
    size_t count = frost_read_count(&reader, ENTRY_BYTES);
    if (count > FROST_SIGNERS_MAX) frost_read_fail(&reader, ERR_FROST_DESERIALIZATION);
    if (reader.error != SIGNER_OK) return reader.error;
    if (new_package(out, count, reader_left(&reader.in) - count * ENTRY_BYTES) != SIGNER_OK) return ERR_OUT_OF_MEMORY;
    bool together = read_entries_together(&reader, out);
    for (size_t i = 0; i < count && !together && reader.error == SIGNER_OK; i++) {
        read_entry(&reader, &out->entries[i]);
        if (i > 0 && by_identifier(&out->entries[i - 1], &out->entries[i]) >= 0)
            frost_read_fail(&reader, ERR_FROST_DESERIALIZATION);
    }
    out->message_len = frost_read_count(&reader, 1);
    const uint8_t *message = frost_read_raw(&reader, out->message_len);
    if (message) memcpy(out->message, message, out->message_len);
    enum signer_error error = frost_read_end(&reader);
    if (error != SIGNER_OK) frost_signing_package_free(out);
    return error;
}

enum signer_error frost_signing_package_encode(struct buffer *out, const struct frost_signing_package *in) {
    struct frost_writer writer;
    frost_write_into_buffer(&writer, out,
                            FROST_HEADER_BYTES + frost_varint_bytes((uint32_t)in->count) + in->count * ENTRY_BYTES +
                                frost_varint_bytes((uint32_t)in->message_len) + in->message_len);
    frost_write_header(&writer);
    frost_write_varint(&writer, (uint32_t)in->count);
    for (size_t i = 0; i < in->count; i++) {
        frost_write_raw(&writer, in->entries[i].identifier.bytes, FROST_IDENTIFIER_BYTES);
        frost_write_raw(&writer, in->entries[i].commitments.encoded, FROST_COMMITMENTS_BYTES);
    }
    frost_write_varint(&writer, (uint32_t)in->message_len);
    frost_write_raw(&writer, in->message, in->message_len);
    return frost_write_end(&writer);
}

enum signer_error frost_signing_package_make(struct frost_signing_package *out,
                                             const struct frost_package_entry *entries, size_t count,
                                             const uint8_t *message, size_t message_len) {
    if (message_len > UINT32_MAX) return ERR_FROST_SERIALIZATION;
    enum signer_error error = new_package(out, count, message_len);
    if (error != SIGNER_OK) return error;
    if (message_len) memcpy(out->message, message, message_len);
    if (count) memcpy(out->entries, entries, count * sizeof *entries);
    qsort(out->entries, count, sizeof *out->entries, by_identifier);
    for (size_t i = 0; i < count && error == SIGNER_OK; i++) {
        error = frost_identifier_check(&out->entries[i].identifier);
        if (i > 0 && by_identifier(&out->entries[i - 1], &out->entries[i]) == 0)
            error = ERR_FROST_DUPLICATED_IDENTIFIER;
    }
    if (error != SIGNER_OK) frost_signing_package_free(out);
    return error;
}

void frost_signing_package_free(struct frost_signing_package *inout) {
    free(inout->entries);
    free(inout->message);
    memset(inout, 0, sizeof *inout);
}

const struct frost_package_entry *frost_package_find(const struct frost_signing_package *package,
                                                     const struct frost_identifier *identifier) {
    if (package->count == 0) return NULL;
    struct frost_package_entry key = {.identifier = *identifier};
    return bsearch(&key, package->entries, package->count, sizeof *package->entries, by_identifier);
}
