/* The C entry points seen as a host sees them (test build): the shared library is opened by path and
 * its symbols are called with given bytes, lengths and null pointers.
 *
 *   library = test_abi.open(path)
 *   status, text = library:call(name [, body])      frees the reply; no body: a call without request
 *   status, text = library:call_raw(name, pointer, length)
 *       pointer: a string, nil for the null pointer, or an integer used as the address (never to be read)
 *   buffer = library:keep(name [, body])            the reply stays out; buffer:status()
 *   buffer:text()                                   its bytes
 *   library:free(buffer [, length [, offset]])      frost_tbtc_free_buffer with these numbers
 *   library:free_address(integer, length) */
#include <dlfcn.h>
#include <string.h>

#include "binding/binding.h"

#define LIBRARY "signer.test_abi.library"
#define BUFFER "signer.test_abi.buffer"

/* As hosts declare them for themselves: layout and calling convention are the contract (abi 1.1). */
struct abi_result {
    int32_t status_code;
    struct {
        uint8_t *ptr;
        size_t len;
    } buffer;
};

typedef struct abi_result (*call_function)(const uint8_t *, size_t);
typedef struct abi_result (*bare_function)(void);
typedef void (*free_function)(uint8_t *, size_t);

struct kept {
    uint8_t *ptr;
    size_t len;
    lua_Integer status;
};

static void *library_of(lua_State *L) {
    return *(void **)luaL_checkudata(L, 1, LIBRARY);
}

static void *symbol(lua_State *L, const char *name) {
    void *address = dlsym(library_of(L), name);
    if (!address) luaL_error(L, "no symbol %s", name);
    return address;
}

static struct abi_result call(lua_State *L, const char *name, bool bare, const uint8_t *body, size_t len) {
    void *address = symbol(L, name);
    if (bare) {
        bare_function function;
        memcpy(&function, &address, sizeof function);
        return function();
    }
    call_function function;
    memcpy(&function, &address, sizeof function);
    return function(body, len);
}

static void give_back(lua_State *L, uint8_t *ptr, size_t len) {
    void *address = symbol(L, "frost_tbtc_free_buffer");
    free_function function;
    memcpy(&function, &address, sizeof function);
    function(ptr, len);
}

static int push_result(lua_State *L, struct abi_result result) {
    lua_pushinteger(L, result.status_code);
    lua_pushlstring(L, (const char *)result.buffer.ptr, result.buffer.len);
    give_back(L, result.buffer.ptr, result.buffer.len);
    return 2;
}

static int library_call(lua_State *L) {
    size_t len = 0;
    const char *body = luaL_optlstring(L, 3, NULL, &len);
    return push_result(L, call(L, luaL_checkstring(L, 2), !body, (const uint8_t *)body, len));
}

static int library_call_raw(lua_State *L) {
    const uint8_t *pointer = NULL;
    if (lua_isinteger(L, 3))
        pointer = (const uint8_t *)(uintptr_t)lua_tointeger(L, 3);
    else if (!lua_isnil(L, 3))
        pointer = (const uint8_t *)luaL_checkstring(L, 3);
    return push_result(L, call(L, luaL_checkstring(L, 2), false, pointer, (size_t)luaL_checkinteger(L, 4)));
}

static int library_keep(lua_State *L) {
    size_t len = 0;
    const char *body = luaL_optlstring(L, 3, NULL, &len);
    struct kept *kept = lua_newuserdatauv(L, sizeof *kept, 0);
    luaL_setmetatable(L, BUFFER);
    struct abi_result result = call(L, luaL_checkstring(L, 2), !body, (const uint8_t *)body, len);
    *kept = (struct kept){result.buffer.ptr, result.buffer.len, result.status_code};
    return 1;
}

static int library_free(lua_State *L) {
    const struct kept *kept = luaL_checkudata(L, 2, BUFFER);
    size_t len = (size_t)luaL_optinteger(L, 3, (lua_Integer)kept->len);
    give_back(L, kept->ptr + luaL_optinteger(L, 4, 0), len);
    return 0;
}

static int library_free_address(lua_State *L) {
    give_back(L, (uint8_t *)(uintptr_t)luaL_checkinteger(L, 2), (size_t)luaL_checkinteger(L, 3));
    return 0;
}

static int kept_text(lua_State *L) {
    const struct kept *kept = luaL_checkudata(L, 1, BUFFER);
    lua_pushlstring(L, (const char *)kept->ptr, kept->len);
    return 1;
}

static int kept_status(lua_State *L) {
    lua_pushinteger(L, ((const struct kept *)luaL_checkudata(L, 1, BUFFER))->status);
    return 1;
}

static int open_library(lua_State *L) {
    void **library = lua_newuserdatauv(L, sizeof *library, 0);
    *library = dlopen(luaL_checkstring(L, 1), RTLD_NOW | RTLD_LOCAL);
    if (!*library) return luaL_error(L, "%s", dlerror());
    luaL_setmetatable(L, LIBRARY);
    return 1;
}

int luaopen_binding_test_abi(lua_State *L) {
    static const luaL_Reg library_methods[] = {
        {"call", library_call}, {"call_raw", library_call_raw},         {"keep", library_keep},
        {"free", library_free}, {"free_address", library_free_address}, {NULL, NULL},
    };
    static const luaL_Reg buffer_methods[] = {{"text", kept_text}, {"status", kept_status}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"open", open_library}, {NULL, NULL}};
    binding_class(L, LIBRARY, NULL, library_methods);
    binding_class(L, BUFFER, NULL, buffer_methods);
    luaL_newlib(L, functions);
    return 1;
}
