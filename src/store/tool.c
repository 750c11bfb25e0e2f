/* Offline acts on a store. */
#include "store/tool.h"

#include <string.h>

#include "store/opening.h"

static enum signer_error adopt(struct opening *opening, struct adoption *out, struct failure *why) {
    struct store *store = opening->store;
    struct core *core = &store->core;
    if (core->place.directory < 0 || opening->names.empty)
        return fail(why, ERR_STATE_CORRUPT, "there is no store directory to adopt");
    opening->adopting = true;
    enum signer_error error = opening_recover(opening, why);
    if (error != SIGNER_OK) return error;
    memcpy(out->store_id, core->store_id, sizeof out->store_id);
    out->seq = opening->replay.seq;
    out->log_number = opening->head;
    char name[FILE_NAME_BYTES];
    struct stat status;
    enum file_state state;
    place_sibling(&core->place, ".mark", name);
    error = place_look(&core->place, core->place.parent, name, &state, &status, why);
    if (error != SIGNER_OK) return error;
    out->needed = state == FILE_ABSENT;
    struct mark mark = {opening->head, opening->replay.seq, {0}};
    memcpy(mark.chain, opening->replay.chain, sizeof mark.chain);
    if (out->needed) error = mark_publish(&mark, &store->mark_file, &core->place, core->store_id, why);
    if (error == SIGNER_OK && !store->lock.recorded)
        error = lock_record(&store->lock, &core->place, core->store_id, why);
    return error;
}

enum signer_error store_adopt(struct adoption *out, const struct store_options *options, struct failure *why) {
    struct opening opening;
    *out = (struct adoption){0};
    enum signer_error error = opening_begin(&opening, options, false, why);
    if (error == SIGNER_OK) error = adopt(&opening, out, why);
    opening_end(&opening);
    if (opening.store) store_close(opening.store, true);
    return error;
}
