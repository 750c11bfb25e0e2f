/* Append, group commit, and what happens when a file call fails (sealed-store 35.7). One waiting call
 * leads: it syncs, writes the mark and wakes the others. A log whose sync failed is never synced again:
 * its uncertain records are sealed again as the first ones of a new log. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/section.h"
#include "store/anchor.h"
#include "store/internal.h"
#include "store/io.h"
#include "store/mark.h"
#include "store/mutant.h"

#define OP_PURGE 21

#ifdef SIGNER_TEST
enum store_mutant store_mutant;
#endif

static uint64_t commit_next_offset(const struct store *store) {
    uint64_t next = align_up(store->head.end, FRAME_ALIGN);
    return store->sync_begun && !store_is_mutant(MUTANT_SEEN_PAGE) ? align_up(next, STORE_PAGE) : next;
}

static bool has_room(const struct store *store, enum record_class class, size_t len) {
    const uint64_t reserve = class & RECORD_USES_RESERVE ? 0 : LOG_RESERVE;
    return commit_next_offset(store) + align_up(frame_bytes(len), FRAME_ALIGN) + reserve <= store->head.size;
}

static bool rotation_due(const struct store *store) {
    return store->head.end > store->rotate_at;
}

static bool is_ready(const struct store *store, enum record_class class, size_t len) {
    return store->health == LOG_GOOD && store->duty != DUTY_RENEW && !rotation_due(store) &&
           has_room(store, class, len);
}

/* Only the outer framing of ops is read here: u8 op || LP(payload). */
static bool holds_purge(const uint8_t *body, size_t len) {
    struct reader reader;
    bool found = false;
    reader_init(&reader, body, len);
    while (reader_left(&reader) > 0 && !reader.failed) {
        found = reader_u8(&reader) == OP_PURGE || found;
        reader_lp(&reader);
    }
    return found && !reader.failed;
}

static struct pending *seal(struct store *store, enum record_type type, const uint8_t *body, size_t len) {
    const struct frame_place place = log_place(&store->head, &store->core);
    struct frame_head head = {
        .body_len = (uint32_t)len, .seq = store->head.seq + 1, .durable = store->durable_seq, .type = (uint8_t)type};
    struct pending *pending = signer_calloc(1, sizeof *pending + (size_t)align_up(frame_bytes(len), FRAME_ALIGN));
    if (!pending) return NULL;
    platform_random(store->core.platform, head.random, sizeof head.random);
    memcpy(head.previous, store->head.chain, sizeof head.previous);
    frame_seal(pending->frame, &place, &head, body);
    pending->len = frame_bytes(len);
    pending->type = (uint8_t)type;
    pending->seq = head.seq;
    pending->ticket = store->ticket + 1;
    pending->purge = type == RECORD_CHANGE && holds_purge(body, len);
    chain_frame(pending->chain, pending->frame, pending->len);
    return pending;
}

/* One pwrite: a short one counts as failed, and the log takes no further record. */
static enum signer_error write_frame(struct store *store, const struct pending *pending, uint64_t offset,
                                     struct failure *why) {
    const struct platform *platform = store->core.platform;
    const size_t len = (size_t)align_up(pending->len, FRAME_ALIGN);
    ssize_t put = platform->files.pwrite(platform->context, store->head.file, pending->frame, len, (off_t)offset);
    if (put == (ssize_t)len) return SIGNER_OK;
    store->health = LOG_CLOSED;
    if (put >= 0) return fail(why, ERR_STATE_IO, "the log took only a part of a record");
    return io_failed(why, "write", "the log");
}

static void push_pending(struct store *store, struct pending *pending, enum record_class class, uint64_t offset) {
    if (store->last)
        store->last->next = pending;
    else
        store->first = pending;
    store->last = pending;
    store->ticket = pending->ticket;
    store->head.seq = pending->seq;
    memcpy(store->head.chain, pending->chain, sizeof pending->chain);
    store->head.end = offset + pending->len;
    store->sync_begun = false;
    company_appended(&store->company, platform_elapsed_us());
    if (class & RECORD_NEEDS_RECEIPT) store->strict_ticket = pending->ticket;
    if (pending->purge) {
        store->purge_seq = pending->seq;
        store->purge_ticket = pending->ticket;
    }
}

static enum signer_error append(struct store *store, enum record_type type, enum record_class class,
                                const uint8_t *body, size_t len, struct store_position *position, struct failure *why) {
    const uint64_t offset = commit_next_offset(store);
    struct pending *pending = seal(store, type, body, len);
    if (!pending) return fail_plain(why, ERR_OUT_OF_MEMORY);
    enum signer_error error = write_frame(store, pending, offset, why);
    if (error != SIGNER_OK) {
        free(pending);
        return error;
    }
    push_pending(store, pending, class, offset);
    position->ticket = pending->ticket;
    position->seq = pending->seq;
    memcpy(position->chain, pending->chain, sizeof position->chain);
    return SIGNER_OK;
}

enum signer_error store_append(struct store *store, enum record_type type, enum record_class class, uint64_t log,
                               const uint8_t *body, size_t len, struct store_position *position, struct failure *why) {
    enum signer_error error = ERR_AGAIN;
    if (len == 0 || (type != RECORD_CHANGE && type != RECORD_NOTE && type != RECORD_CLOSE))
        return fail(why, ERR_INTERNAL, "no record of this kind is appended");
    if (len > FRAME_BODY_MAX) return fail(why, ERR_CAPACITY, "a record of %zu bytes is too large", len);
    pthread_mutex_lock(&store->mutex);
    if (log != 0 && log != store->head.number)
        error = ERR_AGAIN;
    else if (is_ready(store, class, len))
        error = append(store, type, class, body, len, position, why);
    else if (len > store->wanted)
        store->wanted = len;
    pthread_mutex_unlock(&store->mutex);
    return error;
}

bool store_is_ready(struct store *store, enum record_class class, size_t len) {
    pthread_mutex_lock(&store->mutex);
    bool ready = is_ready(store, class, len);
    if (!ready && len > store->wanted) store->wanted = len;
    pthread_mutex_unlock(&store->mutex);
    return ready;
}

/* -- what became durable, and what did not ---------------------------------------------------------- */

struct point {
    uint64_t ticket;
    struct mark mark;
};

static struct point last_appended(const struct store *store) {
    struct point point = {store->ticket, {store->head.number, store->head.seq, {0}}};
    memcpy(point.mark.chain, store->head.chain, sizeof point.mark.chain);
    return point;
}

/* S := the point; records up to it are forgotten here. */
static void advance(struct store *store, const struct point *point) {
    while (store->first && store->first->ticket <= point->ticket) {
        struct pending *done = store->first;
        store->first = done->next;
        free(done);
    }
    if (!store->first) store->last = NULL;
    store->durable_ticket = point->ticket;
    store->durable_seq = point->mark.seq;
    memcpy(store->durable_chain, point->mark.chain, sizeof store->durable_chain);
}

/* F2 for every ticket above S as it was: their waiters see the count move. */
static void note_failure(struct store *store, uint64_t durable_before, const struct failure *why) {
    store->health = store_is_mutant(MUTANT_SECOND_SYNC) ? LOG_GOOD : LOG_DEAD;
    store->failures++;
    store->failed_above = durable_before;
    store->failure = *why;
}

static void begin_duty(struct store *store, enum duty duty) {
    store->duty = duty;
    pthread_mutex_unlock(&store->mutex);
}

void store_signal(struct store *store) {
    atomic_fetch_add(&store->signals, 1);
    pthread_cond_broadcast(&store->changed);
}

static void end_duty(struct store *store) {
    store->duty = DUTY_NONE;
    store_signal(store);
}

void commit_sync(struct store *store) {
    const struct platform *platform = store->core.platform;
    const struct point point = last_appended(store);
    const int file = store->head.file;
    struct failure why = {0};
    store->sync_begun = true;
    company_sync_begins(&store->company, platform_elapsed_us());
    begin_duty(store, DUTY_SYNC);
    enum signer_error synced = SIGNER_OK, marked = SIGNER_OK;
    if (platform->files.fdatasync(platform->context, file) != 0) synced = io_failed(&why, "fdatasync", "the log");
    if (synced == SIGNER_OK)
        marked = mark_write(&point.mark, store->mark_slot, store->mark_file, platform, store->core.store_id, &why);
    pthread_mutex_lock(&store->mutex);
    const uint64_t durable_before = store->durable_ticket;
    if (synced == SIGNER_OK) advance(store, &point);
    if (synced != SIGNER_OK || marked != SIGNER_OK)
        note_failure(store, durable_before, &why);
    else
        store->mark_slot ^= 1;
    company_sync_ends(&store->company, platform_elapsed_us());
    end_duty(store);
}

static enum short_wait_result look(struct store *store, uint64_t us) {
    return short_wait_change(&store->looking, &store->mutex, &store->signals, us);
}

/* With the mutex held, as the next leader. */
static void gather(struct store *store) {
    const uint64_t patience_us = company_patience_us(&store->company);
    if (patience_us == 0) return;
    const uint64_t began_us = platform_elapsed_us();
    store->duty = DUTY_GATHER;
    for (uint64_t waited_us = 0; waited_us < patience_us && !company_is_complete(&store->company);
         waited_us = platform_elapsed_us() - began_us)
        if (look(store, patience_us - waited_us) == SHORT_WAIT_NOT)
            platform_wait_us(&store->changed, &store->mutex, patience_us - waited_us);
    end_duty(store);
}

/* A sync takes about as long as the last one did. */
static void await_leader(struct store *store) {
    if (look(store, 2 * store->company.sync_us) != SHORT_WAIT_CHANGED)
        pthread_cond_wait(&store->changed, &store->mutex);
}

static enum signer_error wait_durable(struct store *store, uint64_t ticket, struct failure *why) {
    enum signer_error error = SIGNER_OK;
    const uint64_t failures = store->failures;
    store->company.waiting++;
    if (store->duty == DUTY_GATHER) store_signal(store);
    while (error == SIGNER_OK) {
        if (store->failures != failures && ticket > store->failed_above) {
            error = fail(why, store->failure.error, "%s", store->failure.detail);
        } else if (ticket <= store->durable_ticket) {
            break;
        } else if (store->duty != DUTY_NONE) {
            await_leader(store);
        } else if (store->health == LOG_DEAD) {
            error = commit_renew(store, OPENED_AFTER_FAILURE, why);
        } else {
            gather(store);
            commit_sync(store);
        }
    }
    return error;
}

enum signer_error store_wait(struct store *store, uint64_t ticket, struct failure *why) {
    section_forbids("a wait for the store");
    enum signer_error error = SIGNER_OK;
    bool purge = false;
    pthread_mutex_lock(&store->mutex);
    if (ticket > store->ticket)
        error = fail(why, ERR_INTERNAL, "no record has this ticket");
    else if (ticket > store->durable_ticket)
        error = wait_durable(store, ticket, why);
    if (error == SIGNER_OK) error = anchor_confirm(store, ticket, why);
    if (error == SIGNER_OK && store->purge_ticket != 0 && ticket >= store->purge_ticket) purge = true;
    pthread_mutex_unlock(&store->mutex);
    if (purge) store_purge(store);
    return error;
}

uint64_t store_durable_ticket(struct store *store) {
    pthread_mutex_lock(&store->mutex);
    uint64_t ticket = store->durable_ticket;
    pthread_mutex_unlock(&store->mutex);
    return ticket;
}

bool store_is_uncertain(struct store *store, uint64_t ticket) {
    pthread_mutex_lock(&store->mutex);
    bool uncertain = store->health == LOG_DEAD && ticket > store->durable_ticket && ticket <= store->ticket;
    pthread_mutex_unlock(&store->mutex);
    return uncertain;
}

/* -- new logs and more room ------------------------------------------------------------------------- */

static void tell_rechained(struct store *store) {
    const struct store_sink *sink = &store->core.sink;
    if (!store->first || !sink->rechained) return;
    if (sink->lock) sink->lock(sink->lock_context);
    for (const struct pending *at = store->first; at; at = at->next)
        sink->rechained(sink->context, store->state, (enum record_type)at->type, at->seq, at->new_seq, at->new_chain);
    if (sink->unlock) sink->unlock(sink->lock_context);
}

static struct log_draft draft_of(struct store *store, enum open_reason reason) {
    struct log_draft draft = {.number = store->next_number++,
                              .parent = store->head.number,
                              .base_seq = store->durable_seq,
                              .reason = reason,
                              .open_number = store->open_number,
                              .carried_from = &store->head,
                              .carried = store->first};
    memcpy(draft.base_chain, store->durable_chain, sizeof draft.base_chain);
    return draft;
}

static void install(struct store *store, const struct log *log, const struct log_draft *draft) {
    struct file_header header = {
        .kind = KIND_LOG, .number = draft->number, .parent = draft->parent, .base_seq = draft->base_seq};
    memcpy(header.base_chain, draft->base_chain, sizeof header.base_chain);
    for (const struct pending *at = store->first; at; at = at->next)
        if (at->purge) store->purge_seq = at->new_seq;
    log_close(&store->head, &store->core);
    store_install_head(store, log);
    const struct point point = last_appended(store);
    advance(store, &point);
    path_push(store, &header, false, NULL); /* room was made before */
    store_set_rotation(store);
}

enum signer_error commit_renew(struct store *store, enum open_reason reason, struct failure *why) {
    struct failure failure = {0};
    struct log fresh;
    bool renamed = false;
    const struct log_draft draft = draft_of(store, reason);
    const uint64_t durable_before = store->durable_ticket;
    enum signer_error error = path_push(store, NULL, false, &failure);
    begin_duty(store, DUTY_RENEW);
    enum signer_error marked = SIGNER_OK;
    if (error == SIGNER_OK) error = log_publish(&fresh, &draft, &renamed, &store->core, &failure);
    if (error == SIGNER_OK) {
        struct mark mark = {fresh.number, fresh.seq, {0}};
        memcpy(mark.chain, fresh.chain, sizeof mark.chain);
        marked = mark_publish(&mark, &store->mark_file, &store->core.place, store->core.store_id, &failure);
        tell_rechained(store);
    }
    pthread_mutex_lock(&store->mutex);
    if (error == SIGNER_OK) install(store, &fresh, &draft);
    if (error == SIGNER_OK && marked == SIGNER_OK) store->mark_slot = 0;
    if (store_is_mutant(MUTANT_OLD_LOG_AFTER_RENAME)) renamed = false;
    if (marked != SIGNER_OK || (error != SIGNER_OK && (renamed || store->health != LOG_GOOD)))
        note_failure(store, durable_before, &failure);
    end_duty(store);
    if (error == SIGNER_OK) error = marked;
    if (error != SIGNER_OK) fail(why, error, "%s", failure.detail);
    return error;
}

/* Writes more zeros behind the head. */
static enum signer_error commit_extend(struct store *store, enum record_class class, size_t len, struct failure *why) {
    const struct platform *platform = store->core.platform;
    const int file = store->head.file;
    const uint64_t from = store->head.size;
    const uint64_t reserve = class & RECORD_USES_RESERVE ? 0 : LOG_RESERVE;
    /* Records of the reserve class may still be appended meanwhile: one page more for the next place. */
    const uint64_t wanted = commit_next_offset(store) + STORE_PAGE + frame_bytes(len) + reserve;
    const uint64_t to = from + align_up(wanted > from ? wanted - from : 1, LOG_STEP);
    struct failure failure = {0};
    if (to > LOG_BYTES_MAX) return fail(why, ERR_STATE_NO_SPACE, "the log has reached its largest size");
    begin_duty(store, DUTY_EXTEND);
    enum signer_error written = io_write_zeros(platform, file, from, to, "the log", &failure);
    enum signer_error synced = SIGNER_OK;
    if (written == SIGNER_OK) {
        pthread_mutex_lock(&store->mutex);
        store->sync_begun = true;
        pthread_mutex_unlock(&store->mutex);
        if (platform->files.fsync(platform->context, file) != 0) synced = io_failed(&failure, "fsync", "the log");
    }
    pthread_mutex_lock(&store->mutex);
    if (written == SIGNER_OK && synced == SIGNER_OK) store->head.size = to;
    /* No room leaves all as it was: a sync that fails for it lost zeros behind the room, which the next try
     * writes again. Unless records were under that sync: then nobody knows what the disk holds of them. */
    const bool harmless = written == ERR_STATE_NO_SPACE || (synced == ERR_STATE_NO_SPACE && !store->first);
    if ((written != SIGNER_OK || synced != SIGNER_OK) && !harmless)
        note_failure(store, store->durable_ticket, &failure);
    end_duty(store);
    enum signer_error error = written != SIGNER_OK ? written : synced;
    return error == SIGNER_OK ? SIGNER_OK : fail(why, error, "%s", failure.detail);
}

/* A rotation that could not begin leaves the log good: it goes on and is tried again later. */
static enum signer_error rotate(struct store *store, bool *rotated) {
    struct failure failure = {0};
    enum signer_error error = commit_renew(store, OPENED_ROTATION, &failure);
    *rotated = *rotated || error == SIGNER_OK;
    if (error == SIGNER_OK || store->health != LOG_GOOD) return SIGNER_OK;
    store_report("the log could not be rotated: %s", failure.detail);
    store->rotate_at = store->head.end + LOG_STEP;
    return SIGNER_OK;
}

/* One step towards a log that takes the record; with the mutex held. */
static enum signer_error next_step(struct store *store, enum record_class class, bool *rotated, struct failure *why) {
    if (store->duty != DUTY_NONE) {
        pthread_cond_wait(&store->changed, &store->mutex);
        return SIGNER_OK;
    }
    if (store->health == LOG_DEAD) return commit_renew(store, OPENED_AFTER_FAILURE, why);
    if (store->first && (store->health == LOG_CLOSED || rotation_due(store))) {
        commit_sync(store);
        return SIGNER_OK;
    }
    if (store->health == LOG_CLOSED) return commit_renew(store, OPENED_AFTER_FAILURE, why);
    if (rotation_due(store)) return rotate(store, rotated);
    enum signer_error error = commit_extend(store, class, store->wanted, why);
    return store->health == LOG_DEAD ? SIGNER_OK : error; /* dead: the next step is a new log */
}

enum signer_error store_make_ready(struct store *store, enum record_class class, struct failure *why) {
    section_forbids("a wait for the store");
    enum signer_error error = SIGNER_OK;
    bool rotated = false;
    pthread_mutex_lock(&store->mutex);
    while (error == SIGNER_OK && !is_ready(store, class, store->wanted))
        error = next_step(store, class, &rotated, why);
    store->wanted = 0;
    pthread_mutex_unlock(&store->mutex);
    if (rotated) store_maintain(store);
    return error;
}
