/* What the hosts of this folder share: opening the library, calling it, judging answers. */
#ifndef SPEC_ABI_HOST_H
#define SPEC_ABI_HOST_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frost_tbtc.h"

static void *library;

static void host_open(const char *path) {
    library = dlopen(path, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
}

static void *host_symbol(const char *name) {
    void *address = dlsym(library, name);
    if (!address) {
        fprintf(stderr, "no symbol %s\n", name);
        exit(2);
    }
    return address;
}

static inline TbtcSignerResult host_call(const char *name, const char *body, size_t len) {
    TbtcSignerResult (*function)(const uint8_t *, size_t);
    void *address = host_symbol(name);
    memcpy(&function, &address, sizeof function);
    return function((const uint8_t *)body, len);
}

static inline TbtcSignerResult host_call_bare(const char *name) {
    TbtcSignerResult (*function)(void);
    void *address = host_symbol(name);
    memcpy(&function, &address, sizeof function);
    return function();
}

static inline void host_free(TbtcBuffer buffer) {
    void (*function)(uint8_t *, size_t);
    void *address = host_symbol("frost_tbtc_free_buffer");
    memcpy(&function, &address, sizeof function);
    function(buffer.ptr, buffer.len);
}

/* Prints "<name> <status> <reply>" and gives the reply back, scrubbed first as hosts do. */
static inline void host_print(const char *name, TbtcSignerResult result) {
    printf("%s %d %.*s\n", name, (int)result.status_code, (int)result.buffer.len, (const char *)result.buffer.ptr);
    if (result.buffer.ptr) memset(result.buffer.ptr, 0, result.buffer.len);
    host_free(result.buffer);
    fflush(stdout);
}

static inline void host_tell(const char *name, const char *body) {
    host_print(name, host_call(name, body, strlen(body)));
}

#endif
