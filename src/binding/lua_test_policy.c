/* Secrets that no honest member makes, for specs of persist and of the key generation (test build).
 *
 *   test_policy.secret(engine, bytes) -> secret     any bytes, as if they had come in a request
 *   test_policy.reveal(secret) -> bytes */
#include <string.h>

#include "binding/binding.h"

static int secret(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *bytes = luaL_checklstring(L, 2, &len);
    vault_handle handle;
    void *memory;
    binding_check(L, vault_new(engine->vault, SECRET_BYTES, len, &handle, &memory), NULL);
    memcpy(memory, bytes, len);
    binding_push_secret(L, engine, handle);
    return 1;
}

static int reveal(lua_State *L) {
    const struct secret_handle *handle = binding_check_secret(L, 1);
    size_t len;
    const char *bytes = vault_borrow(handle->vault, handle->handle, SECRET_BYTES, &len);
    if (!bytes) return luaL_error(L, "no such secret");
    lua_pushlstring(L, bytes, len);
    return 1;
}

static const luaL_Reg functions[] = {{"secret", secret}, {"reveal", reveal}, {NULL, NULL}};

int luaopen_binding_test_policy(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
