/* Fields of the table at index 1 from which the modules of interactive signing make their objects. */
#ifndef SIGNER_BINDING_INTERACTIVE_FIELDS_H
#define SIGNER_BINDING_INTERACTIVE_FIELDS_H

#include "binding/call_object.h"
#include "binding/frost_objects.h"
#include "session/interactive.h"

static inline const char *text_field(lua_State *L, const char *name, size_t *len) {
    lua_getfield(L, 1, name);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s must be a string", name);
    const char *text = lua_tolstring(L, -1, len);
    lua_pop(L, 1); /* the table keeps it alive */
    return text;
}

static inline uint16_t member_field(lua_State *L, const char *name) {
    lua_getfield(L, 1, name);
    lua_Integer value = luaL_checkinteger(L, -1);
    if (value < 0 || value > UINT16_MAX) luaL_error(L, "%s is no u16", name);
    lua_pop(L, 1);
    return (uint16_t)value;
}

static inline void root_field(lua_State *L, struct frost_root *root) {
    lua_getfield(L, 1, "root");
    binding_check_root(L, lua_gettop(L), root);
    lua_pop(L, 1);
}

static inline const char *attempt_field(lua_State *L) {
    size_t len;
    const char *text = text_field(L, "attempt_id", &len);
    if (len != ATTEMPT_ID_TEXT_BYTES) luaL_error(L, "attempt_id has a wrong length");
    return text;
}

#endif
