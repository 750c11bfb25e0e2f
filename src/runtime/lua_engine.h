/* The engine as a Lua object, for the Lua module (design 4). */
#ifndef SIGNER_RUNTIME_LUA_ENGINE_H
#define SIGNER_RUNTIME_LUA_ENGINE_H

#include <lua.h>

/* Pushes the constructor engine{ environment =, platform =, sources = }; see lua_engine.c. */
int engine_object_open(lua_State *L);
/* Adds the functions of the table at the top to the methods of engine objects. */
void engine_object_add_methods(lua_State *L);

#endif
