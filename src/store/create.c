/* A new store, built beside its name and moved there whole (sealed-store 35.9). */
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "custody/fork.h"
#include "store/internal.h"
#include "store/io.h"
#include "store/mark.h"
#include "store/names.h"
#include "store/snapshot.h"

#define STORE_ID_NAME "store-id"

static const char id_magic[16] = "TBTCSTOREID1";

static void encode_id(uint8_t out[STORE_ID_FILE_BYTES], const uint8_t store_id[STORE_ID_BYTES]) {
    memcpy(out, id_magic, sizeof id_magic);
    memcpy(out + sizeof id_magic, store_id, STORE_ID_BYTES);
    short_checksum(out + 48, "tbtc-signer-store-id/v1", out, 48);
}

enum signer_error store_id_read(struct store *store, struct failure *why) {
    struct core *core = &store->core;
    uint8_t bytes[STORE_ID_FILE_BYTES], expected[STORE_ID_FILE_BYTES];
    uint64_t size;
    enum signer_error error =
        place_lock_file(&core->place, core->place.directory, STORE_ID_NAME, O_RDONLY, &store->store_id_file, why);
    if (error == SIGNER_OK && store->store_id_file < 0) error = fail(why, ERR_STATE_CORRUPT, "store-id is missing");
    if (error == SIGNER_OK) error = io_size(core->platform, store->store_id_file, &size, STORE_ID_NAME, why);
    if (error == SIGNER_OK)
        error = io_read(core->platform, store->store_id_file, bytes, sizeof bytes, 0, STORE_ID_NAME, why);
    if (error != SIGNER_OK) return error;
    memcpy(core->store_id, bytes + sizeof id_magic, STORE_ID_BYTES);
    encode_id(expected, core->store_id);
    if (size != STORE_ID_FILE_BYTES || memcmp(bytes, expected, sizeof bytes) != 0 ||
        sodium_is_zero(core->store_id, STORE_ID_BYTES))
        return fail(why, ERR_STATE_CORRUPT, "store-id is damaged");
    return SIGNER_OK;
}

enum signer_error store_id_lock(struct store *store, bool shared, struct failure *why) {
    const struct platform *platform = store->core.platform;
    const int operation = (shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
    if (platform->files.flock(platform->context, store->store_id_file, operation) != 0)
        return fail_plain(why, ERR_STATE_LOCKED);
    return SIGNER_OK;
}

static enum signer_error new_file(const struct core *core, const char *name, int *file, struct failure *why) {
    *file = core->platform->files.open_at(core->platform->context, core->place.directory, name,
                                          O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *file < 0 ? io_failed(why, "open", name) : SIGNER_OK;
}

static enum signer_error write_id(struct store *store, struct failure *why) {
    struct core *core = &store->core;
    uint8_t bytes[STORE_ID_FILE_BYTES];
    encode_id(bytes, core->store_id);
    fork_hold();
    enum signer_error error = new_file(core, STORE_ID_NAME, &store->store_id_file, why);
    fork_release();
    if (error == SIGNER_OK)
        error = io_write(core->platform, store->store_id_file, bytes, sizeof bytes, 0, STORE_ID_NAME, why);
    if (error == SIGNER_OK) error = place_sync(&core->place, store->store_id_file, STORE_ID_NAME, why);
    return error;
}

static enum signer_error write_snapshot(struct store *store, const struct file_header *base, struct failure *why) {
    struct core *core = &store->core;
    char name[FILE_NAME_BYTES];
    int file;
    file_name(name, KIND_SNAPSHOT, 1);
    enum signer_error error = new_file(core, name, &file, why);
    if (error != SIGNER_OK) return error;
    error = snapshot_fill(file, base, store->state, &store->snapshot_size, core, why);
    if (error == SIGNER_OK) error = place_sync(&core->place, file, name, why);
    place_shut(&core->place, &file);
    return error;
}

/* The state as the old file gives it, before any record. */
static enum signer_error take_over(struct store *store, vault_handle payload, struct failure *why) {
    struct core *core = &store->core;
    const struct store_sink *sink = &core->sink;
    size_t len = 0;
    uint64_t random;
    const uint8_t *text = vault_borrow(core->vault, payload, SECRET_BYTES, &len);
    if (!text) return fail_plain(why, ERR_INTERNAL);
    platform_random(core->platform, &random, sizeof random);
    enum signer_error error = sink->import(sink->context, store->state, text, len, random, why);
    if (error == SIGNER_OK && (error = sink->check(sink->context, store->state)) != SIGNER_OK)
        fail(why, error, "the imported state breaks a bound");
    return error;
}

/* Log 1; of an import with the CHANGE that says so (generation 2). */
static enum signer_error write_log(struct store *store, const struct file_header *base, struct bytes imported,
                                   struct failure *why) {
    struct core *core = &store->core;
    struct log_draft draft = {.number = 1, .reason = OPENED_CREATED, .open_number = 1, .imported = imported};
    struct log log;
    char name[FILE_NAME_BYTES];
    int file;
    memcpy(draft.base_chain, base->base_chain, sizeof draft.base_chain);
    file_name(name, KIND_LOG, 1);
    enum signer_error error = new_file(core, name, &file, why);
    if (error != SIGNER_OK) return error;
    error = log_fill(&log, file, &draft, core, why);
    if (error != SIGNER_OK) {
        place_shut(&core->place, &file);
        return error;
    }
    store_install_head(store, &log); /* owns the file from here on */
    error = place_sync(&core->place, file, name, why);
    if (error != SIGNER_OK || imported.len == 0) return error;
    error = core->sink.apply(core->sink.context, store->state, RECORD_CHANGE, imported.data, imported.len, log.seq,
                             log.chain);
    return error == SIGNER_OK ? SIGNER_OK : fail_plain(why, error);
}

static enum signer_error fill_files(struct store *store, const struct old_file *old, uint64_t now_ms,
                                    struct failure *why) {
    struct core *core = &store->core;
    struct file_header base = {.kind = KIND_LOG, .number = 1};
    struct buffer imported;
    buffer_init(&imported);
    chain_genesis(base.base_chain, core->store_id);
    if (old->present) core->sink.import_body(core->sink.context, &imported, old->schema, old->sha256, now_ms / 1000);
    enum signer_error error = buffer_status(&imported);
    if (error == SIGNER_OK)
        error = write_id(store, why);
    else
        fail_plain(why, error);
    if (error == SIGNER_OK) error = write_snapshot(store, &base, why);
    if (error == SIGNER_OK) error = write_log(store, &base, (struct bytes){imported.data, imported.len}, why);
    if (error == SIGNER_OK) error = place_sync(&core->place, core->place.directory, "the store directory", why);
    if (error == SIGNER_OK) error = path_push(store, &base, true, why);
    buffer_free(&imported);
    return error;
}

/* Genesis, or what the old file holds. */
static enum signer_error begin_state(struct store *store, const struct old_file *old, vault_handle payload,
                                     uint64_t *now_ms, struct failure *why) {
    struct core *core = &store->core;
    store->state = core->sink.state_new(core->sink.context, false);
    if (!store->state) return fail_plain(why, ERR_OUT_OF_MEMORY);
    do {
        platform_random(core->platform, core->store_id, STORE_ID_BYTES);
    } while (sodium_is_zero(core->store_id, STORE_ID_BYTES));
    enum signer_error error = platform_wall_ms(core->platform, now_ms);
    if (error != SIGNER_OK) return fail_plain(why, error);
    if (*now_ms == 0) *now_ms = 1;
    core->sink.begin(core->sink.context, store->state, core->store_id, *now_ms);
    return old->present ? take_over(store, payload, why) : SIGNER_OK;
}

static enum signer_error publish_directory(struct store *store, const char *temporary, struct failure *why) {
    struct core *core = &store->core;
    char name[FILE_NAME_BYTES];
    struct mark mark = {1, store->head.seq, {0}};
    memcpy(mark.chain, store->head.chain, sizeof mark.chain);
    place_sibling(&core->place, ".store", name);
    enum signer_error error = place_rename(&core->place, core->place.parent, temporary, name, why);
    if (error == SIGNER_OK)
        error = place_sync(&core->place, core->place.parent, "the directory of the state path", why);
    if (error == SIGNER_OK) error = mark_publish(&mark, &store->mark_file, &core->place, core->store_id, why);
    if (error == SIGNER_OK) error = lock_record(&store->lock, &core->place, core->store_id, why);
    if (error == SIGNER_OK) error = store_id_lock(store, false, why);
    return error;
}

enum signer_error store_create(struct store *store, void **state, const struct old_file *old, vault_handle payload,
                               struct failure *why) {
    struct core *core = &store->core;
    const struct file_calls *files = &core->platform->files;
    char prefix[FILE_NAME_BYTES], temporary[FILE_NAME_BYTES];
    struct stat status;
    uint64_t now;
    enum signer_error error = names_remove_temporaries(&core->place, why);
    if (error != SIGNER_OK) return error;
    error = begin_state(store, old, payload, &now, why);
    if (error != SIGNER_OK) return error;
    place_sibling(&core->place, ".store.tmp-", prefix);
    temporary_name(&core->place, prefix, temporary);
    if (files->mkdir_at(core->platform->context, core->place.parent, temporary, 0700) != 0)
        return io_failed(why, "mkdir", "the store directory");
    core->place.directory = files->open_at(core->platform->context, core->place.parent, temporary,
                                           O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (core->place.directory < 0) return io_failed(why, "open", "the store directory");
    /* A new directory takes the group bit of the one above it. */
    if (files->fchmod(core->platform->context, core->place.directory, 0700) != 0)
        return io_failed(why, "fchmod", "the store directory");
    if (files->fstat(core->platform->context, core->place.directory, &status) != 0)
        return io_failed(why, "fstat", "the store directory");
    error = place_check(&status, true, "the store directory", why);
    if (error == SIGNER_OK) error = fill_files(store, old, now, why);
    if (error == SIGNER_OK) error = publish_directory(store, temporary, why);
    if (error != SIGNER_OK) return error; /* left-overs are removed by the next one under the lock */
    store->open_number = 1;
    store->next_number = 2;
    core->sink.opened(core->sink.context, store->state, 1);
    *state = store->state;
    return SIGNER_OK;
}
