/* machine: what this machine offers to the signer; read-only facts for `doctor`. */
#include <dlfcn.h>
#include <secp256k1.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/platform.h"
#include "binding/binding.h"

/* File name of the shared object that holds a function. */
static void set_object(lua_State *L, const char *name, const void *function) {
    Dl_info info;
    binding_set_text(L, name, dladdr(function, &info) && info.dli_fname ? info.dli_fname : "unknown");
}

/* libraries() -> {lua, sodium, lua_object, sodium_object, secp256k1_object}: versions as text and the
 * files that the functions come from. */
static int machine_libraries(lua_State *L) {
    lua_newtable(L);
    binding_set_text(L, "lua", LUA_RELEASE);
    binding_set_text(L, "sodium", sodium_version_string());
    set_object(L, "lua_object", (const void *)(uintptr_t)lua_newstate);
    set_object(L, "sodium_object", (const void *)(uintptr_t)sodium_init);
    set_object(L, "secp256k1_object", (const void *)(uintptr_t)secp256k1_context_create);
    return 1;
}

static void set_limit(lua_State *L, const char *name, rlim_t limit) {
    if (limit == RLIM_INFINITY) return;
    lua_pushinteger(L, (lua_Integer)limit);
    lua_setfield(L, -2, name);
}

/* locked_memory() -> {soft, hard, exempt}: bytes, absent = unlimited; exempt: this user is root. */
static int machine_locked_memory(lua_State *L) {
    struct rlimit limit;
    lua_newtable(L);
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
        set_limit(L, "soft", limit.rlim_cur);
        set_limit(L, "hard", limit.rlim_max);
    }
    lua_pushboolean(L, geteuid() == 0);
    lua_setfield(L, -2, "exempt");
    return 1;
}

/* can_lock(bytes) -> boolean: whether that much guarded memory can be locked now. */
static int machine_can_lock(lua_State *L) {
    lua_Integer len = luaL_checkinteger(L, 1);
    luaL_argcheck(L, len > 0 && len <= 64 * 1024 * 1024, 1, "1 byte to 64 MiB");
    if (!platform_system()) return luaL_error(L, "libsodium cannot start");
    void *memory = sodium_malloc((size_t)len);
    int locked = memory ? sodium_mlock(memory, (size_t)len) : -1;
    sodium_free(memory);
    lua_pushboolean(L, locked == 0);
    return 1;
}

/* clock() -> {wall_ms, monotonic_ms}; a clock that fails is absent. */
static int machine_clock(lua_State *L) {
    const struct platform *platform = platform_system();
    uint64_t now;
    lua_newtable(L);
    if (platform && platform_wall_ms(platform, &now) == SIGNER_OK) {
        lua_pushinteger(L, (lua_Integer)now);
        lua_setfield(L, -2, "wall_ms");
    }
    if (platform && platform_monotonic_ms(platform, &now) == SIGNER_OK) {
        lua_pushinteger(L, (lua_Integer)now);
        lua_setfield(L, -2, "monotonic_ms");
    }
    return 1;
}

static const luaL_Reg functions[] = {
    {"libraries", machine_libraries},
    {"locked_memory", machine_locked_memory},
    {"can_lock", machine_can_lock},
    {"clock", machine_clock},
    {NULL, NULL},
};

int luaopen_binding_machine(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
