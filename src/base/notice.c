/* Lines on stderr for the operator. */
#include "base/notice.h"

#include <errno.h>
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

/* SIGPIPE of a write comes to the thread that writes. It is held back meanwhile and taken away, unless
 * one was waiting before: that one is the host's. */
static void write_out(const char *lines, size_t len) {
    const int before = errno;
    sigset_t pipe, old, waiting;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (pthread_sigmask(SIG_BLOCK, &pipe, &old) != 0) return;
    const bool foreign = sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE) == 1;
    if (write(STDERR_FILENO, lines, len) < 0 && errno == EPIPE && !foreign) {
        const struct timespec now = {0, 0};
        while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR) {
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
