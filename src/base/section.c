/* The thread that holds an engine mutex, and the end of a test that does slow work under it. */
#include "base/section.h"

#ifdef SIGNER_TEST
#include <stdio.h>
#include <stdlib.h>

static _Thread_local unsigned held;

void section_begin(void) {
    held++;
}

void section_end(void) {
    held--;
}

void section_forbids(const char *work) {
    if (!held) return;
    fprintf(stderr, "tbtc-signer: %s while the engine mutex is held\n", work);
    abort();
}
#else
typedef int section_is_empty; /* a release build has nothing here */
#endif
