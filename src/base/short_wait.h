/* Waits that mostly end within microseconds: for the engine mutex, for the sync of another caller. To sleep and to
 * be woken takes longer than such a wait, on a virtual machine tens of microseconds, for its idle processor is given
 * away. So one waiter looks for a while before it sleeps. All others sleep at once, and so does everybody where the
 * process has one processor: whoever is waited for must get to run.
 * It only decides when a waiter goes on. What it then sees, it checks under the mutex, as after any wake. */
#ifndef SIGNER_BASE_SHORT_WAIT_H
#define SIGNER_BASE_SHORT_WAIT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* Longest look, microseconds. */
#define SHORT_WAIT_MUTEX_US 40
#define SHORT_WAIT_CHANGE_US 500

/* One for each thing that is waited for. */
struct short_wait {
    atomic_bool busy; /* somebody looks; stays so where nobody may */
};

enum short_wait_result {
    SHORT_WAIT_CHANGED,
    SHORT_WAIT_OVER, /* looked for the whole time in vain */
    SHORT_WAIT_NOT   /* did not look: longer than allowed, or somebody else looks */
};

void short_wait_init(struct short_wait *wait);

void short_wait_lock(struct short_wait *wait, pthread_mutex_t *mutex);

/* With the mutex held, and held again on return: looks at most `us` microseconds for `count` to move. */
enum short_wait_result short_wait_change(struct short_wait *wait, pthread_mutex_t *mutex, atomic_uint *count,
                                         uint64_t us);

#endif
