/* When the leader of a sync waits for others, and how long. */
#include "store/company.h"

/* Whoever does not come back in this time is not waited for. */
#define PATIENCE_MAX_US 10000u

void company_appended(struct company *company, uint64_t now_us) {
    if (company->ended_us == 0) return;
    company->return_us = now_us - company->ended_us;
    company->ended_us = 0;
}

/* Whoever waits by now has its record in the log. */
void company_sync_begins(struct company *company, uint64_t now_us) {
    company->covered = company->waiting;
    company->waiting = 0;
    company->began_us = now_us;
}

void company_sync_ends(struct company *company, uint64_t now_us) {
    company->ended_us = now_us;
    company->sync_us = company->ended_us - company->began_us;
    company->seen = company->covered + company->waiting;
}

/* Half a sync at most is spent to save a whole one. Where callers came back later than that the last time,
 * nothing is. */
uint64_t company_patience_us(const struct company *company) {
    const uint64_t patience = company->sync_us / 2 < PATIENCE_MAX_US ? company->sync_us / 2 : PATIENCE_MAX_US;
    return company_is_complete(company) || company->return_us >= patience ? 0 : patience;
}
