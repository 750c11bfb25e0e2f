/* Sealed part files: snapshots and audit files. */
#include "store/parts.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "store/frame.h"
#include "store/io.h"
#include "store/names.h"

static enum record_type part_type(enum store_kind kind) {
    return kind == KIND_SNAPSHOT ? RECORD_SNAP_PART : RECORD_AUDIT_PART;
}

enum signer_error parts_begin(struct parts_writer *writer, int file, const struct file_header *header,
                              const struct core *core, struct failure *why) {
    uint8_t page[STORE_PAGE];
    *writer = (struct parts_writer){.core = core,
                                    .file = file,
                                    .type = part_type(header->kind),
                                    .header = *header,
                                    .offset = STORE_PAGE,
                                    .why = why};
    file_name(writer->name, header->kind, header->number);
    enum signer_error error = platform_wall_ms(core->platform, &writer->header.created_unix_ms);
    if (error != SIGNER_OK) return fail_plain(why, error);
    platform_random(core->platform, writer->header.salt, sizeof writer->header.salt);
    header_encode(page, &writer->header, core->master, core->store_id);
    chain_parts_start(writer->chain, page);
    error = file_key_derive(&writer->key, core->vault, core->master, page, header->kind);
    if (error != SIGNER_OK) return fail_plain(why, error);
    return io_write(core->platform, file, page, sizeof page, 0, writer->name, why);
}

static enum signer_error write_frame(struct parts_writer *writer, enum record_type type, const uint8_t *body,
                                     size_t len) {
    const struct core *core = writer->core;
    const struct frame_place place = {core->store_id, writer->header.kind, writer->header.number, writer->key.bytes};
    struct frame_head head = {.body_len = (uint32_t)len, .seq = writer->seq + 1, .type = (uint8_t)type};
    if (len > FRAME_BODY_MAX) return fail(writer->why, ERR_CAPACITY, "one entry of %s is too large", writer->name);
    const size_t padded = (size_t)align_up(frame_bytes(len), FRAME_ALIGN);
    writer->frame.len = 0;
    if (buffer_reserve(&writer->frame, padded) != SIGNER_OK) return fail_plain(writer->why, ERR_OUT_OF_MEMORY);
    writer->frame.len = padded;
    memset(writer->frame.data + frame_bytes(len), 0, padded - frame_bytes(len));
    platform_random(core->platform, head.random, sizeof head.random);
    memcpy(head.previous, writer->chain, sizeof head.previous);
    frame_seal(writer->frame.data, &place, &head, body);
    chain_frame(writer->chain, writer->frame.data, frame_bytes(len));
    enum signer_error error = io_write(core->platform, writer->file, writer->frame.data, writer->frame.len,
                                       writer->offset, writer->name, writer->why);
    writer->offset += writer->frame.len;
    writer->seq = head.seq;
    return error;
}

static enum signer_error flush(struct parts_writer *writer) {
    if (buffer_status(&writer->part) != SIGNER_OK) return fail_plain(writer->why, ERR_OUT_OF_MEMORY);
    if (writer->part.len == 0) return SIGNER_OK;
    enum signer_error error = write_frame(writer, writer->type, writer->part.data, writer->part.len);
    buffer_clear(&writer->part);
    writer->parts++;
    return error;
}

enum signer_error parts_emit(void *argument, uint8_t op, const uint8_t *payload, size_t len) {
    struct parts_writer *writer = argument;
    if (writer->part.len > 0 && writer->part.len + 5 + len > PART_BYTES_MAX) {
        enum signer_error error = flush(writer);
        if (error != SIGNER_OK) return error;
    }
    if (buffer_reserve(&writer->part, 5 + len) != SIGNER_OK) return fail_plain(writer->why, ERR_OUT_OF_MEMORY);
    uint8_t *out = writer->part.data + writer->part.len;
    out[0] = op;
    store_be32(out + 1, (uint32_t)len);
    if (len) memcpy(out + 5, payload, len);
    writer->part.len += 5 + len;
    return SIGNER_OK;
}

void parts_free(struct parts_writer *writer) {
    if (!writer->core) return;
    buffer_free(&writer->part);
    buffer_free(&writer->frame);
    file_key_free(&writer->key);
}

/* -- reading ------------------------------------------------------------------------------------ */

struct parts_reader {
    const struct core *core;
    enum store_kind kind;
    char name[FILE_NAME_BYTES];
    struct file_header header;
    struct file_key key;
    struct window window;
    uint64_t offset, seq, parts;
    uint8_t chain[STORE_CHAIN_BYTES];
    struct buffer body;
    struct failure *why;
};

static enum signer_error damaged(const struct parts_reader *reader) {
    return fail(reader->why, ERR_STATE_CORRUPT, "%s is damaged at %llu", reader->name,
                (unsigned long long)reader->offset);
}

static enum signer_error begin_reading(struct parts_reader *reader, int file, uint64_t number,
                                       const struct file_header *base) {
    const struct core *core = reader->core;
    uint8_t page[STORE_PAGE];
    uint64_t size;
    enum signer_error error = io_size(core->platform, file, &size, reader->name, reader->why);
    if (error == SIGNER_OK) error = io_read(core->platform, file, page, sizeof page, 0, reader->name, reader->why);
    if (error != SIGNER_OK) return error;
    error = header_decode(&reader->header, page, reader->kind, number, core->master, core->store_id);
    if (error != SIGNER_OK) return fail(reader->why, error, "header of %s", reader->name);
    if (base && (reader->header.parent != base->parent || reader->header.base_seq != base->base_seq ||
                 memcmp(reader->header.base_chain, base->base_chain, STORE_CHAIN_BYTES) != 0))
        return fail(reader->why, ERR_STATE_CORRUPT, "%s has another base than its log", reader->name);
    error = file_key_derive(&reader->key, core->vault, core->master, page, reader->kind);
    if (error != SIGNER_OK) return fail_plain(reader->why, error);
    window_init(&reader->window, core->platform, file, size, reader->name);
    chain_parts_start(reader->chain, page);
    reader->offset = STORE_PAGE;
    return SIGNER_OK;
}

/* The frame at the reader's place: its clear part, and its bytes with the padding. */
static enum signer_error frame_here(struct parts_reader *reader, struct frame_head *head, const uint8_t **bytes) {
    const uint64_t left = reader->window.file_size - reader->offset;
    if (left < FRAME_OVERHEAD) return damaged(reader);
    enum signer_error error = window_at(&reader->window, reader->offset, FRAME_OVERHEAD, bytes, reader->why);
    if (error != SIGNER_OK) return error;
    if (!frame_parse(head, *bytes, FRAME_OVERHEAD)) return damaged(reader);
    const size_t len = frame_bytes(head->body_len), padded = (size_t)align_up(len, FRAME_ALIGN);
    if (padded > left || head->seq != reader->seq + 1 || head->durable != 0) return damaged(reader);
    error = window_at(&reader->window, reader->offset, padded, bytes, reader->why);
    if (error == SIGNER_OK && !sodium_is_zero(*bytes + len, padded - len)) error = damaged(reader);
    return error;
}

static struct frame_place place_of(const struct parts_reader *reader) {
    return (struct frame_place){reader->core->store_id, reader->kind, reader->header.number, reader->key.bytes};
}

static void step_over(struct parts_reader *reader, const struct frame_head *head) {
    reader->seq = head->seq;
    reader->offset += align_up(frame_bytes(head->body_len), FRAME_ALIGN);
}

/* The body of the frame at the reader's place. */
static enum signer_error read_frame(struct parts_reader *reader, struct frame_head *head) {
    const struct frame_place place = place_of(reader);
    const uint8_t *bytes;
    enum signer_error error = frame_here(reader, head, &bytes);
    if (error != SIGNER_OK) return error;
    if (memcmp(head->previous, reader->chain, sizeof reader->chain) != 0) return damaged(reader);
    buffer_clear(&reader->body);
    if (buffer_reserve(&reader->body, head->body_len ? head->body_len : 1) != SIGNER_OK)
        return fail_plain(reader->why, ERR_OUT_OF_MEMORY);
    reader->body.len = head->body_len;
    if (!frame_unseal(&place, head, bytes, reader->body.data)) return damaged(reader);
    chain_frame(reader->chain, bytes, frame_bytes(head->body_len));
    step_over(reader, head);
    return SIGNER_OK;
}

static enum signer_error check_end(struct parts_reader *reader) {
    const uint8_t *body = reader->body.data;
    if (reader->body.len != PART_END_BYTES || reader->offset != reader->window.file_size ||
        load_be64(body) != reader->header.base_seq ||
        memcmp(body + 8, reader->header.base_chain, STORE_CHAIN_BYTES) != 0 ||
        load_be64(body + 8 + STORE_CHAIN_BYTES) != reader->parts)
        return damaged(reader);
    return SIGNER_OK;
}

static enum signer_error read_all(struct parts_reader *reader, parts_each each, void *argument) {
    for (;;) {
        struct frame_head head = {0};
        enum signer_error error = read_frame(reader, &head);
        if (error != SIGNER_OK) return error;
        if (head.type == RECORD_SNAP_END) return check_end(reader);
        if (head.type != part_type(reader->kind))
            return fail(reader->why, ERR_STATE_VERSION, "%s holds a record of type %u", reader->name, head.type);
        reader->parts++;
        error = each(argument, reader->body.data, reader->body.len, head.seq, reader->chain);
        if (error != SIGNER_OK) return error;
    }
}

enum signer_error parts_read(int file, enum store_kind kind, uint64_t number, const struct file_header *base,
                             uint64_t *size, parts_each each, void *argument, const struct core *core,
                             struct failure *why) {
    struct parts_reader reader = {.core = core, .kind = kind, .why = why};
    file_name(reader.name, kind, number);
    enum signer_error error = begin_reading(&reader, file, number, base);
    if (error == SIGNER_OK) error = read_all(&reader, each, argument);
    if (error == SIGNER_OK) *size = reader.window.file_size;
    buffer_free(&reader.body);
    window_free(&reader.window);
    file_key_free(&reader.key);
    return error;
}

/* -- reading back --------------------------------------------------------------------------------- */

/* The key was made for this file: an authentic frame with the right seq is the one that was sealed, so its
 * body and its chain value need no second look. */
static enum signer_error pass_frame(struct parts_reader *reader) {
    const struct frame_place place = place_of(reader);
    struct frame_head head;
    const uint8_t *bytes;
    enum signer_error error = frame_here(reader, &head, &bytes);
    if (error == SIGNER_OK && !frame_unseal(&place, &head, bytes, NULL)) error = damaged(reader);
    if (error == SIGNER_OK) step_over(reader, &head);
    return error;
}

static enum signer_error read_back(const struct parts_writer *writer) {
    struct parts_reader reader = {.core = writer->core, .kind = writer->header.kind, .why = writer->why};
    file_name(reader.name, reader.kind, writer->header.number);
    enum signer_error error = begin_reading(&reader, writer->file, writer->header.number, &writer->header);
    while (error == SIGNER_OK && reader.seq < writer->seq)
        error = pass_frame(&reader);
    if (error == SIGNER_OK && (reader.offset != writer->offset || reader.window.file_size != writer->offset))
        error = fail(writer->why, ERR_STATE_IO, "%s reads back different", writer->name);
    window_free(&reader.window);
    file_key_free(&reader.key);
    return error;
}

enum signer_error parts_end(struct parts_writer *writer) {
    uint8_t end[PART_END_BYTES];
    enum signer_error error = flush(writer);
    if (error != SIGNER_OK) return error;
    store_be64(end, writer->header.base_seq);
    memcpy(end + 8, writer->header.base_chain, STORE_CHAIN_BYTES);
    store_be64(end + 8 + STORE_CHAIN_BYTES, writer->parts);
    error = write_frame(writer, RECORD_SNAP_END, end, sizeof end);
    return error == SIGNER_OK ? read_back(writer) : error;
}
