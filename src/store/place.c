/* Where a store lies, and the rules for every file in it. */
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "custody/fork.h"
#include "store/io.h"
#include "store/names.h"

#define FILE_MODE 0600
#define DIRECTORY_MODE 0700
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#ifdef O_PATH
#define STEP_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#else
#define STEP_FLAGS DIRECTORY_FLAGS
#endif

void place_shut(const struct place *place, int *descriptor) {
    if (*descriptor >= 0) place->platform->files.close(place->platform->context, *descriptor);
    *descriptor = -1;
}

/* A new name is lasting once the directory that holds it is synced. `path` leads to the new directory. */
static enum signer_error sync_above(const struct platform *platform, const char *path, struct failure *why) {
    char above[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t len = slash && slash != path ? (size_t)(slash - path) : 1;
    memcpy(above, slash ? path : ".", len);
    above[len] = '\0';
    int directory = platform->files.open_at(platform->context, AT_FDCWD, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (directory < 0) return io_failed(why, "open", "a directory above the state path");
    enum signer_error error = SIGNER_OK;
    if (platform->files.fsync(platform->context, directory) != 0)
        error = io_failed(why, "fsync", "a directory above the state path");
    platform->files.close(platform->context, directory);
    return error;
}

/* Makes one missing directory, lasting. */
static enum signer_error make_directory(const struct platform *platform, const char *path, struct failure *why) {
    if (platform->files.mkdir_at(platform->context, AT_FDCWD, path, 0777) == 0) return sync_above(platform, path, why);
    return errno == EEXIST ? SIGNER_OK : io_failed(why, "mkdir", "the directory of the state path");
}

/* Makes every missing directory of an existing-or-not path; the last component included. */
static enum signer_error make_directories(const struct platform *platform, char *path, struct failure *why) {
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0') continue;
        char saved = *at;
        *at = '\0';
        enum signer_error error = make_directory(platform, path, why);
        *at = saved;
        if (error != SIGNER_OK || saved == '\0') return error;
    }
}

/* Splits the configured path: `parent` (PATH_MAX) as given, and the file name inside `path`. */
static enum signer_error split_path(const char *path, char *parent, const char **name, struct failure *why) {
    size_t len = strlen(path);
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    size_t name_len = strlen(*name);
    if (len == 0 || len >= PATH_MAX || name_len == 0 || name_len > STATE_NAME_MAX || strcmp(*name, ".") == 0 ||
        strcmp(*name, "..") == 0)
        return fail(why, ERR_CONFIGURATION, "state_path does not name a file");
    const char *from = !slash ? "." : slash == path ? "/" : path;
    const size_t parent_len = from == path ? (size_t)(slash - path) : 1;
    memcpy(parent, from, parent_len);
    parent[parent_len] = '\0';
    return SIGNER_OK;
}

/* Opens an absolute canonical directory from the root down, following no link. */
static enum signer_error open_canonical(const struct platform *platform, const char *path, int *out,
                                        struct failure *why) {
    char component[NAME_MAX + 1];
    int at = platform->files.open_at(platform->context, AT_FDCWD, "/", path[1] ? STEP_FLAGS : DIRECTORY_FLAGS, 0);
    if (at < 0) return io_failed(why, "open", "/");
    for (const char *rest = path + 1; *rest;) {
        size_t len = strcspn(rest, "/");
        bool last = rest[len] == '\0';
        int next = -1;
        errno = ENAMETOOLONG;
        if (len < sizeof component) {
            memcpy(component, rest, len);
            component[len] = '\0';
            next = platform->files.open_at(platform->context, at, component, last ? DIRECTORY_FLAGS : STEP_FLAGS, 0);
        }
        int code = errno;
        platform->files.close(platform->context, at);
        if (next < 0) {
            errno = code == ENOTDIR ? ELOOP : code; /* a link or file took the place of a directory */
            return io_failed(why, "open", "the directory of the state path");
        }
        at = next;
        rest += last ? len : len + 1;
    }
    *out = at;
    return SIGNER_OK;
}

static enum signer_error open_place(struct place *place, const struct platform *platform, const char *state_path,
                                    bool make, struct failure *why) {
    char parent[PATH_MAX], canonical[PATH_MAX];
    const char *name;
    struct stat status;
    *place = (struct place){.platform = platform, .parent = -1, .directory = -1};
    enum signer_error error = split_path(state_path, parent, &name, why);
    if (error != SIGNER_OK) return error;
    int result = platform->files.real_path(platform->context, parent, canonical, sizeof canonical);
    if (result != 0 && errno == ENOENT && make) {
        error = make_directories(platform, parent, why);
        if (error != SIGNER_OK) return error;
        result = platform->files.real_path(platform->context, parent, canonical, sizeof canonical);
    }
    if (result != 0) return io_failed(why, "realpath", "the directory of the state path");
    error = open_canonical(platform, canonical, &place->parent, why);
    if (error != SIGNER_OK) return error;
    if (platform->files.fstat(platform->context, place->parent, &status) != 0)
        return io_failed(why, "fstat", "the directory of the state path");
    place->device = (uint64_t)status.st_dev;
    place->inode = (uint64_t)status.st_ino;

    size_t parent_len = strlen(canonical);
    if (canonical[parent_len - 1] == '/') parent_len--;
    place->path = signer_malloc(parent_len + 1 + strlen(name) + 1);
    if (!place->path) return fail_plain(why, ERR_OUT_OF_MEMORY);
    memcpy(place->path, canonical, parent_len);
    place->path[parent_len] = '/';
    memcpy(place->path + parent_len + 1, name, strlen(name) + 1);
    place->name = place->path + parent_len + 1;
    return SIGNER_OK;
}

enum signer_error place_open(struct place *place, const struct platform *platform, const char *state_path,
                             struct failure *why) {
    return open_place(place, platform, state_path, true, why);
}

enum signer_error place_find(struct place *place, const struct platform *platform, const char *state_path,
                             struct failure *why) {
    return open_place(place, platform, state_path, false, why);
}

void place_close(struct place *place) {
    if (!place->platform) return;
    place_shut(place, &place->directory);
    place_shut(place, &place->parent);
    free(place->path);
    place->path = NULL;
}

void place_sibling(const struct place *place, const char *suffix, char out[FILE_NAME_BYTES]) {
    snprintf(out, FILE_NAME_BYTES, "%s%s", place->name, suffix);
}

enum signer_error place_look(const struct place *place, int directory, const char *name, enum file_state *out,
                             struct stat *status, struct failure *why) {
    const struct file_calls *files = &place->platform->files;
    *out = FILE_ABSENT;
    if (files->fstat_at(place->platform->context, directory, name, status) != 0)
        return errno == ENOENT ? SIGNER_OK : io_failed(why, "stat", name);
    *out = S_ISREG(status->st_mode) ? FILE_REGULAR : S_ISDIR(status->st_mode) ? FILE_DIRECTORY : FILE_OTHER;
    return SIGNER_OK;
}

enum signer_error place_check(const struct stat *status, bool is_directory, const char *name, struct failure *why) {
    const char *fault = NULL;
    mode_t mode = status->st_mode & 07777;
    if (is_directory ? !S_ISDIR(status->st_mode) : !S_ISREG(status->st_mode))
        fault = is_directory ? "is no directory" : "is no regular file";
    else if (status->st_uid != geteuid())
        fault = "belongs to another user";
    else if (mode != (is_directory ? DIRECTORY_MODE : FILE_MODE))
        fault = is_directory ? "does not have mode 0700" : "does not have mode 0600";
    else if (!is_directory && status->st_nlink != 1)
        fault = "has more than one link";
    if (!fault) return SIGNER_OK;
    store_report("%s %s (mode %04o, owner %lu)", name, fault, (unsigned)mode, (unsigned long)status->st_uid);
    return fail(why, ERR_STATE_PATH_UNSAFE, "%s %s (mode %04o)", name, fault, (unsigned)mode);
}

static enum signer_error open_checked(const struct place *place, int directory, const char *name, int flags,
                                      bool is_directory, int *out, struct failure *why) {
    const struct file_calls *files = &place->platform->files;
    struct stat status;
    enum file_state state;
    *out = -1;
    /* Looked at first: a pipe or device must not even be opened. */
    enum signer_error error = place_look(place, directory, name, &state, &status, why);
    if (error != SIGNER_OK || state == FILE_ABSENT) return error;
    error = place_check(&status, is_directory, name, why);
    if (error != SIGNER_OK) return error;
    *out = files->open_at(place->platform->context, directory, name, flags, 0);
    if (*out < 0) return io_failed(why, "open", name);
    error = files->fstat(place->platform->context, *out, &status) == 0 ? place_check(&status, is_directory, name, why)
                                                                       : io_failed(why, "fstat", name);
    if (error != SIGNER_OK) place_shut(place, out);
    return error;
}

enum signer_error place_file(const struct place *place, int directory, const char *name, int flags, int *file,
                             struct failure *why) {
    return open_checked(place, directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, false, file, why);
}

enum signer_error place_lock_file(const struct place *place, int directory, const char *name, int flags, int *file,
                                  struct failure *why) {
    fork_hold();
    enum signer_error error = place_file(place, directory, name, flags, file, why);
    fork_release();
    return error;
}

enum signer_error place_directory(struct place *place, struct failure *why) {
    char name[FILE_NAME_BYTES];
    place_sibling(place, ".store", name);
    return open_checked(place, place->parent, name, DIRECTORY_FLAGS, true, &place->directory, why);
}

enum signer_error place_same(const struct place *place, int directory, const char *name, int file,
                             struct failure *why) {
    const struct file_calls *files = &place->platform->files;
    struct stat named, held;
    if (files->fstat_at(place->platform->context, directory, name, &named) != 0 ||
        files->fstat(place->platform->context, file, &held) != 0)
        return io_failed(why, "stat", name);
    if (named.st_dev != held.st_dev || named.st_ino != held.st_ino)
        return fail(why, ERR_STATE_PATH_UNSAFE, "%s was replaced while it was opened", name);
    return SIGNER_OK;
}

enum signer_error place_sync(const struct place *place, int descriptor, const char *name, struct failure *why) {
    if (place->platform->files.fsync(place->platform->context, descriptor) != 0) return io_failed(why, "fsync", name);
    return SIGNER_OK;
}

enum signer_error place_rename(const struct place *place, int directory, const char *from, const char *to,
                               struct failure *why) {
    const struct file_calls *files = &place->platform->files;
    if (files->rename_at(place->platform->context, directory, from, directory, to) != 0)
        return io_failed(why, "rename", to);
    return SIGNER_OK;
}

void temporary_name(const struct place *place, const char *prefix, char out[FILE_NAME_BYTES]) {
    uint8_t random[8];
    char hex[17] = {0};
    platform_random(place->platform, random, sizeof random);
    hex_encode(hex, random, sizeof random);
    snprintf(out, FILE_NAME_BYTES, "%s%s", prefix, hex);
}

enum signer_error publish_begin(const struct place *place, int directory, const char *prefix,
                                struct publication *publication, struct failure *why) {
    *publication = (struct publication){.directory = directory, .file = -1};
    temporary_name(place, prefix, publication->temporary);
    publication->file = place->platform->files.open_at(place->platform->context, directory, publication->temporary,
                                                       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (publication->file < 0) {
        publication->temporary[0] = '\0';
        return io_failed(why, "open", "a temporary file");
    }
    return SIGNER_OK;
}

enum signer_error publish_finish(const struct place *place, struct publication *publication, const char *name,
                                 struct failure *why) {
    enum signer_error error = place_sync(place, publication->file, name, why);
    if (error != SIGNER_OK) return error;
    publication->renamed = true;
    error = place_rename(place, publication->directory, publication->temporary, name, why);
    if (error == SIGNER_OK) error = place_sync(place, publication->directory, "the directory", why);
    if (error == SIGNER_OK) error = place_same(place, publication->directory, name, publication->file, why);
    return error;
}

void publish_abort(const struct place *place, struct publication *publication) {
    place_shut(place, &publication->file);
    if (publication->temporary[0])
        place->platform->files.unlink_at(place->platform->context, publication->directory, publication->temporary, 0);
}

struct removal {
    const struct place *place;
    int directory;
};

static int remove_entry(void *argument, const char *name) {
    struct removal *removal = argument;
    const struct platform *platform = removal->place->platform;
    return platform->files.unlink_at(platform->context, removal->directory, name, 0);
}

enum signer_error place_remove_tree(const struct place *place, const char *name, struct failure *why) {
    const struct platform *platform = place->platform;
    struct removal removal = {place,
                              platform->files.open_at(platform->context, place->parent, name, DIRECTORY_FLAGS, 0)};
    if (removal.directory < 0) return io_failed(why, "open", name);
    enum signer_error error = SIGNER_OK;
    if (platform->files.list(platform->context, removal.directory, remove_entry, &removal) != 0)
        error = io_failed(why, "unlink", name);
    platform->files.close(platform->context, removal.directory);
    if (error == SIGNER_OK && platform->files.unlink_at(platform->context, place->parent, name, AT_REMOVEDIR) != 0)
        error = io_failed(why, "unlink", name);
    return error;
}
