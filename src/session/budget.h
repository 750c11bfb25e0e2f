/* Rate budgets: token buckets in memory, full at first use, on monotonic seconds (policy-and-lifecycle
 * 5.4, 5.6; D-026). One for transaction builds, one a wallet for heartbeats. Under the engine mutex. */
#ifndef SIGNER_SESSION_BUDGET_H
#define SIGNER_SESSION_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct budgets;
struct call;

enum signer_error budgets_create(struct budgets **out);
void budgets_destroy(struct budgets *budgets); /* NULL is fine */

/* One token for a first transaction build. ERR_RATE_LIMIT, ERR_CLOCK. */
enum signer_error budget_take_build(struct call *call, uint64_t limit, struct failure *why);
void budget_give_back_build(struct call *call);

#endif
