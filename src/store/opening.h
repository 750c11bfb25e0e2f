/* The steps of an opening that change nothing (sealed-store 35.10, 1 to 13): for store_open, and for the
 * tools that only look. */
#ifndef SIGNER_STORE_OPENING_H
#define SIGNER_STORE_OPENING_H

#include "store/internal.h"
#include "store/mark.h"
#include "store/names.h"
#include "store/replay.h"

struct opening {
    struct store *store;
    const struct store_options *options;
    bool read_only; /* shared locks; nothing is created or written */
    bool adopting;  /* goes on without a mark (35.13 adopt) */
    struct names names;
    struct mark mark;
    bool marked;
    uint64_t head; /* number of the newest log */
    bool anchored; /* the anchor knows the store: `anchor_mark` */
    struct mark anchor_mark;
    struct failure anchor_failure;
    struct replay replay;
    struct old_file old; /* at the state path */
    bool damaged;        /* ERR_STATE_CORRUPT of the steps that quarantine_and_reset may answer */
};

/* Place, lock, names. Whatever it answers, opening_end follows. */
enum signer_error opening_begin(struct opening *opening, const struct store_options *options, bool read_only,
                                struct failure *why);
/* The store that lies there, up to step 13. */
enum signer_error opening_recover(struct opening *opening, struct failure *why);
/* Step 2 of 35.9: nothing lies there, and nothing remembers a store. */
enum signer_error opening_may_create(struct opening *opening, struct failure *why);
/* The master key, once. */
enum signer_error opening_fetch_master(struct opening *opening, struct failure *why);
/* Frees all but the store. */
void opening_end(struct opening *opening);

#endif
