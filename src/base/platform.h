/* What an engine needs from the machine, given to it at birth (D-173): clock, randomness, file
 * calls. Nothing above src/base calls the operating system for these in another way. */
#ifndef SIGNER_BASE_PLATFORM_H
#define SIGNER_BASE_PLATFORM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

/* File calls: the POSIX call of the same name; -1 and errno on failure. Every descriptor is
 * close-on-exec and at least 3 (D-137). */
struct file_calls {
    int (*open_at)(void *context, int directory, const char *name, int flags, mode_t mode);
    int (*close)(void *context, int descriptor);
    ssize_t (*pread)(void *context, int descriptor, void *out, size_t len, off_t offset);
    ssize_t (*pwrite)(void *context, int descriptor, const void *data, size_t len, off_t offset);
    int (*fsync)(void *context, int descriptor);
    int (*fdatasync)(void *context, int descriptor);
    int (*ftruncate)(void *context, int descriptor, off_t len);
    int (*fstat)(void *context, int descriptor, struct stat *out);
    int (*fstat_at)(void *context, int directory, const char *name, struct stat *out); /* never follows */
    int (*rename_at)(void *context, int from_directory, const char *from, int to_directory, const char *to);
    int (*unlink_at)(void *context, int directory, const char *name, int flags);
    int (*mkdir_at)(void *context, int directory, const char *name, mode_t mode);
    int (*fchmod)(void *context, int descriptor, mode_t mode);
    int (*flock)(void *context, int descriptor, int operation);
    /* realpath(3) into `out`. */
    int (*real_path)(void *context, const char *path, char *out, size_t size);
    /* Names in a directory, `.` and `..` left out; `each` returns 0 to go on. */
    int (*list)(void *context, int directory, int (*each)(void *argument, const char *name), void *argument);
};

struct platform {
    void *context;
    /* Wall clock, Unix milliseconds. ERR_CLOCK when it cannot be read or stands before 1970. */
    enum signer_error (*wall_ms)(void *context, uint64_t *out);
    /* Monotonic milliseconds that count suspend (CLOCK_BOOTTIME). ERR_CLOCK on failure. */
    enum signer_error (*monotonic_ms)(void *context, uint64_t *out);
    void (*random)(void *context, void *out, size_t len);
    struct file_calls files;
};

/* The real machine: system clocks, libsodium's randomness, POSIX files. With faults compiled in
 * (test build) every call passes its fault point first. */
const struct platform *platform_system(void);

enum signer_error platform_wall_ms(const struct platform *platform, uint64_t *out);
enum signer_error platform_monotonic_ms(const struct platform *platform, uint64_t *out);
void platform_random(const struct platform *platform, void *out, size_t len);

/* Microseconds on the machine's own clock: for how long something took, never for a decision that a reply or
 * a record shows. */
uint64_t platform_elapsed_us(void);
/* Waits for the condition until it is signalled or `us` microseconds are over. */
void platform_wait_us(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t us);

#endif
