/* The strict pull reader: one state machine over the input, a stack of open containers and a stack
 * of the keys of all open objects. */
#include "base/json.h"

#include <string.h>

#define HASH_PRIME ((UINT64_C(1) << 61) - 1)

enum expect { EXPECT_VALUE, EXPECT_VALUE_OR_END, EXPECT_KEY_OR_END, EXPECT_SEPARATOR, EXPECT_NOTHING };

static enum json_kind refuse(struct json_reader *reader, struct json_token *token, const char *error) {
    if (!reader->error) reader->error = error;
    token->kind = JSON_INVALID;
    return JSON_INVALID;
}

void json_init_bounded(struct json_reader *reader, const void *text, size_t len, uint64_t hash_key,
                       size_t members_max) {
    reader->data = text;
    reader->at = text;
    reader->end = reader->at + len;
    reader->error = NULL;
    reader->hash_key = hash_key % HASH_PRIME;
    reader->expect = EXPECT_VALUE;
    reader->depth = 0;
    reader->key_count = 0;
    reader->members_max = members_max;
    if (len > UINT32_MAX) reader->error = "the text is too long";
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) reader->error = "byte order mark";
}

void json_init(struct json_reader *reader, const void *text, size_t len, uint64_t hash_key) {
    json_init_bounded(reader, text, len, hash_key, JSON_MEMBERS_MAX);
    if (len > REQUEST_BYTES_MAX) reader->error = "the text is too long";
}

/* -- strings ---------------------------------------------------------------------------------------- */

size_t json_utf8(const uint8_t *at, const uint8_t *end) {
    if (at == end) return 0;
    size_t left = (size_t)(end - at);
    uint8_t lead = at[0];
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    size_t len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (left < len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    if (lead == 0xe0 && at[1] < 0xa0) return 0; /* longer than needed */
    if (lead == 0xed && at[1] > 0x9f) return 0; /* surrogate */
    if (lead == 0xf0 && at[1] < 0x90) return 0;
    if (lead == 0xf4 && at[1] > 0x8f) return 0; /* above U+10FFFF */
    return len;
}

/* Four hex digits; -1 when they are not there. */
static int32_t hex4(const char *at, const char *end) {
    if (end - at < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Reads the escape behind a backslash. Bytes of the input used (0: invalid), character in `out`. */
static size_t read_escape(const char *at, const char *end, uint32_t *out) {
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    if (at == end) return 0;
    const char *found = *at ? strchr(names, *at) : NULL;
    if (found) {
        *out = (uint32_t)values[found - names];
        return 1;
    }
    if (*at != 'u') return 0;
    int32_t first = hex4(at + 1, end);
    if (first < 0 || (first >= 0xdc00 && first <= 0xdfff)) return 0;
    *out = (uint32_t)first;
    if (first < 0xd800 || first > 0xdbff) return 5;
    if (end - at < 11 || at[5] != '\\' || at[6] != 'u') return 0;
    int32_t second = hex4(at + 7, end);
    if (second < 0xdc00 || second > 0xdfff) return 0;
    *out = 0x10000u + (((uint32_t)first - 0xd800u) << 10) + ((uint32_t)second - 0xdc00u);
    return 11;
}

static size_t utf8_size(uint32_t character) {
    return character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
}

/* True when the eight bytes are characters of a string that stand for themselves: ASCII from blank on, no quote, no
 * backslash. */
static bool eight_are_plain(const char *at) {
    const uint64_t every = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint64_t quotes = word ^ '"' * every, slashes = word ^ '\\' * every;
    /* The top bit of a byte that is below 32, or zero; at the latest in the byte above a true one. */
    uint64_t special = (word - 32 * every) | (quotes - every) | (slashes - every) | word;
    return (special & 128 * every) == 0;
}

/* At the opening quote. Checks the whole string and leaves the reader behind it. */
static bool read_string(struct json_reader *reader, struct json_token *token, const char **error) {
    const char *at = reader->at + 1;
    token->text = at;
    token->decoded_len = 0;
    token->escaped = false;
    while (at < reader->end && *at != '"') {
        size_t used;
        while (reader->end - at >= 8 && eight_are_plain(at)) {
            at += 8;
            token->decoded_len += 8;
        }
        if (at == reader->end || *at == '"') break;
        if (*at == '\\') {
            uint32_t character = 0;
            used = read_escape(at + 1, reader->end, &character);
            *error = "invalid escape or lone surrogate in a string";
            if (used == 0) return false;
            used++;
            token->escaped = true;
            token->decoded_len += utf8_size(character);
        } else if ((uint8_t)*at < 0x20) {
            *error = "control character in a string";
            return false;
        } else {
            used = json_utf8((const uint8_t *)at, (const uint8_t *)reader->end);
            *error = "invalid UTF-8";
            if (used == 0) return false;
            token->decoded_len += used;
        }
        at += used;
    }
    *error = "unexpected end of the text";
    if (at == reader->end) return false;
    token->len = (size_t)(at - token->text);
    reader->at = at + 1;
    return true;
}

void json_text_init(struct json_text *text, const struct json_token *token) {
    *text = (struct json_text){.at = token->text, .end = token->text + token->len};
}

int json_text_next(struct json_text *text) {
    if (text->pending_at < text->pending_count) return text->pending[text->pending_at++];
    if (text->at == text->end) return -1;
    if (*text->at != '\\') return (uint8_t)*text->at++;
    uint32_t c = 0;
    text->at += 1 + read_escape(text->at + 1, text->end, &c);
    text->pending_count = (unsigned)utf8_size(c);
    text->pending_at = 1;
    uint8_t *out = text->pending;
    switch (text->pending_count) {
    case 1:
        out[0] = (uint8_t)c;
        break;
    case 2:
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        break;
    case 3:
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        break;
    default:
        out[0] = (uint8_t)(0xf0 | c >> 18);
        out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[3] = (uint8_t)(0x80 | (c & 0x3f));
    }
    return out[0];
}

bool json_text_is(const struct json_token *token, const char *expected, size_t len) {
    if (token->decoded_len != len) return false;
    if (!token->escaped) return memcmp(token->text, expected, len) == 0;
    struct json_text text;
    json_text_init(&text, token);
    for (size_t i = 0; i < len; i++)
        if (json_text_next(&text) != (uint8_t)expected[i]) return false;
    return true;
}

/* -- keys ------------------------------------------------------------------------------------------- */

/* Polynomial over a prime at a secret point: equal for equal keys, and nobody who does not know the
 * point can make others equal. */
static uint64_t hash_byte(uint64_t hash, uint64_t secret, unsigned byte) {
    unsigned __int128 sum = (unsigned __int128)hash * secret + byte + 1;
    hash = (uint64_t)(sum & HASH_PRIME) + (uint64_t)(sum >> 61);
    return hash >= HASH_PRIME ? hash - HASH_PRIME : hash;
}

static uint32_t key_hash(uint64_t secret, const struct json_token *token) {
    uint64_t hash = token->decoded_len;
    if (!token->escaped) {
        for (size_t i = 0; i < token->len; i++)
            hash = hash_byte(hash, secret, (uint8_t)token->text[i]);
        return (uint32_t)hash;
    }
    struct json_text text;
    json_text_init(&text, token);
    for (int byte = json_text_next(&text); byte >= 0; byte = json_text_next(&text))
        hash = hash_byte(hash, secret, (unsigned)byte);
    return (uint32_t)hash;
}

/* Both raw texts end at their closing quote and were found valid. */
static bool same_key(const struct json_reader *reader, const struct json_key *known, const struct json_token *token) {
    struct json_text a = {.at = reader->data + known->offset, .end = reader->end};
    struct json_text b;
    json_text_init(&b, token);
    for (;;) {
        bool a_ends = a.pending_at == a.pending_count && *a.at == '"';
        int byte = json_text_next(&b);
        if (a_ends || byte < 0) return a_ends && byte < 0;
        if (json_text_next(&a) != byte) return false;
    }
}

static bool remember_key(struct json_reader *reader, const struct json_token *token, const char **error) {
    size_t first = reader->first_key[reader->depth - 1];
    struct json_key key = {(uint32_t)(token->text - reader->data), key_hash(reader->hash_key, token)};
    *error = "too many members in all objects together";
    if (reader->key_count == sizeof reader->keys / sizeof *reader->keys) return false;
    *error = "too many members in one object";
    if (reader->key_count - first >= reader->members_max) return false;
    *error = "duplicate member in an object";
    for (size_t i = first; i < reader->key_count; i++)
        if (reader->keys[i].hash == key.hash && same_key(reader, &reader->keys[i], token)) return false;
    reader->keys[reader->key_count++] = key;
    return true;
}

/* -- numbers and words ------------------------------------------------------------------------------ */

static bool is_digit(const struct json_reader *reader, const char *at) {
    return at < reader->end && *at >= '0' && *at <= '9';
}

static bool read_number(struct json_reader *reader, struct json_token *token) {
    const char *at = reader->at;
    token->kind = JSON_INTEGER;
    token->integer = 0;
    if (*at == '-') {
        token->kind = JSON_NUMBER;
        at++;
    }
    if (!is_digit(reader, at)) return false;
    if (*at == '0' && is_digit(reader, at + 1)) return false;
    for (; is_digit(reader, at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (token->integer > (UINT64_MAX - digit) / 10)
            token->kind = JSON_NUMBER;
        else
            token->integer = token->integer * 10 + digit;
    }
    if (at < reader->end && *at == '.') {
        token->kind = JSON_NUMBER;
        if (!is_digit(reader, ++at)) return false;
        while (is_digit(reader, at))
            at++;
    }
    if (at < reader->end && (*at == 'e' || *at == 'E')) {
        token->kind = JSON_NUMBER;
        at++;
        if (at < reader->end && (*at == '+' || *at == '-')) at++;
        if (!is_digit(reader, at)) return false;
        while (is_digit(reader, at))
            at++;
    }
    reader->at = at;
    return true;
}

static bool read_word(struct json_reader *reader, struct json_token *token) {
    static const struct {
        const char *text;
        size_t len;
        enum json_kind kind;
    } words[] = {{"true", 4, JSON_TRUE}, {"false", 5, JSON_FALSE}, {"null", 4, JSON_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if ((size_t)(reader->end - reader->at) < words[i].len) continue;
        if (memcmp(reader->at, words[i].text, words[i].len) != 0) continue;
        token->kind = words[i].kind;
        reader->at += words[i].len;
        return true;
    }
    return false;
}

/* -- containers ------------------------------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct json_reader *reader) {
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
}

static void value_done(struct json_reader *reader) {
    reader->expect = reader->depth == 0 ? EXPECT_NOTHING : EXPECT_SEPARATOR;
}

static enum json_kind open_container(struct json_reader *reader, struct json_token *token, bool object) {
    if (reader->depth == JSON_DEPTH_MAX) return refuse(reader, token, "nesting too deep");
    reader->is_object[reader->depth] = object;
    reader->first_key[reader->depth] = reader->key_count;
    reader->depth++;
    reader->at++;
    reader->expect = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    token->kind = object ? JSON_OBJECT : JSON_ARRAY;
    return token->kind;
}

static enum json_kind close_container(struct json_reader *reader, struct json_token *token) {
    reader->depth--;
    reader->key_count = reader->first_key[reader->depth];
    reader->at++;
    token->kind = reader->is_object[reader->depth] ? JSON_OBJECT_END : JSON_ARRAY_END;
    value_done(reader);
    return token->kind;
}

static enum json_kind read_key(struct json_reader *reader, struct json_token *token) {
    const char *error;
    if (*reader->at != '"') return refuse(reader, token, "expected the name of a member");
    if (!read_string(reader, token, &error) || !remember_key(reader, token, &error))
        return refuse(reader, token, error);
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != ':')
        return refuse(reader, token, "expected a colon behind the name of a member");
    reader->at++;
    reader->expect = EXPECT_VALUE;
    token->kind = JSON_KEY;
    return JSON_KEY;
}

static enum json_kind read_value(struct json_reader *reader, struct json_token *token) {
    const char *error;
    char c = *reader->at;
    if (c == '{' || c == '[') return open_container(reader, token, c == '{');
    if (c == '"') {
        if (!read_string(reader, token, &error)) return refuse(reader, token, error);
        token->kind = JSON_STRING;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        if (!read_number(reader, token)) return refuse(reader, token, "invalid number");
    } else if (!read_word(reader, token)) {
        return refuse(reader, token, "expected a value");
    }
    value_done(reader);
    return token->kind;
}

enum json_kind json_next(struct json_reader *reader, struct json_token *token) {
    if (reader->error) return refuse(reader, token, reader->error);
    skip_space(reader);
    if (reader->at == reader->end) {
        if (reader->expect != EXPECT_NOTHING) return refuse(reader, token, "unexpected end of the text");
        return token->kind = JSON_END;
    }
    bool object = reader->depth > 0 && reader->is_object[reader->depth - 1];
    bool closes = reader->depth > 0 && *reader->at == (object ? '}' : ']');
    switch (reader->expect) {
    case EXPECT_SEPARATOR:
        if (closes) return close_container(reader, token);
        if (*reader->at != ',') return refuse(reader, token, "expected a comma or the end of the container");
        reader->at++;
        skip_space(reader);
        if (reader->at == reader->end) return refuse(reader, token, "unexpected end of the text");
        return object ? read_key(reader, token) : read_value(reader, token);
    case EXPECT_KEY_OR_END:
        return closes ? close_container(reader, token) : read_key(reader, token);
    case EXPECT_VALUE_OR_END:
        return closes ? close_container(reader, token) : read_value(reader, token);
    case EXPECT_VALUE:
        return read_value(reader, token);
    default:
        return refuse(reader, token, "text behind the value");
    }
}

bool json_skip(struct json_reader *reader) {
    struct json_token token;
    for (size_t outside = reader->depth - 1; reader->depth > outside;)
        if (json_next(reader, &token) == JSON_INVALID) return false;
    return true;
}

/* -- writing -------------------------------------------------------------------------------------------- */

void json_put_text(struct buffer *out, const char *text, size_t len) {
    static const char *const shorts[0x20] = {
        ['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};
    const uint8_t *at = (const uint8_t *)text, *end = at + len;
    buffer_u8(out, '"');
    while (at < end) {
        const uint8_t *plain = at;
        size_t used = 0;
        while (end - at >= 8 && eight_are_plain((const char *)at))
            at += 8;
        while (at < end && *at >= 0x20 && *at != '"' && *at != '\\' && (used = json_utf8(at, end)) > 0)
            at += used;
        buffer_append(out, plain, (size_t)(at - plain));
        if (at == end) break;
        if (*at == '"' || *at == '\\') {
            buffer_u8(out, '\\');
            buffer_u8(out, *at);
        } else if (*at >= 0x20) {
            buffer_text(out, "\xef\xbf\xbd");
        } else if (shorts[*at]) {
            buffer_text(out, shorts[*at]);
        } else {
            buffer_text(out, "\\u00");
            buffer_hex(out, at, 1);
        }
        at++;
    }
    buffer_u8(out, '"');
}
