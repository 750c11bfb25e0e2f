/* Snapshots beside running calls, and the deletion of what they make needless (sealed-store 35.8). */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "store/anchor.h"
#include "store/internal.h"
#include "store/io.h"
#include "store/replay.h"
#include "store/snapshot.h"

void store_set_rotation(struct store *store) {
    uint64_t limit = 2 * store->snapshot_size;
    store->rotate_at = limit > ROTATION_BYTES_MIN ? limit : ROTATION_BYTES_MIN;
}

/* With a NULL header: only makes room, so that the push which follows cannot fail. */
enum signer_error path_push(struct store *store, const struct file_header *header, bool snapshot, struct failure *why) {
    if (store->path_count == store->path_capacity) {
        size_t capacity = store->path_capacity ? 2 * store->path_capacity : 8;
        struct path_log *grown = signer_realloc(store->path, capacity * sizeof *grown);
        if (!grown) return fail_plain(why, ERR_OUT_OF_MEMORY);
        store->path = grown;
        store->path_capacity = capacity;
    }
    if (header) store->path[store->path_count++] = (struct path_log){.header = *header, .snapshot = snapshot};
    return SIGNER_OK;
}

/* What the replay learnt of the logs of the path. */
static void note_logs(struct store *store, const struct replay *replay) {
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->path_count; i++)
        for (size_t j = 0; j < replay->count; j++)
            if (store->path[i].header.number == replay->path[j].header.number)
                store->path[i].without_verdicts = !replay->path[j].verdicts;
    pthread_mutex_unlock(&store->mutex);
}

static enum signer_error build_snapshot(struct store *store, const struct file_header *log, uint64_t *size,
                                        struct failure *why) {
    struct replay replay;
    enum signer_error error = replay_base(&replay, log, &store->core, why);
    if (error != SIGNER_OK) return error;
    note_logs(store, &replay);
    error = snapshot_publish(log, replay.state, size, &store->core, why);
    replay_free(&replay, &store->core);
    return error;
}

/* Marks the snapshot of `number` durable and copies the path as it is then. */
static struct path_log *note_snapshot(struct store *store, uint64_t number, uint64_t size, size_t *count,
                                      uint64_t *purge_seq) {
    pthread_mutex_lock(&store->mutex);
    struct path_log *copy = signer_malloc(store->path_count * sizeof *copy);
    for (size_t i = 0; i < store->path_count; i++)
        if (store->path[i].header.number == number) store->path[i].snapshot = true;
    store->snapshot_size = size;
    store_set_rotation(store);
    *count = store->path_count;
    /* A PURGE that is not durable yet may come back with another seq: its time comes later. */
    *purge_seq = store->purge_seq <= store->durable_seq ? store->purge_seq : 0;
    if (copy) memcpy(copy, store->path, store->path_count * sizeof *copy);
    pthread_mutex_unlock(&store->mutex);
    return copy;
}

/* Forgets the logs below the first one that is kept. */
static void cut_path(struct store *store, uint64_t oldest) {
    pthread_mutex_lock(&store->mutex);
    size_t first = 0;
    while (first < store->path_count && store->path[first].header.number < oldest)
        first++;
    store->path_count -= first;
    memmove(store->path, store->path + first, store->path_count * sizeof *store->path);
    pthread_mutex_unlock(&store->mutex);
}

static enum signer_error snapshot_and_delete(struct store *store, struct failure *why) {
    struct file_header log;
    uint64_t size, purge_seq;
    size_t count;
    pthread_mutex_lock(&store->mutex);
    const struct path_log *newest = &store->path[store->path_count - 1];
    log = newest->header;
    bool done = newest->snapshot;
    size = store->snapshot_size;
    pthread_mutex_unlock(&store->mutex);
    enum signer_error error = done ? SIGNER_OK : build_snapshot(store, &log, &size, why);
    if (error != SIGNER_OK) return error;
    struct path_log *path = note_snapshot(store, log.number, size, &count, &purge_seq);
    if (!path) return fail_plain(why, ERR_OUT_OF_MEMORY);
    error = anchor_reach(store, path[retention_first(path, count, purge_seq)].header.base_seq, why);
    if (error == SIGNER_OK) error = retention_run(&store->core, path, count, purge_seq, why);
    if (error == SIGNER_OK) cut_path(store, path[retention_first(path, count, purge_seq)].header.number);
    free(path);
    return error;
}

static void begin_maintenance(struct store *store) {
    pthread_mutex_lock(&store->mutex);
    while (store->maintaining)
        pthread_cond_wait(&store->changed, &store->mutex);
    store->maintaining = true;
    pthread_mutex_unlock(&store->mutex);
}

static void end_maintenance(struct store *store) {
    pthread_mutex_lock(&store->mutex);
    store->maintaining = false;
    store_signal(store);
    pthread_mutex_unlock(&store->mutex);
}

void store_maintain(struct store *store) {
    struct failure failure = {0};
    begin_maintenance(store);
    if (snapshot_and_delete(store, &failure) != SIGNER_OK)
        store_report("snapshot or deletion failed and is tried again later: %s", failure.detail);
    end_maintenance(store);
}

/* A log that begins behind the PURGE, so that its snapshot lacks what was purged. */
static enum signer_error rotate_behind(struct store *store, struct failure *why) {
    enum signer_error error = SIGNER_OK;
    pthread_mutex_lock(&store->mutex);
    while (error == SIGNER_OK && store->path[store->path_count - 1].header.base_seq < store->purge_seq) {
        store->rotate_at = 0; /* appends wait outside, else there is always one more to sync */
        if (store->duty != DUTY_NONE)
            pthread_cond_wait(&store->changed, &store->mutex);
        else if (store->first && store->health != LOG_DEAD)
            commit_sync(store);
        else
            error = commit_renew(store, store->health == LOG_GOOD ? OPENED_ROTATION : OPENED_AFTER_FAILURE, why);
    }
    if (store->rotate_at == 0) store_set_rotation(store);
    pthread_mutex_unlock(&store->mutex);
    return error;
}

void store_purge(struct store *store) {
    struct failure failure = {0};
    begin_maintenance(store);
    pthread_mutex_lock(&store->mutex);
    bool waiting = store->purge_ticket != 0 && store->purge_ticket <= store->durable_ticket;
    if (waiting) store->purge_ticket = 0;
    pthread_mutex_unlock(&store->mutex);
    if (waiting && (rotate_behind(store, &failure) != SIGNER_OK || snapshot_and_delete(store, &failure) != SIGNER_OK))
        store_report("old shares are deleted later, the files could not be rotated now: %s", failure.detail);
    end_maintenance(store);
}
