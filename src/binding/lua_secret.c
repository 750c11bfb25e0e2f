/* secret: handles of secrets in the vault, as Lua objects. A script passes them on, closes them, and
 * cannot read them (D-018).
 *
 *   handle:close()              wipes the secret now; closed already: no effect
 *   handle:is_open() -> boolean whether there still is a secret behind it
 *   local handle <close> = …    wipes it at the end of the block */
#include "binding/binding.h"

#define METATABLE "signer.secret"

static struct secret_handle *check_handle(lua_State *L) {
    return binding_check_object(L, 1, METATABLE);
}

static int secret_close(lua_State *L) {
    struct secret_handle *secret = check_handle(L);
    if (secret->vault) {
        vault_wipe(secret->vault, secret->handle);
        vault_drop(secret->vault);
    }
    *secret = (struct secret_handle){0};
    return 0;
}

static int secret_is_open(lua_State *L) {
    const struct secret_handle *secret = check_handle(L);
    lua_pushboolean(L, secret->vault && vault_holds(secret->vault, secret->handle));
    return 1;
}

static int secret_tostring(lua_State *L) {
    check_handle(L);
    lua_pushliteral(L, METATABLE);
    return 1;
}

static const luaL_Reg methods[] = {{"close", secret_close}, {"is_open", secret_is_open}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__gc", secret_close}, {"__close", secret_close}, {"__tostring", secret_tostring}, {NULL, NULL}};

void binding_push_secret(lua_State *L, struct engine *engine, vault_handle handle) {
    struct secret_handle *secret = binding_new_object(L, sizeof *secret, 0, METATABLE);
    vault_retain(engine->vault);
    *secret = (struct secret_handle){engine, engine->vault, handle};
}

struct secret_handle *binding_check_secret(lua_State *L, int index) {
    struct secret_handle *secret = binding_check_object(L, index, METATABLE);
    if (secret->handle == 0) binding_raise_error(L, ERR_VALIDATION, "the secret is closed");
    return secret;
}

struct engine *binding_check_engine(lua_State *L, int index) {
    index = lua_absindex(L, index);
    if (!lua_isuserdata(L, index) || luaL_getmetafield(L, index, "__engine") != LUA_TFUNCTION)
        luaL_typeerror(L, index, "engine");
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    struct engine *engine = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!engine) luaL_typeerror(L, index, "open engine");
    return engine;
}

int luaopen_binding_secret(lua_State *L) {
    binding_class(L, METATABLE, metamethods, methods);
    lua_newtable(L);
    return 1;
}
