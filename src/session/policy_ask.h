/* What the policy loader (lua/tbtc_signer/policy) needs from the engine, outside the mutex: the script's
 * source, and copies of what a script is asked about. */
#ifndef SIGNER_SESSION_POLICY_ASK_H
#define SIGNER_SESSION_POLICY_ASK_H

#include "session/call.h"

#define POLICY_SOURCE_BYTES_MAX 262144u /* policy-and-lifecycle 14.4 */

/* The operator's script of this hook: <policy_directory>/<hook>.lua, a regular file. `settings` are the
 * engine's, or a candidate's. `*embedded` when no
 * directory is set: then nothing is read. ERR_CONFIGURATION says what is wrong with it; the caller
 * turns that into operator_policy_failed. */
enum signer_error policy_read(struct call *call, struct settings *settings, enum policy_hook hook, struct buffer *out,
                              bool *embedded, struct failure *why);
bool policy_hook_by_name(enum policy_hook *out, const char *name);

/* The firewall script's input for signing: a copy of the stored transaction, taken under the mutex.
 * Empty when no script is to be asked: firewall off, or no stored transaction that the floor would
 * let through to the script. */
enum signer_error policy_sign_input(struct call *call, const char *session_id, size_t len, struct buffer *out,
                                    struct failure *why);

/* Works out the wallet output key that a gate asked for (policy_require_wallet_prevouts). */
void policy_answer_wallet_output(struct call *call);

#endif
