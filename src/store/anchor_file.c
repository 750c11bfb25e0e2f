/* The counter file. */
#include "store/anchor_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "custody/fork.h"
#include "store/io.h"
#include "store/keys.h"
#include "store/place.h"

#define CHECKED_BYTES 88u

static const char magic[16] = {'T', 'B', 'T', 'C', 'S', 'T', 'O', 'R', 'E', 'A', 'N', 'C', 'H', 'O', 'R', '1'};

_Static_assert(sizeof magic + STORE_ID_BYTES + 8 + STORE_CHAIN_BYTES == CHECKED_BYTES, "counter file");
_Static_assert(CHECKED_BYTES + STORE_CHECK_BYTES == ANCHOR_FILE_BYTES, "counter file");

enum signer_error counter_anchor_init(struct counter_anchor *anchor, const struct platform *platform,
                                      const char *path) {
    char *copy = signer_strdup(path);
    if (!copy) return ERR_OUT_OF_MEMORY;
    counter_anchor_free(anchor);
    *anchor = (struct counter_anchor){platform, copy};
    return SIGNER_OK;
}

void counter_anchor_free(struct counter_anchor *anchor) {
    free(anchor->path);
    anchor->path = NULL;
}

static void encode(uint8_t out[ANCHOR_FILE_BYTES], const uint8_t store_id[32], const struct anchor_point *point) {
    memcpy(out, magic, sizeof magic);
    memcpy(out + 16, store_id, STORE_ID_BYTES);
    store_be64(out + 48, point->seq);
    memcpy(out + 56, point->chain, STORE_CHAIN_BYTES);
    short_checksum(out + CHECKED_BYTES, "tbtc-signer-store-anchor/v1", out, CHECKED_BYTES);
}

/* Whatever is wrong with the device or the file: the anchor cannot be asked. */
static enum signer_error unreachable(struct failure *why, const struct failure *cause) {
    return fail(why, ERR_STATE_ANCHOR, "counter file: %s",
                cause->detail[0] ? cause->detail : error_info(cause->error)->text);
}

/* An open counter file: its place and its lock, which no child that is forked meanwhile keeps (D-137): the next
 * one to lock would wait for its end. */
struct session {
    struct place place;
    int lock;
    struct fork_handler fork_handler;
};

static void close_in_child(void *argument) {
    struct session *session = argument;
    place_shut(&session->place, &session->lock);
}

static enum signer_error take_lock(struct session *session, struct failure *why) {
    const struct place *place = &session->place;
    const struct file_calls *files = &place->platform->files;
    char name[FILE_NAME_BYTES];
    struct stat status;
    place_sibling(place, ".lock", name);
    session->fork_handler = (struct fork_handler){close_in_child, session, NULL};
    if (fork_handler_add(&session->fork_handler) != SIGNER_OK) return fail_plain(why, ERR_OUT_OF_MEMORY);
    fork_hold();
    session->lock = files->open_at(place->platform->context, place->parent, name,
                                   O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    fork_release();
    if (session->lock < 0) return io_failed(why, "open", name);
    if (files->fstat(place->platform->context, session->lock, &status) != 0) return io_failed(why, "fstat", name);
    enum signer_error error = place_check(&status, false, name, why);
    if (error != SIGNER_OK) return error;
    int result;
    do { /* held for one read or one replacement only */
        result = files->flock(place->platform->context, session->lock, LOCK_EX);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? SIGNER_OK : io_failed(why, "flock", name);
}

/* Reading needs no lock: the file is replaced as a whole. So whoever only looks creates nothing. */
static enum signer_error begin(struct session *session, const struct counter_anchor *anchor, bool replaces,
                               struct failure *why) {
    *session = (struct session){.lock = -1};
    enum signer_error error = place_find(&session->place, anchor->platform, anchor->path, why);
    return error == SIGNER_OK && replaces ? take_lock(session, why) : error;
}

static void end(struct session *session) {
    if (session->place.platform) place_shut(&session->place, &session->lock);
    fork_handler_remove(&session->fork_handler);
    place_close(&session->place);
}

static enum signer_error load(const struct session *session, bool *found, uint8_t out[ANCHOR_FILE_BYTES],
                              struct failure *why) {
    const struct place *place = &session->place;
    uint64_t size = 0;
    int file;
    *found = false;
    enum signer_error error = place_file(place, place->parent, place->name, O_RDONLY, &file, why);
    if (error != SIGNER_OK || file < 0) return error;
    *found = true;
    error = io_size(place->platform, file, &size, place->name, why);
    if (error == SIGNER_OK && size != ANCHOR_FILE_BYTES) error = fail(why, ERR_STATE_CORRUPT, "it has a wrong length");
    if (error == SIGNER_OK) error = io_read(place->platform, file, out, ANCHOR_FILE_BYTES, 0, place->name, why);
    place_shut(place, &file);
    return error;
}

static enum signer_error decode(const uint8_t bytes[ANCHOR_FILE_BYTES], const uint8_t store_id[32],
                                struct anchor_point *out, struct failure *why) {
    uint8_t check[STORE_CHECK_BYTES];
    short_checksum(check, "tbtc-signer-store-anchor/v1", bytes, CHECKED_BYTES);
    if (memcmp(bytes, magic, sizeof magic) != 0 || memcmp(bytes + CHECKED_BYTES, check, sizeof check) != 0)
        return fail(why, ERR_STATE_CORRUPT, "it is damaged");
    if (memcmp(bytes + 16, store_id, STORE_ID_BYTES) != 0)
        return fail(why, ERR_STATE_FOREIGN, "it belongs to another store");
    out->seq = load_be64(bytes + 48);
    memcpy(out->chain, bytes + 56, STORE_CHAIN_BYTES);
    return SIGNER_OK;
}

static enum signer_error load_point(const struct session *session, const uint8_t store_id[32], bool *found,
                                    struct anchor_point *out, struct failure *why) {
    uint8_t bytes[ANCHOR_FILE_BYTES];
    enum signer_error error = load(session, found, bytes, why);
    return error == SIGNER_OK && *found ? decode(bytes, store_id, out, why) : error;
}

static enum signer_error save(const struct session *session, const uint8_t store_id[32],
                              const struct anchor_point *point, struct failure *why) {
    const struct place *place = &session->place;
    struct publication publication;
    char prefix[FILE_NAME_BYTES];
    uint8_t bytes[ANCHOR_FILE_BYTES];
    encode(bytes, store_id, point);
    place_sibling(place, ".tmp-", prefix);
    enum signer_error error = publish_begin(place, place->parent, prefix, &publication, why);
    if (error != SIGNER_OK) return error;
    error = io_write(place->platform, publication.file, bytes, sizeof bytes, 0, place->name, why);
    if (error == SIGNER_OK) error = publish_finish(place, &publication, place->name, why);
    if (error != SIGNER_OK)
        publish_abort(place, &publication);
    else
        place_shut(place, &publication.file);
    return error;
}

/* -- the calls ------------------------------------------------------------------------------------------ */

static enum signer_error counter_read(void *context, const uint8_t store_id[32], bool *found, struct anchor_point *out,
                                      struct failure *why) {
    struct session session;
    struct failure cause = {0};
    *found = false;
    enum signer_error error = begin(&session, context, false, &cause);
    if (error == SIGNER_OK) error = load_point(&session, store_id, found, out, &cause);
    end(&session);
    return error == SIGNER_OK ? SIGNER_OK : unreachable(why, &cause);
}

static bool same(const struct anchor_point *a, const struct anchor_point *b) {
    return a->seq == b->seq && memcmp(a->chain, b->chain, sizeof a->chain) == 0;
}

static enum signer_error counter_advance(void *context, const uint8_t store_id[32], const struct anchor_point *old,
                                         const struct anchor_point *fresh, struct failure *why) {
    struct session session;
    struct failure cause = {0};
    struct anchor_point now;
    bool found = false;
    enum signer_error error = begin(&session, context, true, &cause);
    if (error == SIGNER_OK) error = load_point(&session, store_id, &found, &now, &cause);
    bool done = error == SIGNER_OK && found && same(&now, fresh); /* a try before whose answer was lost */
    bool moved = error == SIGNER_OK && !done && (found != (old != NULL) || (old && !same(&now, old)));
    if (error == SIGNER_OK && !done && !moved) error = save(&session, store_id, fresh, &cause);
    end(&session);
    if (moved) return fail(why, ERR_STATE_ROLLBACK, "the counter file was moved by another copy of this store");
    return error == SIGNER_OK ? SIGNER_OK : unreachable(why, &cause);
}

static enum signer_error counter_remembers(void *context, bool *out, struct failure *why) {
    struct session session;
    struct failure cause = {0};
    uint8_t bytes[ANCHOR_FILE_BYTES];
    *out = false;
    enum signer_error error = begin(&session, context, false, &cause);
    if (error == SIGNER_OK) error = load(&session, out, bytes, &cause);
    end(&session);
    if (*out) return SIGNER_OK; /* in whatever state */
    return error == SIGNER_OK ? SIGNER_OK : unreachable(why, &cause);
}

struct store_anchor counter_anchor_calls(struct counter_anchor *anchor, enum anchor_policy policy, uint32_t window) {
    return (struct store_anchor){anchor, counter_read, counter_advance, counter_remembers, policy, window};
}
