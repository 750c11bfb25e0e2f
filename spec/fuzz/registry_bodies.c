/* libFuzzer: record bodies against the registry. Whatever the replay accepts gives a snapshot that reads
 * back to the same state, and a body that is refused changes nothing (sealed-store 35.6).
 *
 * The input is a program: a byte that says how the state begins, then ops. An op byte and a few small
 * choices become a well-formed payload, or raw bytes are taken as they are; a record ends where the program
 * says so.
 * `make fuzz` builds and runs it. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "registry/change.h"
#include "registry/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const groups[] = {
    "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    "03c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    "02",
    "",
};
static const uint8_t op_codes[] = {1,  2,  3,  3,  3,  3,  4,  5,  5,  5,  6,  7,  7,  8,  9,  16, 17, 18,
                                   19, 20, 21, 22, 32, 33, 34, 35, 48, 49, 50, 51, 52, 53, 10, 54, 63, 64};

static void small_text(struct buffer *out, struct reader *in) {
    uint8_t choice = reader_u8(in);
    if (choice < 0xf0) {
        char text[65];
        memset(text, "0123456789abcdef"[choice & 15], sizeof text);
        buffer_lp(out, text, choice & 64 ? 64 : choice & 32 ? 1024 / 16 + 1 : (choice >> 4) + 1);
    } else {
        size_t take = reader_left(in) < (choice & 15u) ? reader_left(in) : (choice & 15u);
        buffer_lp(out, reader_take(in, take), take);
    }
}

static void group(struct buffer *out, struct reader *in) {
    const char *text = groups[reader_u8(in) % 4];
    buffer_lp(out, text, strlen(text));
}

static void some_u64(struct buffer *out, struct reader *in) {
    uint8_t choice = reader_u8(in);
    buffer_be64(out, choice < 0xf0 ? choice : UINT64_MAX - (choice & 15u));
}

static void raw(struct buffer *out, struct reader *in) {
    size_t want = reader_u8(in);
    size_t take = reader_left(in) < want ? reader_left(in) : want;
    const uint8_t *bytes = reader_take(in, take);
    if (bytes) buffer_append(out, bytes, take);
}

static void members(struct buffer *out, struct reader *in) {
    uint8_t count = reader_u8(in) % 4;
    buffer_be32(out, count);
    for (uint8_t i = 0; i < count; i++)
        buffer_be16(out, reader_u8(in) % 8);
}

static void optional_members(struct buffer *out, struct reader *in) {
    uint8_t present = reader_u8(in) % 3;
    buffer_u8(out, present);
    if (present) members(out, in);
}

static void field_value(struct buffer *out, struct reader *in, uint8_t field) {
    switch (field) {
    case 1:
    case 5:
    case 9:
    case 11:
    case 13:
        small_text(out, in);
        break;
    case 4:
        small_text(out, in);
        group(out, in);
        buffer_be16(out, 3);
        buffer_be16(out, 2);
        some_u64(out, in);
        break;
    case 8:
        buffer_be32(out, 1);
        buffer_be16(out, 1);
        members(out, in);
        small_text(out, in);
        small_text(out, in);
        break;
    case 10:
        small_text(out, in);
        small_text(out, in);
        small_text(out, in);
        break;
    case 12: {
        small_text(out, in);
        small_text(out, in);
        uint8_t count = reader_u8(in) % 3;
        buffer_be32(out, count);
        buffer_zeros(out, 32u * count);
        count = reader_u8(in) % 3;
        buffer_be32(out, count);
        for (uint8_t i = 0; i < count; i++) {
            some_u64(out, in);
            small_text(out, in);
        }
        break;
    }
    case 7:
        small_text(out, in);
        small_text(out, in);
        buffer_be16(out, 2);
        small_text(out, in);
        buffer_u8(out, 0);
        optional_members(out, in);
        buffer_u8(out, 0);
        buffer_be16(out, 2);
        small_text(out, in);
        break;
    case 14:
        small_text(out, in);
        some_u64(out, in);
        buffer_be32(out, 1);
        buffer_be16(out, 1);
        small_text(out, in);
        break;
    case 15:
    case 18:
    case 20:
    case 23:
        some_u64(out, in);
        break;
    case 16:
        small_text(out, in);
        some_u64(out, in);
        group(out, in);
        break;
    case 17:
        group(out, in);
        break;
    case 19:
    case 21:
        buffer_be32(out, reader_u8(in));
        break;
    case 22:
        buffer_u8(out, reader_u8(in) % 4);
        break;
    case 24: {
        uint8_t id = reader_u8(in);
        buffer_be32(out, 1);
        buffer_u8(out, 2);
        for (int i = 0; i < 96; i++)
            buffer_u8(out, id);
        some_u64(out, in);
        members(out, in);
        break;
    }
    default:
        raw(out, in);
    }
}

static void list_item(struct buffer *out, struct reader *in, uint8_t list) {
    switch (list) {
    case 1:
        buffer_be32(out, 1);
        buffer_be32(out, 2);
        for (int i = 0; i < 4; i++)
            small_text(out, in);
        buffer_be16(out, 1);
        buffer_be16(out, 2);
        small_text(out, in);
        optional_members(out, in);
        buffer_u8(out, 0);
        small_text(out, in);
        some_u64(out, in);
        break;
    case 2:
        some_u64(out, in);
        some_u64(out, in);
        buffer_be16(out, 1);
        buffer_be16(out, 0);
        break;
    default:
        some_u64(out, in);
        some_u64(out, in);
        some_u64(out, in);
        buffer_be16(out, 1);
        group(out, in);
    }
}

static void session_payload(struct buffer *out, struct reader *in, uint8_t op) {
    char id[2] = {(char)('a' + reader_u8(in) % 5), 0};
    if (op == 9) {
        uint8_t digest[32];
        crypto_hash_sha256(digest, (const uint8_t *)id, 1);
        buffer_append(out, digest, sizeof digest);
        group(out, in);
        buffer_be32(out, reader_u8(in));
        return;
    }
    buffer_lp(out, id, 1);
    if (op < 3) return;
    uint8_t part = reader_u8(in) % (op < 5 ? 26 : op < 7 ? 9 : 5);
    buffer_u8(out, part);
    if (op == 3) field_value(out, in, part);
    if (op == 5 || op == 6) small_text(out, in);
    if (op == 7 || op == 8) list_item(out, in, part);
}

static void engine_payload(struct buffer *out, struct reader *in, uint8_t op) {
    switch (op) {
    case 16: {
        static const uint8_t percents[] = {10, 50, 100, 11};
        buffer_u8(out, percents[reader_u8(in) % 4]);
        buffer_u8(out, 10);
        some_u64(out, in);
        some_u64(out, in);
        break;
    }
    case 17:
    case 32:
        some_u64(out, in);
        break;
    case 18:
        buffer_be16(out, reader_u8(in) % 4);
        some_u64(out, in);
        break;
    case 19:
        buffer_be16(out, reader_u8(in) % 4);
        buffer_u8(out, reader_u8(in) % 3);
        break;
    case 20:
        buffer_be16(out, 3);
        buffer_zeros(out, 32);
        some_u64(out, in);
        break;
    case 21:
    case 53:
        break;
    case 33:
        for (int i = 0; i < 3; i++)
            some_u64(out, in);
        break;
    case 34:
        some_u64(out, in);
        buffer_zeros(out, 64);
        break;
    case 35:
        buffer_zeros(out, 32u * (reader_u8(in) % 8));
        break;
    case 48:
        some_u64(out, in);
        buffer_zeros(out, 32);
        break;
    case 49: {
        buffer_u8(out, reader_u8(in) % 4);
        size_t at = out->len;
        buffer_zeros(out, 560);
        if (!out->failed) store_be64(out->data + at + 216, reader_u8(in));
        break;
    }
    case 50:
        buffer_u8(out, reader_u8(in) % 4);
        break;
    case 51:
    case 52:
        small_text(out, in);
        break;
    default:
        raw(out, in);
    }
}

static void put_op(struct buffer *body, struct reader *in) {
    uint8_t code = reader_u8(in);
    struct buffer payload;
    buffer_init(&payload);
    uint8_t op = op_codes[code % sizeof op_codes];
    if (code >= 252)
        raw(&payload, in);
    else if (op <= 9)
        session_payload(&payload, in, op);
    else
        engine_payload(&payload, in, op);
    if (code >= 250 && payload.len) payload.len--; /* cut */
    buffer_u8(body, op);
    buffer_lp(body, payload.data, payload.len);
    buffer_free(&payload);
}

/* -- states -------------------------------------------------------------------------------------------- */

static const uint8_t store_id[32] = {0x22};
static struct state_context context;
static struct store_sink sink;

static struct state *fresh(uint64_t created) {
    struct state *state = sink.state_new(sink.context, false);
    if (!state) abort();
    sink.begin(sink.context, state, store_id, created);
    return state;
}

struct copy {
    struct state *state;
};

static enum signer_error copy_op(void *argument, uint8_t op, const uint8_t *payload, size_t len) {
    struct copy *copy = argument;
    const uint8_t chain[32] = {0};
    struct buffer body;
    buffer_init(&body);
    buffer_u8(&body, op);
    buffer_lp(&body, payload, len);
    enum signer_error error = sink.apply(sink.context, copy->state, RECORD_SNAP_PART, body.data, body.len, 1, chain);
    buffer_free(&body);
    return error;
}

/* The snapshot reads back, and gives the same snapshot. */
static void check_snapshot(struct state *state) {
    uint8_t before[32], after[32];
    struct copy copy = {fresh(0)};
    if (state_digest(state, before) != SIGNER_OK) abort();
    if (sink.snapshot(sink.context, state, copy_op, &copy) != SIGNER_OK) abort();
    if (sink.check(sink.context, copy.state) != SIGNER_OK) abort();
    if (state_digest(copy.state, after) != SIGNER_OK || memcmp(before, after, 32) != 0) abort();
    if (state_generation(copy.state) != state_generation(state) ||
        state_session_count(copy.state) != state_session_count(state) ||
        state_tombstone_count(copy.state) != state_tombstone_count(state))
        abort();
    for (size_t i = 0; i < 2; i++)
        if (state_key_group_used(state, groups[i], 66) != state_key_group_used(copy.state, groups[i], 66) ||
            state_key_group_rekeyed(state, groups[i], 66) != state_key_group_rekeyed(copy.state, groups[i], 66))
            abort();
    sink.state_free(sink.context, copy.state);
}

static bool complete(struct state *state) {
    return sink.check(sink.context, state) == SIGNER_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const uint64_t max_sessions = 1024;
    static struct vault *vault;
    if (!vault) {
        if (sodium_init() < 0 || vault_create(&vault, false) != SIGNER_OK) abort();
        context = (struct state_context){vault, &max_sessions};
        sink = state_sink(&context);
    }
    struct reader in;
    reader_init(&in, data, len);
    const bool from_snapshot = reader_u8(&in) & 1;
    struct state *state = fresh(from_snapshot ? 0 : 1700000000000);
    struct buffer body;
    buffer_init(&body);
    uint64_t seq = 1;
    while (reader_left(&in) > 0) {
        static const enum record_type types[] = {RECORD_CHANGE, RECORD_CHANGE, RECORD_NOTE, RECORD_SNAP_PART};
        uint8_t shape = reader_u8(&in);
        for (unsigned ops = 0; ops < 1u + (shape >> 4) && reader_left(&in) > 0; ops++)
            put_op(&body, &in);
        uint8_t before[32], after[32], chain[32] = {shape, (uint8_t)seq};
        const bool known = complete(state);
        if (known && state_digest(state, before) != SIGNER_OK) abort();
        enum signer_error error = sink.apply(sink.context, state, types[shape & 3], body.data, body.len, seq++, chain);
        if (error != SIGNER_OK && known && (state_digest(state, after) != SIGNER_OK || memcmp(before, after, 32) != 0))
            abort();
        if (error != SIGNER_OK && !known) break; /* a snapshot that fails is thrown away */
        buffer_clear(&body);
    }
    if (complete(state)) check_snapshot(state);
    buffer_free(&body);
    sink.state_free(sink.context, state);
    return 0;
}
