/* Signals of failed writes (base/write_signals.h). */
#include "base/write_signals.h"

#include <errno.h>
#include <time.h>

bool write_signals_hold(struct write_signals *signals) {
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGPIPE);
    sigaddset(&both, SIGXFSZ);
    return sigpending(&signals->waiting) == 0 && pthread_sigmask(SIG_BLOCK, &both, &signals->before) == 0;
}

void write_signals_release(const struct write_signals *signals, int error) {
    static const struct timespec now = {0, 0};
    const int kept = errno, number = error == EPIPE ? SIGPIPE : error == EFBIG ? SIGXFSZ : 0;
    if (number != 0 && !sigismember(&signals->waiting, number)) {
        sigset_t came;
        sigemptyset(&came);
        sigaddset(&came, number);
        while (sigtimedwait(&came, NULL, &now) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
    errno = kept;
}
