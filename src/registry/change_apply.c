/* Applies a checked draft: moves what it holds into the state. Nothing here can fail. */
#include <stdlib.h>
#include <string.h>

#include "registry/draft.h"

static void apply_session(struct state *state, struct session_draft *session, uint64_t ticket) {
    struct session *base = session->base;
    struct session *work = session->work;
    if (base && !work) {
        state_remove_session(state, base);
    } else if (base) {
        state_unindex(state, base);
        if (work != base) session_move_content(base, work);
        state_index(state, base);
        if (ticket) base->last_ticket = ticket;
    } else if (work) {
        work->last_ticket = ticket;
        state_add_session(state, work);
    } else {
        return;
    }
    if (!base || !work) session->base = session->work = NULL; /* the state has, or freed, what was there */
}

static void apply_operators(struct state *state, struct draft *draft) {
    struct tree_node *node = NULL;
    while ((node = draft->operators.root)) {
        tree_remove(&draft->operators, node);
        struct operator_entry *entry = TREE_OBJECT(node, struct operator_entry, node);
        struct operator_entry *old = state_operator(state, entry->id);
        if (!old) {
            tree_insert(&state->operators, &entry->node);
            continue;
        }
        old->score = entry->score;
        old->quarantined = entry->quarantined;
        free(entry);
    }
}

static void apply_globals(struct state *state, struct draft *draft) {
    texts_release(&state->globals.intent);
    state->globals = draft->globals;
    draft->globals.intent = (struct text_set){0};
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++)
        if (draft->checkpoint[kind]) memcpy(state->checkpoint[kind], draft->checkpoint[kind], CHECKPOINT_BYTES);
    for (size_t i = 0; i < draft->certificates.count; i++) { /* into reserved room */
        const struct bytes certificate = draft->certificates.entries[i];
        texts_insert(&state->certificates, state->certificates.count, certificate.data, certificate.len);
    }
}

static void apply_inputs(struct state *state, struct draft *draft, uint64_t seq) {
    struct carried_input *next;
    while ((next = inputs_take(&draft->inputs)))
        inputs_put(&state->inputs, next, seq);
}

void draft_apply(struct state *state, uint64_t seq, const uint8_t chain[32], uint64_t ticket) {
    struct draft *draft = state->draft;
    struct tree_walk walk;
    for (struct session_draft *session = draft_begin(&walk, draft); session; session = draft_step(&walk))
        apply_session(state, session, ticket);
    draft_put_tombstones(draft);
    apply_operators(state, draft);
    apply_globals(state, draft);
    apply_inputs(state, draft, seq);
    if (draft->type == RECORD_CHANGE) witness_push(&state->witness, seq, chain);
    if (draft->purge) witness_purge(&state->witness, seq);
    if (draft->rebase) witness_rebase(&state->witness, draft->rebase);
    if (draft->type != RECORD_SNAP_PART) state->snapshot_over = true;
    draft_discard(state);
}

void changes_apply(struct state *state, const struct changes *changes, const struct store_position *position) {
    if (changes_prepare(state, changes) != SIGNER_OK) abort(); /* never checked: memory would lie */
    draft_apply(state, position->seq, position->chain, position->ticket);
}
