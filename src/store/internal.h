/* An open store: what its own files share. */
#ifndef SIGNER_STORE_INTERNAL_H
#define SIGNER_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/short_wait.h"
#include "custody/fork.h"
#include "store/company.h"
#include "store/core.h"
#include "store/header.h"
#include "store/import.h"
#include "store/lock.h"
#include "store/log.h"
#include "store/log_reader.h"

enum log_health {
    LOG_GOOD,
    LOG_CLOSED, /* a write failed: no further append, what it holds still gets its one sync */
    LOG_DEAD    /* a sync, an extension, a mark or a renaming failed: never touched again */
};

/* Who works on files at the moment; one thread at a time, without the mutex. */
enum duty {
    DUTY_NONE,
    DUTY_GATHER, /* the leader of the next sync waits for company: appends go on beside it */
    DUTY_SYNC,   /* appends go on beside it */
    DUTY_EXTEND, /* as far as there is room */
    DUTY_RENEW   /* a new log: appends wait outside (ERR_AGAIN) */
};

/* One log of the path from the oldest kept snapshot to the head. */
struct path_log {
    struct file_header header;
    bool snapshot;         /* its snapshot is durable and was read or written by this process */
    bool without_verdicts; /* a replay of this process saw that it holds none */
};

struct store {
    struct core core;
    struct process_lock lock;
    int store_id_file;
    int mark_file;
    int mark_slot;                    /* next one to write */
    void *state;                      /* the live state: only for `rechained` */
    struct fork_handler fork_handler; /* from birth on: a child must not hold the locks (D-137) */

    pthread_mutex_t mutex; /* everything below; never held across a sync */
    pthread_cond_t changed;
    atomic_uint signals;       /* of it so far: only store_signal gives one */
    struct short_wait looking; /* for the next of them */
    enum duty duty;
    struct company company;
    struct log head;
    enum log_health health;
    bool sync_begun; /* since the last frame: the next one starts on a page of its own */
    uint64_t open_number;
    uint64_t next_number;
    struct pending *first, *last; /* appended and not known durable, in order */
    uint64_t ticket;              /* last one given */
    uint64_t durable_ticket;
    uint64_t durable_seq; /* S */
    uint8_t durable_chain[STORE_CHAIN_BYTES];
    uint64_t failures;     /* syncs and renewals that failed */
    uint64_t failed_above; /* tickets above this one were hit by the last of them */
    struct failure failure;
    size_t wanted; /* largest body that found no room */
    uint64_t rotate_at;
    uint64_t snapshot_size;
    struct path_log *path;
    size_t path_count, path_capacity;
    uint64_t purge_seq;    /* newest PURGE on the path */
    uint64_t purge_ticket; /* one of this process whose old files are still there; 0 none */
    bool maintaining;
    struct store_anchor anchor;    /* unchanged once the store is open */
    bool anchor_known, anchoring;  /* it has a point for this store; somebody is asking it */
    struct anchor_point anchor_at; /* newest receipt */
    uint64_t anchor_ticket;        /* tickets up to it are covered */
    uint64_t strict_ticket;        /* newest record that needs a receipt */
    struct log_tail torn;          /* dropped at open */
};

/* Empty, known to the fork handlers; store_close ends it. NULL: no memory. */
struct store *store_new(void);

/* log-, snapshot- and audit-files that nothing needs any more (35.8 deletion). */
enum signer_error retention_run(const struct core *core, const struct path_log *path, size_t count, uint64_t purge_seq,
                                struct failure *why);
/* First log of the path that must stay: index into `path`. */
size_t retention_first(const struct path_log *path, size_t count, uint64_t purge_seq);

/* Builds a new store in a temporary directory and moves it to its name (35.9 steps 4 and 5); with an old
 * file, from its payload. */
enum signer_error store_create(struct store *store, void **state, const struct old_file *old, vault_handle payload,
                               struct failure *why);
/* Moves a damaged store aside (35.10, quarantine_and_reset). */
enum signer_error store_quarantine(struct store *store, uint32_t backup_limit, struct failure *why);
/* Whether the mark of this very store lies among the copies that were set aside: then the rest was to follow,
 * and only a crash left it in place. */
enum signer_error quarantine_was_cut(bool *out, const struct store *store, struct failure *why);
/* Reads and checks `store-id`, and keeps it open and locked. */
enum signer_error store_id_read(struct store *store, struct failure *why);
enum signer_error store_id_lock(struct store *store, bool shared, struct failure *why);

/* The log becomes the head; S is its last record. */
void store_install_head(struct store *store, const struct log *log);
enum signer_error path_push(struct store *store, const struct file_header *header, bool snapshot, struct failure *why);
void store_set_rotation(struct store *store);

/* -- with the mutex held, and held again on return ------------------------------------------------- */
/* All that wait look again at what they wait for. */
void store_signal(struct store *store);
/* Syncs what is appended and writes the mark. The caller saw DUTY_NONE and a log that is not dead. */
void commit_sync(struct store *store);
/* Publishes the next log, carrying what is not durable. The caller saw DUTY_NONE. */
enum signer_error commit_renew(struct store *store, enum open_reason reason, struct failure *why);

/* Without the mutex: rotates if a PURGE waits, builds the snapshot of the newest log, deletes. Failures
 * are reported, never fatal. */
void store_maintain(struct store *store);
void store_purge(struct store *store);

#endif
