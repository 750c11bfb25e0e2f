/* A list of changes: what one call wants to do to the state, as the ops of one CHANGE body
 * (sealed-store 35.6). Building touches nothing. changes_check holds every bound and rule;
 * changes_apply serves the live call and the replay at open alike. */
#ifndef SIGNER_REGISTRY_CHANGE_H
#define SIGNER_REGISTRY_CHANGE_H

#include "registry/state.h"

enum state_op {
    OP_SESSION_CREATE = 1,
    OP_SESSION_DELETE = 2,
    OP_FIELD_SET = 3,
    OP_FIELD_CLEAR = 4,
    OP_SET_ADD = 5,
    OP_SET_REMOVE = 6,
    OP_LIST_APPEND = 7,
    OP_LIST_REPLACE_LAST = 8,
    OP_TOMBSTONE = 9,
    OP_CANARY_SET = 16,
    OP_REFRESH_EPOCH_SET = 17,
    OP_SCORE_SET = 18,
    OP_QUARANTINE_SET = 19,
    OP_IMPORTED = 20,
    OP_PURGE = 21,
    OP_VERDICT = 22,
    OP_WITNESS_REBASE = 32,
    OP_ENGINE_STATE = 33,
    OP_WITNESS_BASE = 34,
    OP_WITNESS_DIGESTS = 35,
    OP_ANCHOR_CONFIRMED = 48,
    OP_CHECKPOINT_SET = 49,
    OP_CHECKPOINT_CLEAR = 50,
    OP_TRUST_APPEND = 51,
    OP_TRUST_INTENT = 52,
    OP_TRUST_INTENT_CLEAR = 53
};

#define SET_ENTRY_BYTES_MAX 1024u
#define VERDICT_INPUT_BYTES_MAX 65536u
#define WITNESS_DIGESTS_PER_OP 2000u

struct field_value;

/* A value that the builder had decoded already, so that nothing is computed under the engine mutex. */
struct change_value {
    char session_id[SESSION_ID_BYTES_MAX];
    size_t session_id_len;
    struct field_value *value;
};

#define CHANGE_VALUES_MAX 8

struct changes {
    struct buffer body; /* the encoded ops, ready to be sealed; wiped on free (field 2 holds shares) */
    size_t count;
    bool counted;            /* holds at least one of ops 1-21 */
    enum signer_error error; /* first failure while building; changes_check answers it */
    struct change_value values[CHANGE_VALUES_MAX];
    size_t value_count;
};

void changes_init(struct changes *changes);
void changes_free(struct changes *changes);
/* Adds the ops of `more` behind those of `changes`, with what their builders had decoded. */
void changes_join(struct changes *changes, const struct changes *more);

/* The same, but that an input of a verdict is left out where the present log carries it already (35.6, op 22). */
void changes_join_verdicts(struct changes *changes, const struct changes *more, const struct state *state);

/* One op by number with its payload (35.6). */
void change_op(struct changes *changes, enum state_op op, const void *payload, size_t len);

void change_session_create(struct changes *changes, const char *id, size_t len);
void change_session_delete(struct changes *changes, const char *id, size_t len);
/* `value` is the encoded value of the field (helpers below write the composite ones). */
void change_field_set(struct changes *changes, const char *id, size_t len, enum session_field field, const void *value,
                      size_t value_len);
void change_field_text(struct changes *changes, const char *id, size_t len, enum session_field field, const char *text,
                       size_t text_len);
void change_field_u64(struct changes *changes, const char *id, size_t len, enum session_field field, uint64_t value);
void change_field_u32(struct changes *changes, const char *id, size_t len, enum session_field field, uint32_t value);
void change_field_u8(struct changes *changes, const char *id, size_t len, enum session_field field, uint8_t value);
void change_field_clear(struct changes *changes, const char *id, size_t len, enum session_field field);
void change_set_add(struct changes *changes, const char *id, size_t len, enum session_set set, const char *entry,
                    size_t entry_len);
void change_set_remove(struct changes *changes, const char *id, size_t len, enum session_set set, const char *entry,
                       size_t entry_len);
/* `item` is encoded as in 35.6. */
void change_list_append(struct changes *changes, const char *id, size_t len, enum session_list list, const void *item,
                        size_t item_len);
/* The tombstone of a session that is deleted in the same body: its digest, bound key group, number. */
void change_tombstone(struct changes *changes, const struct session *session);
/* Eviction: op 2, and op 9 where it is needed. */
void change_evict(struct changes *changes, const struct session *session);
void change_canary(struct changes *changes, const struct canary *canary);
void change_refresh_epoch(struct changes *changes, uint64_t epoch);
void change_score(struct changes *changes, uint16_t operator_id, uint64_t score);
void change_quarantine(struct changes *changes, uint16_t operator_id, bool in);
void change_purge(struct changes *changes);
/* Rides in the record that makes the generation (state_rebase_due). */
void change_witness_rebase(struct changes *changes, uint64_t generation);

/* Composite fields. Key packages are read from the vault while encoding, and copied there: the
 * handles stay the caller's. */
void change_key_packages(struct changes *changes, struct vault *vault, const char *id, size_t len,
                         const struct seat_key *seats, size_t count);
void change_public_package(struct changes *changes, const char *id, size_t len,
                           const struct frost_public_package *keys);
void change_dkg_result(struct changes *changes, const char *id, size_t len, const struct dkg_result *result);
void change_built_transaction(struct changes *changes, const char *id, size_t len, const struct built_transaction *tx);
void change_rekey_event(struct changes *changes, const char *id, size_t len, const struct rekey_event *event);

struct verdict_record { /* op 22 */
    bool allow;
    const char *policy, *version, *rule, *reason;
    uint8_t source_sha256[32];
    const char *session_id;
    size_t session_id_len;
    uint64_t unix_ms;
    uint8_t input_digest[32];
    struct bytes input_json; /* empty = not carried */
};
void change_verdict(struct changes *changes, const struct verdict_record *verdict);

/* Every rule of 35.6 and every bound, on the state as it is; also takes all memory that the change
 * needs, so that changes_apply cannot fail. What it took stays with the state until changes_apply,
 * changes_drop or the next changes_check. ERR_CAPACITY, ERR_STATE_CORRUPT or ERR_STATE_VERSION (a rule
 * broken: a programming error when live), ERR_OUT_OF_MEMORY, ERR_MEMORY_LOCK. */
enum signer_error changes_check(struct state *state, const struct changes *changes, struct failure *why);
/* A no-op right behind changes_check of the same changes, else the same check without words. */
enum signer_error changes_prepare(struct state *state, const struct changes *changes);
/* Applies after the append, all or none. The same changes were checked last. */
void changes_apply(struct state *state, const struct changes *changes, const struct store_position *position);
/* The append failed: gives back what changes_check took. */
void changes_drop(struct state *state);

#endif
