/* What `require` finds: the modules of this layer and the embedded Lua sources. */
#ifndef SIGNER_RUNTIME_MODULES_H
#define SIGNER_RUNTIME_MODULES_H

#include <lua.h>

struct extra_source;

/* Adds codec, sandbox (and in the test build test_runtime) to the table at the top, and as
 * "signer.<name>" to package.loaded, next to those of binding_open_all. */
void modules_open(lua_State *L);
/* Puts a searcher for the embedded sources at place `position` of package.searchers; `extra` (NULL
 * for none) is looked through first. */
void modules_add_searcher(lua_State *L, int position, const struct extra_source *extra);

int luaopen_runtime_codec(lua_State *L);
int luaopen_runtime_sandbox(lua_State *L);

#endif
