/* What happens to this library in a forked child: handlers that run there (the store closes its
 * descriptors, D-137), and a mark by which an object knows that it belongs to the parent (D-126). */
#ifndef SIGNER_CUSTODY_FORK_H
#define SIGNER_CUSTODY_FORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* A node of the list, owned by whoever adds it and unmoved until it is removed. `child` runs in the
 * child right after fork: async-signal-safe calls only, no lock, no add or remove. The child goes on
 * with an empty list. */
struct fork_handler {
    void (*child)(void *argument);
    void *argument;
    struct fork_handler *next; /* of the list */
};

/* ERR_OUT_OF_MEMORY when the process takes no more fork handlers. Not raised by children made by
 * posix_spawn, vfork or a bare clone. */
enum signer_error fork_handler_add(struct fork_handler *handler);
void fork_handler_remove(struct fork_handler *handler); /* not in the list: no-op */
/* Between the two no thread of this process forks: for the moment between a descriptor's opening and its
 * being known to a handler. Not nested, and no add or remove inside. */
void fork_hold(void);
void fork_release(void);

/* The mark of this process, never 0. It lies on a page that a child sees as zeros, so it differs in
 * every child, also in those that ran no handler. ERR_OUT_OF_MEMORY. */
enum signer_error process_mark(uint64_t *out);
/* Whether `mark` was made in this very process. Costs one load. */
bool process_mark_is_ours(uint64_t mark);

#endif
