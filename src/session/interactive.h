/* Interactive signing, the steps as the endpoint files call them (interactive-session 8 to 12). Each
 * step answers one row of the specification's order of checks; the committing operations check
 * again, by themselves, whatever must never be wrong. Owner: the session engine. */
#ifndef SIGNER_SESSION_INTERACTIVE_H
#define SIGNER_SESSION_INTERACTIVE_H

#include "session/call.h"

#endif
