/* What an open store does with its anchor (sealed-store 35.11). Nothing here without one. */
#ifndef SIGNER_STORE_ANCHOR_H
#define SIGNER_STORE_ANCHOR_H

#include "store/opening.h"

/* Before the replay: what the anchor knows; a failure is kept for step 14. */
void anchor_ask(struct opening *opening);
/* Step 14: the replayed history against it. ERR_STATE_ROLLBACK, ERR_STATE_ANCHOR. */
enum signer_error anchor_judge(struct opening *opening, struct failure *why);
/* Behind the new OPEN record, before any reply: a clone fails here. */
enum signer_error anchor_begin(struct store *store, struct failure *why);

/* With the mutex held, and held again on return: waits for the receipt that a call with this ticket
 * needs. Failure: nothing is released, and the log stays good. */
enum signer_error anchor_confirm(struct store *store, uint64_t ticket, struct failure *why);
/* Without the mutex: the anchor has reached `seq`, or is moved there now. */
enum signer_error anchor_reach(struct store *store, uint64_t seq, struct failure *why);

#endif
