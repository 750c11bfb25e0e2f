/* Strict postcard reading and writing (frost 3.1, 3.4): one encoding per object, and only that is
 * read. A cursor keeps its first error; later reads do nothing, so a decoder asks once at the end. */
#ifndef SIGNER_FROST_CODEC_H
#define SIGNER_FROST_CODEC_H

#include "frost/frost.h"

struct frost_reader {
    struct reader in;
    enum signer_error error; /* the first one */
};

void frost_read_begin(struct frost_reader *reader, const uint8_t *in, size_t len);
/* The five bytes in front of most objects. */
void frost_read_header(struct frost_reader *reader);
/* Varint without needless bytes, at most `max`. */
uint32_t frost_read_varint(struct frost_reader *reader, uint32_t max);
/* A count of items of at least `item_bytes` each, no more than the rest can hold. */
size_t frost_read_count(struct frost_reader *reader, size_t item_bytes);
const uint8_t *frost_read_raw(struct frost_reader *reader, size_t len); /* NULL after an error */
void frost_read_identifier(struct frost_reader *reader, struct frost_identifier *out);
void frost_read_scalar(struct frost_reader *reader, struct scalar *out);
void frost_read_point(struct frost_reader *reader, struct point *out);
/* `count` points one after another. */
void frost_read_points(struct frost_reader *reader, struct point *out, size_t count);
/* An error found by the caller. */
void frost_read_fail(struct frost_reader *reader, enum signer_error error);
/* SIGNER_OK when all was read and nothing was wrong. */
enum signer_error frost_read_end(struct frost_reader *reader);

/* Writes into memory of fixed size, which may be guarded. */
struct frost_writer {
    uint8_t *at;
    uint8_t *end;
    enum signer_error error;
};

size_t frost_varint_bytes(uint32_t value);
void frost_write_begin(struct frost_writer *writer, uint8_t *out, size_t room);
/* The same at the end of a buffer: reserves exactly `len` bytes and counts them as written. */
void frost_write_into_buffer(struct frost_writer *writer, struct buffer *buffer, size_t len);
void frost_write_header(struct frost_writer *writer);
void frost_write_varint(struct frost_writer *writer, uint32_t value);
void frost_write_raw(struct frost_writer *writer, const void *data, size_t len);
void frost_write_scalar(struct frost_writer *writer, const struct scalar *in);
void frost_write_point(struct frost_writer *writer, const struct point *in); /* identity: ERR_FROST_SERIALIZATION */
/* SIGNER_OK when the room is exactly full. */
enum signer_error frost_write_end(const struct frost_writer *writer);

#endif
