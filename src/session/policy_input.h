/* What a policy script sees: compact JSON, members in the order of lua/tbtc_signer/schema/policy.lua,
 * built here and nowhere else, so that the input is the same live, in the record, in a dry run and in
 * a replay (D-136). Its SHA-256 is the input digest that a verdict is bound to (D-135). */
#ifndef SIGNER_SESSION_POLICY_INPUT_H
#define SIGNER_SESSION_POLICY_INPUT_H

#include "base/bytes.h"
#include "bitcoin/transaction.h"
#include "registry/state.h"

/* firewall: `moment` is "build" or "sign"; `tx` has the values and scripts of its prevouts. */
void policy_input_firewall(struct buffer *out, const char *moment, const char *session_id, size_t session_id_len,
                           const struct transaction *tx);

struct admission_facts {
    const char *session_id;
    size_t session_id_len;
    const char *key_group;
    uint16_t participant;
    uint16_t threshold;
    const uint16_t *members; /* ascending */
    size_t member_count;
};
void policy_input_admission(struct buffer *out, const struct admission_facts *facts);
void policy_input_quarantine(struct buffer *out, uint16_t member);

/* A stored artifact as a transaction with its prevouts; the checks of pol 5.5 step 4. Free with
 * tx_free. ERR_INVALID_BUILD_TX_ARTIFACT. */
enum signer_error stored_transaction(struct transaction *out, const struct session *session, struct failure *why);

#endif
