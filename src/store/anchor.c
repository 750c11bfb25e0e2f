/* What an open store does with its anchor. */
#include "store/anchor.h"

#include <string.h>

#include "store/io.h"

void anchor_ask(struct opening *opening) {
    struct store *store = opening->store;
    const struct store_anchor *anchor = &store->anchor;
    if (!anchor->read) return;
    anchor->read(anchor->context, store->core.store_id, &opening->anchored, &store->anchor_at,
                 &opening->anchor_failure);
    if (!opening->anchored) return;
    opening->anchor_mark.seq = store->anchor_at.seq;
    memcpy(opening->anchor_mark.chain, store->anchor_at.chain, sizeof opening->anchor_mark.chain);
}

enum signer_error anchor_judge(struct opening *opening, struct failure *why) {
    struct store *store = opening->store;
    const struct store_sink *sink = &store->core.sink;
    const struct replay *replay = &opening->replay;
    if (!store->anchor.read) return SIGNER_OK;
    if (opening->anchor_failure.error != SIGNER_OK)
        return fail(why, opening->anchor_failure.error, "%s", opening->anchor_failure.detail);
    if (!opening->anchored) {
        if (sink->anchor_confirmed && sink->anchor_confirmed(sink->context, replay->state))
            return fail(why, ERR_STATE_ROLLBACK, "the anchor that this store had knows nothing of it");
        return SIGNER_OK;
    }
    const uint64_t seq = store->anchor_at.seq;
    if (seq > replay->seq)
        return fail(why, ERR_STATE_ROLLBACK, "the anchor knows record %llu, the store ends at %llu",
                    (unsigned long long)seq, (unsigned long long)replay->seq);
    if (seq < replay->path[0].header.base_seq)
        return fail(why, ERR_STATE_ROLLBACK, "the anchor stands at record %llu, before the oldest one kept",
                    (unsigned long long)seq);
    if (replay->anchor_contradicted)
        return fail(why, ERR_STATE_ROLLBACK, "the store has another history than the anchor");
    store->anchor_known = true;
    return SIGNER_OK;
}

static struct anchor_point durable_point(const struct store *store) {
    struct anchor_point point = {.seq = store->durable_seq};
    memcpy(point.chain, store->durable_chain, sizeof point.chain);
    return point;
}

/* Moves it to the durable point; with the mutex held, which is left meanwhile. */
static enum signer_error advance(struct store *store, struct failure *why) {
    const struct store_anchor *anchor = &store->anchor;
    const struct anchor_point fresh = durable_point(store), old = store->anchor_at;
    const uint64_t ticket = store->durable_ticket;
    const bool known = store->anchor_known;
    store->anchoring = true;
    pthread_mutex_unlock(&store->mutex);
    enum signer_error error = anchor->advance(anchor->context, store->core.store_id, known ? &old : NULL, &fresh, why);
    pthread_mutex_lock(&store->mutex);
    store->anchoring = false;
    if (error == SIGNER_OK) {
        store->anchor_at = fresh;
        store->anchor_known = true;
        store->anchor_ticket = ticket;
    }
    store_signal(store);
    return error;
}

enum signer_error anchor_begin(struct store *store, struct failure *why) {
    if (!store->anchor.advance) return SIGNER_OK;
    pthread_mutex_lock(&store->mutex);
    enum signer_error error = advance(store, why);
    pthread_mutex_unlock(&store->mutex);
    return error;
}

enum need { NEED_NOTHING, NEED_WISH, NEED_RECEIPT };

/* Strict: every protected record up to the ticket. Lazy: at most `window` records behind; from the half
 * on the anchor is asked without waiting for its answer to be good. */
static enum need what_is_needed(const struct store *store, uint64_t ticket) {
    if (store->anchor.policy == ANCHOR_STRICT) {
        const uint64_t needed = ticket < store->strict_ticket ? ticket : store->strict_ticket;
        return needed > store->anchor_ticket ? NEED_RECEIPT : NEED_NOTHING;
    }
    const uint64_t behind = store->durable_seq - store->anchor_at.seq;
    if (behind > store->anchor.window) return NEED_RECEIPT;
    return behind > store->anchor.window / 2 ? NEED_WISH : NEED_NOTHING;
}

enum signer_error anchor_confirm(struct store *store, uint64_t ticket, struct failure *why) {
    while (store->anchor.advance) {
        const enum need need = what_is_needed(store, ticket);
        struct failure failure = {0};
        if (need == NEED_NOTHING || (need == NEED_WISH && store->anchoring)) break;
        if (store->anchoring) {
            pthread_cond_wait(&store->changed, &store->mutex);
            continue;
        }
        enum signer_error error = advance(store, &failure);
        if (error != SIGNER_OK && (need == NEED_RECEIPT || error == ERR_STATE_ROLLBACK))
            return fail(why, error, "%s", failure.detail);
        if (error != SIGNER_OK) {
            store_report("the anchor is asked again later: %s", failure.detail);
            break;
        }
    }
    return SIGNER_OK;
}

enum signer_error anchor_reach(struct store *store, uint64_t seq, struct failure *why) {
    enum signer_error error = SIGNER_OK;
    if (!store->anchor.advance) return SIGNER_OK;
    pthread_mutex_lock(&store->mutex);
    while (error == SIGNER_OK && store->anchor_at.seq < seq) {
        if (store->anchoring)
            pthread_cond_wait(&store->changed, &store->mutex);
        else
            error = advance(store, why);
    }
    pthread_mutex_unlock(&store->mutex);
    return error;
}
