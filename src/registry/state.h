/* Engine state in memory: what is durable, and nothing else. Sessions with their fields, sets and
 * lists, tombstones, operators, canary, counters (sealed-store 6, 7, 35.6). Live entries (nonces,
 * activity) are not here: they belong to src/session/.
 *
 * State never changes but through a list of changes (registry/change.h): check, append, apply. The
 * caller serialises all calls by its engine mutex; the witness functions lock for themselves. */
#ifndef SIGNER_REGISTRY_STATE_H
#define SIGNER_REGISTRY_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"
#include "custody/vault.h"
#include "frost/frost.h"
#include "registry/tree.h"
#include "store/store.h"

enum session_set {
    SET_CONSUMED_ATTEMPTS = 1,
    SET_CONSUMED_ROUNDS = 2,
    SET_CONSUMED_FINALIZE_ROUNDS = 3,
    SET_CONSUMED_FINALIZE_FINGERPRINTS = 4,
    SET_CONSUMED_MARKERS = 5,   /* consumed_interactive_attempt_markers */
    SET_AGGREGATED_MARKERS = 6, /* aggregated_interactive_attempt_markers */
    SET_AUTHORIZED_MARKERS = 7, /* authorized_interactive_aggregate_markers */
    SET_COUNT = 8
};

enum session_list {
    LIST_TRANSITIONS = 1,     /* attempt_transition_records */
    LIST_REFRESH_HISTORY = 2, /* refresh_history */
    LIST_SHARE_REFRESHES = 3, /* share_refreshes */
    LIST_COUNT = 4
};

enum session_field {
    FIELD_DKG_FINGERPRINT = 1,
    FIELD_KEY_PACKAGES = 2,
    FIELD_PUBLIC_PACKAGE = 3,
    FIELD_DKG_RESULT = 4,
    FIELD_SIGN_FINGERPRINT = 5,
    FIELD_SIGN_MESSAGE = 6,
    FIELD_ROUND_STATE = 7,
    FIELD_ACTIVE_ATTEMPT = 8,
    FIELD_FINALIZE_FINGERPRINT = 9,
    FIELD_SIGNATURE_RESULT = 10,
    FIELD_BUILD_TX_FINGERPRINT = 11,
    FIELD_TX_RESULT = 12,
    FIELD_REFRESH_FINGERPRINT = 13,
    FIELD_REFRESH_RESULT = 14,
    FIELD_REFRESH_COUNT = 15,
    FIELD_REKEY_EVENT = 16,
    FIELD_BOUND_KEY_GROUP = 17,
    FIELD_SHARE_EPOCH = 18,
    FIELD_POLICY_SNAPSHOT = 19,
    FIELD_RETIRED_AT = 20,
    FIELD_HIGHEST_ATTEMPT = 21,
    FIELD_DKG_ORIGIN = 22,
    FIELD_BUILD_TX_AT = 23,
    FIELD_REFRESHES_OPEN = 24,
    FIELD_COUNT = 25
};

#define DKG_ORIGIN_DEALER 1
#define DKG_ORIGIN_DISTRIBUTED 2
#define HIGHEST_ATTEMPT_UNKNOWN 4294967295u /* imported markers (D-123) */

/* A seat's stored key package: in the vault, decoded and checked once. */
struct seat_key {
    uint16_t member;
    vault_handle key_package; /* SECRET_KEY_PACKAGE */
};

struct dkg_result {
    char *session_id;
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
    uint16_t participant_count;
    uint16_t threshold;
    uint64_t created_at_unix;
};

/* A policy-checked transaction as it is stored (field 12). */
struct built_transaction {
    char *session_id;
    struct bytes tx; /* serialised, without witness */
    uint8_t (*sighashes)[32];
    size_t sighash_count;
    struct stored_prevout {
        uint64_t value_sats;
        struct bytes script;
    } * prevouts;
    size_t prevout_count;
};

struct rekey_event {
    char *reason;
    uint64_t triggered_at_unix;
    char key_group[KEY_GROUP_TEXT_BYTES + 1]; /* empty if the session had none */
};

/* One entry of field 24 (D-181). `seats` and `public_package` are empty in an active one. */
struct share_refresh {
    uint8_t status; /* 1 staged, 2 active, 3 cancelled */
    uint8_t refresh_id[32];
    uint8_t context[32];
    uint8_t transcript[32];
    uint64_t old_epoch;
    uint16_t *participants; /* ascending */
    size_t participant_count;
    struct seat_key *seats; /* ascending by member */
    size_t seat_count;
    struct bytes public_package; /* encoded */
};

/* Texts in one block that is shared until somebody changes it. A set ascends by bytes, a list keeps
 * its order (oldest first). */
struct text_block;
struct text_set {
    const struct bytes *entries;
    size_t count;
    struct text_block *block;
};

struct field_value; /* registry/fields.h */

/* Read-only outside src/registry/. A field is present when bit (1 << field) of `present` is set. */
struct session {
    struct bytes id;
    uint32_t present;
    const char *dkg_fingerprint;
    const struct seat_key *seats; /* ascending by member */
    size_t seat_count;
    struct frost_public_package public_package;
    struct dkg_result dkg;
    uint8_t dkg_origin; /* DKG_ORIGIN_*, 0 without field 22 */
    const char *build_tx_fingerprint;
    const struct built_transaction *tx; /* an empty one where the field is absent; so is the event */
    uint64_t build_tx_at_unix;
    const struct rekey_event *rekey;
    const char *bound_key_group;
    uint64_t share_epoch;
    uint64_t retired_at_unix;
    uint32_t highest_attempt_number;
    const char *finalize_fingerprint;
    const struct share_refresh *refreshes;
    size_t refresh_count;
    struct text_set sets[SET_COUNT];
    struct text_set lists[LIST_COUNT]; /* items as encoded in 35.6, oldest first */
    uint64_t last_ticket;              /* newest record of this session in this process (D-120); 0 none */
    uint32_t pins;                     /* Aggregates in their unlocked phase (AGG-16) */
    bool live;                         /* has live seats: session_set_live */
    uint64_t idle_since_unix;          /* when its last live seat went, in this process; 0 none */
    bool retirement_waits;             /* its id is on the engine's list of retirements */

    /* Inside src/registry/ only. */
    struct field_value *values[FIELD_COUNT];
    bool indexed; /* in the indexes that state_index keeps */
    struct tree_node by_id;
    struct tree_node by_wallet; /* in the tree while it holds field 4 */
    struct tree_node by_age;    /* in the tree while it may be evicted */
    uint64_t age_unix;
    uint64_t age_order; /* among those of one second: which came first in this process; by id after a load */
    bool counted_active;
    bool counted_used;
    uint8_t id_bytes[];
};

struct state;

/* `passing`: read to be given out again, nothing else. Packages stay as they are encoded, there are neither counts nor
 * ages, and most sessions are not found by the questions below (registry/parked.h). */
struct state *state_new(struct vault *vault, const uint64_t *max_sessions, bool passing);
void state_free(struct state *state); /* releases the key packages in the vault */
/* How the store replays and snapshots. The context outlives the store. */
struct state_context {
    struct vault *vault;
    const uint64_t *max_sessions; /* read at every check; the setting's value */
};
struct store_sink state_sink(struct state_context *context);
/* After store_open, memory only (D-122): every idle per-message session counts as retired, since its
 * field 20, else since `now_unix`. */
void state_loaded(struct state *state, uint64_t now_unix);

struct session *state_session(struct state *state, const char *id, size_t len); /* NULL: none */
/* Wallet of a key group: `own` first if it holds it, else the distributed owner, else the lowest
 * session id (D-043). NULL: none. Index, not a scan. */
struct session *state_wallet(struct state *state, const char *key_group, size_t len, const struct session *own);
size_t state_session_count(const struct state *state);
size_t state_active_count(const struct state *state); /* retired and idle-transaction ones left out */
/* Next session in id order after `after` (NULL = first). */
struct session *state_next(struct state *state, const struct session *after);
/* Sessions that may be evicted, oldest first (RET-2, D-124); `skip`, pinned ones and those whose
 * tombstone would break a rule left out. Deleting it needs change_tombstone too where
 * session_needs_tombstone says so. */
struct session *state_oldest_evictable(struct state *state, const struct session *skip);
/* Highest number of the tombstone for this session id; false: no tombstone. `highest` and
 * `key_group` may be NULL. */
bool state_tombstone(const struct state *state, const char *session_id, size_t len, uint32_t *highest,
                     char key_group[KEY_GROUP_TEXT_BYTES + 1]);
size_t state_tombstone_count(const struct state *state);
bool state_key_group_rekeyed(const struct state *state, const char *key_group, size_t len); /* D-125 */
bool state_key_group_used(const struct state *state, const char *key_group, size_t len);    /* D-013, D-123 */
/* Told by the session engine, memory only (D-122): whether the session has live seats. A per-message
 * session without them counts as retired, since `now_unix`, else since field 20, else since the load;
 * one with them is active whatever field 20 says. Cannot fail. */
void session_set_live(struct state *state, struct session *session, bool live, uint64_t now_unix);

bool state_operator_quarantined(const struct state *state, uint16_t operator_id);
uint64_t state_operator_score(const struct state *state, uint16_t operator_id);
struct canary {
    uint8_t current_percent;
    uint8_t previous_percent;
    uint64_t version;
    uint64_t last_action_unix;
};
bool state_canary(const struct state *state, struct canary *out);
uint64_t state_refresh_epoch(const struct state *state);
uint64_t state_open_number(const struct state *state);
uint64_t state_purge_seq(const struct state *state); /* seq of the newest PURGE, 0 none */

/* Witness (sealed-store 20.1, 35.8): one point per generation since the base. */
struct witness_point {
    uint64_t generation;
    uint8_t previous_commitment[32];
    uint8_t image_digest[32];
    uint8_t commitment[32];
};
uint64_t state_generation(const struct state *state);
uint64_t state_witness_base(const struct state *state);
/* False: the generation is not retained (below the base, or above the tip). */
bool state_witness_at(const struct state *state, uint64_t generation, struct witness_point *out);
/* Unanchored (D-089): whether the next CHANGE must carry change_witness_rebase to `generation`. */
bool state_rebase_due(const struct state *state, uint64_t maximum_records, uint64_t *generation);

/* Anchor and trust records (ops 48 to 53), opaque. `kind`: 1 latest, 2 base. */
#define CHECKPOINT_BYTES 560
/* The present log begins behind this seq: what earlier ones carry of the inputs of verdicts counts no more. */
void state_log_begins(struct state *state, uint64_t base_seq);
/* Acknowledged checkpoints (24.4). NULL, 0: none. */
enum checkpoint_kind { CHECKPOINT_LATEST = 1, CHECKPOINT_BASE = 2 };
const uint8_t *state_checkpoint(const struct state *state, uint8_t kind);
uint64_t state_checkpoint_generation(const struct state *state, uint8_t kind);
bool state_anchor_confirmed(const struct state *state, uint64_t *seq, uint8_t chain[32]);
const struct text_set *state_trust_certificates(const struct state *state);
bool state_trust_intent(const struct state *state, struct bytes *request_json);

bool session_has(const struct session *session, enum session_field field);
bool session_is_per_message(const struct session *session); /* bound, no DKG data at all */
bool session_is_retired(const struct session *session);     /* per-message and without live seats */
/* Holds an entry in sets 5 to 7 or field 21: whoever deletes it leaves a tombstone. */
bool session_needs_tombstone(const struct session *session);
bool session_set_holds(const struct session *session, enum session_set set, const char *entry, size_t len);
const struct seat_key *session_seat(const struct session *session, uint16_t member);
/* Appends the encoded value, secrets included: wipe the buffer. Nothing where the field is absent. */
enum signer_error session_field_encode(struct buffer *out, const struct session *session, enum session_field field);

/* Two states equal as their snapshots are: for the test builds' check after every call. */
enum signer_error state_digest(struct state *state, uint8_t out[32]);

#endif
