/* Small blocks of a Lua state. A block that comes back goes in front of the list of its size and is never joined to
 * another; chunks stay until the state is closed. So each size takes what the state once held of it at most, but all
 * sizes together may take many times what it ever held: whoever keeps a state looks at blocks_bytes. */
#include "base/blocks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define CHUNK_BYTES 32768

/* Under a sanitizer every block is the allocator's, which then sees each use of one that is free. */
#if defined(__SANITIZE_ADDRESS__)
#define SMALL_MAX 0
#else
#define SMALL_MAX BLOCK_MAX
#endif

struct chunk {
    struct chunk *below;
    uint8_t unused[BLOCK_STEP - sizeof(struct chunk *)];
    uint8_t bytes[CHUNK_BYTES];
};

static size_t class_of(size_t size) {
    return (size - 1) / BLOCK_STEP;
}

static void give_back(struct blocks *blocks, void *block, size_t size) {
    void **list = &blocks->free[class_of(size)];
    memcpy(block, list, sizeof *list);
    *list = block;
}

/* What is left of the newest chunk is shorter than one block: it goes to the lists. */
static bool add_chunk(struct blocks *blocks) {
    struct chunk *chunk = signer_malloc(sizeof *chunk);
    if (!chunk) return false;
    if (blocks->left > 0) give_back(blocks, blocks->next, blocks->left);
    chunk->below = blocks->chunks;
    blocks->chunks = chunk;
    blocks->bytes += sizeof *chunk;
    blocks->next = chunk->bytes;
    blocks->left = sizeof chunk->bytes;
    return true;
}

static void *take(struct blocks *blocks, size_t size) {
    if (size > SMALL_MAX) return signer_malloc(size);
    if (fault_hit(FAULT_ALLOCATION) != FAULT_NONE) return NULL; /* a block from the list, too, can be one that fails */
    void *block = blocks->free[class_of(size)];
    if (block) {
        memcpy(&blocks->free[class_of(size)], block, sizeof block);
        return block;
    }
    const size_t whole = (class_of(size) + 1) * BLOCK_STEP;
    if (blocks->left < whole && !add_chunk(blocks)) return NULL;
    block = blocks->next;
    blocks->next += whole;
    blocks->left -= whole;
    return block;
}

static void drop(struct blocks *blocks, void *block, size_t size) {
    if (size > SMALL_MAX)
        free(block);
    else if (size > 0)
        give_back(blocks, block, size);
}

static void *resize(struct blocks *blocks, void *old, size_t old_size, size_t size) {
    const bool both_small = old_size <= SMALL_MAX && size <= SMALL_MAX;
    if (both_small && class_of(old_size) == class_of(size)) return old;
    if (old_size > SMALL_MAX && size > SMALL_MAX) {
        if (size > old_size) return signer_realloc(old, size);
        void *smaller = realloc(old, size);
        return smaller ? smaller : old;
    }
    void *block = take(blocks, size);
    /* Lua relies on it that a smaller block is always had. One of the allocator's then is never given back to it. */
    if (!block) return size < old_size ? old : NULL;
    memcpy(block, old, size < old_size ? size : old_size);
    drop(blocks, old, old_size);
    return block;
}

void *blocks_allocate(void *context, void *old, size_t old_size, size_t size) {
    struct blocks *blocks = context;
    if (size == 0) {
        if (old) drop(blocks, old, old_size);
        return NULL;
    }
    return old ? resize(blocks, old, old_size, size) : take(blocks, size);
}

size_t blocks_bytes(const struct blocks *blocks) {
    return blocks->bytes;
}

void blocks_free(struct blocks *blocks) {
    while (blocks->chunks) {
        struct chunk *chunk = blocks->chunks;
        blocks->chunks = chunk->below;
        free(chunk);
    }
    memset(blocks, 0, sizeof *blocks);
}
