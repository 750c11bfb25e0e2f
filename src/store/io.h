/* File calls of the store: whole reads and writes, errno as an error, and a moving window over a
 * file. Nothing here knows the format. */
#ifndef SIGNER_STORE_IO_H
#define SIGNER_STORE_IO_H

#include <stdbool.h>

#include "base/error.h"
#include "base/platform.h"

/* The failure of a file call: ERR_STATE_NO_SPACE for ENOSPC and EDQUOT, ERR_STATE_PATH_UNSAFE for
 * ELOOP, else ERR_STATE_IO. `what` names the call, `name` the file. Reads errno. */
enum signer_error io_failed(struct failure *why, const char *what, const char *name);
/* One line on stderr, which is where the operator of a library looks. Never a secret. */
void store_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reads exactly `len` bytes. ERR_STATE_CORRUPT when the file ends before. */
enum signer_error io_read(const struct platform *platform, int file, void *out, size_t len, uint64_t offset,
                          const char *name, struct failure *why);
/* Writes all; goes on after a short write. */
enum signer_error io_write(const struct platform *platform, int file, const void *data, size_t len, uint64_t offset,
                           const char *name, struct failure *why);
/* Zeros that are really written, so that later overwrites need no allocation (35.7 room). */
enum signer_error io_write_zeros(const struct platform *platform, int file, uint64_t from, uint64_t to,
                                 const char *name, struct failure *why);
enum signer_error io_size(const struct platform *platform, int file, uint64_t *out, const char *name,
                          struct failure *why);

/* Window over a file that is read forwards, in large pieces; what it still holds is not read again. */
struct window {
    const struct platform *platform;
    int file;
    const char *name;
    uint64_t file_size;
    uint8_t *data;
    size_t capacity;
    uint64_t start; /* file offset of data[0] */
    size_t len;
};

void window_init(struct window *window, const struct platform *platform, int file, uint64_t file_size,
                 const char *name);
void window_free(struct window *window);
/* `len` bytes at `offset`, valid until the next call. Past the end of the file: ERR_STATE_CORRUPT. */
enum signer_error window_at(struct window *window, uint64_t offset, size_t len, const uint8_t **out,
                            struct failure *why);
/* First byte in [from, to) that is not zero; `to` if there is none. */
enum signer_error window_first_nonzero(struct window *window, uint64_t from, uint64_t to, uint64_t *out,
                                       struct failure *why);

#endif
