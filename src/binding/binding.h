/* Core modules as Lua tables: one file lua_<module>.c per module, each ending in its table of
 * functions. A C function either returns or raises a typed error object (lua_error.c). Secrets are
 * userdata handles, never strings. Nothing here computes. */
#ifndef SIGNER_BINDING_BINDING_H
#define SIGNER_BINDING_BINDING_H

#include <lauxlib.h>
#include <lua.h>

#include "base/error.h"
#include "session/call.h"

/* Raises {error = NAME, code, reason_code, detail, recovery_class} with its metatable. */
int binding_raise(lua_State *L, const struct failure *why);
int binding_raise_error(lua_State *L, enum signer_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Raises unless SIGNER_OK. */
void binding_check(lua_State *L, enum signer_error error, const struct failure *why);
/* Reads an error object at `index` back into a failure; false when it is something else. */
bool binding_failure(lua_State *L, int index, struct failure *out);

/* A secret handle as userdata ("signer.secret"): wiped at __gc, __close and :close() unless whoever
 * takes it over sets `handle` to 0; `tostring` shows no address. It holds a reference to the vault, so
 * it may outlive the engine: then it is stale. */
struct secret_handle {
    struct engine *engine;
    struct vault *vault;
    vault_handle handle;
};
/* The object owns the handle from now on; a Lua memory error leaves it with the caller. */
void binding_push_secret(lua_State *L, struct engine *engine, vault_handle handle);
/* Raises for another type and for a closed secret. */
struct secret_handle *binding_check_secret(lua_State *L, int index);

/* The engine behind the object at `index`, which is any userdata with `__engine` in its metatable: a C
 * function that takes the object and returns the struct engine * as light userdata, or raises when it
 * is closed. */
struct engine *binding_check_engine(lua_State *L, int index);

/* The metatable `name` of a kind of userdata: `metamethods` in it, `methods` behind __index (either may be
 * NULL); scripts cannot get at it. To be made when the module is opened. */
void binding_class(lua_State *L, const char *name, const luaL_Reg *metamethods, const luaL_Reg *methods);
/* Pushes a userdata of such a kind: zeros, with so many user values. `kind` is the name, at the address that
 * made the class. */
void *binding_new_object(lua_State *L, size_t len, int values, const char *kind);
/* luaL_checkudata, quick where `kind` is the name at the address that made the class. */
void *binding_check_object(lua_State *L, int index, const char *kind);
/* Pushes a userdata with an empty buffer, which the collector wipes and frees: for bytes that must not be
 * lost when Lua raises. */
struct buffer *binding_new_buffer(lua_State *L);
/* Pushes the bytes of such a buffer as a string and empties it; raises on `error` (with `why` where it is
 * not NULL) and on a buffer that failed. Returns 1. */
int binding_push_buffer(lua_State *L, struct buffer *buffer, enum signer_error error, const struct failure *why);

/* Members of the table on top of the stack. Integers above 2^63 come out negative; a text that is NULL is left
 * out; hex takes at most 64 bytes. */
void binding_set_u64(lua_State *L, const char *name, uint64_t value);
void binding_set_flag(lua_State *L, const char *name, bool value);
void binding_set_text(lua_State *L, const char *name, const char *text);
void binding_set_bytes(lua_State *L, const char *name, const void *data, size_t len);
void binding_set_hex(lua_State *L, const char *name, const void *data, size_t len);

/* Each module: pushes its table. Listed in bindings.inc, made by the Makefile from the file names. */
#define BINDING(module) int luaopen_binding_##module(lua_State *L);
#include "gen/bindings.inc"
#undef BINDING

/* Fields of the table that the modules go into, by module name. */
void binding_open_all(lua_State *L);

#endif
