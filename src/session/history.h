/* The bound of the witness history (sealed-store 22, 35.8; D-089, D-185). */
#ifndef SIGNER_SESSION_HISTORY_H
#define SIGNER_SESSION_HISTORY_H

#include "registry/change.h"
#include "session/settings.h"

/* What a CHANGE has to heed before it is checked and appended. Unanchored, the record that fills the history
 * also moves its base: the op is added. Anchored, only an acknowledgement moves it: ERR_STATE_ACKNOWLEDGEMENT,
 * and nothing was done. */
enum signer_error history_bound(struct changes *record, const struct state *state, enum record_class class,
                                const struct witness_limits *limits, struct failure *why);

#endif
