/* Lines on stderr for the operator. */
#include "base/notice.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/write_signals.h"

#define LINE_BYTES_MAX 1024

static _Thread_local struct held_notices *held;

struct held_notices *notice_hold(struct held_notices *lines) {
    struct held_notices *before = held;
    held = lines;
    return before;
}

static void write_out(const char *lines, size_t len) {
    const int before = errno;
    struct write_signals signals;
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    const bool full = poll(&out, 1, 0) == 0; /* a pipe without room for PIPE_BUF: a call would stand still */
    if (!full && write_signals_hold(&signals))
        write_signals_release(&signals, write(STDERR_FILENO, lines, len) < 0 ? errno : 0);
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
