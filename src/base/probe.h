/* Where the time of a call goes. Only the bench's own build (SIGNER_PROBE, bench/probe.c) has clocks in
 * it; of every other nothing is left. */
#ifndef SIGNER_BASE_PROBE_H
#define SIGNER_BASE_PROBE_H

#include <stdint.h>

enum probe {
    PROBE_OTHER,  /* the host, the pool of Lua states, the end of a call */
    PROBE_CODEC,  /* the request read and the reply written */
    PROBE_GATES,  /* the checks without and with the engine mutex */
    PROBE_RECORD, /* sealed, appended, waited for */
    PROBE_CRYPTO, /* the last stage */
    PROBE_COUNT
};

#ifdef SIGNER_PROBE
/* From now on the time of this thread counts for `to`. Returns what it counted for before. */
enum probe probe_switch(enum probe to);
/* Nanoseconds of this thread by what they counted for, which begin anew. */
void probe_take(uint64_t ns[PROBE_COUNT]);
#else
static inline enum probe probe_switch(enum probe to) {
    return to;
}
#endif

#endif
