/* Modules of this layer, and the searcher for embedded sources. */
#include "runtime/modules.h"

#include <lauxlib.h>
#include <string.h>

#include "runtime/pool.h"
#include "runtime/sources.h"

/* Upvalue 1: the extra sources. */
static int search_embedded(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const struct extra_source *extra = lua_touserdata(L, lua_upvalueindex(1));
    for (; extra; extra = extra->next) {
        if (strcmp(extra->name, name) != 0) continue;
        if (luaL_loadbufferx(L, extra->text, extra->len, name, "t") != LUA_OK) return lua_error(L);
        lua_pushstring(L, name);
        return 2;
    }
    for (const struct embedded_source *source = embedded_sources; source->name; source++) {
        if (strcmp(source->name, name) != 0) continue;
        lua_pushfstring(L, "@%s", source->path);
        if (luaL_loadbufferx(L, source->text, source->len, lua_tostring(L, -1), "t") != LUA_OK) return lua_error(L);
        lua_pushstring(L, source->path);
        return 2;
    }
    lua_pushfstring(L, "no embedded source '%s'", name);
    return 1;
}

void modules_add_searcher(lua_State *L, int position, const struct extra_source *extra) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    for (lua_Integer i = luaL_len(L, -1); i >= position; i--) {
        lua_geti(L, -1, i);
        lua_seti(L, -2, i + 1);
    }
    lua_pushlightuserdata(L, (void *)(uintptr_t)extra);
    lua_pushcclosure(L, search_embedded, 1);
    lua_seti(L, -2, position);
    lua_pop(L, 2);
}

void modules_open(lua_State *L) {
    static const struct {
        const char *name;
        lua_CFunction open;
    } modules[] = {{"codec", luaopen_runtime_codec}, {"sandbox", luaopen_runtime_sandbox}};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        lua_pushfstring(L, "signer.%s", modules[i].name);
        luaL_requiref(L, lua_tostring(L, -1), modules[i].open, 0);
        lua_setfield(L, -3, modules[i].name);
        lua_pop(L, 1);
    }
}
