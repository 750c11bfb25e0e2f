/* Typed error objects in Lua, and the list of modules. */
#include "binding/binding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERROR_METATABLE "signer.error"

static int error_tostring(lua_State *L) {
    lua_getfield(L, 1, "code");
    lua_getfield(L, 1, "reason_code");
    lua_getfield(L, 1, "detail");
    if (lua_isnil(L, -2))
        lua_pushfstring(L, "%s: %s", lua_tostring(L, -3), lua_tostring(L, -1));
    else
        lua_pushfstring(L, "%s: %s: %s", lua_tostring(L, -3), lua_tostring(L, -2), lua_tostring(L, -1));
    return 1;
}

static void push_error(lua_State *L, enum signer_error error, const char *detail) {
    const struct error_info *info = error_info(error);
    lua_createtable(L, 0, 6);
    lua_pushstring(L, info->name);
    lua_setfield(L, -2, "error");
    lua_pushstring(L, code_text(info->code));
    lua_setfield(L, -2, "code");
    if (info->reason_code) {
        lua_pushstring(L, info->reason_code);
        lua_setfield(L, -2, "reason_code");
    }
    lua_pushstring(L, code_recovery_class(info->code) == RECOVERABLE ? "recoverable" : "terminal");
    lua_setfield(L, -2, "recovery_class");
    lua_pushstring(L, detail && *detail ? detail : info->text);
    lua_setfield(L, -2, "detail");
    if (luaL_newmetatable(L, ERROR_METATABLE)) {
        lua_pushcfunction(L, error_tostring);
        lua_setfield(L, -2, "__tostring");
    }
    lua_setmetatable(L, -2);
}

int binding_raise(lua_State *L, const struct failure *why) {
    push_error(L, why->error, why->detail);
    return lua_error(L);
}

int binding_raise_error(lua_State *L, enum signer_error error, const char *format, ...) {
    struct failure why = {.error = error};
    if (format) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(why.detail, sizeof why.detail, format, arguments);
        va_end(arguments);
    }
    return binding_raise(L, &why);
}

void binding_check(lua_State *L, enum signer_error error, const struct failure *why) {
    if (error == SIGNER_OK) return;
    if (why && why->error == error)
        binding_raise(L, why);
    else
        binding_raise_error(L, error, NULL);
}

bool binding_failure(lua_State *L, int index, struct failure *out) {
    index = lua_absindex(L, index);
    if (!lua_istable(L, index)) return false;
    lua_getfield(L, index, "error");
    lua_getfield(L, index, "detail");
    const char *name = lua_tostring(L, -2);
    const char *detail = lua_tostring(L, -1);
    enum signer_error error = name ? error_by_name(name) : SIGNER_OK;
    if (error != SIGNER_OK) fail(out, error, "%s", detail ? detail : "");
    lua_pop(L, 2);
    return error != SIGNER_OK;
}

void binding_open_all(lua_State *L) {
#define BINDING(module)                                                                                                \
    luaL_requiref(L, "signer." #module, luaopen_binding_##module, 0);                                                  \
    lua_setfield(L, -2, #module);
#include "gen/bindings.inc"
#undef BINDING
}
