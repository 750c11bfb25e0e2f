/* The state inside src/registry/. */
#ifndef SIGNER_REGISTRY_INTERNAL_H
#define SIGNER_REGISTRY_INTERNAL_H

#include "registry/fields.h"
#include "registry/groups.h"
#include "registry/inputs.h"
#include "registry/parked.h"
#include "registry/state.h"
#include "registry/texts.h"
#include "registry/tombstones.h"
#include "registry/witness.h"

#define CHECKPOINT_GENERATION_AT 216u /* in a checkpoint (24.4) */
#define CHECKPOINT_KINDS 3            /* counted from 1 */

/* What the state holds once. A draft works on a copy. */
struct globals {
    bool has_engine_state;
    uint64_t engine_generation; /* of the snapshot that was read */
    bool has_canary;
    struct canary canary;
    uint64_t refresh_epoch;
    bool imported;
    uint16_t import_schema;
    uint8_t import_sha256[32];
    uint64_t imported_at_unix;
    bool anchor_confirmed;
    uint64_t anchor_seq;
    uint8_t anchor_chain[32];
    bool has_checkpoint[CHECKPOINT_KINDS];
    struct text_set intent; /* none or one */
};

struct operator_entry {
    struct tree_node node;
    uint16_t id;
    uint64_t score;
    bool quarantined;
};

struct state {
    struct vault *vault;
    const uint64_t *max_sessions;
    struct tree sessions; /* by id */
    struct parked parked; /* more sessions, while it is `passing` */
    struct tree wallets;  /* by key group, distributed owner first, id */
    struct tree ages;     /* that may be evicted: by time, id */
    struct key_groups groups;
    struct tree operators;
    struct tombstones tombstones;
    struct witness witness;
    struct globals globals;
    uint8_t checkpoint[CHECKPOINT_KINDS][CHECKPOINT_BYTES]; /* where globals.has_checkpoint says so */
    struct text_set certificates;                           /* oldest first */
    struct carried_inputs inputs;                           /* of the present log */
    bool passing;
    bool snapshot_over; /* a CHANGE or NOTE was applied: no more snapshot ops */
    size_t active;
    uint64_t loaded_at_unix;
    uint64_t ages_given;
    uint64_t draft_count;
    struct draft *draft; /* checked, not yet applied; at most one */
};

struct session *session_new(const void *id, size_t len);
void session_free(struct session *session);
/* A second owner of everything that the session holds; indexes and memory-only members are its own. */
struct session *session_copy(const struct session *session);
/* Gives the content of `from` to `to`, which loses its own. */
void session_move_content(struct session *to, struct session *from);
bool session_holds_entries(const struct session *session, int first_set, int last_set);
/* Nothing, or a built transaction alone (D-124). */
bool session_holds_transaction_at_most(const struct session *session);
/* SESSION_DELETE allows it, tombstone aside. */
bool session_may_be_deleted(const struct session *session);

/* Takes the session out of every index but `sessions`, and puts it in again. Cannot fail: the key
 * groups exist (state_need_groups). */
void state_unindex(struct state *state, struct session *session);
void state_index(struct state *state, struct session *session);
enum signer_error state_need_groups(struct state *state, const struct session *session);
void state_add_session(struct state *state, struct session *session);
void state_remove_session(struct state *state, struct session *session);
struct operator_entry *state_operator(const struct state *state, uint16_t id);
/* The history reaches the generation that the snapshot named. */
bool state_history_complete(struct state *state);

void session_digest(uint8_t out[32], const void *id, size_t len);

#endif
