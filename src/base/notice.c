/* Lines on stderr for the operator. */
#include "base/notice.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 1024

static _Thread_local struct held_notices *held;

struct held_notices *notice_hold(struct held_notices *lines) {
    struct held_notices *before = held;
    held = lines;
    return before;
}

/* SIGPIPE and SIGXFSZ of a write come to the thread that writes. They are held back meanwhile, and the one that
 * came is taken away, unless one was waiting before: that one is the host's. */
static void write_out(const char *lines, size_t len) {
    const int before = errno;
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    const bool full = poll(&out, 1, 0) == 0; /* a pipe without room for PIPE_BUF: a call would stand still */
    errno = before;
    if (full) return;
    sigset_t held_back, old, waiting;
    sigemptyset(&held_back);
    sigaddset(&held_back, SIGPIPE);
    sigaddset(&held_back, SIGXFSZ);
    if (pthread_sigmask(SIG_BLOCK, &held_back, &old) != 0) return;
    const bool known = sigpending(&waiting) == 0;
    const bool written = write(STDERR_FILENO, lines, len) >= 0;
    const int number = written ? 0 : errno == EPIPE ? SIGPIPE : errno == EFBIG ? SIGXFSZ : 0;
    if (number != 0 && !(known && sigismember(&waiting, number) == 1)) {
        const struct timespec now = {0, 0};
        sigset_t came;
        sigemptyset(&came);
        sigaddset(&came, number);
        while (sigtimedwait(&came, NULL, &now) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = before;
}

void notice_write(const char *lines, size_t len) {
    if (!held) {
        write_out(lines, len);
    } else if (len <= sizeof held->text - held->len) {
        memcpy(held->text + held->len, lines, len);
        held->len += len;
    }
}

static void say(const char *name, const char *format, va_list arguments) {
    char line[LINE_BYTES_MAX];
    size_t len = (size_t)snprintf(line, sizeof line, "%s", name);
    const int more = vsnprintf(line + len, sizeof line - len, format, arguments);
    if (more < 0) return;
    len += (size_t)more;
    if (len > sizeof line - 1) len = sizeof line - 1;
    line[len++] = '\n'; /* in place of the 0 */
    notice_write(line, len);
}

void notice(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say("tbtc-signer: ", format, arguments);
    va_end(arguments);
}

void notice_plain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
}
