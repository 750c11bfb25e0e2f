/* What may be deleted once a snapshot is durable (sealed-store 35.8 deletion). */
#include "store/audit.h"
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

/* A log that cannot be read any more takes its verdicts with it: a PURGE must not wait for them. */
static void keep_verdicts(const struct core *core, const struct path_log *path, size_t count, size_t index) {
    struct failure damage = {0};
    if (index + 1 >= count) return;
    const uint64_t last = path[index + 1].header.base_seq;
    if (audit_copy(&path[index].header, last, core, &damage) != SIGNER_OK)
        store_report("verdicts of a log could not be kept: %s", damage.detail);
}

static enum signer_error unlink_file(const struct core *core, const struct numbered_file *file, struct failure *why) {
    char name[FILE_NAME_BYTES];
    file_name(name, file->kind, file->number);
    if (core->platform->files.unlink_at(core->platform->context, core->place.directory, name, 0) != 0)
        return io_failed(why, "unlink", name);
    return SIGNER_OK;
}

enum signer_error retention_run(const struct core *core, const struct path_log *path, size_t count, uint64_t purge_seq,
                                struct failure *why) {
    const size_t first = retention_first(path, count, purge_seq);
    const uint64_t oldest = path[first].header.number, head = path[count - 1].header.number;
    struct names names;
    size_t removed = 0;
    enum signer_error error = names_read(&names, &core->place, why);
    if (error != SIGNER_OK) return error;
    for (size_t i = 0; i < first; i++)
        keep_verdicts(core, path, count, i);
    for (size_t i = 0; i < names.count && error == SIGNER_OK; i++) { /* lowest first */
        const struct numbered_file *file = &names.files[i];
        if (file->kind == KIND_AUDIT || file->number >= head) continue;
        if (file->number >= oldest && on_path(path, count, file->number)) continue;
        error = unlink_file(core, file, why);
        removed++;
    }
    names_free(&names);
    if (error == SIGNER_OK) error = audit_trim(core, why);
    if (error == SIGNER_OK && removed > 0 && purge_seq > 0)
        error = place_sync(&core->place, core->place.directory, "the store directory", why);
    return error;
}
