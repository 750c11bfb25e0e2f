/* File calls of the store. */
#include "store/io.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/notice.h"

#define WINDOW_BYTES 262144u
#define ZEROS_BYTES 65536u

enum signer_error io_failed(struct failure *why, const char *what, const char *name) {
    enum signer_error error = ERR_STATE_IO;
    if (errno == ENOSPC || errno == EDQUOT) error = ERR_STATE_NO_SPACE;
    if (errno == ELOOP) error = ERR_STATE_PATH_UNSAFE;
    char text[64];
    return fail(why, error, "%s of %s failed: %s", what, name, strerror_r(errno, text, sizeof text));
}

void store_report(const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    notice("store: %s", line);
}

enum signer_error io_read(const struct platform *platform, int file, void *out, size_t len, uint64_t offset,
                          const char *name, struct failure *why) {
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = platform->files.pread(platform->context, file, at, len, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_failed(why, "read", name);
        if (got == 0) return fail(why, ERR_STATE_CORRUPT, "%s is cut short", name);
        at += got;
        len -= (size_t)got;
        offset += (uint64_t)got;
    }
    return SIGNER_OK;
}

enum signer_error io_write(const struct platform *platform, int file, const void *data, size_t len, uint64_t offset,
                           const char *name, struct failure *why) {
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t put = platform->files.pwrite(platform->context, file, at, len, (off_t)offset);
        if (put < 0 && errno == EINTR) continue;
        if (put == 0) errno = EIO;
        if (put <= 0) return io_failed(why, "write", name);
        at += put;
        len -= (size_t)put;
        offset += (uint64_t)put;
    }
    return SIGNER_OK;
}

enum signer_error io_write_zeros(const struct platform *platform, int file, uint64_t from, uint64_t to,
                                 const char *name, struct failure *why) {
    static const uint8_t zeros[ZEROS_BYTES];
    while (from < to) {
        /* up to a multiple of the chunk, so that later chunks start aligned */
        uint64_t step = ZEROS_BYTES - from % ZEROS_BYTES;
        if (step > to - from) step = to - from;
        enum signer_error error = io_write(platform, file, zeros, (size_t)step, from, name, why);
        if (error != SIGNER_OK) return error;
        from += step;
    }
    return SIGNER_OK;
}

enum signer_error io_size(const struct platform *platform, int file, uint64_t *out, const char *name,
                          struct failure *why) {
    struct stat status;
    if (platform->files.fstat(platform->context, file, &status) != 0) return io_failed(why, "fstat", name);
    *out = (uint64_t)status.st_size;
    return SIGNER_OK;
}

void window_init(struct window *window, const struct platform *platform, int file, uint64_t file_size,
                 const char *name) {
    *window = (struct window){.platform = platform, .file = file, .file_size = file_size, .name = name};
}

void window_free(struct window *window) {
    free(window->data);
    window->data = NULL;
    window->capacity = window->len = 0;
}

/* Room for `len` bytes; the first `kept` bytes of the window, from `from` on, move to its front. */
static enum signer_error window_move(struct window *window, size_t from, size_t kept, size_t len, struct failure *why) {
    size_t capacity = len > WINDOW_BYTES ? len : WINDOW_BYTES;
    uint8_t *data = window->data;
    if (window->capacity < capacity) {
        data = signer_malloc(capacity);
        if (!data) return fail_plain(why, ERR_OUT_OF_MEMORY);
    }
    if (kept) memmove(data, window->data + from, kept);
    if (data == window->data) return SIGNER_OK;
    free(window->data);
    window->data = data;
    window->capacity = capacity;
    return SIGNER_OK;
}

enum signer_error window_at(struct window *window, uint64_t offset, size_t len, const uint8_t **out,
                            struct failure *why) {
    if (offset > window->file_size || len > window->file_size - offset)
        return fail(why, ERR_STATE_CORRUPT, "%s is cut short", window->name);
    const bool inside = offset >= window->start && offset - window->start <= window->len;
    const size_t from = inside ? (size_t)(offset - window->start) : 0;
    const size_t kept = inside ? window->len - from : 0;
    if (inside && len <= kept) {
        *out = window->data + from;
        return SIGNER_OK;
    }
    enum signer_error error = window_move(window, from, kept, len, why);
    if (error != SIGNER_OK) return error;
    uint64_t left = window->file_size - offset;
    size_t fill = left < window->capacity ? (size_t)left : window->capacity;
    window->len = 0;
    error = io_read(window->platform, window->file, window->data + kept, fill - kept, offset + kept, window->name, why);
    if (error != SIGNER_OK) return error;
    window->start = offset;
    window->len = fill;
    *out = window->data;
    return SIGNER_OK;
}

enum signer_error window_first_nonzero(struct window *window, uint64_t from, uint64_t to, uint64_t *out,
                                       struct failure *why) {
    while (from < to) {
        size_t step = to - from < WINDOW_BYTES / 4 ? (size_t)(to - from) : WINDOW_BYTES / 4;
        const uint8_t *bytes;
        enum signer_error error = window_at(window, from, step, &bytes, why);
        if (error != SIGNER_OK) return error;
        if (!bytes_are_zero(bytes, step)) {
            while (*bytes == 0) {
                bytes++;
                from++;
            }
            *out = from;
            return SIGNER_OK;
        }
        from += step;
    }
    *out = to;
    return SIGNER_OK;
}
