/* A body on its way into the state: checked op by op on copies, then applied as a whole or dropped.
 * One code for the live call (registry/change.h) and for the replay (registry/snapshot.c). */
#ifndef SIGNER_REGISTRY_DRAFT_H
#define SIGNER_REGISTRY_DRAFT_H

#include "registry/change.h"
#include "registry/internal.h"

/* A session that the body touches. `base` is what the state holds (NULL: nothing), `work` what it will
 * hold (NULL: nothing). At replay both are one: a body that breaks a rule there ends the whole state. */
struct session_draft {
    struct tree_node node;
    struct bytes id;
    struct session *base;
    struct session *work;
    struct bytes ops;  /* of a snapshot part: those on this session, in a row */
    unsigned rank;     /* place of the last one in the order of a snapshot */
    bool out_of_order; /* they do not stand as a snapshot is written */
    uint8_t id_bytes[];
};

struct tombstone_draft {
    struct tree_node node;
    struct tombstone tombstone;
    bool is_new;
};

/* A deletion that needs a tombstone in the same body, at or above this number. */
struct deletion {
    struct tree_node node;
    uint8_t digest[32];
    uint32_t highest;
    struct key_group *group;
};

struct draft {
    struct state *state;
    const struct changes *of; /* live */
    bool live;
    enum record_type type;
    struct failure *why;
    struct tree sessions;       /* session_draft */
    struct session_draft *last; /* touched last; NULL: none */
    bool parking;               /* sessions of this part may be kept as their ops */
    bool entry_inserted;        /* by this op, into a set: before another one */
    struct tree tombstones;     /* tombstone_draft */
    struct tree deletions;      /* deletion */
    struct tree operators;      /* operator_entry: the new values */
    size_t session_count;       /* after the ops so far */
    size_t new_tombstones;
    struct globals globals;
    uint8_t *checkpoint[CHECKPOINT_KINDS]; /* new ones; NULL: as it was */
    struct text_set certificates;          /* new ones, behind those of the state */
    struct carried_inputs inputs;          /* of verdicts in this body */
    bool counted;
    bool purge;
    uint64_t rebase; /* 0 none */
    size_t op_count;
    size_t values_used; /* bit i: changes->values[i] */
};

/* Checks one body of the type. `of` may be NULL. On success the draft is the state's. */
enum signer_error draft_check(struct state *state, enum record_type type, const uint8_t *body, size_t len,
                              const struct changes *of, struct failure *why);
/* Applies the state's draft; `ticket` 0 at replay. */
void draft_apply(struct state *state, uint64_t seq, const uint8_t chain[32], uint64_t ticket);
void draft_discard(struct state *state);

/* What the op sees: existing drafts first. NULL with *error OK: no such session. */
struct session_draft *draft_session(struct draft *draft, struct bytes id, enum signer_error *error);
struct session_draft *draft_new_session(struct draft *draft, struct bytes id);
/* In id order; NULL: that was all. */
struct session_draft *draft_begin(struct tree_walk *walk, const struct draft *draft);
struct session_draft *draft_step(struct tree_walk *walk);
bool draft_touches(const struct draft *draft, struct bytes id);
struct operator_entry *draft_operator(struct draft *draft, uint16_t id);
struct tombstone_draft *draft_tombstone(struct draft *draft, const uint8_t digest[32]);
enum signer_error draft_add_tombstone(struct draft *draft, const struct tombstone *tombstone, bool is_new);
enum signer_error draft_add_deletion(struct draft *draft, const struct session *session);
enum signer_error draft_reserve_tombstones(struct draft *draft);
void draft_put_tombstones(struct draft *draft);

/* Parks the session of the last ops if it was told whole up to `end`, where the next one begins. */
enum signer_error draft_park(struct draft *draft, const uint8_t *end);
/* Builds a parked session. `*base` stays NULL: there is none with this id. */
enum signer_error draft_unpark(struct session **base, struct state *state, struct bytes id);
/* An op of a part was checked: `begin` to `end`. */
void draft_note_op(struct draft *draft, enum state_op op, const uint8_t *begin, const uint8_t *end);

struct draft *draft_new(struct state *state);
void draft_free(struct draft *draft);

/* The rules of ops 1 to 9 (change_sessions.c) and of all others (change_engine.c). */
enum signer_error check_session_op(struct draft *draft, enum state_op op, struct reader *payload);
enum signer_error check_engine_op(struct draft *draft, enum state_op op, struct reader *payload);
/* Rules that hold for a session behind the last op of a body. */
enum signer_error draft_check_session(struct draft *draft, struct session *work);
/* ERR_STATE_CORRUPT with words. */
enum signer_error draft_broken(struct draft *draft, const char *rule);
/* A bound: ERR_CAPACITY when live, ERR_STATE_CORRUPT at replay. */
enum signer_error draft_full(struct draft *draft, const char *bound);

#endif
