/* notices: the lines that the signer writes to stderr, for a command that says them in its own words.
 *
 *   hold()          from now on the lines of this thread are kept (4 KiB of them; what finds no room is lost)
 *   take() -> text  the kept lines, each with its newline; from now on lines go to stderr again */
#include "base/notice.h"
#include "binding/binding.h"

static _Thread_local struct held_notices kept;

static int notices_hold(lua_State *L) {
    (void)L;
    notice_hold(&kept);
    return 0;
}

static int notices_take(lua_State *L) {
    notice_hold(NULL);
    lua_pushlstring(L, kept.text, kept.len);
    kept.len = 0;
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
