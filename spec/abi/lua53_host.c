/* A host that exports another Lua (5.3, linked statically): some of the library's symbols are bound to
 * it. The library must refuse, not crash, and the host's own state must not notice. */
#include <lua5.3/lauxlib.h>
#include <lua5.3/lualib.h>

#include "host.h"

int main(int count, char **arguments) {
    if (count < 2) return 2;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    host_open(arguments[1]);
    host_print("version", host_call_bare("frost_tbtc_version"));
    host_print("abi_version", host_call_bare("frost_tbtc_abi_version"));
    for (int i = 0; i < 3; i++)
        host_print("liveness", host_call_bare("frost_tbtc_roast_liveness_policy"));
    host_tell("frost_tbtc_interactive_round1", "{}");
    if (luaL_dostring(L, "assert(_VERSION == 'Lua 5.3' and ('x'):rep(3) == 'xxx')")) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        return 1;
    }
    lua_close(L);
    return 0;
}
