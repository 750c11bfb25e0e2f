/* The counter file: an anchor on another device (sealed-store 35.11). Replaced as a whole under its own
 * lock file; proves a rollback to whoever cannot write to that device. */
#ifndef SIGNER_STORE_ANCHOR_FILE_H
#define SIGNER_STORE_ANCHOR_FILE_H

#include "store/store.h"

#define ANCHOR_FILE_BYTES 104u

struct counter_anchor {
    const struct platform *platform;
    char *path; /* owned */
};

/* Copies the path. ERR_OUT_OF_MEMORY. */
enum signer_error counter_anchor_init(struct counter_anchor *anchor, const struct platform *platform, const char *path);
void counter_anchor_free(struct counter_anchor *anchor); /* harmless on a zeroed one */
/* Its calls; `anchor` outlives the store. */
struct store_anchor counter_anchor_calls(struct counter_anchor *anchor, enum anchor_policy policy, uint32_t window);

#endif
