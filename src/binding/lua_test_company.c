/* Test module: who waits for the store together (store/company.h), event by event.
 *
 *   play({ { "wait" | "append" | "begin" | "end", us }, … }) -> patience in microseconds, then complete or not */
#include <lauxlib.h>
#include <string.h>

#include "binding/binding.h"
#include "store/company.h"

static void take_event(lua_State *L, struct company *company, const char *event, uint64_t now_us) {
    if (strcmp(event, "wait") == 0)
        company->waiting++;
    else if (strcmp(event, "append") == 0)
        company_appended(company, now_us);
    else if (strcmp(event, "begin") == 0)
        company_sync_begins(company, now_us);
    else if (strcmp(event, "end") == 0)
        company_sync_ends(company, now_us);
    else
        luaL_error(L, "no event '%s'", event);
}

static int play(lua_State *L) {
    struct company company = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_Integer i = 1; lua_rawgeti(L, 1, i) == LUA_TTABLE; i++) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        take_event(L, &company, luaL_checkstring(L, -2), (uint64_t)luaL_checkinteger(L, -1));
        lua_pop(L, 3);
    }
    lua_pushinteger(L, (lua_Integer)company_patience_us(&company));
    lua_pushboolean(L, company_is_complete(&company));
    return 2;
}

int luaopen_binding_test_company(lua_State *L) {
    static const luaL_Reg functions[] = {{"play", play}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
