/* From files to a state. */
#include "store/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "store/audit.h"
#include "store/log.h"
#include "store/names.h"
#include "store/snapshot.h"

void replay_free(struct replay *replay, const struct core *core) {
    if (replay->state) core->sink.state_free(core->sink.context, replay->state);
    free(replay->path);
    *replay = (struct replay){0};
}

/* -- the path (step 6) ---------------------------------------------------------------------------- */

static enum signer_error push(struct replay *replay, const struct file_header *header, struct failure *why) {
    if (replay->count == replay->capacity) {
        size_t capacity = replay->capacity ? 2 * replay->capacity : 8;
        struct replayed_log *grown = signer_realloc(replay->path, capacity * sizeof *grown);
        if (!grown) return fail_plain(why, ERR_OUT_OF_MEMORY);
        replay->path = grown;
        replay->capacity = capacity;
    }
    replay->path[replay->count++] = (struct replayed_log){.header = *header};
    return SIGNER_OK;
}

static void reverse(struct replay *replay) {
    for (size_t i = 0, j = replay->count; i + 1 < j; i++, j--) {
        struct replayed_log swapped = replay->path[i];
        replay->path[i] = replay->path[j - 1];
        replay->path[j - 1] = swapped;
    }
}

static enum signer_error read_log_header(uint64_t number, struct file_header *out, const struct core *core,
                                         struct failure *why) {
    struct log_reader reader;
    enum signer_error error = log_reader_open(&reader, number, core, why);
    if (error != SIGNER_OK) return error;
    *out = reader.header;
    log_reader_close(&reader);
    return SIGNER_OK;
}

/* Whether another snapshot may stand in: damage, not a failing disk or lack of memory, and not a format of
 * another build, whose state this one would silently go without. */
static bool is_damage(enum signer_error error) {
    return error == ERR_STATE_CORRUPT || error == ERR_STATE_FOREIGN || error == ERR_STATE_KEY_MISMATCH;
}

/* A log that followed a failure has no snapshot of its own: only a damaged one is worth a line. */
static void report_damage(uint64_t number, const struct failure *damage, const struct core *core) {
    char name[FILE_NAME_BYTES];
    struct stat status;
    enum file_state state;
    file_name(name, KIND_SNAPSHOT, number);
    if (place_look(&core->place, core->place.directory, name, &state, &status, NULL) == SIGNER_OK &&
        state != FILE_ABSENT)
        store_report("a snapshot cannot be used: %s", damage->detail);
}

/* Walks down from log `number` to the newest snapshot that can be read. */
static enum signer_error walk(struct replay *replay, uint64_t number, const struct core *core, struct failure *why) {
    struct failure newest = {0};
    while (number != 0) {
        struct file_header header;
        struct failure damage = {0};
        enum signer_error error = read_log_header(number, &header, core, why);
        if (error == SIGNER_OK) error = push(replay, &header, why);
        if (error != SIGNER_OK) return error;
        error = snapshot_read(&header, replay->passing, &replay->state, &replay->deferred, &replay->snapshot_size, core,
                              &damage);
        if (error == SIGNER_OK) {
            reverse(replay);
            replay->open_number = core->sink.open_number(core->sink.context, replay->state);
            return SIGNER_OK;
        }
        if (!is_damage(error)) return fail(why, error, "%s", damage.detail);
        report_damage(number, &damage, core);
        if (newest.error == SIGNER_OK) newest = damage;
        number = header.parent;
    }
    return fail(why, newest.error, "%s", newest.detail);
}

/* -- frames (step 7) -------------------------------------------------------------------------------- */

static void defer(struct replay *replay, enum signer_error error, const struct log_reader *reader, uint64_t seq) {
    if (replay->deferred.error == SIGNER_OK)
        fail(&replay->deferred, error, "record %llu of %s breaks a rule", (unsigned long long)seq, reader->name);
}

/* Body of OPEN: 32 random bytes, open number, reason, time, writer. */
static void read_open(struct replay *replay, const struct log_reader *reader, const struct log_frame *frame,
                      const struct core *core) {
    struct reader body;
    reader_init(&body, frame->body, frame->head.body_len);
    reader_take(&body, 32);
    uint64_t number = reader_be64(&body);
    uint8_t reason = reader_u8(&body);
    reader_be64(&body);
    reader_lp(&body);
    bool counts = reason == OPENED_CREATED || reason == OPENED_AGAIN || reason == OPENED_REKEYED;
    bool known = counts || reason == OPENED_ROTATION || reason == OPENED_AFTER_FAILURE;
    bool right = number == replay->open_number + (counts ? 1 : 0);
    if (!reader_done(&body) || !known || !right || number == 0) {
        defer(replay, ERR_STATE_CORRUPT, reader, frame->head.seq);
        return;
    }
    replay->open_number = number;
    if (replay->deferred.error == SIGNER_OK) core->sink.opened(core->sink.context, replay->state, number);
}

static enum signer_error read_body(struct replay *replay, const struct log_reader *reader,
                                   const struct log_frame *frame, const struct core *core, struct failure *why) {
    const struct store_sink *sink = &core->sink;
    const enum record_type type = (enum record_type)frame->head.type;
    if (replay->closed) defer(replay, ERR_STATE_CORRUPT, reader, frame->head.seq);
    if (type == RECORD_CLOSE) {
        replay->closed = true;
        if (frame->head.body_len != 8) defer(replay, ERR_STATE_CORRUPT, reader, frame->head.seq);
        return SIGNER_OK;
    }
    if (type == RECORD_OPEN) defer(replay, ERR_STATE_CORRUPT, reader, frame->head.seq);
    if (type != RECORD_CHANGE && type != RECORD_NOTE) defer(replay, ERR_STATE_VERSION, reader, frame->head.seq);
    if (replay->deferred.error != SIGNER_OK) return SIGNER_OK;
    replay->log->verdicts = replay->log->verdicts || audit_is_due(frame->body, frame->head.body_len);
    enum signer_error error = sink->apply(sink->context, replay->state, type, frame->body, frame->head.body_len,
                                          frame->head.seq, frame->chain);
    if (error == ERR_OUT_OF_MEMORY || error == ERR_MEMORY_LOCK) return fail_plain(why, error);
    if (error != SIGNER_OK) defer(replay, error, reader, frame->head.seq);
    return SIGNER_OK;
}

static void compare_mark(struct replay *replay, uint64_t seq, const uint8_t chain[STORE_CHAIN_BYTES]) {
    if (replay->mark && replay->mark->seq == seq && memcmp(replay->mark->chain, chain, STORE_CHAIN_BYTES) != 0)
        replay->mark_contradicted = true;
    if (replay->anchor && replay->anchor->seq == seq && memcmp(replay->anchor->chain, chain, STORE_CHAIN_BYTES) != 0)
        replay->anchor_contradicted = true;
}

/* Replays a log up to `stop` (base of its successor), or to its end with NULL. */
static enum signer_error read_log(struct replay *replay, struct log_reader *reader, const struct file_header *stop,
                                  const struct core *core, struct failure *why) {
    struct log_frame frame;
    replay->closed = false;
    for (bool first = true;; first = false) {
        if (!first && stop && reader->seq >= stop->base_seq) break;
        enum signer_error error = log_reader_next(reader, &frame, why);
        if (error != SIGNER_OK) return error;
        if (first && (frame.none || frame.head.type != RECORD_OPEN))
            return fail(why, ERR_STATE_CORRUPT, "%s does not begin with its OPEN record", reader->name);
        if (frame.none) break;
        compare_mark(replay, frame.head.seq, frame.chain);
        if (first)
            read_open(replay, reader, &frame, core);
        else
            error = read_body(replay, reader, &frame, core, why);
        if (error != SIGNER_OK) return error;
    }
    replay->seq = reader->seq;
    memcpy(replay->chain, reader->chain, sizeof replay->chain);
    if (stop &&
        (reader->seq != stop->base_seq || memcmp(reader->chain, stop->base_chain, sizeof stop->base_chain) != 0))
        return fail(why, ERR_STATE_CORRUPT, "%s lacks the record that its successor continues", reader->name);
    return SIGNER_OK;
}

/* Steps 8 to 11 for the head. */
static enum signer_error judge_tail(struct replay *replay, struct log_reader *reader, struct failure *why) {
    enum signer_error error = log_reader_tail(reader, &replay->tail, why);
    if (error != SIGNER_OK) return error;
    const struct log_tail *tail = &replay->tail;
    replay->durable = reader->durable;
    if (!replay->mark) {
        if (reader->header.number != 1 || reader->durable != 0 || !tail->clean)
            return fail(why, ERR_STATE_CORRUPT, "the durable mark of a used store is missing");
        return SIGNER_OK;
    }
    if (tail->proves_durable)
        return fail(why, ERR_STATE_CORRUPT, "%s: a durable record is damaged after record %llu", reader->name,
                    (unsigned long long)reader->seq);
    if (tail->crowded)
        return fail(why, ERR_STATE_CORRUPT, "%s: more records begin after record %llu than can lie there", reader->name,
                    (unsigned long long)reader->seq);
    if (replay->mark->seq > reader->seq)
        return fail(why, tail->clean ? ERR_STATE_ROLLBACK : ERR_STATE_CORRUPT,
                    "%s ends at record %llu, the mark knows %llu", reader->name, (unsigned long long)reader->seq,
                    (unsigned long long)replay->mark->seq);
    if (!tail->clean)
        store_report("%s: torn records after record %llu dropped (%llu bytes at offset %llu)", reader->name,
                     (unsigned long long)reader->seq, (unsigned long long)tail->bytes,
                     (unsigned long long)tail->offset);
    return SIGNER_OK;
}

static enum signer_error read_path(struct replay *replay, const struct file_header *end, const struct core *core,
                                   struct failure *why) {
    compare_mark(replay, replay->path[0].header.base_seq, replay->path[0].header.base_chain);
    for (size_t i = 0; i < replay->count; i++) {
        struct log_reader reader;
        const struct file_header *stop = i + 1 < replay->count ? &replay->path[i + 1].header : end;
        replay->log = &replay->path[i];
        enum signer_error error = log_reader_open(&reader, replay->log->header.number, core, why);
        if (error != SIGNER_OK) return error;
        error = read_log(replay, &reader, stop, core, why);
        if (error == SIGNER_OK && !stop) error = judge_tail(replay, &reader, why);
        log_reader_close(&reader);
        if (error != SIGNER_OK) return error;
    }
    if (replay->mark_contradicted) return fail(why, ERR_STATE_ROLLBACK, "the log has another history than the mark");
    if (replay->deferred.error != SIGNER_OK) return fail(why, replay->deferred.error, "%s", replay->deferred.detail);
    enum signer_error error = core->sink.check(core->sink.context, replay->state);
    return error == SIGNER_OK ? SIGNER_OK : fail_plain(why, error);
}

static enum signer_error run(struct replay *out, uint64_t from, const struct file_header *end, const struct core *core,
                             struct failure *why) {
    enum signer_error error = walk(out, from, core, why);
    if (error == SIGNER_OK) error = read_path(out, end, core, why);
    if (error != SIGNER_OK) replay_free(out, core);
    return error;
}

enum signer_error replay_head(struct replay *out, uint64_t head, const struct mark *mark, const struct mark *anchor,
                              const struct core *core, struct failure *why) {
    *out = (struct replay){.mark = mark, .anchor = anchor};
    return run(out, head, NULL, core, why);
}

enum signer_error replay_base(struct replay *out, const struct file_header *log, const struct core *core,
                              struct failure *why) {
    *out = (struct replay){.passing = true};
    return run(out, log->parent, log, core, why);
}
