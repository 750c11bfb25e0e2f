/* Names in the store directory and beside it (sealed-store 35.1). */
#ifndef SIGNER_STORE_NAMES_H
#define SIGNER_STORE_NAMES_H

#include "store/place.h"

void file_name(char out[FILE_NAME_BYTES], enum store_kind kind, uint64_t number);

struct numbered_file {
    enum store_kind kind;
    uint64_t number;
};

struct names {
    struct numbered_file *files; /* ascending by number, then kind */
    size_t count, capacity;
    bool store_id;
    bool empty; /* nothing at all in the directory */
};

/* Reads P.store, checking type, owner, mode and links of every file of ours (D-141); other names are
 * reported and ignored. ERR_STATE_PATH_UNSAFE, ERR_STATE_IO, ERR_OUT_OF_MEMORY. */
enum signer_error names_read(struct names *out, const struct place *place, struct failure *why);
void names_free(struct names *names);
uint64_t names_highest(const struct names *names, enum store_kind kind); /* 0: none of the kind */
uint64_t names_highest_any(const struct names *names);
bool names_hold(const struct names *names, enum store_kind kind, uint64_t number);

/* Removes what a cut run left: tmp-* in P.store, P.mark.tmp-* and P.store.tmp-* beside it. */
enum signer_error names_remove_temporaries(const struct place *place, struct failure *why);
/* Copies of `<state name><suffix>` that a quarantine set aside, newest first; freed by the caller, also after an
 * error. */
enum signer_error names_set_aside(char (**out)[FILE_NAME_BYTES], size_t *count, const struct place *place,
                                  const char *suffix, struct failure *why);
/* Keeps the newest `limit` of the quarantined directories and marks (0: all). */
enum signer_error names_trim_corrupt(const struct place *place, uint32_t limit, struct failure *why);

#endif
