/* audit-<n>: the policy verdicts of a deleted log. */
#include "store/audit.h"

#include "base/bytes.h"
#include "store/log_reader.h"
#include "store/names.h"
#include "store/parts.h"

#define OP_VERDICT 22

/* Only the outer framing is read, here and below: u8 op || LP(payload). */
bool audit_is_due(const uint8_t *body, size_t len) {
    struct reader ops;
    bool found = false;
    reader_init(&ops, body, len);
    while (!found && reader_left(&ops) > 0 && !ops.failed) {
        found = reader_u8(&ops) == OP_VERDICT;
        reader_lp(&ops);
    }
    return found && !ops.failed;
}

static enum signer_error copy_verdicts(struct parts_writer *writer, const struct log_frame *frame, size_t *copied) {
    struct reader body;
    if (frame->head.type != RECORD_CHANGE && frame->head.type != RECORD_NOTE) return SIGNER_OK;
    reader_init(&body, frame->body, frame->head.body_len);
    while (reader_left(&body) > 0) {
        uint8_t op = reader_u8(&body);
        struct bytes payload = reader_lp(&body);
        if (body.failed) break;
        if (op != OP_VERDICT) continue;
        enum signer_error error = parts_emit(writer, op, payload.data, payload.len);
        if (error != SIGNER_OK) return error;
        (*copied)++;
    }
    return SIGNER_OK;
}

static enum signer_error copy_log(struct parts_writer *writer, const struct file_header *header, uint64_t last,
                                  size_t *copied, const struct core *core, struct failure *why) {
    struct log_reader reader;
    struct log_frame frame;
    enum signer_error error = log_reader_open(&reader, header->number, core, why);
    if (error != SIGNER_OK) return error;
    while (reader.seq < last) {
        error = log_reader_next(&reader, &frame, why);
        if (error == SIGNER_OK && !frame.none) error = copy_verdicts(writer, &frame, copied);
        if (error != SIGNER_OK || frame.none) break;
    }
    log_reader_close(&reader);
    return error;
}

enum signer_error audit_copy(const struct file_header *header, uint64_t last, const struct core *core,
                             struct failure *why) {
    struct publication publication;
    struct parts_writer writer = {0};
    struct file_header base = *header;
    char name[FILE_NAME_BYTES];
    struct stat status;
    enum file_state state;
    size_t copied = 0;
    if (core->audit_bytes_max == 0) return SIGNER_OK;
    file_name(name, KIND_AUDIT, header->number);
    enum signer_error error = place_look(&core->place, core->place.directory, name, &state, &status, why);
    if (error != SIGNER_OK || state != FILE_ABSENT) return error; /* copied before a cut deletion */
    error = publish_begin(&core->place, core->place.directory, "tmp-", &publication, why);
    if (error != SIGNER_OK) return error;
    base.kind = KIND_AUDIT;
    base.size = 0;
    error = parts_begin(&writer, publication.file, &base, core, why);
    if (error == SIGNER_OK) error = copy_log(&writer, header, last, &copied, core, why);
    if (error == SIGNER_OK && copied > 0) error = parts_end(&writer);
    if (error == SIGNER_OK && copied > 0) error = publish_finish(&core->place, &publication, name, why);
    parts_free(&writer);
    if (error != SIGNER_OK || copied == 0)
        publish_abort(&core->place, &publication);
    else
        place_shut(&core->place, &publication.file);
    return error;
}

enum signer_error audit_trim(const struct core *core, struct failure *why) {
    const struct file_calls *files = &core->platform->files;
    struct names names;
    uint64_t kept = 0;
    enum signer_error error = names_read(&names, &core->place, why);
    for (size_t i = names.count; i > 0 && error == SIGNER_OK; i--) { /* newest first */
        char name[FILE_NAME_BYTES];
        struct stat status;
        enum file_state state;
        if (names.files[i - 1].kind != KIND_AUDIT) continue;
        file_name(name, KIND_AUDIT, names.files[i - 1].number);
        error = place_look(&core->place, core->place.directory, name, &state, &status, why);
        if (error != SIGNER_OK || state == FILE_ABSENT) continue;
        kept += (uint64_t)status.st_size;
        if (kept <= core->audit_bytes_max) continue;
        if (files->unlink_at(core->platform->context, core->place.directory, name, 0) != 0)
            error = io_failed(why, "unlink", name);
    }
    names_free(&names);
    return error;
}
