/* Callers that wait for the store at the same time share its syncs. Without more, two of them would take
 * turns: while the sync of one runs the other appends, and each sync carries one record. So the leader of a
 * sync waits for those that the last sync set free, where they come back much sooner than a sync takes. Times
 * only decide when a sync begins. */
#ifndef SIGNER_STORE_COMPANY_H
#define SIGNER_STORE_COMPANY_H

#include <stdbool.h>
#include <stdint.h>

struct company {
    unsigned waiting;   /* callers that no sync which has begun will set free */
    unsigned covered;   /* those that the last one to begin sets free */
    unsigned seen;      /* both, when the last sync ended */
    uint64_t began_us;  /* of the last sync */
    uint64_t ended_us;  /* 0 once a record was appended after it */
    uint64_t sync_us;   /* what it took */
    uint64_t return_us; /* from the end of a sync to the next record */
};

/* `now_us`: of platform_elapsed_us. */
void company_appended(struct company *company, uint64_t now_us);
void company_sync_begins(struct company *company, uint64_t now_us);
void company_sync_ends(struct company *company, uint64_t now_us);
/* How long the leader of the next sync waits for company, in microseconds; 0: not at all. */
uint64_t company_patience_us(const struct company *company);
static inline bool company_is_complete(const struct company *company) {
    return company->waiting >= company->seen;
}

#endif
