/* Opening a store, step by step in the order of sealed-store 35.10, and creating one where there is
 * none (35.9). */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/fault.h"
#include "store/anchor.h"
#include "store/internal.h"
#include "store/io.h"
#include "store/mutant.h"
#include "store/opening.h"
#include "store/snapshot.h"

/* A number that nobody reaches by counting: the ones above are never given. */
#define NUMBER_MAX (UINT64_MAX >> 1)

static enum signer_error copy_key(struct core *core, const uint8_t key[STORE_KEY_BYTES], struct failure *why) {
    void *memory;
    enum signer_error error = vault_new(core->vault, SECRET_STATE_KEY, STORE_KEY_BYTES, &core->master_handle, &memory);
    if (error != SIGNER_OK) return fail_plain(why, error);
    memcpy(memory, key, STORE_KEY_BYTES);
    core->master = memory;
    return SIGNER_OK;
}

enum signer_error opening_fetch_master(struct opening *opening, struct failure *why) {
    struct core *core = &opening->store->core;
    const struct store_options *options = opening->options;
    if (core->master) return SIGNER_OK;
    if (options->master_key) return copy_key(core, options->master_key, why);
    enum signer_error error = key_provider_fetch(&options->key_provider, core->vault, &core->master_handle, why);
    if (error != SIGNER_OK) return error;
    size_t len = 0;
    core->master = vault_borrow(core->vault, core->master_handle, SECRET_STATE_KEY, &len);
    return core->master && len == STORE_KEY_BYTES ? SIGNER_OK : fail_plain(why, ERR_STATE_KEY_UNAVAILABLE);
}

/* -- no store there (35.9 steps 2 and 3) ------------------------------------------------------------- */

enum signer_error opening_may_create(struct opening *opening, struct failure *why) {
    const struct store *store = opening->store;
    const struct place *place = &store->core.place;
    char mark[FILE_NAME_BYTES];
    struct stat status;
    enum file_state state;
    place_sibling(place, ".mark", mark);
    enum signer_error error = place_look(place, place->parent, mark, &state, &status, why);
    if (error != SIGNER_OK) return error;
    if (store->lock.recorded || state != FILE_ABSENT)
        return fail(why, ERR_STATE_ROLLBACK, "the store is gone, but %s remembers it",
                    store->lock.recorded ? "the lock file" : "the durable mark");
    bool anchored = false;
    if (store->anchor.remembers) error = store->anchor.remembers(store->anchor.context, &anchored, why);
    if (error != SIGNER_OK) return error;
    if (anchored) return fail(why, ERR_STATE_ROLLBACK, "the store is gone, but the anchor remembers one");
    if (opening->options->pinned)
        return fail(why, ERR_STATE_CORRUPT, "there is no store, and with anchor pins set none is created");
    if (place->directory >= 0) return fail(why, ERR_STATE_CORRUPT, "the store directory is empty");
    error = place_look(place, place->parent, place->name, &state, &status, why);
    if (error == SIGNER_OK && state == FILE_REGULAR && !store->core.sink.import)
        return fail(why, ERR_STATE_VERSION, "a state file in an older format lies at the state path");
    return error == SIGNER_OK ? old_file_read(&opening->old, place, why) : error;
}

static enum signer_error create(struct opening *opening, void **state, struct failure *why) {
    struct core *core = &opening->store->core;
    vault_handle payload = 0;
    enum signer_error error = opening_may_create(opening, why);
    if (error == SIGNER_OK) error = opening_fetch_master(opening, why);
    if (error == SIGNER_OK && opening->old.present)
        error = old_file_open(&opening->old, opening->options->import_generation, opening->options->key_provider.kind,
                              core, &payload, why);
    if (error == SIGNER_OK) error = store_create(opening->store, state, &opening->old, payload, why);
    vault_wipe(core->vault, payload);
    if (error == SIGNER_OK) error = anchor_begin(opening->store, why);
    if (error == SIGNER_OK && opening->old.present) error = old_file_retire(core, why);
    return error;
}

/* -- an existing store ------------------------------------------------------------------------------- */

/* A regular file at the state path beside a store: only the one that was imported, whose last step a crash
 * or a failing rename left open (D-139). */
static enum signer_error judge_old_file(struct opening *opening, struct failure *why) {
    const struct store_sink *sink = &opening->store->core.sink;
    uint8_t imported[32];
    if (!opening->old.present) return SIGNER_OK;
    if (sink->imported && sink->imported(sink->context, opening->replay.state, imported) &&
        memcmp(imported, opening->old.sha256, sizeof imported) == 0)
        return SIGNER_OK;
    return fail_plain(why, ERR_STATE_IMPORT_CONFLICT);
}

static enum signer_error look_at_old_file(struct opening *opening, struct failure *why) {
    const struct place *place = &opening->store->core.place;
    struct stat status;
    enum file_state state;
    enum signer_error error = place_look(place, place->parent, place->name, &state, &status, why);
    if (error != SIGNER_OK || state != FILE_REGULAR) return error;
    if (!opening->store->core.sink.import) return fail_plain(why, ERR_STATE_IMPORT_CONFLICT);
    struct failure unread = {0};
    error = old_file_read(&opening->old, place, &unread);
    /* One that cannot be the imported file is in the way, whatever is wrong with it. */
    if (error == ERR_STATE_CORRUPT) error = fail_plain(why, ERR_STATE_IMPORT_CONFLICT);
    return error == SIGNER_OK || error == ERR_STATE_IMPORT_CONFLICT ? error : fail(why, error, "%s", unread.detail);
}

/* Step 2. */
static enum signer_error read_identity(struct opening *opening, struct failure *why) {
    struct store *store = opening->store;
    enum signer_error error = store_id_read(store, why);
    opening->damaged = error == ERR_STATE_CORRUPT;
    if (error != SIGNER_OK) return error;
    if (store->lock.recorded && memcmp(store->lock.store_id, store->core.store_id, STORE_ID_BYTES) != 0)
        return fail(why, ERR_STATE_FOREIGN, "the lock file remembers another store");
    return store_id_lock(store, opening->read_only, why);
}

/* Steps 3 and 4. */
static enum signer_error find_head(struct opening *opening, struct failure *why) {
    uint64_t *head = &opening->head;
    const struct store *store = opening->store;
    enum signer_error error =
        mark_read(&opening->mark, &opening->marked, &store->core.place, store->core.store_id, why);
    if (error != SIGNER_OK) return error;
    *head = names_highest(&opening->names, KIND_LOG);
    if (!opening->marked && opening->adopting) {
        /* As if the mark knew of nothing: what the log itself says about its tail still holds. */
        opening->mark = (struct mark){.log_number = *head};
        chain_genesis(opening->mark.chain, store->core.store_id);
        opening->marked = true;
    }
    if (!opening->marked) {
        error = quarantine_was_cut(&opening->damaged, store, why);
        if (error != SIGNER_OK) return error;
        if (opening->damaged) return fail(why, ERR_STATE_CORRUPT, "this damaged store was not wholly set aside");
    }
    if (!opening->marked && store->lock.recorded)
        return fail(why, ERR_STATE_CORRUPT, "the durable mark of a used store is missing");
    if (*head == 0) return fail(why, ERR_STATE_ROLLBACK, "the store has no log");
    if (opening->marked && opening->mark.log_number > *head)
        return fail(why, ERR_STATE_ROLLBACK, "the newest log is missing");
    return SIGNER_OK;
}

/* Steps 6 to 13. */
static enum signer_error recover(struct opening *opening, struct failure *why) {
    const struct mark *mark = opening->marked ? &opening->mark : NULL;
    enum signer_error error = replay_head(&opening->replay, opening->head, mark,
                                          opening->anchored ? &opening->anchor_mark : NULL, &opening->store->core, why);
    opening->damaged = error == ERR_STATE_CORRUPT && opening->marked;
    return error;
}

/* -- step 15 ------------------------------------------------------------------------------------------- */

static enum signer_error remove_cut_open(struct opening *opening, uint64_t head, struct failure *why) {
    const struct core *core = &opening->store->core;
    enum signer_error error = names_remove_temporaries(&core->place, why);
    for (size_t i = 0; i < opening->names.count && error == SIGNER_OK; i++) {
        const struct numbered_file *file = &opening->names.files[i];
        char name[FILE_NAME_BYTES];
        if (file->kind != KIND_SNAPSHOT || file->number <= head) continue;
        file_name(name, file->kind, file->number);
        if (core->platform->files.unlink_at(core->platform->context, core->place.directory, name, 0) != 0)
            error = io_failed(why, "unlink", name);
    }
    return error;
}

static enum signer_error fill_path(struct opening *opening, const struct file_header *fresh, struct failure *why) {
    enum signer_error error = SIGNER_OK;
    for (size_t i = 0; !opening->options->new_master_key && i < opening->replay.count && error == SIGNER_OK; i++) {
        error = path_push(opening->store, &opening->replay.path[i].header, i == 0, why);
        if (error == SIGNER_OK) opening->store->path[i].without_verdicts = !opening->replay.path[i].verdicts;
    }
    const bool snapshot = !store_is_mutant(MUTANT_NO_SNAPSHOT_AT_OPEN);
    return error == SIGNER_OK ? path_push(opening->store, fresh, snapshot, why) : error;
}

static enum signer_error begin_log(struct opening *opening, const struct file_header *base, struct failure *why) {
    struct store *store = opening->store;
    struct log_draft draft = {.number = base->number,
                              .parent = base->parent,
                              .base_seq = base->base_seq,
                              .reason = opening->options->new_master_key ? OPENED_REKEYED : OPENED_AGAIN,
                              .open_number = opening->replay.open_number + 1};
    struct log log;
    bool renamed;
    memcpy(draft.base_chain, base->base_chain, sizeof draft.base_chain);
    enum signer_error error = log_publish(&log, &draft, &renamed, &store->core, why);
    if (error != SIGNER_OK) return error;
    store_install_head(store, &log);
    struct mark mark = {log.number, log.seq, {0}};
    memcpy(mark.chain, log.chain, sizeof mark.chain);
    return mark_publish(&mark, &store->mark_file, &store->core.place, store->core.store_id, why);
}

static enum signer_error publish(struct opening *opening, uint64_t head, struct failure *why) {
    struct store *store = opening->store;
    struct replay *replay = &opening->replay;
    struct file_header base = {.kind = KIND_LOG, .parent = head, .base_seq = replay->seq};
    uint64_t highest = names_highest_any(&opening->names);
    if (opening->marked && opening->mark.log_number > highest) highest = opening->mark.log_number;
    if (highest >= NUMBER_MAX) return fail(why, ERR_STATE_CORRUPT, "no file number is left");
    base.number = highest + 1;
    memcpy(base.base_chain, replay->chain, sizeof base.base_chain);
    enum signer_error error = remove_cut_open(opening, head, why);
    if (error == SIGNER_OK && opening->options->new_master_key) {
        vault_wipe(store->core.vault, store->core.master_handle);
        error = copy_key(&store->core, opening->options->new_master_key, why);
    }
    if (error == SIGNER_OK && !store_is_mutant(MUTANT_NO_SNAPSHOT_AT_OPEN))
        error = snapshot_publish(&base, replay->state, &store->snapshot_size, &store->core, why);
    if (error == SIGNER_OK) error = fill_path(opening, &base, why);
    if (error == SIGNER_OK) error = begin_log(opening, &base, why);
    if (error == SIGNER_OK) error = lock_record(&store->lock, &store->core.place, store->core.store_id, why);
    if (error != SIGNER_OK) return error;
    store->open_number = replay->open_number + 1;
    store->next_number = base.number + 1;
    store->purge_seq = store->core.sink.purge_seq(store->core.sink.context, replay->state);
    store->torn = replay->tail;
    return SIGNER_OK;
}

static void delete_old(struct store *store) {
    struct failure failure = {0};
    if (retention_run(&store->core, store->path, store->path_count, store->purge_seq, &failure) != SIGNER_OK) {
        store_report("old files are deleted later: %s", failure.detail);
        return;
    }
    size_t first = retention_first(store->path, store->path_count, store->purge_seq);
    store->path_count -= first;
    memmove(store->path, store->path + first, store->path_count * sizeof *store->path);
}

enum signer_error opening_recover(struct opening *opening, struct failure *why) {
    enum signer_error error = look_at_old_file(opening, why);
    if (error == SIGNER_OK) error = read_identity(opening, why);
    if (error == SIGNER_OK) error = find_head(opening, why);
    if (error == SIGNER_OK) error = opening_fetch_master(opening, why);
    if (error == SIGNER_OK) anchor_ask(opening);
    if (error == SIGNER_OK) error = recover(opening, why);
    if (error == SIGNER_OK) error = judge_old_file(opening, why);
    return error == SIGNER_OK ? anchor_judge(opening, why) : error;
}

/* Everything under the old key goes, the verdicts too: then no file needs it any more. */
static enum signer_error delete_under_old_key(struct store *store, struct failure *why) {
    const uint64_t audit_bytes_max = store->core.audit_bytes_max;
    store->core.audit_bytes_max = 0;
    enum signer_error error = retention_run(&store->core, store->path, store->path_count, 1, why);
    store->core.audit_bytes_max = audit_bytes_max;
    return error;
}

static enum signer_error open_existing(struct opening *opening, void **state, struct failure *why) {
    struct store *store = opening->store;
    enum signer_error error = opening_recover(opening, why);
    if (error == SIGNER_OK) error = publish(opening, opening->head, why);
    if (error == SIGNER_OK) error = anchor_begin(store, why);
    if (error == SIGNER_OK && opening->old.present) error = old_file_retire(&store->core, why);
    if (error != SIGNER_OK) return error;
    if (opening->options->new_master_key)
        error = delete_under_old_key(store, why);
    else
        delete_old(store);
    if (error != SIGNER_OK) return error;
    *state = store->state = opening->replay.state;
    opening->replay.state = NULL;
    store->core.sink.opened(store->core.sink.context, *state, store->open_number);
    return SIGNER_OK;
}

static enum signer_error open_or_create(struct opening *opening, void **state, struct failure *why) {
    bool exists = opening->store->core.place.directory >= 0 && !opening->names.empty;
    return exists ? open_existing(opening, state, why) : create(opening, state, why);
}

static enum signer_error prepare(struct store *store, const struct store_options *options, bool read_only,
                                 struct failure *why) {
    struct core *core = &store->core;
    core->platform = options->platform;
    core->vault = options->vault;
    core->sink = options->sink;
    store->anchor = options->anchor;
    core->audit_bytes_max = options->audit_bytes_max;
    const size_t writer_bytes = strlen(options->writer) + 1;
    core->writer = signer_malloc(writer_bytes);
    if (!core->writer) return fail_plain(why, ERR_OUT_OF_MEMORY);
    memcpy(core->writer, options->writer, writer_bytes);
    if (read_only) {
        enum signer_error found = place_find(&core->place, options->platform, options->state_path, why);
        return found == SIGNER_OK ? lock_look(&store->lock, &core->place, why) : found;
    }
    enum signer_error error = place_open(&core->place, options->platform, options->state_path, why);
    return error == SIGNER_OK ? lock_take(&store->lock, &core->place, why) : error;
}

enum signer_error opening_begin(struct opening *opening, const struct store_options *options, bool read_only,
                                struct failure *why) {
    *opening = (struct opening){.options = options, .read_only = read_only, .store = store_new()};
    if (!opening->store) return fail_plain(why, ERR_OUT_OF_MEMORY);
    struct place *place = &opening->store->core.place;
    enum signer_error error = prepare(opening->store, options, read_only, why);
    if (error == SIGNER_OK) error = place_directory(place, why);
    if (error == SIGNER_OK && place->directory >= 0) error = names_read(&opening->names, place, why);
    return error;
}

void opening_end(struct opening *opening) {
    names_free(&opening->names);
    old_file_free(&opening->old);
    if (opening->store) replay_free(&opening->replay, &opening->store->core);
}

/* D-086. Not with a state file beside the store, which would be taken over next: an older state, and its shares
 * without the markers since (D-081). */
static bool may_set_aside(const struct opening *opening) {
    const struct store_options *options = opening->options;
    return opening->damaged && options->reset_corrupt && !options->anchor.read && !options->pinned &&
           !opening->old.present;
}

enum signer_error store_open(struct store **out, void **state, const struct store_options *options,
                             struct failure *why) {
    struct opening opening;
    *out = NULL;
    *state = NULL;
    enum signer_error error = opening_begin(&opening, options, false, why);
    struct store *store = opening.store;
    if (error == SIGNER_OK) error = open_or_create(&opening, state, why);
    if (error == ERR_STATE_CORRUPT && may_set_aside(&opening)) {
        error = store_quarantine(store, options->corrupt_backup_limit, why);
        if (error == SIGNER_OK) error = create(&opening, state, why);
    }
    opening_end(&opening);
    if (error != SIGNER_OK) {
        if (store && store->state) options->sink.state_free(options->sink.context, store->state);
        *state = NULL;
        store_close(store, true);
        return error;
    }
    store_set_rotation(store);
    *out = store;
    return SIGNER_OK;
}
