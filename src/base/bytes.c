/* Bytes: views, growable buffers, readers and writers of either byte order, hex. */
#include "base/bytes.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define BUFFER_FIRST_CAPACITY 256

void buffer_init(struct buffer *buffer) {
    memset(buffer, 0, sizeof *buffer);
}

enum signer_error buffer_reserve(struct buffer *buffer, size_t extra) {
    if (buffer->failed || extra > SIZE_MAX / 2 - buffer->len) {
        buffer->failed = true;
        return ERR_OUT_OF_MEMORY;
    }
    size_t needed = buffer->len + extra;
    if (needed <= buffer->capacity) return SIGNER_OK;
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    uint8_t *data = signer_malloc(capacity);
    if (!data) {
        buffer->failed = true;
        return ERR_OUT_OF_MEMORY;
    }
    if (buffer->len) memcpy(data, buffer->data, buffer->len);
    if (buffer->data) {
        sodium_memzero(buffer->data, buffer->capacity);
        free(buffer->data);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return SIGNER_OK;
}

void buffer_append(struct buffer *buffer, const void *data, size_t len) {
    if (len == 0 || buffer_reserve(buffer, len) != SIGNER_OK) return;
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}

void buffer_u8(struct buffer *buffer, uint8_t value) {
    buffer_append(buffer, &value, 1);
}

void buffer_be16(struct buffer *buffer, uint16_t value) {
    uint8_t raw[2];
    store_be16(raw, value);
    buffer_append(buffer, raw, sizeof raw);
}

void buffer_be32(struct buffer *buffer, uint32_t value) {
    uint8_t raw[4];
    store_be32(raw, value);
    buffer_append(buffer, raw, sizeof raw);
}

void buffer_be64(struct buffer *buffer, uint64_t value) {
    uint8_t raw[8];
    store_be64(raw, value);
    buffer_append(buffer, raw, sizeof raw);
}

void buffer_le16(struct buffer *buffer, uint16_t value) {
    uint8_t raw[2];
    store_le16(raw, value);
    buffer_append(buffer, raw, sizeof raw);
}

void buffer_le32(struct buffer *buffer, uint32_t value) {
    uint8_t raw[4];
    store_le32(raw, value);
    buffer_append(buffer, raw, sizeof raw);
}

void buffer_le64(struct buffer *buffer, uint64_t value) {
    uint8_t raw[8];
    store_le64(raw, value);
    buffer_append(buffer, raw, sizeof raw);
}

void buffer_lp(struct buffer *buffer, const void *data, size_t len) {
    if (len > UINT32_MAX) {
        buffer->failed = true;
        return;
    }
    buffer_be32(buffer, (uint32_t)len);
    buffer_append(buffer, data, len);
}

void buffer_text(struct buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_hex(struct buffer *buffer, const void *data, size_t len) {
    if (len > SIZE_MAX / 4) buffer->failed = true;
    if (len == 0 || buffer_reserve(buffer, 2 * len) != SIGNER_OK) return;
    hex_encode((char *)buffer->data + buffer->len, data, len);
    buffer->len += 2 * len;
}

void buffer_decimal(struct buffer *buffer, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    buffer_append(buffer, digits + at, sizeof digits - at);
}

void buffer_zeros(struct buffer *buffer, size_t len) {
    if (len == 0 || buffer_reserve(buffer, len) != SIGNER_OK) return;
    memset(buffer->data + buffer->len, 0, len);
    buffer->len += len;
}

enum signer_error buffer_status(const struct buffer *buffer) {
    return buffer->failed ? ERR_OUT_OF_MEMORY : SIGNER_OK;
}

void buffer_clear(struct buffer *buffer) {
    if (buffer->data) sodium_memzero(buffer->data, buffer->len);
    buffer->len = 0;
    buffer->failed = false;
}

void buffer_free(struct buffer *buffer) {
    if (buffer->data) {
        sodium_memzero(buffer->data, buffer->capacity);
        free(buffer->data);
    }
    buffer_init(buffer);
}

void reader_init(struct reader *reader, const void *data, size_t len) {
    static const uint8_t nothing = 0;
    reader->at = data ? data : &nothing;
    reader->end = reader->at + (data ? len : 0);
    reader->failed = false;
}

const uint8_t *reader_take(struct reader *reader, size_t len) {
    if (reader->failed || (size_t)(reader->end - reader->at) < len) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *taken = reader->at;
    reader->at += len;
    return taken;
}

uint8_t reader_u8(struct reader *reader) {
    const uint8_t *raw = reader_take(reader, 1);
    return raw ? raw[0] : 0;
}

uint16_t reader_be16(struct reader *reader) {
    const uint8_t *raw = reader_take(reader, 2);
    return raw ? load_be16(raw) : 0;
}

uint32_t reader_be32(struct reader *reader) {
    const uint8_t *raw = reader_take(reader, 4);
    return raw ? load_be32(raw) : 0;
}

uint64_t reader_be64(struct reader *reader) {
    const uint8_t *raw = reader_take(reader, 8);
    return raw ? load_be64(raw) : 0;
}

uint16_t reader_le16(struct reader *reader) {
    const uint8_t *raw = reader_take(reader, 2);
    return raw ? load_le16(raw) : 0;
}

uint32_t reader_le32(struct reader *reader) {
    const uint8_t *raw = reader_take(reader, 4);
    return raw ? load_le32(raw) : 0;
}

uint64_t reader_le64(struct reader *reader) {
    const uint8_t *raw = reader_take(reader, 8);
    return raw ? load_le64(raw) : 0;
}

struct bytes reader_lp(struct reader *reader) {
    uint32_t len = reader_be32(reader);
    const uint8_t *data = reader_take(reader, len);
    return (struct bytes){data, data ? len : 0};
}

size_t reader_left(const struct reader *reader) {
    return (size_t)(reader->end - reader->at);
}

bool reader_done(const struct reader *reader) {
    return !reader->failed && reader->at == reader->end;
}

void store_be16(uint8_t out[2], uint16_t value) {
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

void store_be32(uint8_t out[4], uint32_t value) {
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

void store_be64(uint8_t out[8], uint64_t value) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

uint16_t load_be16(const uint8_t in[2]) {
    return (uint16_t)((in[0] << 8) | in[1]);
}

uint32_t load_be32(const uint8_t in[4]) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = (value << 8) | in[i];
    return value;
}

uint64_t load_be64(const uint8_t in[8]) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = (value << 8) | in[i];
    return value;
}

void store_le16(uint8_t out[2], uint16_t value) {
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

void store_le32(uint8_t out[4], uint32_t value) {
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

void store_le64(uint8_t out[8], uint64_t value) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

uint16_t load_le16(const uint8_t in[2]) {
    return (uint16_t)(in[0] | (in[1] << 8));
}

uint32_t load_le32(const uint8_t in[4]) {
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--)
        value = (value << 8) | in[i];
    return value;
}

uint64_t load_le64(const uint8_t in[8]) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = (value << 8) | in[i];
    return value;
}

bool bytes_are_zero(const uint8_t *data, size_t len) {
    return len == 0 || (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0);
}

/* -- hex: by arithmetic, so that no branch and no index depends on the content ---------------------------------- */

#define OCTETS 16
typedef uint8_t octets __attribute__((vector_size(OCTETS)));

static octets load_octets(const void *in) {
    octets out;
    memcpy(&out, in, sizeof out);
    return out;
}

static octets hex_digits(octets nibbles) {
    return nibbles + '0' + ((octets)(nibbles > 9) & ('a' - '0' - 10));
}

static char hex_digit(unsigned nibble) {
    return (char)(87u + nibble + (((nibble - 10u) >> 8) & ~38u));
}

void hex_encode(char *out, const uint8_t *data, size_t len) {
    for (; len >= OCTETS; len -= OCTETS, data += OCTETS, out += 2 * OCTETS) {
        const octets bytes = load_octets(data), high = hex_digits(bytes >> 4), low = hex_digits(bytes & 15);
        const octets first = __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const octets second =
            __builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        memcpy(out, &first, sizeof first);
        memcpy(out + OCTETS, &second, sizeof second);
    }
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex_digit(data[i] >> 4);
        out[2 * i + 1] = hex_digit(data[i] & 15u);
    }
}

/* 0..15, or a value with bit 8 set for a character that is no digit. */
static unsigned hex_value(unsigned char character) {
    unsigned digit = character ^ 48u;
    unsigned letter = (character & ~32u) - 55u;
    unsigned is_digit = (digit - 10u) >> 8 & 255u;
    unsigned is_letter = ((letter - 10u) ^ (letter - 16u)) >> 8 & 255u;
    unsigned is_bad = (((is_digit | is_letter) + 1u) & 256u) ^ 256u;
    return (is_digit & digit) | (is_letter & letter) | is_bad;
}

/* 0..15 each. Sets bytes of `bad` for characters that are no digit. */
static octets hex_values(octets text, octets *bad) {
    const octets digits = text - '0', letters = (text | ('a' - 'A')) - 'a';
    const octets are_digits = (octets)(digits < 10), are_letters = (octets)(letters < 6);
    *bad |= ~(are_digits | are_letters);
    return (digits & are_digits) | ((letters + 10) & are_letters);
}

bool hex_decode(uint8_t *out, const char *text, size_t text_len) {
    if (text_len % 2) return false;
    octets bad_octets = {0};
    for (; text_len >= 2 * OCTETS; text_len -= 2 * OCTETS, text += 2 * OCTETS, out += OCTETS) {
        const octets first = hex_values(load_octets(text), &bad_octets);
        const octets second = hex_values(load_octets(text + OCTETS), &bad_octets);
        const octets high =
            __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        const octets low =
            __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        const octets bytes = high << 4 | low;
        memcpy(out, &bytes, sizeof bytes);
    }
    unsigned bad = 0;
    for (size_t i = 0; i < OCTETS; i++)
        bad |= bad_octets[i];
    for (size_t i = 0; i < text_len / 2; i++) {
        unsigned high = hex_value((unsigned char)text[2 * i]);
        unsigned low = hex_value((unsigned char)text[2 * i + 1]);
        bad |= (high | low) & 256u;
        out[i] = (uint8_t)((high << 4) | (low & 15u));
    }
    return bad == 0;
}
