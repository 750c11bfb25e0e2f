/* Writing a new log file. */
#include "store/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "store/io.h"
#include "store/log_reader.h"
#include "store/names.h"

#define OPEN_RANDOM_BYTES 32

void log_close(struct log *log, const struct core *core) {
    place_shut(&core->place, &log->file);
    file_key_free(&log->key);
}

struct frame_place log_place(const struct log *log, const struct core *core) {
    return (struct frame_place){core->store_id, KIND_LOG, log->number, log->key.bytes};
}

/* Seals one body behind what `frames` holds already and moves the log's seq and chain on. */
static enum signer_error add_frame(struct log *log, struct buffer *frames, enum record_type type, const uint8_t *body,
                                   size_t len, const struct core *core) {
    struct frame_head head = {
        .body_len = (uint32_t)len, .seq = log->seq + 1, .durable = log->base_seq, .type = (uint8_t)type};
    const struct frame_place place = log_place(log, core);
    buffer_zeros(frames, (size_t)(align_up(frames->len, FRAME_ALIGN) - frames->len));
    size_t start = frames->len;
    buffer_zeros(frames, frame_bytes(len));
    if (buffer_status(frames) != SIGNER_OK) return ERR_OUT_OF_MEMORY;
    platform_random(core->platform, head.random, sizeof head.random);
    memcpy(head.previous, log->chain, sizeof head.previous);
    frame_seal(frames->data + start, &place, &head, body);
    chain_frame(log->chain, frames->data + start, frame_bytes(len));
    log->seq = head.seq;
    return SIGNER_OK;
}

static enum signer_error add_open(struct log *log, struct buffer *frames, const struct log_draft *draft,
                                  uint64_t unix_ms, const struct core *core) {
    uint8_t random[OPEN_RANDOM_BYTES];
    struct buffer body;
    buffer_init(&body);
    platform_random(core->platform, random, sizeof random);
    buffer_append(&body, random, sizeof random);
    buffer_be64(&body, draft->open_number);
    buffer_u8(&body, (uint8_t)draft->reason);
    buffer_be64(&body, unix_ms);
    buffer_lp(&body, core->writer, strlen(core->writer));
    enum signer_error error = buffer_status(&body);
    if (error == SIGNER_OK) error = add_frame(log, frames, RECORD_OPEN, body.data, body.len, core);
    buffer_free(&body);
    return error;
}

/* Opens a frame of the dead log and seals its body again in the new one. */
static enum signer_error carry(struct log *log, struct buffer *frames, const struct log *from, struct pending *pending,
                               const struct core *core) {
    const struct frame_place place = log_place(from, core);
    struct frame_head head;
    enum signer_error error = ERR_INTERNAL;
    if (!frame_parse(&head, pending->frame, pending->len) || frame_bytes(head.body_len) != pending->len) return error;
    uint8_t *body = signer_malloc(head.body_len + 1u);
    if (!body) return ERR_OUT_OF_MEMORY;
    if (frame_unseal(&place, &head, pending->frame, body))
        error = add_frame(log, frames, (enum record_type)head.type, body, head.body_len, core);
    pending->new_seq = log->seq;
    memcpy(pending->new_chain, log->chain, sizeof log->chain);
    sodium_memzero(body, head.body_len);
    free(body);
    return error;
}

static uint64_t initial_size(uint64_t end) {
    uint64_t size = LOG_STEP;
    while (size < end + LOG_RESERVE)
        size += LOG_STEP;
    return size;
}

/* What was written is what a reader finds: last seq and chain value agree, and zeros follow. */
static enum signer_error verify(const struct log *log, const struct core *core, struct failure *why) {
    struct log_reader reader;
    struct log_frame frame;
    struct log_tail tail;
    enum signer_error error = log_reader_on(&reader, log->file, log->number, core, why);
    while (error == SIGNER_OK) {
        error = log_reader_next(&reader, &frame, why);
        if (error != SIGNER_OK || frame.none) break;
    }
    if (error == SIGNER_OK) error = log_reader_tail(&reader, &tail, why);
    if (error == SIGNER_OK && (reader.seq != log->seq || memcmp(reader.chain, log->chain, sizeof log->chain) != 0 ||
                               reader.end != log->end || reader.window.file_size != log->size || !tail.clean))
        error = fail(why, ERR_STATE_IO, "a new log reads back different");
    log_reader_close(&reader);
    return error;
}

enum signer_error log_fill(struct log *out, int file, const struct log_draft *draft, const struct core *core,
                           struct failure *why) {
    struct file_header header = {
        .kind = KIND_LOG, .number = draft->number, .parent = draft->parent, .base_seq = draft->base_seq};
    uint8_t page[STORE_PAGE];
    struct buffer frames;
    char name[FILE_NAME_BYTES];
    buffer_init(&frames);
    file_name(name, KIND_LOG, draft->number);
    *out = (struct log){.file = file,
                        .number = draft->number,
                        .parent = draft->parent,
                        .base_seq = draft->base_seq,
                        .seq = draft->base_seq};
    memcpy(out->chain, draft->base_chain, sizeof out->chain);
    memcpy(header.base_chain, draft->base_chain, sizeof header.base_chain);
    enum signer_error error = platform_wall_ms(core->platform, &header.created_unix_ms);
    if (error != SIGNER_OK) return fail_plain(why, error);
    platform_random(core->platform, header.salt, sizeof header.salt);
    header_encode(page, &header, core->master, core->store_id); /* gives the key; the size follows */
    error = file_key_derive(&out->key, core->vault, core->master, page, KIND_LOG);
    if (error == SIGNER_OK) error = add_open(out, &frames, draft, header.created_unix_ms, core);
    if (error == SIGNER_OK && draft->imported.len > 0)
        error = add_frame(out, &frames, RECORD_CHANGE, draft->imported.data, draft->imported.len, core);
    for (struct pending *at = draft->carried; at && error == SIGNER_OK; at = at->next)
        error = carry(out, &frames, draft->carried_from, at, core);
    if (error != SIGNER_OK) {
        fail_plain(why, error);
        goto cleanup;
    }
    out->end = STORE_PAGE + frames.len;
    out->size = header.size = initial_size(out->end);
    header_encode(page, &header, core->master, core->store_id);
    error = io_write(core->platform, file, page, sizeof page, 0, name, why);
    if (error == SIGNER_OK) error = io_write(core->platform, file, frames.data, frames.len, STORE_PAGE, name, why);
    if (error == SIGNER_OK) error = io_write_zeros(core->platform, file, out->end, out->size, name, why);
    if (error == SIGNER_OK) error = verify(out, core, why);
cleanup:
    buffer_free(&frames);
    if (error != SIGNER_OK) file_key_free(&out->key);
    return error;
}

enum signer_error log_publish(struct log *out, const struct log_draft *draft, bool *renamed, const struct core *core,
                              struct failure *why) {
    struct publication publication;
    char name[FILE_NAME_BYTES];
    *renamed = false;
    file_name(name, KIND_LOG, draft->number);
    enum signer_error error = publish_begin(&core->place, core->place.directory, "tmp-", &publication, why);
    if (error != SIGNER_OK) return error;
    error = log_fill(out, publication.file, draft, core, why);
    if (error == SIGNER_OK) error = publish_finish(&core->place, &publication, name, why);
    *renamed = publication.renamed;
    if (error == SIGNER_OK) return SIGNER_OK;
    publish_abort(&core->place, &publication);
    file_key_free(&out->key);
    out->file = -1;
    return error;
}
