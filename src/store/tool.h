/* Offline acts on a store that are no opening (sealed-store 35.13). */
#ifndef SIGNER_STORE_TOOL_H
#define SIGNER_STORE_TOOL_H

#include "store/store.h"

struct adoption {
    uint8_t store_id[32];
    uint64_t seq; /* last record of the copy */
    uint64_t log_number;
    bool needed; /* there was no mark; else nothing was written */
};

/* Takes a restored copy of a store directory for the true one: writes the mark and records the id in the
 * lock file. Refused where a mark is there and contradicts it, and where an opening would refuse the
 * copy itself. Never done by an engine. */
enum signer_error store_adopt(struct adoption *out, const struct store_options *options, struct failure *why);

#endif
