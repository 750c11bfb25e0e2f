/* Interactive signing, the steps as the endpoint files call them (interactive-session 8 to 12). Each
 * step answers one row of the specification's order of checks; the committing operations check
 * again, by themselves, whatever must never be wrong.
 *
 * Unless a comment says "no lock", a step runs inside the critical section of its call. What a step
 * finds (session, wallet, live entry) is void once the mutex was left: the next critical section
 * starts again at the first step. Steps change nothing but where they say so. */
#ifndef SIGNER_SESSION_INTERACTIVE_H
#define SIGNER_SESSION_INTERACTIVE_H

#include "frost/signing.h"
#include "roast/attempt.h"
#include "roast/markers.h"
#include "session/call.h"
#include "session/gates.h"
#include "session/live.h"

/* 1..128 bytes, no ASCII control, space, `=`, `"`, `\` (abi 3.0). No lock. */
bool session_id_is_valid(const char *id, size_t len);
/* 64 hex characters of either case, written in lower case and terminated (COM-2, D-061). No lock. */
bool attempt_id_read(char out[ATTEMPT_ID_TEXT_BYTES + 1], const char *text, size_t len);

/* A session named by a request, its wallet, and the seat's live entry, as one critical section
 * found them. */
struct session_view {
    char id[SESSION_ID_BYTES_MAX + 1];
    size_t id_len;
    uint64_t section;        /* 0: not looked for yet */
    struct session *session; /* NULL: none */
    struct session *wallet;  /* NULL: none, or not looked for */
};

/* Any consumed marker of this seat, in any form (R2-18). */
bool session_attempt_consumed(const struct session *session, uint16_t member, const char *attempt_id);
/* Any completion marker for attempt, message and root, in any form (R2-9). */
bool session_attempt_final(const struct session *session, const char *attempt_id, const uint8_t message_digest[32],
                           const struct frost_root *root);

/* ---- open (section 8) ---------------------------------------------------------------------- */

struct open_request {
    const char *session_id;
    size_t session_id_len;
    uint16_t member, threshold;
    const char *key_group;
    size_t key_group_len;
    const uint8_t *message;
    size_t message_len;
    struct frost_root root;
    struct signing_intent intent;
    struct attempt_context context; /* as given; lists of any order, texts of any case */
    const char *fingerprint;        /* 64 characters, of the canonical request */
};

enum open_gate { OPEN_GATE_REKEY = 1, OPEN_GATE_FINALIZED = 2, OPEN_GATE_QUARANTINE = 4, OPEN_GATE_BINDING = 8 };

struct interactive_open {
    struct session_view view;
    uint16_t member, threshold;
    char *key_group;
    size_t key_group_len;
    uint8_t *message; /* wiped at the end */
    size_t message_len;
    uint8_t message_digest[32];
    struct frost_root root;
    struct signing_intent intent;
    struct attempt_context context; /* canonical */
    struct failure context_failure; /* what OPEN-12 said; answered at step 13 */
    char fingerprint[FINGERPRINT_TEXT_BYTES + 1];
    unsigned gates_passed;   /* in view.section */
    struct live_entry *live; /* of this seat; NULL: none */
    bool idempotent;
};

/* No lock. Copies the request and validates its attempt context (OPEN-12), keeping the verdict. */
enum signer_error interactive_open_init(struct interactive_open *open, const struct open_request *request,
                                        struct failure *why);
void interactive_open_clear(struct interactive_open *open);

enum signer_error open_find_wallet(struct call *call, struct interactive_open *open, struct failure *why);      /* 8 */
enum signer_error open_match_wallet(struct call *call, struct interactive_open *open, struct failure *why);     /* 9 */
enum signer_error open_require_material(struct call *call, struct interactive_open *open, struct failure *why); /* 10 */
enum signer_error open_require_seat(struct call *call, struct interactive_open *open, struct failure *why);     /* 11 */
enum signer_error open_pass_gate(struct call *call, struct interactive_open *open, enum open_gate gate,
                                 struct failure *why);                                                          /* 12 */
enum signer_error open_require_context(struct call *call, struct interactive_open *open, struct failure *why);  /* 13 */
enum signer_error open_require_included(struct call *call, struct interactive_open *open, struct failure *why); /* 14 */
enum signer_error open_require_group(struct call *call, struct interactive_open *open, struct failure *why);    /* 15 */
enum signer_error open_refuse_consumed(struct call *call, struct interactive_open *open, struct failure *why);  /* 16 */
enum signer_error open_refuse_final(struct call *call, struct interactive_open *open, struct failure *why); /* 16a */
/* 17: an exact retry refreshes the activity and sets `idempotent`; nothing is left to do then. */
enum signer_error open_answer_retry(struct call *call, struct interactive_open *open, struct failure *why);
enum signer_error open_require_newer(struct call *call, struct interactive_open *open, struct failure *why); /* 18 */
enum signer_error open_require_attempt_room(struct call *call, struct interactive_open *open,
                                            struct failure *why); /* 19 */
enum signer_error open_require_seat_room(struct call *call, struct interactive_open *open,
                                         struct failure *why);                                                 /* 20 */
enum signer_error open_require_binding(struct call *call, struct interactive_open *open, struct failure *why); /* 21 */
/* 22 to 26: room in the registry, the store ready, one heartbeat token, the record of a first
 * binding, then the seat's older entry gives way to the new one. Checks 8 to 21 again. */
enum signer_error open_commit(struct call *call, struct interactive_open *open, struct failure *why);

/* ---- rounds 1 and 2 (sections 9, 10) ---------------------------------------------------------- */

struct interactive_seat {
    struct session_view view;
    uint16_t member;
    char attempt_id[ATTEMPT_ID_TEXT_BYTES + 1];
    struct live_entry *live; /* the seat's entry in this attempt; NULL: none */
    /* Round 1. */
    uint64_t serial;          /* of the entry that the nonces are drawn for */
    vault_handle key_package; /* a copy that belongs to the call */
    vault_handle nonces;      /* drawn, not yet installed */
    uint8_t context_hash[32]; /* session, attempt, member, message, key group (D-041) */
    uint8_t commitments[FROST_COMMITMENTS_BYTES];
    bool fresh;
    /* Round 2. The package belongs to the request; `encoded` is its canonical form. */
    const struct frost_signing_package *package;
    uint8_t package_digest[HASH_BYTES];
    struct buffer encoded;
    struct marker authorization; /* of the package under authorized_root; empty: not made yet */
    struct frost_root authorized_root;
    bool gates_passed, package_passed, participants_passed; /* in view.section */
    bool spent;                                             /* the record is appended, the nonces belong to the call */
    struct frost_nonces *taken;
    struct frost_root root;
};

/* No lock. For round 1. */
enum signer_error interactive_seat_init(struct interactive_seat *seat, const char *session_id, size_t len,
                                        const char *attempt_id, uint16_t member, struct failure *why);
/* No lock. For round 2: the package, which outlives the seat, and the SHA-256 of its encoding. */
enum signer_error interactive_seat_take_package(struct interactive_seat *seat,
                                                const struct frost_signing_package *package,
                                                const uint8_t digest[HASH_BYTES], struct failure *why);
void interactive_seat_clear(struct interactive_seat *seat);

enum signer_error seat_find_session(struct call *call, struct interactive_seat *seat, struct failure *why);
enum signer_error seat_refuse_consumed(struct call *call, struct interactive_seat *seat, struct failure *why);
enum signer_error seat_gate_rekey(struct call *call, struct interactive_seat *seat, struct failure *why);
enum signer_error seat_gate_own_quarantine(struct call *call, struct interactive_seat *seat, struct failure *why);
/* The live entry of this seat in this attempt (R1-1, D-133). */
enum signer_error seat_require_live(struct call *call, struct interactive_seat *seat, struct failure *why);

/* True: the entry has commitments; they are copied out and the activity is refreshed (R1-3). */
bool round1_answer_repeat(struct call *call, struct interactive_seat *seat);
/* Copies what the draw needs: the key package into a slot of the call. */
enum signer_error round1_prepare(struct call *call, struct interactive_seat *seat, struct failure *why);
/* No lock: draws the pair into the vault. */
enum signer_error round1_draw(struct call *call, struct interactive_seat *seat, struct failure *why);
/* Installs the pair if the entry is still the one it was drawn for and has none; otherwise wipes it,
 * and the entry as it is now answers (D-121). */
enum signer_error round1_install(struct call *call, struct interactive_seat *seat, struct failure *why);

/* Whom the operator's quarantine script has to be asked about, as the engine is now: nobody where the call will be
 * refused before that, the own seat where it is live, every member of a package that fits. Takes the mutex for a
 * moment and changes nothing; where it says too little, the state stage asks again. Behind the mutex it makes what
 * the state stage will need of a package that fits. */
enum round2_question { ROUND2_ASKS_NOTHING, ROUND2_ASKS_SEAT, ROUND2_ASKS_PACKAGE };
enum round2_question round2_question(struct call *call, struct interactive_seat *seat);

/* 8: completed meanwhile: wipes the entry. */
enum signer_error round2_refuse_final(struct call *call, struct interactive_seat *seat, struct failure *why);
enum signer_error round2_require_marker_room(struct call *call, struct interactive_seat *seat,
                                             struct failure *why); /* 9 */
/* 10: rekey in any case; finalized, own quarantine, message binding where the entry is live. */
enum signer_error round2_pass_gates(struct call *call, struct interactive_seat *seat, struct failure *why);
enum signer_error round2_require_commitments(struct call *call, struct interactive_seat *seat,
                                             struct failure *why);                                             /* 12 */
enum signer_error round2_check_package(struct call *call, struct interactive_seat *seat, struct failure *why); /* 13 */
enum signer_error round2_gate_participants(struct call *call, struct interactive_seat *seat,
                                           struct failure *why); /* 14 */
enum signer_error round2_require_authorization_room(struct call *call, struct interactive_seat *seat,
                                                    struct failure *why); /* 15 */
/* 16 to 18: one record with the consumed and the authorization marker; then the entry is gone and its
 * nonces belong to the call. Checks 6 to 15 again. After F1 the entry is as before, its activity
 * refreshed (TTL-3). */
enum signer_error round2_consume(struct call *call, struct interactive_seat *seat, struct failure *why);
/* 19, no lock: only once the record is durable. The nonces are wiped whatever comes out. */
enum signer_error round2_share(struct call *call, struct interactive_seat *seat, uint8_t share[FROST_SHARE_BYTES],
                               struct failure *why);

/* ---- aggregate (section 11) -------------------------------------------------------------------- */

struct interactive_aggregate {
    struct session_view view;
    char attempt_id[ATTEMPT_ID_TEXT_BYTES + 1];
    const struct frost_signing_package *package; /* of the request */
    struct buffer encoded;
    uint8_t message_digest[32];
    struct frost_root root;
    struct frost_signature_share *shares;
    size_t share_count;
    struct marker authorization, completion, aggregated;
    /* Copied in phase A. */
    struct frost_public_package keys;
    bool has_keys;
    uint16_t threshold;
    /* Phase B. */
    bool computed;
    uint8_t signature[FROST_SIGNATURE_BYTES];
    uint16_t culprits[PARTICIPANTS_MAX];
    size_t culprit_count; /* those that are u16 */
    size_t failed_count;  /* all */
    uint64_t recorded;    /* critical section that appended its completion; 0: none */
};

/* No lock. Shares are copied; identifiers unique (D-069), else ERR_FROST_DUPLICATED_IDENTIFIER. */
enum signer_error interactive_aggregate_init(struct interactive_aggregate *aggregate, const char *session_id,
                                             size_t len, const char *attempt_id,
                                             const struct frost_signing_package *package,
                                             const struct frost_signature_share *shares, size_t share_count,
                                             const struct frost_root *root, struct failure *why);
void interactive_aggregate_clear(struct interactive_aggregate *aggregate);

enum signer_error aggregate_find_session(struct call *call, struct interactive_aggregate *aggregate,
                                         struct failure *why);
enum signer_error aggregate_refuse_completed(struct call *call, struct interactive_aggregate *aggregate,
                                             struct failure *why);
enum signer_error aggregate_require_authorized(struct call *call, struct interactive_aggregate *aggregate,
                                               struct failure *why);
enum signer_error aggregate_refuse_repeated_package(struct call *call, struct interactive_aggregate *aggregate,
                                                    struct failure *why);
/* Public package and threshold of the wallet, copied; the session is pinned (AGG-16). */
enum signer_error aggregate_copy_keys(struct call *call, struct interactive_aggregate *aggregate, struct failure *why);
/* No lock: aggregates, verifies. ERR_SHARE_VERIFICATION with the culprits; every other refusal is
 * ERR_VALIDATION (AGG-6). */
enum signer_error aggregate_compute(struct call *call, struct interactive_aggregate *aggregate, struct failure *why);
/* One record with the completion; then the matching entries are wiped. Checks everything again. */
enum signer_error aggregate_commit(struct call *call, struct interactive_aggregate *aggregate, struct failure *why);
/* No lock. Whether this aggregate's own completion is durable in this call (AGG-9). */
bool aggregate_may_leave(const struct call *call, const struct interactive_aggregate *aggregate);

/* ---- share verification and abort (section 12) --------------------------------------------------- */

enum share_verdict { SHARE_VALID, SHARE_INVALID, SHARE_INDETERMINATE };

/* Copies the public package of the session's wallet; false: there is none. */
bool verify_copy_keys(struct call *call, const char *session_id, size_t len, struct frost_public_package *keys);
struct verify_request {
    const char *session_id;
    size_t session_id_len;
    const struct frost_signing_package *package;
    uint8_t package_digest[HASH_BYTES]; /* SHA-256 of its encoding */
    const struct frost_public_package *keys;
    uint16_t member;
    const uint8_t *share; /* NULL: it could not be decoded */
    const struct frost_root *root;
};
/* No lock. */
enum share_verdict verify_share(struct call *call, const struct verify_request *request);

/* Wipes the live entries of one attempt, or of all with attempt_id NULL. Appends nothing (D-063). */
bool interactive_abort(struct call *call, const char *session_id, size_t len, const char *attempt_id);

#endif
