/* build_taproot_tx: from claims of the request to a stored, policy-checked transaction (policy-and-
 * lifecycle 6.3). Prevout values and scripts are the caller's claims; nothing is checked against a
 * chain. */
#ifndef SIGNER_SESSION_BUILD_TX_H
#define SIGNER_SESSION_BUILD_TX_H

#include "bitcoin/transaction.h"
#include "session/call.h"

struct build_input {
    bool txid_decoded;
    uint8_t txid[TXID_BYTES]; /* as displayed */
    uint32_t vout;
    uint64_t value_sats;
    bool script_decoded;
    struct bytes script; /* of the output spent; a view, alive as long as the plan */
};

struct build_output {
    uint64_t value_sats;
    bool script_decoded;
    struct bytes script; /* a view, alive as long as the plan */
};

/* Everything that needs no state, worked out outside the mutex. `refusal` is the first failure of
 * steps 8 to 10, answered where the order has it; then there is no transaction. */
struct build_plan {
    struct transaction tx;
    struct buffer serialized;
    uint8_t (*sighashes)[SIGHASH_BYTES];
    struct failure refusal;
};

/* Only ERR_OUT_OF_MEMORY fails at once. Free with build_plan_free in any case. */
enum signer_error build_plan_make(struct build_plan *out, const struct build_input *inputs, size_t input_count,
                                  const struct build_output *outputs, size_t output_count, struct failure *why);
void build_plan_free(struct build_plan *plan);

/* The cap of step 3: the setting where the firewall is on, else 10000. ERR_SIGNING_CONFIGURATION (D-028),
 * counted as a rejection of the session. No lock. */
enum signer_error build_input_cap(struct call *call, const char *session_id, size_t len, uint64_t *out,
                                  struct failure *why);

/* The input of the firewall's script for this build: for the request's own plan, or for what is stored
 * under this fingerprint already. */
void build_policy_input(struct buffer *out, const char *session_id, size_t len, const struct build_plan *plan);

/* What the caller gets: copies. */
struct build_result {
    bool replayed;
    struct buffer tx;
    uint8_t (*sighashes)[SIGHASH_BYTES];
    size_t sighash_count;
};
void build_result_free(struct build_result *result);

/* Steps 6 to 12 under the engine mutex. `fingerprint` is empty when a member of the request could not
 * be decoded: then no stored one is the same. ERR_EMERGENCY_REKEY, ERR_SESSION_CONFLICT, ERR_CAPACITY,
 * the plan's refusal, the firewall's reasons, ERR_ASK_POLICY, ERR_RATE_LIMIT, errors of the commit. */
enum signer_error build_transaction(struct call *call, const char *session_id, size_t len, const char *fingerprint,
                                    const struct build_plan *plan, struct build_result *out, struct failure *why);

#endif
