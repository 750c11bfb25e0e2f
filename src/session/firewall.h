/* The signing-policy firewall: built-in rules on one transaction (policy-and-lifecycle 5.1 to 5.3). The
 * operator's script comes after them (verdict.h), the rate limit after that (budget.h). */
#ifndef SIGNER_SESSION_FIREWALL_H
#define SIGNER_SESSION_FIREWALL_H

#include "bitcoin/transaction.h"
#include "session/call.h"

struct firewall {
    bool enforced;    /* false: nothing else was read */
    uint32_t classes; /* 1 << enum script_class */
    uint64_t max_output_count, max_input_count, max_output_value, max_total_value;
    bool has_window;
    uint8_t start_hour, end_hour;
    uint64_t rate_limit;
    bool has_max_fee, has_max_fee_rate;
    uint64_t max_fee, max_fee_rate;
    bool wallet_prevouts;
};

/* Rule 1: ERR_SIGNING_CONFIGURATION. Read at each use. */
enum signer_error firewall_load(struct settings *settings, struct firewall *out, struct failure *why);
/* Rules 2 to 6 in order; `tx` has the values of its prevouts, `serialized_len` is its size without
 * witness. */
enum signer_error firewall_check(const struct firewall *firewall, const struct transaction *tx, size_t serialized_len,
                                 const struct call *call, struct failure *why);
/* Counts and logs a refusal of this family (FW-5, BIND-4); other errors pass untouched. */
enum signer_error firewall_rejected(struct call *call, const char *session_id, size_t len, enum signer_error error);
void firewall_allowed(const char *session_id, size_t len);

#endif
