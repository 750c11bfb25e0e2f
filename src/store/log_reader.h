/* Reading a log: frames in their place, contiguous in seq and chain, and what lies behind the last
 * good one (sealed-store 35.4, 35.10 steps 6 to 11). */
#ifndef SIGNER_STORE_LOG_READER_H
#define SIGNER_STORE_LOG_READER_H

#include "store/core.h"
#include "store/frame.h"
#include "store/header.h"
#include "store/io.h"
#include "store/keys.h"

struct log_reader {
    const struct core *core;
    int file;
    bool owned;
    char name[FILE_NAME_BYTES];
    struct file_header header;
    struct file_key key;
    struct window window;
    uint64_t end; /* behind the last good frame, without its padding; at first the end of the header */
    uint64_t seq; /* of the last good frame; at first the base */
    uint8_t chain[STORE_CHAIN_BYTES];
    uint64_t durable;
    uint8_t *body;
    size_t body_capacity;
};

struct log_frame {
    bool none; /* no further good frame */
    struct frame_head head;
    uint64_t offset;
    uint8_t chain[STORE_CHAIN_BYTES];
    const uint8_t *body; /* valid until the next call; wiped by then */
};

struct log_tail {
    bool clean;          /* only zeros behind the last good frame */
    bool proves_durable; /* an authentic frame there says that more than the last good one was synced */
    bool crowded;        /* more frames begin there than could lie there: not torn but made by hand */
    uint64_t offset;     /* of the first byte that is not zero */
    uint64_t bytes;
};

/* Opens log `number` of the store: header in the order of 35.3, then at least as long as when it was
 * published. ERR_STATE_CORRUPT also when the file is missing. */
enum signer_error log_reader_open(struct log_reader *reader, uint64_t number, const struct core *core,
                                  struct failure *why);
/* The same over a descriptor that stays the caller's. */
enum signer_error log_reader_on(struct log_reader *reader, int file, uint64_t number, const struct core *core,
                                struct failure *why);
/* ERR_STATE_CORRUPT: bytes that are not zero between two good frames. */
enum signer_error log_reader_next(struct log_reader *reader, struct log_frame *frame, struct failure *why);
/* After the last good frame. The work is linear in the tail, whatever lies there: `crowded` ends it. */
enum signer_error log_reader_tail(struct log_reader *reader, struct log_tail *tail, struct failure *why);
void log_reader_close(struct log_reader *reader);

#endif
