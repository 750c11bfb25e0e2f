/* Looking at a store without changing a byte (sealed-store 35.13 verify, info, floor, export): shared
 * locks, the steps of an opening up to 13, and every file by itself. */
#ifndef SIGNER_STORE_VERIFY_H
#define SIGNER_STORE_VERIFY_H

#include "store/opening.h"

struct verify {
    struct opening opening;
    bool present;        /* a store lies there */
    bool old_file;       /* a regular file lies at the state path: one that is, or was, to be taken over */
    struct failure fate; /* what an opening would answer; error SIGNER_OK: it opens */
};

/* ERR_* only where nothing can be looked at: the place, the locks, memory. Else `fate` says it, and the
 * state as recovered is opening.replay.state (NULL after a refusal). verify_close follows in any case. */
enum signer_error verify_open(struct verify *out, const struct store_options *options, struct failure *why);
/* Only whether one lies there; else `fate` says what an opening would answer. */
enum signer_error verify_place(struct verify *out, const struct store_options *options, struct failure *why);
void verify_close(struct verify *verify);

struct verified_file {
    char name[FILE_NAME_BYTES];
    uint64_t bytes;
    uint64_t records;
    bool on_path;         /* an opening reads it */
    struct failure fault; /* error SIGNER_OK: whole */
    struct log_tail tail; /* logs: what lies behind the last good record */
};

size_t verify_count(const struct verify *verify);
/* Reads one file of the store as a whole: every frame authenticated, chain and counts compared.
 * ERR_STATE_KEY_UNAVAILABLE where there is no key to read with. */
enum signer_error verify_file(struct verify *verify, size_t index, struct verified_file *out, struct failure *why);

#endif
