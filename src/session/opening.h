/* Opening of the engine's state, inside src/session/ only. */
#ifndef SIGNER_SESSION_OPENING_H
#define SIGNER_SESSION_OPENING_H

#include "session/engine.h"

/* Puts an engine whose state is open on the list of the fork handler and notes the process. */
void engine_note_open(struct engine *engine);

#endif
