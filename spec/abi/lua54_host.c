/* A host with a Lua 5.4 state of its own, which it uses before, between and after its calls. */
#include <lauxlib.h>
#include <lualib.h>

#include "host.h"

static void run_lua(lua_State *L) {
    if (luaL_dostring(
            L, "counter = (counter or 0) + 1; local t = {}; for i = 1, 1000 do t[i] = {i} end; collectgarbage()")) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(1);
    }
}

int main(int count, char **arguments) {
    if (count < 2) return 2;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    run_lua(L);
    host_open(arguments[1]);
    for (int i = 0; i < 20; i++) {
        run_lua(L);
        TbtcSignerResult result = host_call_bare("frost_tbtc_roast_liveness_policy");
        if (result.status_code != 0) host_print("liveness", result);
        host_free(result.buffer);
    }
    lua_getglobal(L, "counter");
    printf("counter %d\n", (int)lua_tointeger(L, -1));
    lua_close(L);
    host_print("liveness", host_call_bare("frost_tbtc_roast_liveness_policy"));
    return 0;
}
