/* Slots of a few sizes, cut from guarded stretches, so that many secrets share few locked pages and
 * few mappings (D-142). Knows nothing of owners or handles, and takes no lock: the vault does. */
#ifndef SIGNER_CUSTODY_ARENA_H
#define SIGNER_CUSTODY_ARENA_H

#include "custody/guarded.h"

/* 64: a key; 256: a key package; 320: a nonce pair. Larger secrets take whole units. */
#define ARENA_CLASSES                                                                                                  \
    { 64, 128, 256, 320, 512, 1024, 2048, 4096 }
#define ARENA_CLASS_COUNT 8

struct arena {
    struct stretch *stretches;
    size_t units; /* of all stretches */
    struct {
        struct stretch *stretch;
        size_t unit;
    } hint[ARENA_CLASS_COUNT]; /* where a slot of the class was last found */
};

struct room {
    struct stretch *stretch;
    uint8_t *memory;
};

/* Bytes of the slot that a secret of `len` bytes gets. */
size_t arena_room_bytes(size_t len);
/* A free slot in mapped memory; false: there is none. */
bool arena_take(struct arena *arena, size_t len, bool locked_only, struct room *out);
/* Maps more, with room for `len` bytes at least: as much as the growth asks for, or the largest
 * smaller stretch that can be locked. Where nothing can be locked: ERR_MEMORY_LOCK with
 * `locked_only`, otherwise an unlocked stretch, told in `locked`. ERR_OUT_OF_MEMORY. */
enum signer_error arena_grow(struct arena *arena, size_t len, bool locked_only, bool *locked);
/* The slot was wiped by its owner. */
void arena_give_back(struct arena *arena, const struct room *room);
/* Tries once more to lock what could not be locked when it was mapped. */
void arena_lock_again(struct arena *arena);
/* Wipes and unmaps everything. */
void arena_clear(struct arena *arena);

#endif
