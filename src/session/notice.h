/* Lines on stderr for the operator: warnings and policy decisions (policy-and-lifecycle 12). No
 * secret and, outside development, no path reaches them. */
#ifndef SIGNER_SESSION_NOTICE_H
#define SIGNER_SESSION_NOTICE_H

#include <stddef.h>

/* Lines of one critical section: nobody who reads stderr slowly may hold up the engine. Bounded; what
 * finds no room is lost. */
struct held_notices {
    char text[4096];
    size_t len;
};
/* From now on the lines of this thread are kept there; NULL: they are written again. */
void notice_hold(struct held_notices *lines);
/* Writes len bytes of whole lines. */
void notice_write(const char *lines, size_t len);

/* One line, "tbtc-signer: <text>", in one write; failures are ignored. */
void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* `policy_decision stage=… session_id=… decision=… reason_code=…`, every value sanitised: what is
 * not an ASCII letter, digit or one of - _ . : / becomes one `_` a character (12.1). */
void notice_policy(const char *stage, const char *session_id, size_t session_id_len, const char *decision,
                   const char *reason_code);

#endif
