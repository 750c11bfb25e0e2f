/* The bound of the witness history. */
#include "session/history.h"

#define RECORDS_A_GENERATION 2u /* of the reference's journal: PREPARE and COMMIT */
#define RESERVE 6u              /* above the threshold */
#define RESERVE_LAST 8u         /* for an emergency rekey and a canary rollback */

/* Records since the base; a base that was acknowledged is itself none of them. */
static uint64_t records(const struct state *state) {
    const uint64_t acknowledged = state_checkpoint_generation(state, CHECKPOINT_BASE);
    const uint64_t tip = state_generation(state);
    return RECORDS_A_GENERATION * (acknowledged ? tip - acknowledged : tip - state_witness_base(state) + 1);
}

enum signer_error history_bound(struct changes *record, const struct state *state, enum record_class class,
                                const struct witness_limits *limits, struct failure *why) {
    const bool anchored =
        limits->pinned || state_checkpoint(state, CHECKPOINT_LATEST) || state_checkpoint(state, CHECKPOINT_BASE);
    if (!anchored) {
        uint64_t base;
        if (state_rebase_due(state, limits->maximum, &base)) change_witness_rebase(record, base);
        return SIGNER_OK;
    }
    const uint64_t highest = limits->threshold + (class & RECORD_USES_LAST ? RESERVE_LAST : RESERVE);
    if (records(state) + RECORDS_A_GENERATION <= highest) return SIGNER_OK;
    return fail(why, ERR_STATE_ACKNOWLEDGEMENT, "%llu records since the last base, the threshold is %llu",
                (unsigned long long)records(state), (unsigned long long)limits->threshold);
}
