/* What the operator's scripts said in this call, bound to what they saw (D-135; policy-and-lifecycle
 * 14.4). Evaluated outside the engine mutex (lua/tbtc_signer/policy); takes effect in one place,
 * src/session/verdict.c, after the floor's own rules. */
#ifndef SIGNER_SESSION_VERDICT_H
#define SIGNER_SESSION_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "session/settings.h"

#define POLICY_CODE_MAX 64    /* [a-z0-9_]{1,64}, else operator_policy_failed */
#define POLICY_VERSION_MAX 64 /* text of the script */

/* One answer: allow, refuse with a code, or failed (error, time-out, memory, nonsense, no script). */
struct policy_answer {
    bool allowed;
    bool failed;
    bool embedded; /* a default of ours: runs like any other, writes no VERDICT (D-155) */
    uint8_t policy_sha256[32];
    char version[POLICY_VERSION_MAX + 1];
    char code[POLICY_CODE_MAX + 1];
    char detail[FAILURE_DETAIL_MAX]; /* cleaned */
};

/* firewall and dkg_admission: one answer on one input. */
struct policy_verdict {
    bool asked;
    bool recorded; /* its VERDICT lies in the call's record already */
    enum policy_hook hook;
    uint8_t input_digest[32];
    struct policy_answer answer;
};

/* quarantine: one answer an identifier. Those that were let through, and the first that was not. */
struct quarantine_verdict {
    uint16_t allowed[PARTICIPANTS_MAX];
    bool recorded[PARTICIPANTS_MAX];
    size_t allowed_count;
    size_t next;                   /* where a search begins: they are asked for in the order in which they came */
    struct policy_answer allowing; /* of any of them: same script */
    bool objected;
    uint16_t offender;
    struct policy_answer objection;
};

/* x of a wallet's key tweaked by a root: curve arithmetic, so worked out between two critical
 * sections (policy_require_wallet_prevouts). */
struct wallet_output {
    bool wanted, known;
    uint8_t internal_x[32];
    bool has_root;
    uint8_t root[32];
    uint8_t output_x[32];
};

struct call;
struct changes;

/* The verdict of `hook` on this input must be there and allow it. ERR_ASK_POLICY when there is none,
 * or when it was given on another input or by another script. A refusal is recorded as a NOTE first.
 * Held mutex. `refused` and `failed` are the errors of the hook's family. */
enum signer_error verdict_require(struct call *call, enum policy_hook hook, const char *session_id, size_t len,
                                  const uint8_t *input_json, size_t input_len, enum signer_error refused,
                                  enum signer_error failed, struct failure *why);
/* The same for the identifiers of a quarantine check; stops at the first that is refused. */
enum signer_error verdict_require_members(struct call *call, const char *session_id, size_t len,
                                          const uint16_t *members, size_t count, struct failure *why);
/* Stores an answer on the call; an earlier one of the hook is forgotten. */
void verdict_store(struct call *call, enum policy_hook hook, const uint8_t input_digest[32],
                   const struct policy_answer *answer);
void verdict_store_member(struct call *call, uint16_t member, const struct policy_answer *answer);
/* One answer that lets all of them through, none of them twice. */
void verdict_store_allowed(struct call *call, const uint16_t *members, size_t count,
                           const struct policy_answer *answer);
const char *policy_hook_name(enum policy_hook hook);

#endif
