/* Engine state in memory: what is durable, and nothing else. Sessions with their fields, sets and
 * lists, tombstones, operators, canary, counters (sealed-store 6, 7, 35.6). Live entries (nonces,
 * activity) are not here: they belong to src/session/.
 *
 * State never changes but through a list of changes (registry/change.h): check, append, apply. */
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

enum session_field {
    FIELD_DKG_FINGERPRINT = 1, FIELD_KEY_PACKAGES = 2, FIELD_PUBLIC_PACKAGE = 3, FIELD_DKG_RESULT = 4,
    FIELD_SIGN_FINGERPRINT = 5, FIELD_SIGN_MESSAGE = 6, FIELD_ROUND_STATE = 7, FIELD_ACTIVE_ATTEMPT = 8,
    FIELD_FINALIZE_FINGERPRINT = 9, FIELD_SIGNATURE_RESULT = 10, FIELD_BUILD_TX_FINGERPRINT = 11,
    FIELD_TX_RESULT = 12, FIELD_REFRESH_FINGERPRINT = 13, FIELD_REFRESH_RESULT = 14, FIELD_REFRESH_COUNT = 15,
    FIELD_REKEY_EVENT = 16, FIELD_BOUND_KEY_GROUP = 17, FIELD_SHARE_EPOCH = 18, FIELD_POLICY_SNAPSHOT = 19,
    FIELD_RETIRED_AT = 20, FIELD_HIGHEST_ATTEMPT = 21, FIELD_DKG_ORIGIN = 22, FIELD_BUILD_TX_AT = 23,
    FIELD_REFRESHES_OPEN = 24, FIELD_COUNT = 25
};

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
    struct bytes tx;               /* serialised, without witness */
    uint8_t (*sighashes)[32];
    size_t sighash_count;
    struct stored_prevout { uint64_t value_sats; struct bytes script; } *prevouts;
    size_t prevout_count;
};

struct rekey_event {
    char *reason;
    uint64_t triggered_at_unix;
    char key_group[KEY_GROUP_TEXT_BYTES + 1]; /* empty if the session had none */
};

struct text_set { /* entries ascending by bytes */
    struct bytes *entries;
    size_t count;
};

/* Read-only outside src/registry/. A field is present when bit (1 << field) of `present` is set. */
struct session {
    struct bytes id;
    uint32_t present;
    char *dkg_fingerprint;
    struct seat_key *seats; /* ascending by member */
    size_t seat_count;
    struct frost_public_package public_package;
    struct bytes public_package_bytes; /* as stored */
    struct dkg_result dkg;
    uint8_t dkg_origin; /* 1 dealer, 2 distributed */
    char *build_tx_fingerprint;
    struct built_transaction tx;
    uint64_t build_tx_at_unix;
    struct rekey_event rekey;
    char *bound_key_group;
    uint64_t share_epoch;
    uint64_t retired_at_unix;
    uint32_t highest_attempt_number;
    char *finalize_fingerprint;
    struct bytes raw[FIELD_COUNT]; /* encoded value of each present field, for the snapshot */
    struct text_set sets[SET_COUNT];
    uint64_t last_ticket; /* newest record of this session in this process (D-120); 0 none */
    uint32_t pins;        /* Aggregates in their unlocked phase (AGG-16) */
    bool live;            /* has live seats: session_set_live */
    uint64_t idle_since_unix; /* when its last live seat went, in this process; 0 none */
};

struct state;

struct state *state_new(struct vault *vault, const uint64_t *max_sessions);
void state_free(struct state *state); /* releases the key packages in the vault */
/* How the store replays and snapshots. The context outlives the store. */
struct state_context {
    struct vault *vault;
    const uint64_t *max_sessions; /* read at every check; the knob's value */
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
/* Sessions that may be evicted, oldest first (RET-2, D-124); `skip` and pinned ones left out. */
struct session *state_oldest_evictable(struct state *state, const struct session *skip);
/* Highest number of the tombstone for this session id; false: no tombstone. */
bool state_tombstone(const struct state *state, const char *session_id, size_t len, uint32_t *highest,
                     char key_group[KEY_GROUP_TEXT_BYTES + 1]);
bool state_key_group_rekeyed(const struct state *state, const char *key_group, size_t len); /* D-125 */
bool state_operator_quarantined(const struct state *state, uint16_t operator_id);
bool state_key_group_used(const struct state *state, const char *key_group, size_t len); /* D-013, D-123 */
/* Told by the session engine, memory only (D-122): whether the session has live seats. A per-message
 * session without them counts as retired, since `now_unix`, else since field 20, else since the load;
 * one with them is active whatever field 20 says. Cannot fail. */
void session_set_live(struct state *state, struct session *session, bool live, uint64_t now_unix);
uint64_t state_generation(const struct state *state);
uint64_t state_open_number(const struct state *state);

bool session_has(const struct session *session, enum session_field field);
bool session_is_per_message(const struct session *session); /* bound, no DKG data at all */
bool session_set_holds(const struct session *session, enum session_set set, const char *entry, size_t len);
const struct seat_key *session_seat(const struct session *session, uint16_t member);

/* Two states equal as their snapshots are: for the test builds' check after every call. */
enum signer_error state_digest(struct state *state, uint8_t out[32]);

#endif
