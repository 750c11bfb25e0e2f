/* The operator's line about one decision of a policy (policy-and-lifecycle 12). */
#ifndef SIGNER_SESSION_POLICY_NOTICE_H
#define SIGNER_SESSION_POLICY_NOTICE_H

#include <stddef.h>

/* `policy_decision stage=… session_id=… decision=… reason_code=…`, every value sanitised: what is
 * not an ASCII letter, digit or one of - _ . : / becomes one `_` a character (12.1). */
void notice_policy(const char *stage, const char *session_id, size_t session_id_len, const char *decision,
                   const char *reason_code);

#endif
