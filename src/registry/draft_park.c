/* Which sessions of a snapshot part are parked, and how they come back (registry/parked.h). */
#include <stdlib.h>

#include "registry/draft.h"

#define OP_HEAD_BYTES 5u /* u8 op, u32 length */

/* In a snapshot the ops on a session follow each other, fields before sets before lists, each by number. */
static unsigned rank_of(enum state_op op, unsigned part) {
    switch (op) {
    case OP_SESSION_CREATE:
        return 0;
    case OP_FIELD_SET:
        return part;
    case OP_SET_ADD:
        return 0x100 + part;
    default:
        return 0x200 + part;
    }
}

void draft_note_op(struct draft *draft, enum state_op op, const uint8_t *begin, const uint8_t *end) {
    struct session_draft *session = draft->last;
    const size_t part_at = OP_HEAD_BYTES + 4 + session->id.len;
    const unsigned rank = rank_of(op, op == OP_SESSION_CREATE ? 0 : begin[part_at]);
    if (!session->ops.data) session->ops.data = begin;
    if (session->ops.data + session->ops.len != begin || rank < session->rank || draft->entry_inserted)
        session->out_of_order = true;
    session->ops.len = (size_t)(end - session->ops.data);
    session->rank = rank;
    draft->entry_inserted = false;
}

enum signer_error draft_park(struct draft *draft, const uint8_t *end) {
    struct parked *parked = &draft->state->parked;
    struct session_draft *session = draft->last;
    if (!session || session->base || !session->work || session->out_of_order) return SIGNER_OK;
    const struct bytes ops = session->ops;
    if (ops.data + ops.len != end || !parked_admits(session->work) || !parked_is_behind(parked, session->id))
        return SIGNER_OK;
    enum signer_error error = draft_check_session(draft, session->work);
    if (error == ERR_STATE_CORRUPT) return SIGNER_OK; /* so far: the whole part is judged at its end */
    if (error == SIGNER_OK)
        error = parked_add(parked, (struct bytes){ops.data + OP_HEAD_BYTES + 4, session->id.len}, ops);
    if (error != SIGNER_OK) return error;
    tree_remove(&draft->sessions, &session->node);
    session_free(session->work);
    free(session);
    draft->last = NULL;
    return SIGNER_OK;
}

enum signer_error draft_unpark(struct session **base, struct state *state, struct bytes id) {
    static const uint8_t no_chain[32];
    struct parked_session *session = parked_find(&state->parked, id);
    *base = NULL;
    if (!session) return SIGNER_OK;
    const bool over = state->snapshot_over;
    const struct bytes ops = parked_take(&state->parked, session);
    state->snapshot_over = false;
    enum signer_error error = draft_check(state, RECORD_SNAP_PART, ops.data, ops.len, NULL, NULL);
    if (error == SIGNER_OK) draft_apply(state, 0, no_chain, 0);
    state->snapshot_over = over;
    if (error == SIGNER_OK) *base = state_session(state, (const char *)id.data, id.len);
    return error;
}
