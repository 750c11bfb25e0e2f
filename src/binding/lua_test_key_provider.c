/* test_key_provider: runs a key provider and shows the key (test build).
 *
 *   test_key_provider.fetch(engine, {kind = "env" | "command", command, timeout = seconds, env_name}) -> bytes
 *   test_key_provider.setenv(name, value | nil)
 *   test_key_provider.ignore_child_signal(boolean)
 *   test_key_provider.now_ms() -> integer
 *   test_key_provider.spawn_exit(after_ms, status) -> process id      a child of the host
 *   test_key_provider.wait(process id) -> status | nil
 *   test_key_provider.alive(process id) -> boolean                    a zombie is not alive */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "binding/binding.h"
#include "store/key_provider.h"

static int lua_fetch(lua_State *L) {
    static const char *const kinds[] = {"env", "command", NULL};
    struct engine *engine = binding_check_engine(L, 1);
    struct key_provider provider = {0};
    lua_getfield(L, 2, "kind");
    provider.kind = luaL_checkoption(L, -1, NULL, kinds) == 0 ? KEY_PROVIDER_ENV : KEY_PROVIDER_COMMAND;
    lua_getfield(L, 2, "command");
    provider.command = lua_tostring(L, -1);
    lua_getfield(L, 2, "env_name");
    provider.env_text = lua_isnil(L, -1) ? NULL : getenv(lua_tostring(L, -1));
    lua_getfield(L, 2, "timeout");
    provider.timeout_s = (uint32_t)luaL_optinteger(L, -1, 30);
    struct failure why = {0};
    vault_handle key = 0;
    enum signer_error error = key_provider_fetch(&provider, engine->vault, &key, &why);
    if (error && key) return luaL_error(L, "a failed fetch left a key");
    binding_check(L, error, &why);
    size_t len = 0;
    const char *bytes = vault_borrow(engine->vault, key, SECRET_STATE_KEY, &len);
    lua_pushlstring(L, bytes, len);
    vault_wipe(engine->vault, key);
    return 1;
}

static int lua_setenv(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (lua_isnil(L, 2))
        unsetenv(name);
    else
        setenv(name, luaL_checkstring(L, 2), 1);
    return 0;
}

static int lua_ignore_child_signal(lua_State *L) {
    signal(SIGCHLD, lua_toboolean(L, 1) ? SIG_IGN : SIG_DFL);
    return 0;
}

static int lua_now_ms(lua_State *L) {
    uint64_t now = 0;
    binding_check(L, platform_monotonic_ms(platform_system(), &now), NULL);
    lua_pushinteger(L, (lua_Integer)now);
    return 1;
}

static int lua_spawn_exit(lua_State *L) {
    int after_ms = (int)luaL_checkinteger(L, 1);
    int status = (int)luaL_checkinteger(L, 2);
    pid_t child = fork();
    if (child == 0) {
        poll(NULL, 0, after_ms);
        _exit(status);
    }
    lua_pushinteger(L, child);
    return 1;
}

static int lua_wait(lua_State *L) {
    int status = 0;
    pid_t child = (pid_t)luaL_checkinteger(L, 1);
    if (waitpid(child, &status, 0) == child && WIFEXITED(status))
        lua_pushinteger(L, WEXITSTATUS(status));
    else
        lua_pushnil(L);
    return 1;
}

static int lua_alive(lua_State *L) {
    char path[64], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)luaL_checkinteger(L, 1));
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 'X';
        fclose(file);
    }
    lua_pushboolean(L, state != 'X' && state != 'Z');
    return 1;
}

static const luaL_Reg functions[] = {
    {"fetch", lua_fetch},
    {"setenv", lua_setenv},
    {"ignore_child_signal", lua_ignore_child_signal},
    {"now_ms", lua_now_ms},
    {"spawn_exit", lua_spawn_exit},
    {"wait", lua_wait},
    {"alive", lua_alive},
    {NULL, NULL},
};

int luaopen_binding_test_key_provider(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
