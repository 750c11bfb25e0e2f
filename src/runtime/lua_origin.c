/* D-134: resolves every Lua function that we call and compares the objects they come from. */
#include "runtime/lua_origin.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LUA_FUNCTION(name) {#name, (void (*)(void))name},
static const struct {
    const char *name;
    void (*function)(void);
} functions[] = {
#include "runtime/lua_functions.def"
};
#undef LUA_FUNCTION

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct failure found;

static const void *object_of(void (*function)(void)) {
    void *address;
    memcpy(&address, &function, sizeof address);
    Dl_info info;
    return dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

static void look(void) {
    const void *home = object_of(functions[0].function);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const void *object = object_of(functions[i].function);
        if (object && object == home) continue;
        fail(&found, ERR_LUA_MISMATCH, "%s and %s come from two different objects of this process", functions[0].name,
             functions[i].name);
        return;
    }
    /* In another version this function may have another type; without a state it touches nothing. */
    lua_Number version = lua_version(NULL);
    if (version != LUA_VERSION_NUM)
        fail(&found, ERR_LUA_MISMATCH, "the Lua of this process does not report version %d", LUA_VERSION_NUM);
}

enum signer_error host_lua_check(struct failure *why) {
    pthread_once(&once, look);
    if (found.error != SIGNER_OK && why) *why = found;
    return found.error;
}
