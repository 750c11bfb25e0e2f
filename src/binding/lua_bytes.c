/* bytes: hex of public byte strings.
 *
 *   bytes.hex(bytes) -> text            lower case
 *   bytes.unhex(text) -> bytes | nil    either case; nil where it is no hex (or no string)
 */
#include "base/bytes.h"
#include "binding/binding.h"

static int bytes_hex(lua_State *L) {
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    luaL_Buffer out;
    hex_encode(luaL_buffinitsize(L, &out, 2 * len), (const uint8_t *)bytes, len);
    luaL_pushresultsize(&out, 2 * len);
    return 1;
}

static int bytes_unhex(lua_State *L) {
    size_t len;
    if (lua_type(L, 1) != LUA_TSTRING) return 0;
    const char *text = lua_tolstring(L, 1, &len);
    luaL_Buffer out;
    if (!hex_decode((uint8_t *)luaL_buffinitsize(L, &out, len / 2), text, len)) {
        lua_pushnil(L);
        return 1;
    }
    luaL_pushresultsize(&out, len / 2);
    return 1;
}

static const luaL_Reg functions[] = {{"hex", bytes_hex}, {"unhex", bytes_unhex}, {NULL, NULL}};

int luaopen_binding_bytes(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
