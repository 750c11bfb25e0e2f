/* A damaged store is moved aside (sealed-store 35.10, quarantine_and_reset): its mark, the id in the lock
 * file, its directory, each step durable before the next. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/internal.h"
#include "store/io.h"
#include "store/mark.h"
#include "store/names.h"

static enum signer_error move_aside(const struct place *place, const char *suffix, uint64_t unix_ns,
                                    struct failure *why) {
    char from[FILE_NAME_BYTES], to[FILE_NAME_BYTES], ending[64];
    struct stat status;
    enum file_state state;
    place_sibling(place, suffix, from);
    snprintf(ending, sizeof ending, "%s.corrupt-%019" PRIu64 "-%ld", suffix, unix_ns, (long)getpid());
    place_sibling(place, ending, to);
    enum signer_error error = place_look(place, place->parent, from, &state, &status, why);
    if (error != SIGNER_OK || state == FILE_ABSENT) return error;
    error = place_rename(place, place->parent, from, to, why);
    if (error == SIGNER_OK) error = place_sync(place, place->parent, "the directory of the state path", why);
    if (error == SIGNER_OK) store_report("moved %s to %s", from, to);
    return error;
}

enum signer_error store_quarantine(struct store *store, uint32_t backup_limit, struct failure *why) {
    struct place *place = &store->core.place;
    uint64_t now;
    enum signer_error error = platform_wall_ms(place->platform, &now);
    if (error != SIGNER_OK) return fail_plain(why, error);
    error = move_aside(place, ".mark", now * 1000000u, why);
    if (error == SIGNER_OK) error = lock_record(&store->lock, place, NULL, why);
    if (error == SIGNER_OK) error = move_aside(place, ".store", now * 1000000u, why);
    if (error == SIGNER_OK) error = names_trim_corrupt(place, backup_limit, why);
    place_shut(place, &place->directory);
    place_shut(place, &store->store_id_file);
    return error;
}

enum signer_error quarantine_was_cut(bool *out, const struct store *store, struct failure *why) {
    const struct place *place = &store->core.place;
    char(*copies)[FILE_NAME_BYTES];
    size_t count = 0;
    *out = false;
    enum signer_error error = names_set_aside(&copies, &count, place, ".mark", why);
    for (size_t i = 0; i < count && error == SIGNER_OK && !*out; i++) {
        struct failure unreadable = {0};
        struct mark mark;
        enum signer_error read = mark_read_copy(&mark, out, place, copies[i], store->core.store_id, &unreadable);
        if (read == SIGNER_OK) continue;
        *out = false;
        if (read != ERR_STATE_CORRUPT && read != ERR_STATE_PATH_UNSAFE)
            error = fail(why, read, "%s", unreadable.detail);
    }
    free(copies);
    return error;
}
