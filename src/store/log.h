/* Writing a new log file: header, OPEN, carried bodies, zeros (sealed-store 35.4, 35.7, 35.8). */
#ifndef SIGNER_STORE_LOG_H
#define SIGNER_STORE_LOG_H

#include "store/core.h"
#include "store/frame.h"
#include "store/header.h"
#include "store/keys.h"

enum open_reason {
    OPENED_CREATED = 1,
    OPENED_AGAIN = 2,
    OPENED_ROTATION = 3,
    OPENED_AFTER_FAILURE = 4,
    OPENED_REKEYED = 5
};

/* A record that is appended and not known durable: kept sealed, as it lies in its log. */
struct pending {
    struct pending *next;
    uint64_t ticket;
    uint64_t seq;
    uint8_t chain[STORE_CHAIN_BYTES];
    uint8_t type;
    bool purge;
    uint64_t new_seq; /* in the log that carries it */
    uint8_t new_chain[STORE_CHAIN_BYTES];
    size_t len;
    uint8_t frame[];
};

/* An open log. `end` is behind the last frame, without its padding. */
struct log {
    int file;
    uint64_t number;
    uint64_t parent;
    uint64_t base_seq;
    struct file_key key;
    uint64_t size;
    uint64_t end;
    uint64_t seq;
    uint8_t chain[STORE_CHAIN_BYTES];
};

struct log_draft {
    uint64_t number;
    uint64_t parent;
    uint64_t base_seq;
    uint8_t base_chain[STORE_CHAIN_BYTES];
    enum open_reason reason;
    uint64_t open_number;
    struct bytes imported;          /* body of the CHANGE behind OPEN in the log of an import; else empty */
    const struct log *carried_from; /* log in which the carried frames are sealed */
    struct pending *carried;        /* gets new_seq and new_chain */
};

void log_close(struct log *log, const struct core *core);
struct frame_place log_place(const struct log *log, const struct core *core);
/* Writes a whole log into an empty file, which `out` then owns, and reads it back. The file is not synced. */
enum signer_error log_fill(struct log *out, int file, const struct log_draft *draft, const struct core *core,
                           struct failure *why);
/* Fills and publishes. `*renamed`: the rename was tried, so the log before is dead (35.7). */
enum signer_error log_publish(struct log *out, const struct log_draft *draft, bool *renamed, const struct core *core,
                              struct failure *why);

#endif
