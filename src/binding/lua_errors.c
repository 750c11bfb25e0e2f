/* The list of failures in Lua: require("signer.errors"). lua/tbtc_signer/errors.lua is its face. */
#include <string.h>

#include "binding/binding.h"

/* errors.raise(name, detail): raises the typed error object of that name; detail nil = default text. */
static int raise(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    enum signer_error error = error_by_name(name);
    if (error == SIGNER_OK) return luaL_error(L, "no error is named '%s'", name);
    const char *detail = luaL_optstring(L, 2, NULL);
    /* A detail that a struct failure cannot hold: the object gets it whole. */
    if (!detail || strlen(detail) < FAILURE_DETAIL_MAX)
        return detail ? binding_raise_error(L, error, "%s", detail) : binding_raise_error(L, error, NULL);
    lua_pushvalue(L, 2);
    lua_pushcfunction(L, raise);
    lua_pushvalue(L, 1);
    lua_pcall(L, 1, 1, 0);
    lua_insert(L, -2);
    lua_setfield(L, -2, "detail");
    return lua_error(L);
}

/* errors.info(name) -> {code, reason_code, recovery_class, text} or nil */
static int info(lua_State *L) {
    enum signer_error error = error_by_name(luaL_checkstring(L, 1));
    if (error == SIGNER_OK) return 0;
    const struct error_info *found = error_info(error);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, code_text(found->code));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, found->reason_code);
    lua_setfield(L, -2, "reason_code");
    lua_pushstring(L, code_recovery_class(found->code) == RECOVERABLE ? "recoverable" : "terminal");
    lua_setfield(L, -2, "recovery_class");
    lua_pushstring(L, found->text);
    lua_setfield(L, -2, "text");
    return 1;
}

int luaopen_binding_errors(lua_State *L) {
    static const luaL_Reg functions[] = {{"raise", raise}, {"info", info}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
