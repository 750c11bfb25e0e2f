/* Work split over threads that live for one call: none is left behind, so that a fork, an unloading or the end
 * of the process finds nothing of ours. Signals stay with the caller's thread. */
#ifndef SIGNER_BASE_WORKERS_H
#define SIGNER_BASE_WORKERS_H

#include <stddef.h>

#define WORKERS_MAX 64

/* Calls job(context, index) once for every index below `count`, in any order, on at most `workers` threads, the
 * caller's own among them; returns when all are done. Where a thread cannot be made, fewer do the same. A job
 * touches public values only: what it leaves on its stack stays there. */
void workers_run(unsigned workers, size_t count, void (*job)(void *context, size_t index), void *context);
/* Processors that this process may use, 1 to WORKERS_MAX. */
unsigned workers_online(void);

#endif
