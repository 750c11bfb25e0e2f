/* Lines on stderr for the operator (policy-and-lifecycle 12.1, 12.2). */
#include "session/notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static _Thread_local struct held_notices *held;

void notice_hold(struct held_notices *lines) {
    held = lines;
}

void notice_write(const char *lines, size_t len) {
    /* Descriptor 2 may be closed or full; a lost line never fails a call. */
    ssize_t ignored = write(STDERR_FILENO, lines, len);
    (void)ignored;
}

static void write_line(char *line, size_t len, size_t room) {
    if (len >= room - 1) len = room - 2;
    line[len++] = '\n';
    if (!held) {
        notice_write(line, len);
    } else if (len <= sizeof held->text - held->len) {
        memcpy(held->text + held->len, line, len);
        held->len += len;
    }
}

void notice(const char *format, ...) {
    char line[LINE_MAX_BYTES];
    size_t start = (size_t)snprintf(line, sizeof line, "tbtc-signer: ");
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + start, sizeof line - start, format, arguments);
    va_end(arguments);
    if (more < 0) return;
    write_line(line, start + (size_t)more, sizeof line);
}

/* Sanitises as 12.1 says into `out` (ends with 0, cut at `room`). */
static void notice_clean(char *out, size_t room, const char *text, size_t len) {
    size_t used = 0;
    for (size_t i = 0; i < len && used + 1 < room; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c & 0xc0) == 0x80) continue; /* a continuation byte: its character has its `_` already */
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != 0 && strchr("-_.:/", c) != NULL);
        out[used++] = plain ? (char)c : '_';
    }
    if (room) out[used] = 0;
}

void notice_policy(const char *stage, const char *session_id, size_t session_id_len, const char *decision,
                   const char *reason_code) {
    char line[LINE_MAX_BYTES], session[160], reason[96];
    notice_clean(session, sizeof session, session_id, session_id_len);
    notice_clean(reason, sizeof reason, reason_code, strlen(reason_code));
    int len = snprintf(line, sizeof line, "policy_decision stage=%s session_id=%s decision=%s reason_code=%s", stage,
                       session, decision, reason);
    if (len > 0) write_line(line, (size_t)len, sizeof line);
}
