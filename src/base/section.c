/* The thread that holds an engine mutex, and the end of a test that does slow work under it. */
#include "base/section.h"

#ifdef SIGNER_TEST
#include <stdlib.h>

#include "base/notice.h"

static _Thread_local unsigned held;

void section_begin(void) {
    held++;
}

void section_end(void) {
    held--;
}

void section_forbids(const char *work) {
    if (!held) return;
    notice_hold(NULL);
    notice("%s while the engine mutex is held", work);
    abort();
}
#else
typedef int section_is_empty; /* a release build has nothing here */
#endif
