/* Bytes: views, growable buffers, readers and writers of either byte order, hex.
 * Nothing here knows what the bytes mean. */
#ifndef SIGNER_BASE_BYTES_H
#define SIGNER_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A view of bytes that somebody else owns. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

/* A growable buffer. Every reallocation and buffer_free wipe what they leave behind, so that a
 * buffer may carry text around a secret; secrets themselves belong into custody.
 * After an allocation failure `failed` stays set, appends do nothing, and buffer_status answers
 * ERR_OUT_OF_MEMORY: a writer may append many times and ask once. */
struct buffer {
    uint8_t *data;
    size_t len;
    size_t capacity;
    bool failed;
};

void buffer_init(struct buffer *buffer);
/* Makes room for `extra` more bytes, so that the appends which follow cannot fail. */
enum signer_error buffer_reserve(struct buffer *buffer, size_t extra);
void buffer_append(struct buffer *buffer, const void *data, size_t len);
void buffer_u8(struct buffer *buffer, uint8_t value);
void buffer_be16(struct buffer *buffer, uint16_t value);
void buffer_be32(struct buffer *buffer, uint32_t value);
void buffer_be64(struct buffer *buffer, uint64_t value);
void buffer_le16(struct buffer *buffer, uint16_t value);
void buffer_le32(struct buffer *buffer, uint32_t value);
void buffer_le64(struct buffer *buffer, uint64_t value);
/* u32(len) || data: `LP` of the store, `frame` of ROAST. */
void buffer_lp(struct buffer *buffer, const void *data, size_t len);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_hex(struct buffer *buffer, const void *data, size_t len);
void buffer_decimal(struct buffer *buffer, uint64_t value);
void buffer_zeros(struct buffer *buffer, size_t len);
enum signer_error buffer_status(const struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* wipes, keeps the capacity */
void buffer_free(struct buffer *buffer);  /* wipes and releases */

/* A cursor over bytes. A read past the end sets `failed` and yields zeros / NULL. */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

void reader_init(struct reader *reader, const void *data, size_t len);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_be16(struct reader *reader);
uint32_t reader_be32(struct reader *reader);
uint64_t reader_be64(struct reader *reader);
uint16_t reader_le16(struct reader *reader);
uint32_t reader_le32(struct reader *reader);
uint64_t reader_le64(struct reader *reader);
/* The next `len` bytes, in place; NULL and failed when they are not there. */
const uint8_t *reader_take(struct reader *reader, size_t len);
struct bytes reader_lp(struct reader *reader);
size_t reader_left(const struct reader *reader);
/* True when everything was read and nothing was missing. */
bool reader_done(const struct reader *reader);

void store_be16(uint8_t out[2], uint16_t value);
void store_be32(uint8_t out[4], uint32_t value);
void store_be64(uint8_t out[8], uint64_t value);
void store_le16(uint8_t out[2], uint16_t value);
void store_le32(uint8_t out[4], uint32_t value);
void store_le64(uint8_t out[8], uint64_t value);
uint16_t load_be16(const uint8_t in[2]);
uint32_t load_be32(const uint8_t in[4]);
uint64_t load_be64(const uint8_t in[8]);
uint16_t load_le16(const uint8_t in[2]);
uint32_t load_le32(const uint8_t in[4]);
uint64_t load_le64(const uint8_t in[8]);

/* For public bytes: the time depends on them. */
bool bytes_are_zero(const uint8_t *data, size_t len);

/* Lower-case hex, 2*len characters and no terminator. Constant time in the content. */
void hex_encode(char *out, const uint8_t *data, size_t len);
/* Either case, exactly `text_len` characters. False: odd length or a character that is no digit.
 * Constant time in the content. Writes text_len/2 bytes. */
bool hex_decode(uint8_t *out, const char *text, size_t text_len);

#endif
