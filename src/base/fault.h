/* Fault points: named places where a test makes the n-th hit fail. Compiled in with SIGNER_TEST
 * only; in a release build `fault_hit` is the constant FAULT_NONE and costs nothing. */
#ifndef SIGNER_BASE_FAULT_H
#define SIGNER_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_point {
    FAULT_OPEN,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_RENAME,
    FAULT_UNLINK,
    FAULT_ALLOCATION,
    FAULT_MEMORY_LOCK,
    FAULT_KEY_PROVIDER,
    FAULT_CLOCK,
    FAULT_RANDOM,       /* a source that fails ends the process, as libsodium does */
    FAULT_THREAD,       /* a worker cannot be made */
    FAULT_BEFORE_DRAW,  /* round 1: nonces not yet drawn */
    FAULT_AFTER_APPEND, /* round 2: record appended, not yet synced */
    FAULT_AFTER_SYNC,   /* round 2: record durable, share not yet computed */
    FAULT_AFTER_SHARE,  /* round 2: share computed, not yet returned */
    FAULT_POINT_COUNT
};

enum fault_kind {
    FAULT_NONE,
    FAULT_ERROR,      /* the call fails */
    FAULT_NO_SPACE,   /* the call fails with ENOSPC */
    FAULT_SHORT,      /* a write stores a part and reports it */
    FAULT_TORN,       /* a write stores a part and fails */
    FAULT_CRASH,      /* the process dies by SIGKILL here */
    FAULT_PAUSE,      /* the thread waits here until fault_release */
    FAULT_SYNC_LIES,  /* the sync reports success and does nothing */
    FAULT_WRITE_LIES, /* a write stores a wrong byte in the middle and reports success */
    FAULT_JUMP_BACK   /* this reading of a clock is a day early */
};

#define FAULT_JUMP_MS 86400000u

#ifdef SIGNER_TEST
/* Arms a point: the `nth` hit from now (1 = the next one) has the kind; `sticky` keeps it armed
 * for all later hits until it is cleared. */
void fault_arm(enum fault_point point, enum fault_kind kind, uint64_t nth, bool sticky);
void fault_clear_all(void);
uint64_t fault_hits(enum fault_point point);
void fault_release(void);
enum fault_kind fault_hit(enum fault_point point);
const char *fault_point_name(enum fault_point point);
/* An error left the library: its name goes to the file that the environment names in SIGNER_DRIVEN, once
 * a process (scripts/check-errors compares with the list of errors). */
void driven_error(int error, const char *name);
#else
static inline void driven_error(int error, const char *name) {
    (void)error;
    (void)name;
}
static inline enum fault_kind fault_hit(enum fault_point point) {
    (void)point;
    return FAULT_NONE;
}
#endif

/* malloc, calloc, realloc, strdup: through FAULT_ALLOCATION. Freed by free(). */
void *signer_malloc(size_t len);
void *signer_calloc(size_t count, size_t len);
void *signer_realloc(void *old, size_t len);
char *signer_strdup(const char *text);

#endif
