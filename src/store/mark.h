/* The durable mark P.mark: which record is known to be on the disk (sealed-store 35.5). Not keyed:
 * it tells durable from never-durable and proves nothing against an attacker. */
#ifndef SIGNER_STORE_MARK_H
#define SIGNER_STORE_MARK_H

#include "store/place.h"

struct mark {
    uint64_t log_number;
    uint64_t seq;
    uint8_t chain[STORE_CHAIN_BYTES];
};

/* The valid slot with the higher seq. ERR_STATE_CORRUPT: none is valid for this store, another length,
 * or two equal seqs with different content. `*present` false: no such file. */
enum signer_error mark_read(struct mark *out, bool *present, const struct place *place,
                            const uint8_t store_id[STORE_ID_BYTES], struct failure *why);
/* The same of a copy by its name, beside the state path. */
enum signer_error mark_read_copy(struct mark *out, bool *present, const struct place *place, const char *name,
                                 const uint8_t store_id[STORE_ID_BYTES], struct failure *why);
/* Publishes a mark with both slots equal; `*file` is the new descriptor, the old one is closed. */
enum signer_error mark_publish(const struct mark *mark, int *file, const struct place *place,
                               const uint8_t store_id[STORE_ID_BYTES], struct failure *why);
/* One write into slot 0 or 1, not synced. */
enum signer_error mark_write(const struct mark *mark, int slot, int file, const struct platform *platform,
                             const uint8_t store_id[STORE_ID_BYTES], struct failure *why);

#endif
