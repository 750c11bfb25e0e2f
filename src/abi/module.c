/* The Lua module: require("tbtc_signer"). The core modules by name, `engine` and `version`; after it
 * is loaded, `require` finds the embedded Lua sources ("tbtc_signer.errors", …) without any path.
 * lua/tbtc_signer/engine.lua adds engine:call. */
#include <lauxlib.h>
#include <lua.h>

#include "binding/binding.h"
#include "runtime/lua_engine.h"
#include "runtime/lua_origin.h"
#include "runtime/modules.h"

int luaopen_tbtc_signer(lua_State *L);

/* engine{…}: an engine object, with the methods of lua/tbtc_signer/engine.lua too. */
static int new_engine(lua_State *L) {
    lua_settop(L, 1); /* or a call without an argument would hand on the methods as its options */
    lua_getglobal(L, "require");
    lua_pushliteral(L, "tbtc_signer.engine");
    lua_call(L, 1, 1);
    engine_object_add_methods(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

__attribute__((visibility("default"))) int luaopen_tbtc_signer(lua_State *L) {
    struct failure why = {SIGNER_OK, ""};
    if (host_lua_check(&why) != SIGNER_OK) return luaL_error(L, "tbtc_signer: %s", why.detail);
    luaL_checkversion(L);
    modules_add_searcher(L, 2, NULL);
    lua_newtable(L);
    binding_open_all(L);
    modules_open(L);
    engine_object_open(L);
    lua_pushcclosure(L, new_engine, 1);
    lua_setfield(L, -2, "engine");
    lua_pushliteral(L, SIGNER_VERSION);
    lua_setfield(L, -2, "version");
    return 1;
}
