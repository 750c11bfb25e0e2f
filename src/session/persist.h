/* persist_distributed_dkg_key_package: one seat's result of a distributed key generation becomes durable
 * (abi 3.5; frost 6.4; D-125, D-140, D-142). */
#ifndef SIGNER_SESSION_PERSIST_H
#define SIGNER_SESSION_PERSIST_H

#include "frost/keys.h"
#include "session/admission.h"
#include "session/call.h"

struct persist_request {
    const char *session_id;
    size_t session_id_len;
    uint16_t participant, threshold, participant_count;
    bool has_identifier;                        /* false: the text of key_package.identifier is none */
    struct frost_identifier identifier;         /* of key_package */
    vault_handle key_package;                   /* SECRET_BYTES, as it travelled; 0: its text was no hex */
    const struct frost_verifying_share *shares; /* of public_key_package, any order */
    size_t share_count;
    uint8_t verifying_key_x[32];
};

/* What needs no state, worked out outside the mutex. `refusal` is the first failure of the checks of
 * the key package, answered after admission and quarantine. */
struct persist_plan {
    char session_id[SESSION_ID_BYTES_MAX + 1];
    size_t session_id_len;
    uint16_t participant, threshold, participant_count;
    struct frost_public_package keys;
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
    uint16_t members[PARTICIPANTS_MAX]; /* ascending */
    size_t member_count;
    vault_handle key; /* SECRET_KEY_PACKAGE, owned by the call; 0 after a refusal */
    struct failure refusal;
};

/* Public package, canonical identifiers, count: ERR_VALIDATION, ERR_FROST_* at once. Then the key
 * package: into `refusal`. Free with persist_plan_free in any case. No lock. */
enum signer_error persist_plan_make(struct call *call, struct persist_plan *out, const struct persist_request *request,
                                    struct failure *why);
void persist_plan_free(struct persist_plan *plan);
void persist_facts(struct admission_facts *out, const struct persist_plan *plan);

struct persist_result {
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
    uint16_t participant_count, threshold;
    uint64_t created_at_unix;
};

/* Admission, quarantine, the plan's refusal, capacity, ownership, existing result, store. Held mutex.
 * Equal content appends no record (D-122). */
enum signer_error persist_commit(struct call *call, const struct persist_plan *plan, struct persist_result *out,
                                 struct failure *why);

#endif
