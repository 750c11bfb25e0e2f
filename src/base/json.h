/* A strict pull reader for JSON text (abi 1.7, D-007, D-130, D-149). It allocates nothing and does
 * not recurse; whatever it refuses, it refuses while reading: duplicate members (unknown ones and
 * map keys too), more than 256 members of one object, nesting above 128, bad UTF-8, lone
 * surrogates, a byte order mark, anything behind the value. Integers of the full u64 range stay
 * exact. What the bytes mean is the caller's business (runtime/decode.h, registry/import.c). */
#ifndef SIGNER_BASE_JSON_H
#define SIGNER_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limits.h"

enum json_kind {
    JSON_INVALID, /* see `error` of the reader; every later call answers the same */
    JSON_END,     /* one whole value was read and only white space followed */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_INTEGER, /* 0 .. 2^64-1 written as digits only */
    JSON_NUMBER,  /* any other number, `-0`, `1.0` and 2^64 among them */
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL
};

struct json_token {
    enum json_kind kind;
    const char *text;   /* key, string: the raw text between the quotes, inside the input */
    size_t len;         /* of `text` */
    size_t decoded_len; /* of what it stands for; equal to `len` when not escaped */
    bool escaped;
    uint64_t integer;
};

struct json_key {
    uint32_t offset; /* of the raw text in the input */
    uint32_t hash;
};

/* About 260 KiB, of which only what is used is touched; too large for a stack (D-146). */
struct json_reader {
    const char *data;
    const char *at;
    const char *end;
    const char *error;  /* NULL, or a text that echoes nothing of the input */
    size_t members_max; /* of one object */
    uint64_t hash_key;
    int expect;
    size_t depth;
    size_t key_count; /* keys of all objects that are open now */
    bool is_object[JSON_DEPTH_MAX];
    size_t first_key[JSON_DEPTH_MAX];
    struct json_key keys[JSON_DEPTH_MAX * JSON_MEMBERS_MAX];
};

/* `hash_key`: a random number that the sender of the text cannot know; it keeps the search for
 * duplicates cheap. `len` is at most REQUEST_BYTES_MAX. */
void json_init(struct json_reader *reader, const void *text, size_t len, uint64_t hash_key);
/* The same with bounds of the caller's: `len` may be anything below 4 GiB, and one object may have up to
 * `members_max` members, all open objects together JSON_DEPTH_MAX * JSON_MEMBERS_MAX. */
void json_init_bounded(struct json_reader *reader, const void *text, size_t len, uint64_t hash_key, size_t members_max);
enum json_kind json_next(struct json_reader *reader, struct json_token *token);
/* After an OBJECT or ARRAY token: reads up to its end. False when the text is invalid. */
bool json_skip(struct json_reader *reader);

/* The bytes that a key or string token stands for. */
struct json_text {
    const char *at;
    const char *end;
    uint8_t pending[4];
    unsigned pending_count;
    unsigned pending_at;
};
void json_text_init(struct json_text *text, const struct json_token *token);
int json_text_next(struct json_text *text); /* a byte, or -1 at the end */
bool json_text_is(const struct json_token *token, const char *expected, size_t len);

/* Bytes of the valid UTF-8 character at `at`; 0 when there is none. */
size_t json_utf8(const uint8_t *at, const uint8_t *end);

/* Appends the text as a JSON string: short escapes, the rest of the control characters as \u00xx, bytes
 * that are no UTF-8 as U+FFFD. */
void json_put_text(struct buffer *out, const char *text, size_t len);

#endif
