/* From files to a state: the path from the newest usable snapshot, its logs, the tail rule
 * (sealed-store 35.10 steps 6 to 13). */
#ifndef SIGNER_STORE_REPLAY_H
#define SIGNER_STORE_REPLAY_H

#include "store/core.h"
#include "store/header.h"
#include "store/log_reader.h"
#include "store/mark.h"

struct replayed_log {
    struct file_header header;
    bool verdicts; /* it holds some, as far as it was read */
};

struct replay {
    void *state;               /* the caller takes it and sets it to NULL */
    struct replayed_log *path; /* ascending; the first has the snapshot that was read */
    size_t count, capacity;
    uint64_t snapshot_size;
    uint64_t seq; /* last good frame of the path */
    uint8_t chain[STORE_CHAIN_BYTES];
    uint64_t durable;     /* highest durable seq that a frame of the head says */
    uint64_t open_number; /* of the newest OPEN; before the first one, of the snapshot */
    struct log_tail tail; /* of the head; dropped if not clean */
    /* -- while reading -- */
    bool passing; /* the state is for a snapshot only */
    struct replayed_log *log;
    bool closed;
    struct failure deferred; /* first broken rule, answered at step 13 */
    const struct mark *mark;
    bool mark_contradicted;
    const struct mark *anchor; /* point of the anchor; NULL: none */
    bool anchor_contradicted;  /* for step 14 */
};

/* Replays the store up to the end of log `head`. `mark` NULL: creation was cut before the mark, which is
 * accepted for an unused log 1 only (step 3). ERR_STATE_CORRUPT, ERR_STATE_ROLLBACK, the codes of 35.3,
 * those of the sink, ERR_STATE_IO, ERR_OUT_OF_MEMORY. */
enum signer_error replay_head(struct replay *out, uint64_t head, const struct mark *mark, const struct mark *anchor,
                              const struct core *core, struct failure *why);
/* Replays up to the base of a log: the state of its snapshot (35.8 rotation). */
enum signer_error replay_base(struct replay *out, const struct file_header *log, const struct core *core,
                              struct failure *why);
void replay_free(struct replay *replay, const struct core *core);

#endif
