/* A list of changes: what one call wants to do to the state, as the ops of one CHANGE body
 * (sealed-store 35.6). Building touches nothing. changes_check holds every bound and rule;
 * changes_apply serves the live call and the replay at open alike. */
#ifndef SIGNER_REGISTRY_CHANGE_H
#define SIGNER_REGISTRY_CHANGE_H

#include "registry/state.h"

struct changes {
    struct buffer body; /* the encoded ops, ready to be sealed; wiped on free (field 2 holds shares) */
    size_t count;
    bool counted;       /* holds at least one of ops 1-21 */
    enum signer_error error; /* first failure while building */
};

void changes_init(struct changes *changes);
void changes_free(struct changes *changes);

void change_session_create(struct changes *changes, const char *id, size_t len);
void change_session_delete(struct changes *changes, const char *id, size_t len);
/* `value` is the encoded value of the field (helpers below write the composite ones). */
void change_field_set(struct changes *changes, const char *id, size_t len, enum session_field field, const void *value,
                      size_t value_len);
void change_field_text(struct changes *changes, const char *id, size_t len, enum session_field field, const char *text,
                       size_t text_len);
void change_field_u64(struct changes *changes, const char *id, size_t len, enum session_field field, uint64_t value);
void change_field_u32(struct changes *changes, const char *id, size_t len, enum session_field field, uint32_t value);
void change_field_clear(struct changes *changes, const char *id, size_t len, enum session_field field);
void change_set_add(struct changes *changes, const char *id, size_t len, enum session_set set, const char *entry,
                    size_t entry_len);
void change_set_remove(struct changes *changes, const char *id, size_t len, enum session_set set, const char *entry,
                       size_t entry_len);
void change_tombstone(struct changes *changes, const struct session *session);
void change_quarantine(struct changes *changes, uint16_t operator_id, bool in);
void change_purge(struct changes *changes);

/* Composite fields. Key packages are read from the vault while encoding. */
void change_key_packages(struct changes *changes, struct vault *vault, const char *id, size_t len,
                         const struct seat_key *seats, size_t count);
void change_public_package(struct changes *changes, const char *id, size_t len, const struct frost_public_package *keys);
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

/* Every rule of 35.6 and every bound, on the state as it is. ERR_CAPACITY, ERR_STATE_CORRUPT (a rule
 * broken: a programming error when live), ERR_OUT_OF_MEMORY. */
enum signer_error changes_check(struct state *state, const struct changes *changes, struct failure *why);
/* Applies after the append: cannot fail (all memory is reserved by changes_prepare). */
enum signer_error changes_prepare(struct state *state, const struct changes *changes);
void changes_apply(struct state *state, const struct changes *changes, const struct store_position *position);

#endif
