/* snapshot-<n>: the whole state at the base of log-<n>. */
#include "store/snapshot.h"

#include <fcntl.h>

#include "store/names.h"
#include "store/parts.h"

enum signer_error snapshot_fill(int file, const struct file_header *base, void *state, uint64_t *size,
                                const struct core *core, struct failure *why) {
    struct parts_writer writer;
    struct file_header header = *base;
    header.kind = KIND_SNAPSHOT;
    header.size = 0;
    enum signer_error error = parts_begin(&writer, file, &header, core, why);
    if (error == SIGNER_OK) {
        error = core->sink.snapshot(core->sink.context, state, parts_emit, &writer);
        if (error != SIGNER_OK && (!why || why->error != error)) fail_plain(why, error);
    }
    if (error == SIGNER_OK) error = parts_end(&writer);
    *size = writer.offset;
    parts_free(&writer);
    return error;
}

enum signer_error snapshot_publish(const struct file_header *base, void *state, uint64_t *size, const struct core *core,
                                   struct failure *why) {
    struct publication publication;
    char name[FILE_NAME_BYTES];
    file_name(name, KIND_SNAPSHOT, base->number);
    enum signer_error error = publish_begin(&core->place, core->place.directory, "tmp-", &publication, why);
    if (error != SIGNER_OK) return error;
    error = snapshot_fill(publication.file, base, state, size, core, why);
    if (error == SIGNER_OK) error = publish_finish(&core->place, &publication, name, why);
    if (error != SIGNER_OK) {
        publish_abort(&core->place, &publication);
        return error;
    }
    place_shut(&core->place, &publication.file);
    return SIGNER_OK;
}

struct loading {
    const struct core *core;
    void *state;
    struct failure *deferred;
};

static enum signer_error load_part(void *argument, const uint8_t *body, size_t len, uint64_t seq,
                                   const uint8_t chain[STORE_CHAIN_BYTES]) {
    struct loading *loading = argument;
    const struct store_sink *sink = &loading->core->sink;
    if (loading->deferred->error != SIGNER_OK) return SIGNER_OK;
    enum signer_error error = sink->apply(sink->context, loading->state, RECORD_SNAP_PART, body, len, seq, chain);
    if (error == ERR_OUT_OF_MEMORY || error == ERR_MEMORY_LOCK) return error;
    if (error != SIGNER_OK) fail(loading->deferred, error, "the snapshot breaks a rule of the state");
    return SIGNER_OK;
}

enum signer_error snapshot_read(const struct file_header *base, bool passing, void **state, struct failure *deferred,
                                uint64_t *size, const struct core *core, struct failure *why) {
    struct loading loading = {.core = core, .deferred = deferred};
    const struct store_sink *sink = &core->sink;
    char name[FILE_NAME_BYTES];
    int file = -1;
    file_name(name, KIND_SNAPSHOT, base->number);
    enum signer_error error = place_file(&core->place, core->place.directory, name, O_RDONLY, &file, why);
    if (error == SIGNER_OK && file < 0) error = fail(why, ERR_STATE_CORRUPT, "%s is missing", name);
    if (error != SIGNER_OK) return error;
    *deferred = (struct failure){0};
    loading.state = sink->state_new(sink->context, passing);
    if (loading.state) {
        sink->begin(sink->context, loading.state, core->store_id, 0);
        error = parts_read(file, KIND_SNAPSHOT, base->number, base, size, load_part, &loading, core, why);
        if (error != SIGNER_OK && (!why || why->error != error)) fail_plain(why, error);
    } else {
        error = fail_plain(why, ERR_OUT_OF_MEMORY);
    }
    place_shut(&core->place, &file);
    if (error == SIGNER_OK)
        *state = loading.state;
    else if (loading.state)
        sink->state_free(sink->context, loading.state);
    return error;
}
