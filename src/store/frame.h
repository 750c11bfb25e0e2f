/* One sealed record (sealed-store 35.4). A frame authenticates alone; the chain is compared by
 * whoever reads a sequence of them. */
#ifndef SIGNER_STORE_FRAME_H
#define SIGNER_STORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "store/layout.h"

/* Where a frame lives: part of what is authenticated. */
struct frame_place {
    const uint8_t *store_id; /* 32 */
    enum store_kind kind;
    uint64_t number;
    const uint8_t *key; /* 32, the file key */
};

struct frame_head {
    uint32_t body_len;
    uint64_t seq;
    uint64_t durable; /* highest seq whose sync had succeeded when the frame was built */
    uint8_t type;
    uint8_t random[FRAME_RANDOM_BYTES];
    uint8_t previous[STORE_CHAIN_BYTES];
};

static inline size_t frame_bytes(size_t body_len) { /* without the padding */
    return FRAME_OVERHEAD + body_len;
}

/* Writes frame_bytes(head->body_len) bytes. `random` must be fresh. */
void frame_seal(uint8_t *out, const struct frame_place *place, const struct frame_head *head, const uint8_t *body);
/* Clear fields of a possible frame. False: no frame can start here. Says nothing about the rest. */
bool frame_parse(struct frame_head *out, const uint8_t *bytes, size_t available);
/* Opens a parsed frame whose frame_bytes() are all at `bytes`; `body` takes body_len bytes and may be
 * NULL to authenticate only. False: not authentic; `body` is then zeroed. */
bool frame_unseal(const struct frame_place *place, const struct frame_head *head, const uint8_t *bytes, uint8_t *body);

#endif
