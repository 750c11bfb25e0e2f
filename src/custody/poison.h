/* Under the address sanitizer free slots and the slack behind used ones are marked, so that it sees
 * a stray access inside a guarded stretch. Nothing in other builds. */
#ifndef SIGNER_CUSTODY_POISON_H
#define SIGNER_CUSTODY_POISON_H

#include <stddef.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISONING 1
#else
#define POISONING 0
#endif

static inline void poison(void *memory, size_t len) {
#if POISONING
    ASAN_POISON_MEMORY_REGION(memory, len);
#else
    (void)memory, (void)len;
#endif
}

static inline void unpoison(void *memory, size_t len) {
#if POISONING
    ASAN_UNPOISON_MEMORY_REGION(memory, len);
#else
    (void)memory, (void)len;
#endif
}

#endif
