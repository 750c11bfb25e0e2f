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

/* A secret handle as userdata ("signer.secret"): bound to its engine, wiped at __gc/__close unless
 * released; `tostring` shows no address. */
struct secret_handle {
    struct engine *engine; /* the Lua object keeps it alive */
    vault_handle handle;
};
void binding_push_secret(lua_State *L, struct engine *engine, vault_handle handle);
struct secret_handle *binding_check_secret(lua_State *L, int index);

/* Each module: pushes its table. Listed in bindings.inc, made by the Makefile from the file names. */
#define BINDING(module) int luaopen_binding_##module(lua_State *L);
#include "gen/bindings.inc"
#undef BINDING

/* Fields of the table that the modules go into, by module name. */
void binding_open_all(lua_State *L);

#endif
