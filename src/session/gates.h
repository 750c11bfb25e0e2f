/* The C floor of policy: what a call must pass on the durable state, whoever calls it (interactive-
 * session 14, policy-and-lifecycle 4, 5, 7, 8). All run under the engine mutex, compute no curve
 * arithmetic, change nothing. `session` is the signing session (NULL if it does not exist yet),
 * `wallet` the wallet session. */
#ifndef SIGNER_SESSION_GATES_H
#define SIGNER_SESSION_GATES_H

#include "session/call.h"

enum signer_error gate_emergency_rekey(struct call *call, const struct session *session, const struct session *wallet,
                                       const char *key_group, size_t key_group_len, struct failure *why);
enum signer_error gate_finalized(struct call *call, const struct session *wallet, struct failure *why);
/* Whether the quarantine settings can be read (open step 7, round 2 step 5). */
enum signer_error gate_quarantine_configuration(struct call *call, struct failure *why);
/* The stored set where auto-quarantine is on, then the operator's script per member (pol 7.2, 14.4).
 * ERR_ASK_POLICY when the script was not asked about one of them. `session_id` is for the log. */
enum signer_error gate_quarantine(struct call *call, const char *session_id, size_t session_id_len,
                                  const uint16_t *members, size_t count, struct failure *why);

struct signing_intent {
    bool heartbeat;
    bool preimage_is_hex;
    uint8_t preimage[64]; /* as given, at most 64 bytes; valid ones have 16 */
    size_t preimage_len;
};

/* G-5 to G-10 on the stored transaction or the intent: floor rules of the firewall except the rate
 * limit, the operator's verdict on the transaction as it is now, then message binding (with D-027's
 * wallet prevouts when that setting is on). ERR_ASK_POLICY: run the gates stage again. `session_id`
 * names the signing session even where `session` is NULL. */
enum signer_error gate_message_binding(struct call *call, const char *session_id, size_t session_id_len,
                                       const struct session *session, const struct session *wallet,
                                       const struct signing_intent *intent, bool has_root, const uint8_t root[32],
                                       const uint8_t *message, size_t message_len, struct failure *why);
/* One heartbeat token of the wallet (G-11); give_back returns it after a failed binding. */
enum signer_error budget_take_heartbeat(struct call *call, const struct session *wallet, struct failure *why);
void budget_give_back_heartbeat(struct call *call, const struct session *wallet);

#endif
