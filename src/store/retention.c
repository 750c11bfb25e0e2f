/* What may be deleted once a snapshot is durable (sealed-store 35.8 deletion). */
#include <fcntl.h>

#include "store/audit.h"
#include "store/header.h"
#include "store/internal.h"
#include "store/io.h"
#include "store/names.h"

size_t retention_first(const struct path_log *path, size_t count, uint64_t purge_seq) {
    size_t newest = count, before = count, purged = count;
    for (size_t i = count; i > 0; i--) {
        if (!path[i - 1].snapshot) continue;
        if (newest == count)
            newest = i - 1;
        else if (before == count)
            before = i - 1;
        if (purge_seq > 0 && path[i - 1].header.base_seq >= purge_seq) purged = i - 1;
    }
    size_t first = before < count ? before : newest < count ? newest : 0;
    return purged < count && purged > first ? purged : first;
}

static const struct path_log *on_path(const struct path_log *path, size_t count, uint64_t number) {
    for (size_t i = 0; i < count; i++)
        if (path[i].header.number == number) return &path[i];
    return NULL;
}

/* Verdicts of one log, up to the record that its successor continues. `*header` becomes its own. */
static enum signer_error keep_verdicts(struct file_header *header, uint64_t number, uint64_t last,
                                       const struct core *core, struct failure *why) {
    struct log_reader reader;
    enum signer_error error = log_reader_open(&reader, number, core, why);
    if (error != SIGNER_OK) return error;
    *header = reader.header;
    log_reader_close(&reader);
    return audit_copy(header, last, core, why);
}

static bool is_damage(enum signer_error error) {
    return error == ERR_STATE_CORRUPT || error == ERR_STATE_VERSION || error == ERR_STATE_FOREIGN ||
           error == ERR_STATE_KEY_MISMATCH;
}

/* Of every log below `oldest` on its path that is still there, also of those that this process never read; one that it
 * read and found without verdicts is not read again. Trouble that passes keeps the files for now, unless a PURGE wants
 * them gone; a damaged log takes its verdicts with it. */
static enum signer_error keep_all_verdicts(const struct core *core, const struct path_log *path, size_t count,
                                           const struct names *names, uint64_t purge_seq, struct failure *why) {
    struct file_header header = path[retention_first(path, count, purge_seq)].header;
    if (core->audit_bytes_max == 0) return SIGNER_OK;
    while (names_hold(names, KIND_LOG, header.parent)) {
        struct failure trouble = {0};
        const uint64_t number = header.parent;
        const struct path_log *log = on_path(path, count, number);
        if (log && log->without_verdicts) {
            header = log->header;
            continue;
        }
        enum signer_error error = keep_verdicts(&header, number, header.base_seq, core, &trouble);
        if (error == SIGNER_OK) continue;
        const bool known = header.number == number;
        if (!is_damage(error) && !(known && header.base_seq < purge_seq)) return fail(why, error, "%s", trouble.detail);
        store_report("verdicts of a log could not be kept: %s", trouble.detail);
        if (!known) break; /* nothing leads further down */
    }
    return SIGNER_OK;
}

static enum signer_error unlink_file(const struct core *core, const struct numbered_file *file, struct failure *why) {
    char name[FILE_NAME_BYTES];
    file_name(name, file->kind, file->number);
    if (core->platform->files.unlink_at(core->platform->context, core->place.directory, name, 0) != 0)
        return io_failed(why, "unlink", name);
    return SIGNER_OK;
}

/* What the header of a file says: SIGNER_OK it is under our key, ERR_STATE_KEY_MISMATCH under another one (left
 * behind by a rekey that was cut short), anything else: not known. */
static enum signer_error key_of(const struct core *core, const struct numbered_file *file) {
    char name[FILE_NAME_BYTES];
    uint8_t page[STORE_PAGE];
    struct file_header header;
    struct failure unheard = {0};
    int descriptor = -1;
    file_name(name, file->kind, file->number);
    enum signer_error error = place_file(&core->place, core->place.directory, name, O_RDONLY, &descriptor, &unheard);
    if (error == SIGNER_OK && descriptor < 0) error = ERR_STATE_IO;
    if (error == SIGNER_OK) error = io_read(core->platform, descriptor, page, sizeof page, 0, name, &unheard);
    place_shut(&core->place, &descriptor);
    if (error != SIGNER_OK) return error;
    return header_decode(&header, page, file->kind, file->number, core->master, core->store_id);
}

/* Unlinks what is below the path, off it, or under another key; lowest numbers first, so that what a cut run
 * leaves of another key is always lowest. */
static enum signer_error unlink_needless(const struct core *core, const struct path_log *path, size_t count,
                                         const struct names *names, uint64_t oldest, bool *other_key,
                                         struct failure *why) {
    const uint64_t head = path[count - 1].header.number;
    bool ours[KIND_AUDIT + 1] = {false}; /* and so are all higher ones of that kind */
    enum signer_error error = SIGNER_OK;
    *other_key = false;
    for (size_t i = 0; i < names->count && error == SIGNER_OK; i++) {
        const struct numbered_file *file = &names->files[i];
        const bool kept = file->kind == KIND_AUDIT || file->number >= head ||
                          (file->number >= oldest && on_path(path, count, file->number));
        if (kept && file->kind != KIND_AUDIT) continue;
        const enum signer_error key = ours[file->kind] ? SIGNER_OK : key_of(core, file);
        const bool foreign = key == ERR_STATE_KEY_MISMATCH;
        ours[file->kind] = key == SIGNER_OK;
        *other_key = *other_key || foreign;
        if (foreign || !kept) error = unlink_file(core, file, why);
    }
    return error;
}

enum signer_error retention_run(const struct core *core, const struct path_log *path, size_t count, uint64_t purge_seq,
                                struct failure *why) {
    const size_t first = retention_first(path, count, purge_seq);
    struct names names;
    bool other_key = false;
    enum signer_error error = names_read(&names, &core->place, why);
    if (error != SIGNER_OK) return error;
    error = keep_all_verdicts(core, path, count, &names, purge_seq, why);
    if (error == SIGNER_OK)
        error = unlink_needless(core, path, count, &names, path[first].header.number, &other_key, why);
    names_free(&names);
    if (error == SIGNER_OK) error = audit_trim(core, why);
    /* After a PURGE also with nothing removed: the sync of an earlier run may have failed. */
    if (error == SIGNER_OK && (purge_seq > 0 || other_key))
        error = place_sync(&core->place, core->place.directory, "the store directory", why);
    return error;
}
