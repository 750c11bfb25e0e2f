/* Strict postcard reading and writing. */
#include "frost/codec.h"

#include <string.h>

/* Version 0, then CRC-32 of the ciphersuite's context string. */
#define POINT_CHUNK 64 /* points decoded together */

static const uint8_t HEADER[FROST_HEADER_BYTES] = {0x00, 0x23, 0x0f, 0x8a, 0xb3};

void frost_read_begin(struct frost_reader *reader, const uint8_t *in, size_t len) {
    reader_init(&reader->in, in, len);
    reader->error = SIGNER_OK;
}

void frost_read_fail(struct frost_reader *reader, enum signer_error error) {
    if (reader->error == SIGNER_OK) reader->error = error;
}

const uint8_t *frost_read_raw(struct frost_reader *reader, size_t len) {
    if (reader->error != SIGNER_OK) return NULL;
    const uint8_t *taken = reader_take(&reader->in, len);
    if (!taken) frost_read_fail(reader, ERR_FROST_DESERIALIZATION);
    return taken;
}

void frost_read_header(struct frost_reader *reader) {
    const uint8_t *raw = frost_read_raw(reader, sizeof HEADER);
    if (raw && memcmp(raw, HEADER, sizeof HEADER) != 0) frost_read_fail(reader, ERR_FROST_DESERIALIZATION);
}

uint32_t frost_read_varint(struct frost_reader *reader, uint32_t max) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        const uint8_t *raw = frost_read_raw(reader, 1);
        if (!raw) return 0;
        value |= (uint64_t)(*raw & 0x7f) << shift;
        if (*raw & 0x80) continue;
        if ((*raw == 0 && shift > 0) || value > max) break;
        return (uint32_t)value;
    }
    frost_read_fail(reader, ERR_FROST_DESERIALIZATION);
    return 0;
}

size_t frost_read_count(struct frost_reader *reader, size_t item_bytes) {
    uint32_t count = frost_read_varint(reader, UINT32_MAX);
    if (count <= reader_left(&reader->in) / item_bytes) return count;
    frost_read_fail(reader, ERR_FROST_DESERIALIZATION);
    return 0;
}

void frost_read_identifier(struct frost_reader *reader, struct frost_identifier *out) {
    memset(out, 0, sizeof *out);
    const uint8_t *raw = frost_read_raw(reader, FROST_IDENTIFIER_BYTES);
    if (!raw) return;
    memcpy(out->bytes, raw, FROST_IDENTIFIER_BYTES);
    enum signer_error error = frost_identifier_check(out);
    if (error != SIGNER_OK) frost_read_fail(reader, error);
}

void frost_read_scalar(struct frost_reader *reader, struct scalar *out) {
    scalar_clear(out);
    const uint8_t *raw = frost_read_raw(reader, SCALAR_BYTES);
    if (raw && !scalar_decode(out, raw)) frost_read_fail(reader, ERR_FROST_FIELD);
}

void frost_read_point(struct frost_reader *reader, struct point *out) {
    point_set_infinity(out);
    const uint8_t *raw = frost_read_raw(reader, POINT_BYTES);
    if (!raw) return;
    enum signer_error error = point_decode(out, raw);
    if (error != SIGNER_OK) frost_read_fail(reader, error);
}

void frost_read_points(struct frost_reader *reader, struct point *out, size_t count) {
    const uint8_t *in[POINT_CHUNK];
    for (size_t at = 0; at < count && reader->error == SIGNER_OK;) {
        size_t taken = 0;
        struct point *chunk = &out[at];
        for (; taken < POINT_CHUNK && at < count && reader->error == SIGNER_OK; taken++, at++)
            in[taken] = frost_read_raw(reader, POINT_BYTES);
        if (reader->error != SIGNER_OK) return;
        enum signer_error error = point_decode_many(chunk, in, taken);
        if (error != SIGNER_OK) frost_read_fail(reader, error);
    }
}

enum signer_error frost_read_end(struct frost_reader *reader) {
    if (reader->error == SIGNER_OK && !reader_done(&reader->in)) reader->error = ERR_FROST_DESERIALIZATION;
    return reader->error;
}

size_t frost_varint_bytes(uint32_t value) {
    size_t bytes = 1;
    for (; value >= 0x80; value >>= 7)
        bytes++;
    return bytes;
}

void frost_write_begin(struct frost_writer *writer, uint8_t *out, size_t room) {
    *writer = (struct frost_writer){.at = out, .end = out + room, .error = SIGNER_OK};
}

void frost_write_into_buffer(struct frost_writer *writer, struct buffer *buffer, size_t len) {
    *writer = (struct frost_writer){.error = buffer_reserve(buffer, len)};
    if (writer->error != SIGNER_OK) return;
    writer->at = buffer->data + buffer->len;
    writer->end = writer->at + len;
    buffer->len += len;
}

void frost_write_raw(struct frost_writer *writer, const void *data, size_t len) {
    if (writer->error == SIGNER_OK && (size_t)(writer->end - writer->at) < len) writer->error = ERR_FROST_SERIALIZATION;
    if (writer->error != SIGNER_OK || len == 0) return;
    memcpy(writer->at, data, len);
    writer->at += len;
}

void frost_write_header(struct frost_writer *writer) {
    frost_write_raw(writer, HEADER, sizeof HEADER);
}

void frost_write_varint(struct frost_writer *writer, uint32_t value) {
    uint8_t raw[5];
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        raw[len++] = (uint8_t)(value | 0x80);
    raw[len++] = (uint8_t)value;
    frost_write_raw(writer, raw, len);
}

void frost_write_scalar(struct frost_writer *writer, const struct scalar *in) {
    if (writer->error == SIGNER_OK && writer->end - writer->at < SCALAR_BYTES) writer->error = ERR_FROST_SERIALIZATION;
    if (writer->error != SIGNER_OK) return;
    scalar_encode(writer->at, in);
    writer->at += SCALAR_BYTES;
}

void frost_write_point(struct frost_writer *writer, const struct point *in) {
    uint8_t raw[POINT_BYTES];
    if (writer->error != SIGNER_OK) return;
    if (point_encode(raw, in) != SIGNER_OK)
        writer->error = ERR_FROST_SERIALIZATION;
    else
        frost_write_raw(writer, raw, sizeof raw);
}

enum signer_error frost_write_end(const struct frost_writer *writer) {
    if (writer->error != SIGNER_OK) return writer->error;
    return writer->at == writer->end ? SIGNER_OK : ERR_FROST_SERIALIZATION;
}
