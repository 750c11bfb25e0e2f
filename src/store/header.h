/* The first page of every store file (sealed-store 35.3). */
#ifndef SIGNER_STORE_HEADER_H
#define SIGNER_STORE_HEADER_H

#include "base/error.h"
#include "store/layout.h"

struct file_header {
    enum store_kind kind;
    uint64_t number;
    uint64_t parent; /* number of the log that is continued; 0 for log 1 */
    uint64_t base_seq;
    uint8_t base_chain[STORE_CHAIN_BYTES];
    uint8_t salt[STORE_SALT_BYTES];
    uint64_t size; /* at publication; 0 but for logs */
    uint64_t created_unix_ms;
};

/* Writes the whole page. */
void header_encode(uint8_t page[STORE_PAGE], const struct file_header *header, const uint8_t master[STORE_KEY_BYTES],
                   const uint8_t store_id[STORE_ID_BYTES]);
/* Reads a page of the file of this kind and number, with the checks in the order of 35.3:
 * ERR_STATE_CORRUPT, ERR_STATE_VERSION, ERR_STATE_FOREIGN, ERR_STATE_KEY_MISMATCH. */
enum signer_error header_decode(struct file_header *out, const uint8_t page[STORE_PAGE], enum store_kind kind,
                                uint64_t number, const uint8_t master[STORE_KEY_BYTES],
                                const uint8_t store_id[STORE_ID_BYTES]);

#endif
