/* notices: the lines that the signer writes to stderr, for a command that says them in its own words.
 *
 *   hold()          from now on the lines of this thread are kept (4 KiB of them; what finds no room is lost)
 *   take() -> text  the kept lines, each with its newline; from now on lines go to stderr again */
#include <string.h>

#include "base/notice.h"
#include "binding/binding.h"

#define KEPT "signer.notices" /* in the registry */

/* The room belongs to the Lua state: thread-local memory of the library is short where it is loaded late. */
static struct held_notices *room(lua_State *L) {
    if (lua_getfield(L, LUA_REGISTRYINDEX, KEPT) != LUA_TUSERDATA) {
        memset(lua_newuserdatauv(L, sizeof(struct held_notices), 0), 0, sizeof(struct held_notices));
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, KEPT);
    }
    return lua_touserdata(L, -1);
}

static int notices_hold(lua_State *L) {
    notice_hold(room(L));
    return 0;
}

static int notices_take(lua_State *L) {
    struct held_notices *kept = room(L);
    notice_hold(NULL);
    lua_pushlstring(L, kept->text, kept->len);
    kept->len = 0;
    return 1;
}

static const luaL_Reg functions[] = {
    {"hold", notices_hold},
    {"take", notices_take},
    {NULL, NULL},
};

int luaopen_binding_notices(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
