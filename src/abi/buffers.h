/* The buffers that hosts hold: a table of what was handed out and not yet freed (D-011). */
#ifndef SIGNER_ABI_BUFFERS_H
#define SIGNER_ABI_BUFFERS_H

#include <stdbool.h>

#include "base/bytes.h"
#include "frost_tbtc.h"

/* A place in the table, taken before the work begins, so that nothing is allocated after it. */
struct live_buffer;

/* NULL: out of memory. */
struct live_buffer *buffers_reserve(void);
void buffers_cancel(struct live_buffer *place);
/* Hands the bytes of `reply` out under that place; `reply` is empty afterwards. */
TbtcBuffer buffers_publish(struct live_buffer *place, struct buffer *reply);
/* A buffer with the fixed fallback envelope, without allocating; {NULL, 0} when even those few are in
 * the hands of hosts. */
TbtcBuffer buffers_fallback(void);
/* Wipes over the recorded length and frees; an unknown pointer is reported and left alone. */
void buffers_free(uint8_t *ptr, size_t len);
/* In a forked child, before anything else: no other thread holds the table there. */
void buffers_after_fork(void);

#endif
