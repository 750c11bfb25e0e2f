/* The sealed store (sealed-store 35): an append-only sealed log with snapshots in
 * `<state_path>.store`, its lock and its durable mark beside it. It does not interpret a record
 * body: whoever owns the state gives it a `store_sink`.
 *
 * Locks: the caller serialises store_append by its own (engine) mutex; the store's log lock is
 * taken inside and is never held across a sync. store_wait, store_make_ready and store_open block
 * and are never called under the engine mutex. */
#ifndef SIGNER_STORE_STORE_H
#define SIGNER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/platform.h"
#include "custody/vault.h"
#include "store/key_provider.h"

struct store;

enum record_type {
    RECORD_OPEN = 1,
    RECORD_CHANGE = 2,
    RECORD_NOTE = 3,
    RECORD_CLOSE = 4,
    RECORD_SNAP_PART = 16,
    RECORD_SNAP_END = 17,
    RECORD_AUDIT_PART = 18
};

/* What a record may use up, and what its reply waits for. */
enum record_class {
    RECORD_ORDINARY = 0,
    RECORD_USES_RESERVE = 1,  /* the room of the log kept for protection (sealed-store 35.7) */
    RECORD_NEEDS_RECEIPT = 2, /* of a strict anchor (35.11) */
    RECORD_USES_LAST = 4,     /* the last records before an acknowledgement is due (D-185); not the store's affair */
    RECORD_PROTECTING = RECORD_USES_RESERVE, /* coarse start with a transition, retire, CLOSE */
    RECORD_FINALIZING = RECORD_NEEDS_RECEIPT,
    RECORD_RESERVED = RECORD_USES_RESERVE | RECORD_NEEDS_RECEIPT, /* round 2, aggregate */
    RECORD_ROLLBACK = RECORD_USES_RESERVE | RECORD_USES_LAST,     /* of the canary */
    RECORD_REKEY = RECORD_USES_RESERVE | RECORD_NEEDS_RECEIPT | RECORD_USES_LAST
};

/* How the owner of the state reads bodies. `state` is whatever state_new made. Snapshots are built
 * beside running calls on a state of their own, so all but the live state must bear threads. */
struct store_sink {
    void *context;
    /* `passing`: the state is only replayed to be given out again by `snapshot`, so its values need not be kept decoded
     * (bodies that this process wrote or read before). */
    void *(*state_new)(void *context, bool passing);
    /* Right after each state_new: which store it is (witness commitments need it). Only when the store
     * is being created `created_unix_ms` is not 0: the state then takes its genesis form, which
     * `snapshot` gives out (35.9 step 4). */
    void (*begin)(void *context, void *state, const uint8_t store_id[32], uint64_t created_unix_ms);
    void (*state_free)(void *context, void *state);
    /* One body of a CHANGE, NOTE or SNAP_PART. `chain` is the frame's chain value. ERR_STATE_CORRUPT,
     * ERR_STATE_VERSION, ERR_CONFIGURATION, ERR_OUT_OF_MEMORY. */
    enum signer_error (*apply)(void *context, void *state, enum record_type type, const uint8_t *body, size_t len,
                               uint64_t seq, const uint8_t chain[32]);
    /* Told about each OPEN frame on the path: its open number. */
    void (*opened)(void *context, void *state, uint64_t open_number);
    /* The number it was told last, or that the snapshot told; 0: none. */
    uint64_t (*open_number)(void *context, void *state);
    /* Bounds of the whole after replay (35.10 step 13). */
    enum signer_error (*check)(void *context, void *state);
    /* Gives every op of the snapshot, in the order of 35.6, one call an op (op byte and payload). */
    enum signer_error (*snapshot)(void *context, void *state,
                                  enum signer_error (*emit)(void *argument, uint8_t op, const uint8_t *payload,
                                                            size_t len),
                                  void *argument);
    /* A carried body (35.7) now has this chain value and seq instead of the ones given at append.
     * Called in the order of the bodies, between lock and unlock below. */
    void (*rechained)(void *context, void *state, enum record_type type, uint64_t old_seq, uint64_t seq,
                      const uint8_t chain[32]);
    /* Seq up to which files must vanish after a PURGE; 0 none. Asked once, at open. */
    uint64_t (*purge_seq)(void *context, void *state);
    /* State of an old file (35.9 step 3): fills a state in its genesis form from the decrypted payload, whose
     * meaning is the sink's. `random`: a number that nobody knows. NULL: no old file is imported. */
    enum signer_error (*import)(void *context, void *state, const uint8_t *payload, size_t len, uint64_t random,
                                struct failure *why);
    /* The body of the CHANGE that tells where the state came from, and what such a record told. */
    void (*import_body)(void *context, struct buffer *body, uint16_t schema, const uint8_t sha256[32],
                        uint64_t unix_seconds);
    bool (*imported)(void *context, void *state, uint8_t sha256[32]);
    /* Whether the state knows of a receipt of an anchor. NULL: never. */
    bool (*anchor_confirmed)(void *context, void *state);
    /* Guards the live state while `rechained` runs, which happens inside store_wait and
     * store_make_ready, with no lock of the store held. NULL: no guard. */
    void (*lock)(void *lock_context);
    void (*unlock)(void *lock_context);
    void *lock_context;
};

/* An anchor outside the store (35.11): a counter file (anchor_file.h), or a signed service. Its calls
 * block and may come from any thread, one at a time. */
struct anchor_point {
    uint64_t seq;
    uint8_t chain[32];
};
enum anchor_policy {
    ANCHOR_STRICT, /* the reply to a protected record waits for the receipt */
    ANCHOR_LAZY    /* the anchor is at most `window` records behind */
};
struct store_anchor {
    void *context;
    /* `*found` false: it knows nothing of this store. ERR_STATE_ANCHOR. */
    enum signer_error (*read)(void *context, const uint8_t store_id[32], bool *found, struct anchor_point *out,
                              struct failure *why);
    /* Compare-and-set; `old` NULL: nothing was known. ERR_STATE_ROLLBACK when it stands elsewhere,
     * ERR_STATE_ANCHOR. */
    enum signer_error (*advance)(void *context, const uint8_t store_id[32], const struct anchor_point *old,
                                 const struct anchor_point *fresh, struct failure *why);
    /* Whether it knows of any store: then none is created beside it. ERR_STATE_ANCHOR. */
    enum signer_error (*remembers)(void *context, bool *out, struct failure *why);
    enum anchor_policy policy;
    uint32_t window;
};

struct store_options {
    const struct platform *platform;
    struct vault *vault;
    struct key_provider key_provider;
    const char *state_path;
    struct store_sink sink;
    const char *writer;            /* "tbtc-signer/<version>" */
    const uint8_t *master_key;     /* 32 bytes instead of the provider (offline tools, specs); else NULL */
    const uint8_t *new_master_key; /* 32 bytes: seal everything again under this one (35.13 rekey); else NULL */
    uint64_t import_generation;    /* an old file of schema 4 with this generation at least; 0: schema 3 (D-081) */
    struct store_anchor anchor;    /* zeros: none */
    bool pinned;                   /* pins of a signed service are set: no store is created or set aside */
    bool reset_corrupt;            /* quarantine_and_reset (D-086); never with production */
    uint32_t corrupt_backup_limit; /* 0: keep all */
    uint64_t audit_bytes_max;      /* all audit files together; 0: none are kept */
};

/* Opens or creates (35.9, 35.10). On success `*state` is the replayed state, owned by the caller. */
enum signer_error store_open(struct store **out, void **state, const struct store_options *options,
                             struct failure *why);
/* Appends CLOSE where it can, unlocks, frees. With `abandon` nothing is written: as after a crash. */
void store_close(struct store *store, bool abandon);

struct store_position {
    uint64_t ticket; /* counts the records of this process, never changes: for store_wait */
    uint64_t seq;
    uint8_t chain[32];
};

/* Seals and appends one body (step 1 of 35.7); nothing is synced yet. The caller holds its engine
 * mutex and applies to memory right after. `log`: number of the only log that the body was made for, 0 any.
 * ERR_AGAIN: the log must first be made ready (leave the
 * mutex, store_make_ready, start again). Any other error is F1: nothing was done. */
enum signer_error store_append(struct store *store, enum record_type type, enum record_class class, uint64_t log,
                               const uint8_t *body, size_t len, struct store_position *position, struct failure *why);
/* Whether store_append would answer ERR_AGAIN for this class and size. */
bool store_is_ready(struct store *store, enum record_class class, size_t len);
/* Publishes a new log after a failure, rotates, or extends the room. ERR_STATE_IO, ERR_STATE_NO_SPACE. */
enum signer_error store_make_ready(struct store *store, enum record_class class, struct failure *why);
/* Waits until everything up to the ticket is durable, leading the sync if nobody does. A ticket
 * whose sync failed earlier is first written again to a new log. F2 answers ERR_STATE_IO (or
 * ERR_STATE_NO_SPACE): the record may or may not be on disk. */
enum signer_error store_wait(struct store *store, uint64_t ticket, struct failure *why);
/* Newest ticket known durable; cheap. */
uint64_t store_durable_ticket(struct store *store);
bool store_is_uncertain(struct store *store, uint64_t ticket);

struct store_info {
    uint8_t store_id[32];
    uint64_t seq;
    uint8_t chain[32];
    uint64_t open_number;
    uint64_t log_number;
    uint64_t log_base_seq;
    uint64_t log_bytes_used;
    uint64_t torn_tail_bytes; /* dropped at open, 0 if clean */
    uint64_t torn_tail_offset;
};
void store_info(struct store *store, struct store_info *out);
/* The newest receipt of the anchor; false: there is none. */
bool store_receipt(struct store *store, struct anchor_point *out);

#endif
