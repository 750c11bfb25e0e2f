/* Preloaded: a heap that forgets nothing. Memory is never given back, and a block that grows is copied, so
 * that whatever was ever written to the heap and not wiped is still there. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void free(void *block) {
    (void)block;
}

void *realloc(void *block, size_t len) {
    size_t old = block ? malloc_usable_size(block) : 0;
    void *copy = malloc(len ? len : 1);
    if (copy && old) memcpy(copy, block, old < len ? old : len);
    return copy;
}
