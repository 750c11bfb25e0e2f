/* Mapping, locking and wiping of guarded stretches. */
#include "custody/guarded.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fault.h"
#include "custody/poison.h"

static size_t page_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t stretch_round_units(size_t units) {
    size_t page = page_bytes();
    size_t bytes = (units * UNIT_BYTES + page - 1) / page * page;
    return bytes / UNIT_BYTES;
}

void stretch_lock(struct stretch *stretch) {
    size_t len = stretch->units * UNIT_BYTES;
    bool hidden = madvise(stretch->data, len, MADV_DONTDUMP) == 0;
    bool wiped = madvise(stretch->data, len, MADV_WIPEONFORK) == 0;
    bool locked = sodium_mlock(stretch->data, len) == 0;
    stretch->locked = hidden && wiped && locked;
}

enum signer_error stretch_map(struct stretch **out, size_t units) {
    size_t guard = page_bytes();
    size_t len = units * UNIT_BYTES;
    struct stretch *stretch = signer_calloc(1, sizeof *stretch + units * sizeof stretch->unit[0]);
    if (!stretch) return ERR_OUT_OF_MEMORY;
    stretch->units = units;
    stretch->mapped_bytes = len + 2 * guard;
    uint8_t *base = mmap(NULL, stretch->mapped_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        free(stretch);
        return ERR_OUT_OF_MEMORY;
    }
    stretch->data = base + guard;
    if (mprotect(stretch->data, len, PROT_READ | PROT_WRITE) != 0) {
        munmap(base, stretch->mapped_bytes);
        free(stretch);
        return ERR_OUT_OF_MEMORY;
    }
    stretch_lock(stretch);
    poison(stretch->data, len);
    *out = stretch;
    return SIGNER_OK;
}

void stretch_unmap(struct stretch *stretch) {
    size_t len = stretch->units * UNIT_BYTES;
    unpoison(stretch->data, len);
    sodium_memzero(stretch->data, len);
    munmap(stretch->data - page_bytes(), stretch->mapped_bytes);
    free(stretch);
}
