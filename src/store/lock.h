/* The process lock P.lock, which also remembers the store's id (sealed-store 3, 35.1, 35.9 step 1). */
#ifndef SIGNER_STORE_LOCK_H
#define SIGNER_STORE_LOCK_H

#include "store/place.h"

struct process_lock {
    int file;
    bool recorded; /* an id is recorded */
    uint8_t store_id[STORE_ID_BYTES];
};

/* Creates if missing, locks, reads the recorded id, rewrites pid and path. ERR_STATE_LOCKED,
 * ERR_STATE_PATH_UNSAFE, ERR_STATE_CORRUPT, ERR_STATE_IO, ERR_STATE_NO_SPACE. */
enum signer_error lock_take(struct process_lock *lock, const struct place *place, struct failure *why);
/* Reads the recorded id under a shared lock, changing nothing; without a lock file nothing is recorded. */
enum signer_error lock_look(struct process_lock *lock, const struct place *place, struct failure *why);
/* Records a store id, or clears it with NULL. */
enum signer_error lock_record(struct process_lock *lock, const struct place *place, const uint8_t *store_id,
                              struct failure *why);
void lock_release(struct process_lock *lock, const struct place *place);

#endif
