/* The engine of the process, made at the first call that needs it. Nothing else below is global. */
#ifndef SIGNER_ABI_PROCESS_H
#define SIGNER_ABI_PROCESS_H

#include "runtime/runtime.h"

/* ERR_LUA_MISMATCH, ERR_OUT_OF_MEMORY: the next call tries again. ERR_PROCESS_FORKED in a child of the
 * process that made it (D-126). */
enum signer_error process_runtime(struct runtime **out, struct failure *why);
/* By the environment, for failures before there is an engine: true only for the exact word. */
bool process_is_development(void);

#endif
