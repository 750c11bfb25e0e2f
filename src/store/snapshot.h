/* snapshot-<n>: the whole state at the base of log-<n> (sealed-store 35.1, 35.4). */
#ifndef SIGNER_STORE_SNAPSHOT_H
#define SIGNER_STORE_SNAPSHOT_H

#include "store/core.h"
#include "store/header.h"

/* Writes the state into an empty file and reads it back; not synced. `base`: number, parent and base
 * of the log of this number. */
enum signer_error snapshot_fill(int file, const struct file_header *base, void *state, uint64_t *size,
                                const struct core *core, struct failure *why);
enum signer_error snapshot_publish(const struct file_header *base, void *state, uint64_t *size, const struct core *core,
                                   struct failure *why);
/* Reads snapshot-<base->number> into a new state. A rule that a body breaks does not make the snapshot
 * unreadable: it is kept in `*deferred` (35.10 step 13 comes after the tail). */
enum signer_error snapshot_read(const struct file_header *base, bool passing, void **state, struct failure *deferred,
                                uint64_t *size, const struct core *core, struct failure *why);

#endif
