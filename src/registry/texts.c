/* Sets and lists of texts. A block is written in place only while a single owner holds it. */
#include "registry/texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

struct text_block {
    size_t owners;
    size_t capacity; /* entries */
    size_t used;     /* bytes of text */
    size_t room;     /* bytes of text */
    uint8_t *text;
    struct bytes entries[];
};

int bytes_compare(const void *a, size_t a_len, const void *b, size_t b_len) {
    size_t common = a_len < b_len ? a_len : b_len;
    int order = common ? memcmp(a, b, common) : 0;
    if (order) return order;
    return a_len == b_len ? 0 : a_len < b_len ? -1 : 1;
}

void texts_share(struct text_set *out, const struct text_set *in) {
    *out = *in;
    if (out->block) out->block->owners++;
}

void texts_release(struct text_set *inout) {
    if (inout->block && --inout->block->owners == 0) free(inout->block);
    *inout = (struct text_set){0};
}

static size_t text_bytes(const struct text_set *set) {
    size_t sum = 0;
    for (size_t i = 0; i < set->count; i++)
        sum += set->entries[i].len;
    return sum;
}

/* A block of its own with room for `more` entries of `extra` bytes together. It grows by half, so that a list
 * that is appended to costs its length. */
static enum signer_error own(struct text_set *inout, size_t more, size_t extra) {
    struct text_block *old = inout->block;
    if (old && old->owners == 1 && more <= old->capacity - inout->count && extra <= old->room - old->used)
        return SIGNER_OK;
    size_t capacity = inout->count + inout->count / 2 + more + 1;
    size_t needed = text_bytes(inout) + extra;
    size_t room = needed + needed / 2;
    struct text_block *block = signer_malloc(sizeof *block + capacity * sizeof block->entries[0] + room);
    if (!block) return ERR_OUT_OF_MEMORY;
    *block = (struct text_block){.owners = 1, .capacity = capacity, .room = room};
    block->text = (uint8_t *)&block->entries[capacity];
    for (size_t i = 0; i < inout->count; i++) {
        struct bytes entry = inout->entries[i];
        memcpy(block->text + block->used, entry.data, entry.len);
        block->entries[i] = (struct bytes){block->text + block->used, entry.len};
        block->used += entry.len;
    }
    size_t count = inout->count;
    texts_release(inout);
    *inout = (struct text_set){.entries = block->entries, .count = count, .block = block};
    return SIGNER_OK;
}

enum signer_error texts_reserve(struct text_set *inout, const struct text_set *more) {
    return more->count ? own(inout, more->count, text_bytes(more)) : SIGNER_OK;
}

enum signer_error texts_insert(struct text_set *inout, size_t at, const void *data, size_t len) {
    enum signer_error error = own(inout, 1, len);
    if (error != SIGNER_OK) return error;
    struct text_block *block = inout->block;
    memmove(&block->entries[at + 1], &block->entries[at], (inout->count - at) * sizeof block->entries[0]);
    if (len) memcpy(block->text + block->used, data, len);
    block->entries[at] = (struct bytes){block->text + block->used, len};
    block->used += len;
    inout->count++;
    return SIGNER_OK;
}

enum signer_error texts_remove(struct text_set *inout, size_t at) {
    enum signer_error error = own(inout, 1, 0);
    if (error != SIGNER_OK) return error;
    struct text_block *block = inout->block;
    memmove(&block->entries[at], &block->entries[at + 1], (inout->count - at - 1) * sizeof block->entries[0]);
    if (--inout->count == 0) texts_release(inout);
    return SIGNER_OK;
}

bool texts_find(const struct text_set *set, const void *data, size_t len, size_t *at) {
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bytes_compare(data, len, set->entries[middle].data, set->entries[middle].len);
        if (order == 0) {
            if (at) *at = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (at) *at = low;
    return false;
}
