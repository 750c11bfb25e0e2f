/* Sessions kept as their ops. */
#include "registry/parked.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "registry/internal.h"

#define BLOCK_BYTES 262144u
#define FIELD_BIT(field) ((uint32_t)1 << (field))
#define KEPT_APART                                                                                                     \
    (FIELD_BIT(FIELD_KEY_PACKAGES) | FIELD_BIT(FIELD_PUBLIC_PACKAGE) | FIELD_BIT(FIELD_DKG_RESULT) |                   \
     FIELD_BIT(FIELD_SIGN_MESSAGE) | FIELD_BIT(FIELD_ROUND_STATE) | FIELD_BIT(FIELD_REFRESH_RESULT) |                  \
     FIELD_BIT(FIELD_REFRESHES_OPEN))

struct parked_block {
    struct parked_block *older;
    size_t used, room;
    uint8_t bytes[];
};

void parked_free(struct parked *parked) {
    while (parked->blocks) {
        struct parked_block *older = parked->blocks->older;
        free(parked->blocks);
        parked->blocks = older;
    }
    free(parked->items);
    *parked = (struct parked){0};
}

bool parked_admits(const struct session *session) {
    return (session->present & KEPT_APART) == 0;
}

static uint8_t *take_room(struct parked *parked, size_t len) {
    struct parked_block *block = parked->blocks;
    if (!block || block->room - block->used < len) {
        const size_t room = len > BLOCK_BYTES ? len : BLOCK_BYTES;
        block = signer_malloc(sizeof *block + room);
        if (!block) return NULL;
        *block = (struct parked_block){.older = parked->blocks, .room = room};
        parked->blocks = block;
    }
    block->used += len;
    return block->bytes + block->used - len;
}

static bool make_room(struct parked *parked) {
    if (parked->count < parked->capacity) return true;
    const size_t capacity = parked->capacity ? 2 * parked->capacity : 64;
    struct parked_session *items = signer_realloc(parked->items, capacity * sizeof *items);
    if (!items) return false;
    parked->items = items;
    parked->capacity = capacity;
    return true;
}

enum signer_error parked_add(struct parked *parked, struct bytes id, struct bytes ops) {
    uint8_t *copy = make_room(parked) ? take_room(parked, ops.len) : NULL;
    if (!copy) return ERR_OUT_OF_MEMORY;
    memcpy(copy, ops.data, ops.len);
    parked->items[parked->count++] = (struct parked_session){{copy + (id.data - ops.data), id.len}, {copy, ops.len}};
    parked->left++;
    return SIGNER_OK;
}

static int compare(struct bytes a, struct bytes b) {
    return bytes_compare(a.data, a.len, b.data, b.len);
}

bool parked_is_behind(const struct parked *parked, struct bytes id) {
    return parked->count == 0 || compare(id, parked->items[parked->count - 1].id) > 0;
}

struct parked_session *parked_find(const struct parked *parked, struct bytes id) {
    size_t low = 0, high = parked_is_behind(parked, id) ? 0 : parked->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        struct parked_session *session = &parked->items[middle];
        const int order = compare(id, session->id);
        if (order == 0) return session->ops.len > 0 ? session : NULL;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct bytes parked_take(struct parked *parked, struct parked_session *session) {
    const struct bytes ops = session->ops;
    session->ops.len = 0;
    parked->left--;
    return ops;
}
