/* Kinds of wire objects that the codec decodes once, on receipt: `s.decoded("signing_package", …)`
 * in a schema gives the userdata that the decoder of that kind pushes. A binding registers its
 * kinds when it is opened; the codec looks them up when it compiles a schema. */
#ifndef SIGNER_BINDING_DECODERS_H
#define SIGNER_BINDING_DECODERS_H

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Pushes exactly one value and returns SIGNER_OK, or pushes nothing and returns why `data` is no such
 * object; the default text of the error becomes the reason that the endpoint answers. May raise only
 * what Lua itself raises (out of memory). `data` is valid during the call only; `engine` is that of the
 * request, NULL without one. */
struct engine;
typedef enum signer_error (*binding_decoder)(lua_State *L, struct engine *engine, const uint8_t *data, size_t len);

#define BINDING_DECODERS "signer.decoders"

/* `kind` is a string constant. Registering a kind again replaces it. */
static inline void binding_register_decoder(lua_State *L, const char *kind, binding_decoder decoder) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, BINDING_DECODERS);
    binding_decoder *slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = decoder;
    lua_setfield(L, -2, kind);
    lua_pop(L, 1);
}

/* NULL when no binding registered the kind. */
static inline binding_decoder binding_find_decoder(lua_State *L, const char *kind) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, BINDING_DECODERS);
    lua_getfield(L, -1, kind);
    const binding_decoder *slot = lua_touserdata(L, -1);
    binding_decoder decoder = slot ? *slot : NULL;
    lua_pop(L, 2);
    return decoder;
}

#endif
