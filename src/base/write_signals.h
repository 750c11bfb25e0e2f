/* The signals of a write that fails, which would end the host: SIGPIPE where nobody reads, SIGXFSZ past the limit
 * on file sizes. Both come to the thread that writes; the failed write says all there is to say. */
#ifndef SIGNER_BASE_WRITE_SIGNALS_H
#define SIGNER_BASE_WRITE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

struct write_signals {
    sigset_t before;  /* the thread's mask */
    sigset_t waiting; /* what was pending already: the host's */
};

/* Holds them back. False: that cannot be, and nothing is to be written. */
bool write_signals_hold(struct write_signals *signals);
/* After the write: takes away the one that `error`, the errno of a failed write or 0, came with, unless one was
 * waiting before. Changes no errno. */
void write_signals_release(const struct write_signals *signals, int error);

#endif
