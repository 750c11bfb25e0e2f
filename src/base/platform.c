/* The real machine behind struct platform. In the test build each call passes its fault point. */
#include "base/platform.h"
#include "base/section.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/write_signals.h"

#define LOWEST_DESCRIPTOR 3

static enum signer_error clock_ms(clockid_t clock, uint64_t *out) {
    struct timespec now;
    *out = 0;
    const enum fault_kind kind = fault_hit(FAULT_CLOCK);
    if (kind != FAULT_NONE && kind != FAULT_JUMP_BACK) return ERR_CLOCK;
    if (clock_gettime(clock, &now) != 0 || now.tv_sec < 0) return ERR_CLOCK;
    *out = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
    if (kind == FAULT_JUMP_BACK) *out = *out > FAULT_JUMP_MS ? *out - FAULT_JUMP_MS : 0;
    return SIGNER_OK;
}

static enum signer_error system_wall_ms(void *context, uint64_t *out) {
    (void)context;
    return clock_ms(CLOCK_REALTIME, out);
}

static enum signer_error system_monotonic_ms(void *context, uint64_t *out) {
    (void)context;
    return clock_ms(CLOCK_BOOTTIME, out);
}

static void system_random(void *context, void *out, size_t len) {
    (void)context;
    if (fault_hit(FAULT_RANDOM) != FAULT_NONE) abort();
    randombytes_buf(out, len);
}

/* A descriptor that a host without standard descriptors would hand out as 0, 1 or 2 moves up. */
static int raise_descriptor(int descriptor) {
    if (descriptor < 0 || descriptor >= LOWEST_DESCRIPTOR) return descriptor;
    int raised = fcntl(descriptor, F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR);
    int saved = errno;
    close(descriptor);
    errno = saved;
    return raised;
}

static int fault_errno(enum fault_kind kind) {
    errno = kind == FAULT_NO_SPACE ? ENOSPC : EIO;
    return -1;
}

static int system_open_at(void *context, int directory, const char *name, int flags, mode_t mode) {
    section_forbids("a file call");
    (void)context;
    enum fault_kind kind = fault_hit(FAULT_OPEN);
    if (kind != FAULT_NONE) return fault_errno(kind);
    return raise_descriptor(openat(directory, name, flags | O_CLOEXEC, mode));
}

static int system_close(void *context, int descriptor) {
    (void)context;
    return close(descriptor);
}

static ssize_t system_pread(void *context, int descriptor, void *out, size_t len, off_t offset) {
    section_forbids("a file call");
    (void)context;
    enum fault_kind kind = fault_hit(FAULT_READ);
    if (kind == FAULT_SHORT && len > 1) return pread(descriptor, out, len / 2, offset);
    if (kind != FAULT_NONE) return fault_errno(kind);
    return pread(descriptor, out, len, offset);
}

#ifdef SIGNER_TEST
static ssize_t write_wrongly(int descriptor, const void *data, size_t len, off_t offset) {
    const uint8_t wrong = (uint8_t)(((const uint8_t *)data)[len / 2] ^ 1);
    ssize_t put = pwrite(descriptor, data, len, offset);
    return pwrite(descriptor, &wrong, 1, offset + (off_t)(len / 2)) == 1 ? put : -1;
}
#endif

static ssize_t plain_pwrite(int descriptor, const void *data, size_t len, off_t offset) {
    struct write_signals signals;
    if (!write_signals_hold(&signals)) return -1;
    ssize_t put = pwrite(descriptor, data, len, offset);
    write_signals_release(&signals, put < 0 ? errno : 0);
    return put;
}

static int plain_ftruncate(int descriptor, off_t len) {
    struct write_signals signals;
    if (!write_signals_hold(&signals)) return -1;
    int result = ftruncate(descriptor, len);
    write_signals_release(&signals, result != 0 ? errno : 0);
    return result;
}

static ssize_t system_pwrite(void *context, int descriptor, const void *data, size_t len, off_t offset) {
    (void)context;
    enum fault_kind kind = fault_hit(FAULT_WRITE);
    if (kind == FAULT_SHORT || kind == FAULT_TORN) {
        ssize_t part = pwrite(descriptor, data, len / 2, offset);
        return kind == FAULT_SHORT ? part : fault_errno(kind);
    }
#ifdef SIGNER_TEST
    if (kind == FAULT_WRITE_LIES && len > 0) return write_wrongly(descriptor, data, len, offset);
#endif
    if (kind != FAULT_NONE) return fault_errno(kind);
    return plain_pwrite(descriptor, data, len, offset);
}

static int system_fsync(void *context, int descriptor) {
    section_forbids("a sync");
    (void)context;
    enum fault_kind kind = fault_hit(FAULT_SYNC);
    if (kind == FAULT_SYNC_LIES) return 0;
    if (kind != FAULT_NONE) return fault_errno(kind);
#ifdef F_FULLFSYNC
    return fcntl(descriptor, F_FULLFSYNC);
#else
    return fsync(descriptor);
#endif
}

static int system_fdatasync(void *context, int descriptor) {
    section_forbids("a sync");
    (void)context;
    enum fault_kind kind = fault_hit(FAULT_SYNC);
    if (kind == FAULT_SYNC_LIES) return 0;
    if (kind != FAULT_NONE) return fault_errno(kind);
#ifdef F_FULLFSYNC
    return fcntl(descriptor, F_FULLFSYNC);
#else
    return fdatasync(descriptor);
#endif
}

static int system_ftruncate(void *context, int descriptor, off_t len) {
    section_forbids("a file call");
    (void)context;
    enum fault_kind kind = fault_hit(FAULT_WRITE);
    if (kind != FAULT_NONE) return fault_errno(kind);
    return plain_ftruncate(descriptor, len);
}

static int system_fstat(void *context, int descriptor, struct stat *out) {
    (void)context;
    return fstat(descriptor, out);
}

static int system_fstat_at(void *context, int directory, const char *name, struct stat *out) {
    (void)context;
    return fstatat(directory, name, out, AT_SYMLINK_NOFOLLOW);
}

static int system_rename_at(void *context, int from_directory, const char *from, int to_directory, const char *to) {
    section_forbids("a file call");
    (void)context;
    enum fault_kind kind = fault_hit(FAULT_RENAME);
    if (kind != FAULT_NONE) return fault_errno(kind);
    return renameat(from_directory, from, to_directory, to);
}

static int system_unlink_at(void *context, int directory, const char *name, int flags) {
    section_forbids("a file call");
    (void)context;
    enum fault_kind kind = fault_hit(FAULT_UNLINK);
    if (kind != FAULT_NONE) return fault_errno(kind);
    return unlinkat(directory, name, flags);
}

static int system_mkdir_at(void *context, int directory, const char *name, mode_t mode) {
    section_forbids("a file call");
    (void)context;
    enum fault_kind kind = fault_hit(FAULT_OPEN);
    if (kind != FAULT_NONE) return fault_errno(kind);
    return mkdirat(directory, name, mode);
}

static int system_fchmod(void *context, int descriptor, mode_t mode) {
    (void)context;
    return fchmod(descriptor, mode);
}

static int system_flock(void *context, int descriptor, int operation) {
    (void)context;
    return flock(descriptor, operation);
}

static int system_real_path(void *context, const char *path, char *out, size_t size) {
    (void)context;
    char *real = realpath(path, NULL);
    if (!real) return -1;
    size_t len = strlen(real);
    if (len < size) memcpy(out, real, len + 1);
    free(real);
    if (len < size) return 0;
    errno = ENAMETOOLONG;
    return -1;
}

static int system_list(void *context, int directory, int (*each)(void *argument, const char *name), void *argument) {
    (void)context;
    int copy = raise_descriptor(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (copy < 0) return -1;
    DIR *stream = fdopendir(copy);
    if (!stream) {
        close(copy);
        return -1;
    }
    int result = 0;
    struct dirent *entry;
    errno = 0;
    while (result == 0 && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) result = each(argument, entry->d_name);
        errno = 0;
    }
    if (result == 0 && errno != 0) result = -1;
    closedir(stream);
    return result;
}

static const struct platform system_platform = {
    .wall_ms = system_wall_ms,
    .monotonic_ms = system_monotonic_ms,
    .random = system_random,
    .files =
        {
            .open_at = system_open_at,
            .close = system_close,
            .pread = system_pread,
            .pwrite = system_pwrite,
            .fsync = system_fsync,
            .fdatasync = system_fdatasync,
            .ftruncate = system_ftruncate,
            .fstat = system_fstat,
            .fstat_at = system_fstat_at,
            .rename_at = system_rename_at,
            .unlink_at = system_unlink_at,
            .mkdir_at = system_mkdir_at,
            .fchmod = system_fchmod,
            .flock = system_flock,
            .real_path = system_real_path,
            .list = system_list,
        },
};

const struct platform *platform_system(void) {
    return sodium_init() < 0 ? NULL : &system_platform;
}

enum signer_error platform_wall_ms(const struct platform *platform, uint64_t *out) {
    return platform->wall_ms(platform->context, out);
}

enum signer_error platform_monotonic_ms(const struct platform *platform, uint64_t *out) {
    return platform->monotonic_ms(platform->context, out);
}

void platform_random(const struct platform *platform, void *out, size_t len) {
    platform->random(platform->context, out, len);
}

uint64_t platform_elapsed_us(void) {
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void platform_wait_us(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t us) {
    struct timespec until = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    const uint64_t ns = (uint64_t)until.tv_nsec + us % 1000000u * 1000u;
    until.tv_sec += (time_t)(us / 1000000u + ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    (void)pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &until);
}
