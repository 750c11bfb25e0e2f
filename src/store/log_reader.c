/* Reading a log. */
#include "store/log_reader.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "store/names.h"

#define SCAN_BYTES 65536u

static enum signer_error read_header(struct log_reader *reader, uint64_t number, struct failure *why) {
    const struct core *core = reader->core;
    uint8_t page[STORE_PAGE];
    uint64_t size;
    enum signer_error error = io_size(core->platform, reader->file, &size, reader->name, why);
    if (error != SIGNER_OK) return error;
    error = io_read(core->platform, reader->file, page, sizeof page, 0, reader->name, why);
    if (error != SIGNER_OK) return error;
    error = header_decode(&reader->header, page, KIND_LOG, number, core->master, core->store_id);
    if (error != SIGNER_OK) return fail(why, error, "header of %s", reader->name);
    if (size < reader->header.size || reader->header.size <= STORE_PAGE)
        return fail(why, ERR_STATE_CORRUPT, "%s is shorter than when it was published", reader->name);
    if (size > LOG_BYTES_READ_MAX) return fail(why, ERR_STATE_CORRUPT, "%s is longer than a log gets", reader->name);
    error = file_key_derive(&reader->key, core->vault, core->master, page, KIND_LOG);
    if (error != SIGNER_OK) return fail_plain(why, error);
    window_init(&reader->window, core->platform, reader->file, size, reader->name);
    reader->end = STORE_PAGE;
    reader->seq = reader->durable = reader->header.base_seq;
    memcpy(reader->chain, reader->header.base_chain, sizeof reader->chain);
    return SIGNER_OK;
}

enum signer_error log_reader_on(struct log_reader *reader, int file, uint64_t number, const struct core *core,
                                struct failure *why) {
    *reader = (struct log_reader){.core = core, .file = file};
    file_name(reader->name, KIND_LOG, number);
    return read_header(reader, number, why);
}

enum signer_error log_reader_open(struct log_reader *reader, uint64_t number, const struct core *core,
                                  struct failure *why) {
    *reader = (struct log_reader){.core = core, .file = -1, .owned = true};
    file_name(reader->name, KIND_LOG, number);
    enum signer_error error =
        place_file(&core->place, core->place.directory, reader->name, O_RDONLY, &reader->file, why);
    if (error == SIGNER_OK && reader->file < 0) error = fail(why, ERR_STATE_CORRUPT, "%s is missing", reader->name);
    if (error == SIGNER_OK) error = read_header(reader, number, why);
    if (error != SIGNER_OK) log_reader_close(reader);
    return error;
}

void log_reader_close(struct log_reader *reader) {
    if (!reader->core) return;
    if (reader->body) sodium_memzero(reader->body, reader->body_capacity);
    free(reader->body);
    reader->body = NULL;
    reader->body_capacity = 0;
    window_free(&reader->window);
    file_key_free(&reader->key);
    if (reader->owned) place_shut(&reader->core->place, &reader->file);
}

static enum signer_error body_room(struct log_reader *reader, size_t len, struct failure *why) {
    if (reader->body) sodium_memzero(reader->body, reader->body_capacity);
    if (len < reader->body_capacity) return SIGNER_OK;
    free(reader->body);
    reader->body_capacity = 0;
    reader->body = signer_malloc(len + 1);
    if (!reader->body) return fail_plain(why, ERR_OUT_OF_MEMORY);
    reader->body_capacity = len + 1;
    return SIGNER_OK;
}

static struct frame_place place_of(const struct log_reader *reader) {
    return (struct frame_place){reader->core->store_id, KIND_LOG, reader->header.number, reader->key.bytes};
}

/* The clear part of a frame at `offset`, whose bytes are then at `*bytes`; those from `keep` on stay in the window. */
static enum signer_error parse_at(struct log_reader *reader, uint64_t keep, uint64_t offset, struct frame_head *head,
                                  const uint8_t **bytes, bool *found, struct failure *why) {
    *found = false;
    const size_t gap = (size_t)(offset - keep);
    const uint64_t left = offset < reader->window.file_size ? reader->window.file_size - offset : 0;
    if (left < FRAME_OVERHEAD) return SIGNER_OK;
    enum signer_error error = window_at(&reader->window, keep, gap + FRAME_OVERHEAD, bytes, why);
    if (error != SIGNER_OK) return error;
    *bytes += gap;
    if (!frame_parse(head, *bytes, FRAME_OVERHEAD) || frame_bytes(head->body_len) > left) return SIGNER_OK;
    *found = true;
    error = window_at(&reader->window, keep, gap + frame_bytes(head->body_len), bytes, why);
    if (error == SIGNER_OK) *bytes += gap;
    return error;
}

/* A good frame continues seq and chain, keeps the durable rule, and is authentic. */
static enum signer_error good_frame_at(struct log_reader *reader, uint64_t offset, struct log_frame *frame, bool *good,
                                       struct failure *why) {
    const struct frame_place place = place_of(reader);
    const uint8_t *bytes;
    enum signer_error error = parse_at(reader, reader->end, offset, &frame->head, &bytes, good, why);
    if (error != SIGNER_OK || !*good) return error;
    *good = frame->head.seq == reader->seq + 1 && frame->head.durable >= reader->durable &&
            frame->head.durable < frame->head.seq &&
            memcmp(frame->head.previous, reader->chain, sizeof reader->chain) == 0;
    if (!*good) return SIGNER_OK;
    error = body_room(reader, frame->head.body_len, why);
    if (error != SIGNER_OK) return error;
    *good = frame_unseal(&place, &frame->head, bytes, reader->body);
    if (*good) chain_frame(frame->chain, bytes, frame_bytes(frame->head.body_len));
    frame->offset = offset;
    frame->body = reader->body;
    return SIGNER_OK;
}

enum signer_error log_reader_next(struct log_reader *reader, struct log_frame *frame, struct failure *why) {
    uint64_t next = align_up(reader->end, FRAME_ALIGN);
    uint64_t page = align_up(next, STORE_PAGE);
    uint64_t nonzero;
    bool good;
    enum signer_error error = good_frame_at(reader, next, frame, &good, why);
    if (error == SIGNER_OK && !good && page != next) error = good_frame_at(reader, page, frame, &good, why);
    frame->none = !good;
    if (error != SIGNER_OK || !good) return error;
    error = window_first_nonzero(&reader->window, reader->end, frame->offset, &nonzero, why);
    if (error != SIGNER_OK) return error;
    if (nonzero != frame->offset)
        return fail(why, ERR_STATE_CORRUPT, "bytes between two records of %s at %llu", reader->name,
                    (unsigned long long)nonzero);
    reader->end = frame->offset + frame_bytes(frame->head.body_len);
    reader->seq = frame->head.seq;
    reader->durable = frame->head.durable;
    memcpy(reader->chain, frame->chain, sizeof reader->chain);
    return SIGNER_OK;
}

/* Looks for an authentic frame at `offset` that says so of a seq above the last good one. The frames of a log
 * do not overlap, so those of a torn tail together are no longer than it, but for the last one, whose end may
 * be gone. `*budget` is what may still be opened. */
static enum signer_error proof_at(struct log_reader *reader, uint64_t offset, struct log_tail *tail, uint64_t *budget,
                                  struct failure *why) {
    const struct frame_place place = place_of(reader);
    struct frame_head head;
    const uint8_t *bytes;
    bool found;
    enum signer_error error = parse_at(reader, offset, offset, &head, &bytes, &found, why);
    if (error != SIGNER_OK || !found || head.durable <= reader->seq) return error;
    const uint64_t len = frame_bytes(head.body_len);
    tail->crowded = len > *budget;
    if (tail->crowded) return SIGNER_OK;
    *budget -= len;
    tail->proves_durable = frame_unseal(&place, &head, bytes, NULL);
    return SIGNER_OK;
}

enum signer_error log_reader_tail(struct log_reader *reader, struct log_tail *tail, struct failure *why) {
    const uint64_t size = reader->window.file_size;
    uint64_t last = 0, budget;
    *tail = (struct log_tail){.clean = true};
    enum signer_error error = window_first_nonzero(&reader->window, reader->end, size, &tail->offset, why);
    if (error != SIGNER_OK || tail->offset == size) return error;
    tail->clean = false;
    for (uint64_t at = tail->offset; at < size;) {
        const uint8_t *bytes;
        size_t step = size - at < SCAN_BYTES ? (size_t)(size - at) : SCAN_BYTES;
        error = window_at(&reader->window, at, step, &bytes, why);
        if (error != SIGNER_OK) return error;
        for (size_t i = step; i > 0 && last < at + i; i--)
            if (bytes[i - 1] != 0) last = at + i;
        at += step;
    }
    tail->bytes = last - tail->offset;
    budget = 2 * (tail->bytes + frame_bytes(FRAME_BODY_MAX));
    /* A frame starts with a byte that is not zero: none before the first of those. */
    for (uint64_t at = align_up(tail->offset, FRAME_ALIGN); at < last; at += FRAME_ALIGN) {
        error = proof_at(reader, at, tail, &budget, why);
        if (error != SIGNER_OK || tail->proves_durable || tail->crowded) return error;
    }
    return SIGNER_OK;
}
