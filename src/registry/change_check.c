/* Checks a body op by op, then as a whole, and takes the memory that applying it needs. */
#include <stdlib.h>

#include "registry/draft.h"

#define OP_BIT(op) ((uint64_t)1 << (op))
#define OPS_UP_TO(op) (OP_BIT((op) + 1) - 1)
#define CHANGE_STATE_OPS                                                                                               \
    ((OPS_UP_TO(OP_TOMBSTONE) & ~OP_BIT(0)) | (OPS_UP_TO(OP_PURGE) & ~OPS_UP_TO(OP_CANARY_SET - 1)))
#define CHANGE_OPS (CHANGE_STATE_OPS | OP_BIT(OP_VERDICT) | OP_BIT(OP_WITNESS_REBASE))
#define ANCHOR_OPS (OPS_UP_TO(OP_TRUST_INTENT_CLEAR) & ~OPS_UP_TO(OP_ANCHOR_CONFIRMED - 1))
#define NOTE_OPS (OP_BIT(OP_VERDICT) | ANCHOR_OPS)
#define SNAPSHOT_OPS                                                                                                   \
    (OP_BIT(OP_SESSION_CREATE) | OP_BIT(OP_FIELD_SET) | OP_BIT(OP_SET_ADD) | OP_BIT(OP_LIST_APPEND) |                  \
     OP_BIT(OP_TOMBSTONE) | OP_BIT(OP_CANARY_SET) | OP_BIT(OP_REFRESH_EPOCH_SET) | OP_BIT(OP_SCORE_SET) |              \
     OP_BIT(OP_QUARANTINE_SET) | OP_BIT(OP_IMPORTED) | OP_BIT(OP_ENGINE_STATE) | OP_BIT(OP_WITNESS_BASE) |             \
     OP_BIT(OP_WITNESS_DIGESTS) | ANCHOR_OPS)
#define KNOWN_OPS (CHANGE_OPS | NOTE_OPS | SNAPSHOT_OPS)

enum signer_error draft_broken(struct draft *draft, const char *rule) {
    return fail(draft->why, ERR_STATE_CORRUPT, "%s", rule);
}

enum signer_error draft_full(struct draft *draft, const char *bound) {
    return fail(draft->why, draft->live ? ERR_CAPACITY : ERR_STATE_CORRUPT, "bound reached: %s", bound);
}

static uint64_t allowed_ops(enum record_type type) {
    return type == RECORD_CHANGE ? CHANGE_OPS : type == RECORD_NOTE ? NOTE_OPS : SNAPSHOT_OPS;
}

static enum signer_error check_op(struct draft *draft, struct reader *body) {
    const uint8_t *begin = body->at;
    uint8_t op = reader_u8(body);
    struct bytes content = reader_lp(body);
    if (body->failed) return draft_broken(draft, "body cut short");
    if (op >= 64 || !(KNOWN_OPS & OP_BIT(op)))
        return fail(draft->why, ERR_STATE_VERSION, "op %u is not known", (unsigned)op);
    if (!(allowed_ops(draft->type) & OP_BIT(op))) return draft_broken(draft, "op in a record of another type");
    /* What was parked stood behind ENGINE_STATE, though the part of both may not be applied yet. */
    if (draft->type == RECORD_SNAP_PART && op != OP_ENGINE_STATE && !draft->globals.has_engine_state &&
        draft->state->parked.count == 0)
        return draft_broken(draft, "snapshot does not begin with ENGINE_STATE");
    if (CHANGE_STATE_OPS & OP_BIT(op)) draft->counted = true;
    struct reader payload;
    reader_init(&payload, content.data, content.len);
    enum signer_error error = SIGNER_OK;
    if (draft->parking && op == OP_SESSION_CREATE) error = draft_park(draft, begin);
    if (error != SIGNER_OK) return error;
    error = op <= OP_TOMBSTONE ? check_session_op(draft, (enum state_op)op, &payload)
                               : check_engine_op(draft, (enum state_op)op, &payload);
    if (error != SIGNER_OK && draft->why && draft->why->error != error)
        fail(draft->why, error, "op %u: %s", (unsigned)op, error_info(error)->text);
    if (error == SIGNER_OK && draft->parking && op < OP_TOMBSTONE)
        draft_note_op(draft, (enum state_op)op, begin, body->at);
    draft->op_count++;
    return error;
}

static enum signer_error check_deletions(struct draft *draft) {
    for (struct tree_node *node = draft->deletions.root; node;) {
        struct deletion *deletion = TREE_OBJECT(node, struct deletion, node);
        const struct tombstone_draft *stone = draft_tombstone(draft, deletion->digest);
        if (!stone || stone->tombstone.highest < deletion->highest || stone->tombstone.group != deletion->group)
            return draft_broken(draft, "SESSION_DELETE without its TOMBSTONE");
        tree_remove(&draft->deletions, node);
        free(deletion);
        node = draft->deletions.root;
    }
    return SIGNER_OK;
}

/* Whether a session that this body does not touch is a distributed owner of the key group. */
static bool owned_elsewhere(struct draft *draft, const char *key_group) {
    struct session *owner = state_wallet(draft->state, key_group, KEY_GROUP_TEXT_BYTES, NULL);
    return owner && owner->dkg_origin == DKG_ORIGIN_DISTRIBUTED && !draft_touches(draft, owner->id);
}

enum signer_error draft_check_session(struct draft *draft, struct session *work) {
    if (session_has(work, FIELD_RETIRED_AT) && !session_is_per_message(work))
        return draft_broken(draft, "retired time on a session that is not per-message");
    enum signer_error error = state_need_groups(draft->state, work);
    if (error != SIGNER_OK) return error;
    if (!session_has(work, FIELD_DKG_RESULT) || work->dkg_origin != DKG_ORIGIN_DISTRIBUTED) return SIGNER_OK;
    struct key_group *group = groups_find(&draft->state->groups, work->dkg.key_group, KEY_GROUP_TEXT_BYTES);
    if (group->claimed == draft->state->draft_count || owned_elsewhere(draft, work->dkg.key_group))
        return draft_broken(draft, "the key group has another distributed owner");
    group->claimed = draft->state->draft_count;
    return SIGNER_OK;
}

static enum signer_error check_sessions(struct draft *draft) {
    struct tree_walk walk;
    for (struct session_draft *session = draft_begin(&walk, draft); session; session = draft_step(&walk)) {
        if (!session->work) continue;
        enum signer_error error = draft_check_session(draft, session->work);
        if (error != SIGNER_OK) return error;
    }
    return SIGNER_OK;
}

static enum signer_error finish(struct draft *draft) {
    struct state *state = draft->state;
    if (draft->op_count == 0) return draft_broken(draft, "empty body");
    if (draft->type == RECORD_CHANGE && !draft->counted) return draft_broken(draft, "CHANGE that changes nothing");
    if (draft->type != RECORD_SNAP_PART && !state_history_complete(state))
        return draft_broken(draft, "snapshot without its witness history");
    enum signer_error error = check_deletions(draft);
    if (error == SIGNER_OK) error = check_sessions(draft);
    if (error == SIGNER_OK) error = draft_reserve_tombstones(draft);
    if (error == SIGNER_OK) error = texts_reserve(&state->certificates, &draft->certificates);
    if (error == SIGNER_OK && draft->type == RECORD_CHANGE) error = witness_reserve(&state->witness, 1);
    return error;
}

enum signer_error draft_check(struct state *state, enum record_type type, const uint8_t *body, size_t len,
                              const struct changes *of, struct failure *why) {
    draft_discard(state);
    struct draft *draft = draft_new(state);
    if (!draft) return fail_plain(why, ERR_OUT_OF_MEMORY);
    struct failure unheard = {0};
    draft->why = why ? why : &unheard;
    draft->why->error = SIGNER_OK;
    draft->type = type;
    draft->of = of;
    draft->live = of != NULL;
    draft->parking = state->passing && type == RECORD_SNAP_PART;
    state->draft_count++;
    enum signer_error error = SIGNER_OK;
    if (type == RECORD_SNAP_PART && state->snapshot_over) error = draft_broken(draft, "snapshot part behind a record");
    struct reader reader;
    reader_init(&reader, body, len);
    while (error == SIGNER_OK && reader_left(&reader) > 0)
        error = check_op(draft, &reader);
    if (error == SIGNER_OK) error = finish(draft);
    if (error != SIGNER_OK) {
        if (draft->why->error != error) fail_plain(draft->why, error);
        draft_free(draft);
        return error;
    }
    draft->why = NULL;
    state->draft = draft;
    return SIGNER_OK;
}

enum signer_error changes_check(struct state *state, const struct changes *changes, struct failure *why) {
    if (changes->error != SIGNER_OK) return fail_plain(why, changes->error);
    if (changes->body.failed) return fail_plain(why, ERR_OUT_OF_MEMORY);
    enum record_type type = changes->counted ? RECORD_CHANGE : RECORD_NOTE;
    return draft_check(state, type, changes->body.data, changes->body.len, changes, why);
}

enum signer_error changes_prepare(struct state *state, const struct changes *changes) {
    if (state->draft && state->draft->of == changes) return SIGNER_OK;
    return changes_check(state, changes, NULL);
}

void changes_drop(struct state *state) {
    draft_discard(state);
}
