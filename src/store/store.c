/* Birth of a store, facts about an open one, and its end. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "store/anchor.h"
#include "store/internal.h"
#include "store/io.h"

/* -- birth ------------------------------------------------------------------------------------------ */

/* No lock is taken: another thread of the parent may have held it when the process forked. The numbers are
 * forgotten: they may be the child's own files when it drops the store. */
static void close_all_in_child(void *argument) {
    struct store *store = argument;
    struct place *place = &store->core.place;
    int *const descriptors[] = {&store->lock.file, &store->store_id_file, &store->head.file,
                                &store->mark_file, &place->directory,     &place->parent};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++)
        place_shut(place, descriptors[i]);
}

struct store *store_new(void) {
    struct store *store = signer_calloc(1, sizeof *store);
    if (!store) return NULL;
    store->store_id_file = store->mark_file = store->lock.file = store->head.file = -1;
    store->core.place.parent = store->core.place.directory = -1;
    store->fork_handler = (struct fork_handler){close_all_in_child, store, NULL};
    if (fork_handler_add(&store->fork_handler) != SIGNER_OK) {
        free(store);
        return NULL;
    }
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->changed, NULL);
    short_wait_init(&store->looking);
    return store;
}

void store_install_head(struct store *store, const struct log *log) {
    store->head = *log;
    store->health = LOG_GOOD;
    store->sync_begun = true; /* it was synced as a whole when it was published */
    store->durable_seq = log->seq;
    memcpy(store->durable_chain, log->chain, sizeof store->durable_chain);
}

void store_info(struct store *store, struct store_info *out) {
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&store->mutex);
    memcpy(out->store_id, store->core.store_id, sizeof out->store_id);
    out->seq = store->head.seq;
    memcpy(out->chain, store->head.chain, sizeof out->chain);
    out->open_number = store->open_number;
    out->log_number = store->head.number;
    out->log_base_seq = store->head.base_seq;
    out->log_bytes_used = store->head.end;
    out->torn_tail_bytes = store->torn.bytes;
    out->torn_tail_offset = store->torn.bytes > 0 ? store->torn.offset : 0;
    pthread_mutex_unlock(&store->mutex);
}

bool store_receipt(struct store *store, struct anchor_point *out) {
    pthread_mutex_lock(&store->mutex);
    bool known = store->anchor_known;
    *out = store->anchor_at;
    pthread_mutex_unlock(&store->mutex);
    return known;
}

/* CLOSE only tells a clean end, so what fails here is not worth an error. */
static void write_close(struct store *store) {
    const struct platform *platform = store->core.platform;
    struct store_position position;
    struct failure ignored = {0};
    uint8_t body[8];
    uint64_t now;
    if (platform_wall_ms(platform, &now) != SIGNER_OK) return;
    store_be64(body, now);
    if (store_append(store, RECORD_CLOSE, RECORD_PROTECTING, 0, body, sizeof body, &position, &ignored) != SIGNER_OK)
        return;
    pthread_mutex_lock(&store->mutex);
    commit_sync(store);
    bool synced = store->health == LOG_GOOD;
    pthread_mutex_unlock(&store->mutex);
    if (synced && platform->files.fsync(platform->context, store->mark_file) != 0)
        store_report("the durable mark could not be synced at the end");
    struct failure unanchored = {0};
    if (synced && anchor_reach(store, store->durable_seq, &unanchored) != SIGNER_OK)
        store_report("the anchor could not be moved at the end: %s", unanchored.detail);
}

void store_close(struct store *store, bool abandon) {
    if (!store) return;
    struct core *core = &store->core;
    if (!abandon) write_close(store);
    while (store->first) {
        struct pending *next = store->first->next;
        free(store->first);
        store->first = next;
    }
    if (core->platform) {
        log_close(&store->head, core);
        place_shut(&core->place, &store->mark_file);
        fork_hold();
        place_shut(&core->place, &store->store_id_file);
        lock_release(&store->lock, &core->place);
        fork_release();
        place_close(&core->place);
        vault_wipe(core->vault, core->master_handle);
    }
    fork_handler_remove(&store->fork_handler);
    free(core->writer);
    free(store->path);
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}
