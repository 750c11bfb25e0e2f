/* Builders of the records that hold structs of sealed-store 6.3: coarse rounds, transitions, refreshes; and of
 * the anchor and trust records (35.6). What they build is checked like every change, when it is saved and when
 * it is read again. Texts end with a zero byte; where NULL is allowed it says so. */
#ifndef SIGNER_REGISTRY_CHANGE_RECORDS_H
#define SIGNER_REGISTRY_CHANGE_RECORDS_H

#include "registry/change.h"

struct member_list { /* ascending; count 0: left out where the record may leave it out */
    const uint16_t *members;
    size_t count;
};

/* -- coarse rounds (fields 5 to 10) -------------------------------------------------------------- */

struct round_attempt { /* field 8 */
    uint32_t attempt_number;
    uint16_t coordinator;
    struct member_list included;
    const char *fingerprint, *attempt_id;
};

struct attempt_telemetry { /* inside field 7 */
    uint32_t from_attempt, to_attempt;
    uint16_t from_coordinator, to_coordinator;
    const char *reason;
    struct member_list excluded; /* may be empty */
    bool coordinator_rotated;
};

struct round_state { /* field 7 */
    const char *session_id, *round_id;
    uint16_t required_contributions;
    uint8_t message_digest[32];
    const uint8_t *taproot_root;               /* 32 bytes; NULL: key path */
    struct member_list signing;                /* may be empty */
    const struct attempt_telemetry *telemetry; /* NULL: no transition */
    uint16_t own_member;
    uint8_t own_share[32];
};

/* Fields 5 to 8; `attempt` NULL: a round without attempt context. The message is not empty. */
void change_round(struct changes *changes, const char *id, size_t len, const char *request_fingerprint,
                  struct bytes message, const struct round_state *round, const struct round_attempt *attempt);
/* Clears those of fields 5 to 8 that are there. */
void change_round_clear(struct changes *changes, const struct session *session);

struct signature_result { /* field 10 */
    const char *session_id, *round_id;
    uint8_t signature[64];
};
/* Fields 9 and 10. */
void change_finalized(struct changes *changes, const char *id, size_t len, const char *request_fingerprint,
                      const struct signature_result *result);

struct transition_record { /* list 1 */
    uint32_t from_attempt, to_attempt;
    const char *from_attempt_id, *to_attempt_id, *previous_round_id, *previous_request_fingerprint;
    uint16_t from_coordinator, to_coordinator;
    const char *reason;
    struct member_list excluded;         /* may be empty */
    const char *share_proof_fingerprint; /* of an invalid share; NULL: none */
    const char *transcript_hash;
    uint64_t recorded_at_unix;
};
void change_transition(struct changes *changes, const char *id, size_t len, const struct transition_record *record);

/* -- refreshes (fields 13 to 15 and 24, lists 2 and 3) --------------------------------------------- */

struct refresh_result { /* field 14 */
    const char *session_id;
    uint64_t refresh_epoch;
    const struct refreshed_share {
        uint16_t member;
        struct bytes encrypted_share;
    } * shares;
    size_t share_count;
};
/* Fields 13, 14 and 15; `count` is the new total. */
void change_refreshed(struct changes *changes, const char *id, size_t len, const char *request_fingerprint,
                      const struct refresh_result *result, uint64_t count);

struct refresh_history_record { /* list 2 */
    uint64_t refresh_epoch, refreshed_at_unix;
    uint16_t share_count;
    const char *key_group, *request_fingerprint; /* each may be NULL */
};
/* `replace_last`: op 8, the back-fill of policy-and-lifecycle 8.2 step 10. */
void change_refresh_history(struct changes *changes, const char *id, size_t len,
                            const struct refresh_history_record *record, bool replace_last);

/* Field 24 as a whole (D-181): copied, nothing is computed; the key packages stay the caller's. */
void change_refreshes_open(struct changes *changes, struct vault *vault, const char *id, size_t len,
                           const struct share_refresh *refreshes, size_t count);

struct share_refresh_record { /* list 3 */
    uint64_t refresh_epoch, share_epoch, refreshed_at_unix;
    uint16_t participants;
    const char *key_group;
};
void change_share_refreshed(struct changes *changes, const char *id, size_t len,
                            const struct share_refresh_record *record);

/* Retirement of a wallet: clears fields 1 to 4, 18, 22 and 24 (list 3 goes with 18), deletes the session where
 * nothing else is left, PURGE. */
void change_retire(struct changes *changes, const struct session *session);

/* -- where the state comes from, anchor, trust (ops 20, 48 to 53) ----------------------------------- */

void change_imported(struct changes *changes, uint16_t schema, const uint8_t sha256[32], uint64_t unix_seconds);
void change_anchor_confirmed(struct changes *changes, uint64_t seq, const uint8_t chain[32]);
/* `kind`: 1 latest, 2 base. */
void change_checkpoint_set(struct changes *changes, uint8_t kind, const uint8_t checkpoint[CHECKPOINT_BYTES]);
void change_checkpoint_clear(struct changes *changes, uint8_t kind);
void change_trust_append(struct changes *changes, struct bytes certificate_json);
void change_trust_intent(struct changes *changes, struct bytes request_json);
void change_trust_intent_clear(struct changes *changes);

#endif
