/* Memory of one Lua state. Small blocks are cut from chunks that this state alone uses, so that a call never
 * waits for the allocator lock of another thread. Not for secrets: those lie in the vault. */
#ifndef SIGNER_BASE_BLOCKS_H
#define SIGNER_BASE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define BLOCK_STEP 16
#define BLOCK_MAX 2048 /* bytes; larger ones are the allocator's */

struct chunk;

struct blocks {
    void *free[BLOCK_MAX / BLOCK_STEP]; /* by size, rounded up to a step */
    struct chunk *chunks;
    size_t bytes;  /* of all chunks */
    uint8_t *next; /* unused part of the newest chunk */
    size_t left;
};

/* As lua_Alloc, `context` being a struct blocks that began as zeros. */
void *blocks_allocate(void *context, void *old, size_t old_size, size_t size);

/* All of it at once, when the state is closed. */
void blocks_free(struct blocks *blocks);

/* What the small blocks take, used or not. Under a sanitizer 0: every block is the allocator's. */
size_t blocks_bytes(const struct blocks *blocks);

#endif
