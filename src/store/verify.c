/* Looking at a store without changing a byte. */
#include "store/verify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "store/io.h"
#include "store/parts.h"

static enum signer_error look_at_state_path(struct verify *out, struct failure *why) {
    const struct place *place = &out->opening.store->core.place;
    struct stat status;
    enum file_state state = FILE_ABSENT;
    enum signer_error error = place_look(place, place->parent, place->name, &state, &status, why);
    out->old_file = state == FILE_REGULAR;
    return error;
}

enum signer_error verify_place(struct verify *out, const struct store_options *options, struct failure *why) {
    *out = (struct verify){0};
    struct opening *opening = &out->opening;
    enum signer_error error = opening_begin(opening, options, true, why);
    if (error != SIGNER_OK) return error;
    out->present = opening->store->core.place.directory >= 0 && !opening->names.empty;
    if (!out->present) opening_may_create(opening, &out->fate);
    return look_at_state_path(out, why);
}

enum signer_error verify_open(struct verify *out, const struct store_options *options, struct failure *why) {
    struct opening *opening = &out->opening;
    enum signer_error error = verify_place(out, options, why);
    if (error != SIGNER_OK || !out->present) return error;
    error = opening_recover(opening, &out->fate);
    if (error == ERR_OUT_OF_MEMORY || error == ERR_MEMORY_LOCK) return fail(why, error, "%s", out->fate.detail);
    if (error != SIGNER_OK && out->fate.error != error) fail_plain(&out->fate, error);
    struct failure unheard = {0}; /* a refusal before step 5 leaves the files readable */
    if (error != ERR_STATE_KEY_UNAVAILABLE) opening_fetch_master(opening, &unheard);
    opening->options = NULL; /* the caller's, who may drop them now */
    return SIGNER_OK;
}

void verify_close(struct verify *verify) {
    struct store *store = verify->opening.store;
    opening_end(&verify->opening);
    if (store) store_close(store, true);
    *verify = (struct verify){0};
}

size_t verify_count(const struct verify *verify) {
    return verify->opening.names.count;
}

/* -- one file --------------------------------------------------------------------------------------- */

static bool on_path(const struct verify *verify, const struct numbered_file *file) {
    const struct replay *replay = &verify->opening.replay;
    if (file->kind == KIND_AUDIT) return false;
    for (size_t i = 0; i < replay->count; i++)
        if (replay->path[i].header.number == file->number && (file->kind == KIND_LOG || i == 0)) return true;
    return false;
}

static void read_log(struct verified_file *out, uint64_t number, const struct core *core) {
    struct log_reader reader;
    struct log_frame frame;
    enum signer_error error = log_reader_open(&reader, number, core, &out->fault);
    while (error == SIGNER_OK) {
        error = log_reader_next(&reader, &frame, &out->fault);
        if (error != SIGNER_OK || frame.none) break;
        if (out->records == 0 && frame.head.type != RECORD_OPEN)
            error = fail(&out->fault, ERR_STATE_CORRUPT, "%s does not begin with its OPEN record", out->name);
        out->records++;
    }
    if (error == SIGNER_OK && out->records == 0)
        error = fail(&out->fault, ERR_STATE_CORRUPT, "%s does not begin with its OPEN record", out->name);
    if (error == SIGNER_OK) error = log_reader_tail(&reader, &out->tail, &out->fault);
    if (error == SIGNER_OK && out->tail.crowded)
        fail(&out->fault, ERR_STATE_CORRUPT, "%s: more records begin after record %llu than can lie there", out->name,
             (unsigned long long)reader.seq);
    if (error == SIGNER_OK && out->tail.proves_durable)
        fail(&out->fault, ERR_STATE_CORRUPT, "%s: a durable record is damaged after record %llu", out->name,
             (unsigned long long)reader.seq);
    log_reader_close(&reader);
}

static enum signer_error count_part(void *argument, const uint8_t *body, size_t len, uint64_t seq,
                                    const uint8_t chain[STORE_CHAIN_BYTES]) {
    struct verified_file *out = argument;
    (void)body, (void)len, (void)seq, (void)chain;
    out->records++;
    return SIGNER_OK;
}

/* Number, parent and base of a snapshot are those of its log, where that one is still there. */
static enum signer_error read_parts(struct verified_file *out, const struct numbered_file *file, int descriptor,
                                    const struct verify *verify) {
    const struct core *core = &verify->opening.store->core;
    struct log_reader log;
    struct failure unread = {0};
    uint64_t size;
    bool paired = file->kind == KIND_SNAPSHOT && names_hold(&verify->opening.names, KIND_LOG, file->number) &&
                  log_reader_open(&log, file->number, core, &unread) == SIGNER_OK;
    enum signer_error error = parts_read(descriptor, file->kind, file->number, paired ? &log.header : NULL, &size,
                                         count_part, out, core, &out->fault);
    if (paired) log_reader_close(&log);
    return error;
}

enum signer_error verify_file(struct verify *verify, size_t index, struct verified_file *out, struct failure *why) {
    const struct core *core = &verify->opening.store->core;
    const struct numbered_file *file = &verify->opening.names.files[index];
    int descriptor = -1;
    *out = (struct verified_file){.on_path = on_path(verify, file)};
    file_name(out->name, file->kind, file->number);
    if (!core->master) return fail_plain(why, ERR_STATE_KEY_UNAVAILABLE);
    enum signer_error error =
        place_file(&core->place, core->place.directory, out->name, O_RDONLY, &descriptor, &out->fault);
    if (error == SIGNER_OK && descriptor < 0) error = fail(&out->fault, ERR_STATE_CORRUPT, "%s is missing", out->name);
    if (error == SIGNER_OK) error = io_size(core->platform, descriptor, &out->bytes, out->name, &out->fault);
    if (error == SIGNER_OK && file->kind == KIND_LOG)
        read_log(out, file->number, core);
    else if (error == SIGNER_OK)
        error = read_parts(out, file, descriptor, verify);
    if (error != SIGNER_OK && out->fault.error == SIGNER_OK) fail_plain(&out->fault, error);
    place_shut(&core->place, &descriptor);
    error = out->fault.error;
    return error == ERR_OUT_OF_MEMORY || error == ERR_MEMORY_LOCK ? fail(why, error, "%s", out->fault.detail)
                                                                  : SIGNER_OK;
}
