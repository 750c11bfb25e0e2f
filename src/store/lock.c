/* The process lock P.lock. */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/bytes.h"
#include "custody/fork.h"
#include "store/io.h"

#define ID_PREFIX "store_id="
#define ID_HEX (2 * STORE_ID_BYTES)

static void put_line(char out[ID_HEX + 1], const struct process_lock *lock) {
    memset(out, '-', ID_HEX);
    if (lock->recorded) hex_encode(out, lock->store_id, STORE_ID_BYTES);
    out[ID_HEX] = '\0';
}

/* In place and with the same first line, so that no crash can lose a recorded id. */
static enum signer_error rewrite(const struct process_lock *lock, const struct place *place, struct failure *why) {
    const struct file_calls *files = &place->platform->files;
    char id[ID_HEX + 1], text[LOCK_READ_MAX];
    put_line(id, lock);
    int len = snprintf(text, sizeof text, ID_PREFIX "%s\npid=%010ld\nstate_path=%s\n", id, (long)getpid(), place->path);
    if (len < 0 || (size_t)len >= sizeof text) return fail(why, ERR_CONFIGURATION, "state_path is too long");
    enum signer_error error = io_write(place->platform, lock->file, text, (size_t)len, 0, "the lock file", why);
    if (error != SIGNER_OK) return error;
    if (files->ftruncate(place->platform->context, lock->file, len) != 0)
        return io_failed(why, "ftruncate", "the lock file");
    return place_sync(place, lock->file, "the lock file", why);
}

static enum signer_error read_recorded(struct process_lock *lock, const struct place *place, struct failure *why) {
    char text[LOCK_READ_MAX + 1] = {0};
    uint64_t size;
    enum signer_error error = io_size(place->platform, lock->file, &size, "the lock file", why);
    if (error != SIGNER_OK) return error;
    size_t len = size < LOCK_READ_MAX ? (size_t)size : LOCK_READ_MAX;
    error = io_read(place->platform, lock->file, text, len, 0, "the lock file", why);
    if (error != SIGNER_OK) return error;
    lock->recorded = false;
    if (strncmp(text, ID_PREFIX, strlen(ID_PREFIX)) != 0) return SIGNER_OK; /* empty, or the reference's form */
    const char *id = text + strlen(ID_PREFIX);
    if (strcspn(id, "\n") == ID_HEX && strspn(id, "-") == ID_HEX) return SIGNER_OK;
    lock->recorded = strcspn(id, "\n") == ID_HEX && id[ID_HEX] == '\n' && hex_decode(lock->store_id, id, ID_HEX);
    return lock->recorded ? SIGNER_OK : fail(why, ERR_STATE_CORRUPT, "the lock file records no valid store id");
}

static enum signer_error open_lock(struct process_lock *lock, const struct place *place, const char *name,
                                   bool *created, struct failure *why) {
    *created = false;
    enum signer_error error = place_lock_file(place, place->parent, name, O_RDWR, &lock->file, why);
    if (error != SIGNER_OK || lock->file >= 0) return error;
    fork_hold();
    lock->file = place->platform->files.open_at(place->platform->context, place->parent, name,
                                                O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    fork_release();
    if (lock->file < 0) return io_failed(why, "open", name);
    *created = true;
    return SIGNER_OK;
}

enum signer_error lock_take(struct process_lock *lock, const struct place *place, struct failure *why) {
    const struct file_calls *files = &place->platform->files;
    char name[FILE_NAME_BYTES];
    struct stat status;
    bool created;
    *lock = (struct process_lock){.file = -1};
    place_sibling(place, ".lock", name);
    enum signer_error error = open_lock(lock, place, name, &created, why);
    if (error != SIGNER_OK) goto cleanup;
    if (files->flock(place->platform->context, lock->file, LOCK_EX | LOCK_NB) != 0) {
        error =
            errno == EWOULDBLOCK || errno == EAGAIN ? fail_plain(why, ERR_STATE_LOCKED) : io_failed(why, "flock", name);
        goto cleanup;
    }
    error = place_same(place, place->parent, name, lock->file, why);
    if (error == SIGNER_OK && files->fstat(place->platform->context, lock->file, &status) != 0)
        error = io_failed(why, "fstat", name);
    if (error == SIGNER_OK) error = place_check(&status, false, name, why);
    if (error == SIGNER_OK) error = read_recorded(lock, place, why);
    if (error == SIGNER_OK) error = rewrite(lock, place, why);
    if (error == SIGNER_OK && created) error = place_sync(place, place->parent, "the directory of the state path", why);
cleanup:
    if (error != SIGNER_OK) place_shut(place, &lock->file);
    return error;
}

enum signer_error lock_look(struct process_lock *lock, const struct place *place, struct failure *why) {
    const struct file_calls *files = &place->platform->files;
    char name[FILE_NAME_BYTES];
    *lock = (struct process_lock){.file = -1};
    place_sibling(place, ".lock", name);
    enum signer_error error = place_lock_file(place, place->parent, name, O_RDONLY, &lock->file, why);
    if (error != SIGNER_OK || lock->file < 0) return error;
    if (files->flock(place->platform->context, lock->file, LOCK_SH | LOCK_NB) != 0)
        error =
            errno == EWOULDBLOCK || errno == EAGAIN ? fail_plain(why, ERR_STATE_LOCKED) : io_failed(why, "flock", name);
    if (error == SIGNER_OK) error = read_recorded(lock, place, why);
    if (error != SIGNER_OK) place_shut(place, &lock->file);
    return error;
}

enum signer_error lock_record(struct process_lock *lock, const struct place *place, const uint8_t *store_id,
                              struct failure *why) {
    if (store_id && lock->recorded && memcmp(lock->store_id, store_id, STORE_ID_BYTES) == 0) return SIGNER_OK;
    lock->recorded = store_id != NULL;
    if (store_id) memcpy(lock->store_id, store_id, STORE_ID_BYTES);
    return rewrite(lock, place, why);
}

void lock_release(struct process_lock *lock, const struct place *place) {
    place_shut(place, &lock->file);
}
