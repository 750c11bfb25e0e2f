/* What all bindings share: typed error objects, kinds of userdata, the list of modules. */
#include "binding/binding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERROR_METATABLE "signer.error"
#define BUFFER_METATABLE "signer.buffer"

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
    luaL_setmetatable(L, ERROR_METATABLE);
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

/* -- userdata ----------------------------------------------------------------------------------- */

void binding_class(lua_State *L, const char *name, const luaL_Reg *metamethods, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    if (metamethods) luaL_setfuncs(L, metamethods, 0);
    if (methods) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, name);
}

void *binding_new_object(lua_State *L, size_t len, int values, const char *kind) {
    void *object = lua_newuserdatauv(L, len, values);
    memset(object, 0, len);
    lua_rawgetp(L, LUA_REGISTRYINDEX, kind);
    lua_setmetatable(L, -2);
    return object;
}

void *binding_check_object(lua_State *L, int index, const char *kind) {
    void *object = lua_touserdata(L, index);
    if (object && lua_getmetatable(L, index)) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, kind);
        const bool same = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
        if (same) return object;
    }
    return luaL_checkudata(L, index, kind);
}

static int buffer_gc(lua_State *L) {
    buffer_free(binding_check_object(L, 1, BUFFER_METATABLE));
    return 0;
}

struct buffer *binding_new_buffer(lua_State *L) {
    return binding_new_object(L, sizeof(struct buffer), 0, BUFFER_METATABLE); /* zeros are an empty one */
}

int binding_push_buffer(lua_State *L, struct buffer *buffer, enum signer_error error, const struct failure *why) {
    if (error == SIGNER_OK) error = buffer_status(buffer);
    if (error == SIGNER_OK) lua_pushlstring(L, (const char *)buffer->data, buffer->len);
    buffer_free(buffer);
    binding_check(L, error, why);
    return 1;
}

void binding_set_u64(lua_State *L, const char *name, uint64_t value) {
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

void binding_set_flag(lua_State *L, const char *name, bool value) {
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

void binding_set_text(lua_State *L, const char *name, const char *text) {
    if (!text) return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

void binding_set_bytes(lua_State *L, const char *name, const void *data, size_t len) {
    lua_pushlstring(L, data, len);
    lua_setfield(L, -2, name);
}

void binding_set_hex(lua_State *L, const char *name, const void *data, size_t len) {
    char text[128];
    luaL_argcheck(L, len <= sizeof text / 2, 1, "too long for hex");
    hex_encode(text, data, len);
    binding_set_bytes(L, name, text, 2 * len);
}

void binding_open_all(lua_State *L) {
    static const luaL_Reg error_metamethods[] = {{"__tostring", error_tostring}, {NULL, NULL}};
    static const luaL_Reg buffer_metamethods[] = {{"__gc", buffer_gc}, {NULL, NULL}};
    binding_class(L, ERROR_METATABLE, error_metamethods, NULL);
    binding_class(L, BUFFER_METATABLE, buffer_metamethods, NULL);
#define BINDING(module)                                                                                                \
    luaL_requiref(L, "signer." #module, luaopen_binding_##module, 0);                                                  \
    lua_setfield(L, -2, #module);
#include "gen/bindings.inc"
#undef BINDING
}
