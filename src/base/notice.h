/* Lines on stderr, which is where the operator of a library looks. No secret and, outside development,
 * no path reaches them. They belong to the host: a stderr that is closed, full or a pipe that nobody
 * reads loses the line, never fails a call, changes no errno and raises no SIGPIPE. */
#ifndef SIGNER_BASE_NOTICE_H
#define SIGNER_BASE_NOTICE_H

#include <stddef.h>

/* Lines of one critical section: nobody who reads stderr slowly may hold up the engine. Bounded; what
 * finds no room is lost. */
struct held_notices {
    char text[4096];
    size_t len;
};
/* From now on the lines of this thread are kept there; NULL: they are written again. Gives where they
 * were kept before. */
struct held_notices *notice_hold(struct held_notices *lines);
/* Writes, or keeps, len bytes of whole lines. */
void notice_write(const char *lines, size_t len);

/* One line, "tbtc-signer: <text>", cut at 1023 bytes, in one write. */
void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same without the name in front: lines of a fixed form. */
void notice_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
