/* DKG admission (policy-and-lifecycle 4; D-022): built-in rules, then the operator's script. */
#ifndef SIGNER_SESSION_ADMISSION_H
#define SIGNER_SESSION_ADMISSION_H

#include "session/call.h"
#include "session/policy_input.h"

/* Held mutex. ERR_ADMISSION_CONFIGURATION and the other reasons of table 4 where the policy is on;
 * the script's verdict in any case (14.4). */
enum signer_error gate_admission(struct call *call, const struct admission_facts *facts, struct failure *why);

#endif
