/* test_vault: a vault of its own behind an engine without state, and what a spec must see of it (test
 * build). Handles are integers here; `secret` makes the userdata that the product uses.
 *
 *   test_vault.new{must_lock = boolean, platform = test platform} -> vault, also an `engine` for node_keys
 *   vault:new(kind, bytes | length) -> handle       kinds: test_vault.kinds; bytes are copied into the slot
 *   vault:borrow(handle, kind) -> bytes | nil       vault:holds(handle)
 *   vault:take(handle, kind) -> boolean             taken ones are kept, newest last:
 *   vault:taken() -> bytes                          of the newest; vault:release_taken() wipes it
 *   vault:wipe(handle)      vault:bind(handle, context)      vault:bound(handle) -> context | nil
 *   vault:usage() -> {live_slots, locked_bytes, unlocked_bytes, mappings}
 *   vault:set_must_lock(b)  vault:check_lock()
 *   vault:address(handle, kind) -> integer          vault:poke(handle, kind, offset)  writes a byte there
 *   vault:secret(bytes) -> signer.secret            test_vault.read(secret) -> bytes | nil
 *   vault:race_take(handle, kind, threads) -> how many threads got it
 *   vault:fork(handle, kind) -> what a forked child saw: {zero, borrows, holds, new, check, own_vault}
 *   test_vault.in_child(function) -> the text that the function returned in a forked child, or its error
 *   test_vault.fork_handlers() -> calls seen in a child, in the parent (three handlers, one taken off again)
 *   vault:close() */
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "binding/binding.h"
#include "binding/test_platform.h"
#include "custody/fork.h"

#define METATABLE "signer.test_vault"
#define TAKEN_MAX 64
#define THREADS_MAX 64

struct test_vault {
    struct engine engine; /* platform and vault only */
    void *taken[TAKEN_MAX];
    size_t taken_len[TAKEN_MAX];
    int taken_count;
};

static const char *const kinds[] = {"key_package", "nonces", "bytes", "state_key", "file_key", "node_keys", NULL};

static struct test_vault *check_vault(lua_State *L) {
    struct test_vault *test = luaL_checkudata(L, 1, METATABLE);
    luaL_argcheck(L, test->engine.vault, 1, "closed");
    return test;
}

static enum secret_kind check_kind(lua_State *L, int index) {
    return (enum secret_kind)(luaL_checkoption(L, index, NULL, kinds) + SECRET_KEY_PACKAGE);
}

static vault_handle check_handle(lua_State *L, int index) {
    return (vault_handle)luaL_checkinteger(L, index);
}

static int vault_lua_close(lua_State *L) {
    struct test_vault *test = luaL_checkudata(L, 1, METATABLE);
    vault_destroy(test->engine.vault);
    test->engine.vault = NULL;
    return 0;
}

static int vault_lua_engine(lua_State *L) {
    lua_pushlightuserdata(L, &check_vault(L)->engine);
    return 1;
}

static int vault_lua_new(lua_State *L) {
    struct test_vault *test = check_vault(L);
    enum secret_kind kind = check_kind(L, 2);
    size_t len = 0;
    const char *bytes = lua_type(L, 3) == LUA_TSTRING ? lua_tolstring(L, 3, &len) : NULL;
    if (!bytes) len = (size_t)luaL_checkinteger(L, 3);
    vault_handle handle = 0;
    void *memory = NULL;
    binding_check(L, vault_new(test->engine.vault, kind, len, &handle, &memory), NULL);
    if (!sodium_is_zero(memory, len)) return luaL_error(L, "a new slot is not zero");
    if (bytes && len) memcpy(memory, bytes, len);
    lua_pushinteger(L, (lua_Integer)handle);
    return 1;
}

static int vault_lua_borrow(lua_State *L) {
    struct test_vault *test = check_vault(L);
    size_t len = 0;
    const char *memory = vault_borrow(test->engine.vault, check_handle(L, 2), check_kind(L, 3), &len);
    if (memory)
        lua_pushlstring(L, memory, len);
    else
        lua_pushnil(L);
    return 1;
}

static int vault_lua_holds(lua_State *L) {
    lua_pushboolean(L, vault_holds(check_vault(L)->engine.vault, check_handle(L, 2)));
    return 1;
}

static int vault_lua_take(lua_State *L) {
    struct test_vault *test = check_vault(L);
    luaL_argcheck(L, test->taken_count < TAKEN_MAX, 1, "too many are taken");
    void *memory = vault_take(test->engine.vault, check_handle(L, 2), check_kind(L, 3));
    if (memory) {
        test->taken_len[test->taken_count] = (size_t)luaL_optinteger(L, 4, 0);
        test->taken[test->taken_count++] = memory;
    }
    lua_pushboolean(L, memory != NULL);
    return 1;
}

static int vault_lua_taken(lua_State *L) {
    const struct test_vault *test = check_vault(L);
    luaL_argcheck(L, test->taken_count > 0, 1, "nothing is taken");
    lua_pushlstring(L, test->taken[test->taken_count - 1], test->taken_len[test->taken_count - 1]);
    return 1;
}

static int vault_lua_release_taken(lua_State *L) {
    struct test_vault *test = check_vault(L);
    luaL_argcheck(L, test->taken_count > 0, 1, "nothing is taken");
    vault_release_taken(test->engine.vault, test->taken[--test->taken_count]);
    return 0;
}

static int vault_lua_wipe(lua_State *L) {
    vault_wipe(check_vault(L)->engine.vault, check_handle(L, 2));
    return 0;
}

static int vault_lua_bind(lua_State *L) {
    size_t len = 0;
    const char *context = luaL_checklstring(L, 3, &len);
    luaL_argcheck(L, len == 32, 3, "32 bytes");
    binding_check(L, vault_bind(check_vault(L)->engine.vault, check_handle(L, 2), (const uint8_t *)context), NULL);
    return 0;
}

static int vault_lua_bound(lua_State *L) {
    uint8_t context[32];
    if (vault_bound(check_vault(L)->engine.vault, check_handle(L, 2), context))
        lua_pushlstring(L, (const char *)context, sizeof context);
    else
        lua_pushnil(L);
    return 1;
}

static int vault_lua_usage(lua_State *L) {
    struct vault_usage usage;
    vault_usage(check_vault(L)->engine.vault, &usage);
    lua_newtable(L);
    binding_set_u64(L, "live_slots", usage.live_slots);
    binding_set_u64(L, "locked_bytes", usage.locked_bytes);
    binding_set_u64(L, "unlocked_bytes", usage.unlocked_bytes);
    binding_set_u64(L, "mappings", usage.mappings);
    return 1;
}

static int vault_lua_set_must_lock(lua_State *L) {
    vault_set_must_lock(check_vault(L)->engine.vault, lua_toboolean(L, 2));
    return 0;
}

static int vault_lua_check_lock(lua_State *L) {
    binding_check(L, vault_check_lock(check_vault(L)->engine.vault), NULL);
    return 0;
}

static uint8_t *check_memory(lua_State *L) {
    uint8_t *memory = vault_borrow(check_vault(L)->engine.vault, check_handle(L, 2), check_kind(L, 3), NULL);
    luaL_argcheck(L, memory, 2, "stale");
    return memory;
}

static int vault_lua_address(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)(uintptr_t)check_memory(L));
    return 1;
}

static int vault_lua_poke(lua_State *L) {
    volatile uint8_t *memory = check_memory(L);
    memory[luaL_checkinteger(L, 4)] = 1;
    return 0;
}

static int vault_lua_secret(lua_State *L) {
    struct test_vault *test = check_vault(L);
    size_t len = 0;
    const char *bytes = luaL_checklstring(L, 2, &len);
    vault_handle handle = 0;
    void *memory = NULL;
    binding_check(L, vault_new(test->engine.vault, SECRET_BYTES, len, &handle, &memory), NULL);
    if (len) memcpy(memory, bytes, len);
    binding_push_secret(L, &test->engine, handle);
    return 1;
}

static int test_read(lua_State *L) {
    const struct secret_handle *secret = binding_check_secret(L, 1);
    size_t len = 0;
    const char *memory = vault_borrow(secret->vault, secret->handle, SECRET_BYTES, &len);
    if (memory)
        lua_pushlstring(L, memory, len);
    else
        lua_pushnil(L);
    return 1;
}

/* -- threads ----------------------------------------------------------------------------------------- */

struct race {
    struct vault *vault;
    vault_handle handle;
    enum secret_kind kind;
    pthread_barrier_t start;
    atomic_int winners;
};

static void *race_run(void *argument) {
    struct race *race = argument;
    pthread_barrier_wait(&race->start);
    void *memory = vault_take(race->vault, race->handle, race->kind);
    if (memory) {
        race->winners++;
        vault_release_taken(race->vault, memory);
    }
    return NULL;
}

static int vault_lua_race_take(lua_State *L) {
    struct race race = {.vault = check_vault(L)->engine.vault, .handle = check_handle(L, 2), .kind = check_kind(L, 3)};
    lua_Integer count = luaL_checkinteger(L, 4);
    luaL_argcheck(L, count >= 1 && count <= THREADS_MAX, 4, "1 to 64 threads");
    pthread_t threads[THREADS_MAX];
    pthread_barrier_init(&race.start, NULL, (unsigned)count);
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, race_run, &race) != 0) abort();
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&race.start);
    lua_pushinteger(L, race.winners);
    return 1;
}

/* -- forked children ----------------------------------------------------------------------------------- */

struct child_report {
    bool zero, borrows, holds, own_vault;
    enum signer_error made, checked;
};

static struct child_report look_in_child(struct vault *vault, vault_handle handle, enum secret_kind kind,
                                         const uint8_t *memory, size_t len) {
    struct child_report report = {0};
    struct vault *own = NULL;
    vault_handle made = 0;
    void *room = NULL;
    report.zero = sodium_is_zero(memory, len);
    report.borrows = vault_borrow(vault, handle, kind, NULL) != NULL;
    report.holds = vault_holds(vault, handle);
    report.made = vault_new(vault, kind, 32, &made, &room);
    report.checked = vault_check_process(vault);
    vault_wipe(vault, handle);
    vault_destroy(vault);
    if (vault_create(&own, false) == SIGNER_OK && vault_new(own, kind, 32, &made, &room) == SIGNER_OK) {
        memset(room, 1, 32);
        report.own_vault = vault_holds(own, made);
        vault_destroy(own);
    }
    return report;
}

/* Runs in a child; true when the parent has read all of the report. */
static bool report_from_child(pid_t child, int from, void *report, size_t len) {
    ssize_t got = read(from, report, len);
    int status = 0;
    waitpid(child, &status, 0);
    return got == (ssize_t)len && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int vault_lua_fork(lua_State *L) {
    struct test_vault *test = check_vault(L);
    vault_handle handle = check_handle(L, 2);
    enum secret_kind kind = check_kind(L, 3);
    struct child_report report;
    size_t len = 0;
    int ends[2];
    const uint8_t *memory = vault_borrow(test->engine.vault, handle, kind, &len);
    luaL_argcheck(L, memory && !sodium_is_zero(memory, len), 2, "stale, or nothing to be seen");
    if (pipe(ends) != 0) return luaL_error(L, "no pipe");
    pid_t child = fork();
    if (child == 0) {
        report = look_in_child(test->engine.vault, handle, kind, memory, len);
        _exit(write(ends[1], &report, sizeof report) == (ssize_t)sizeof report ? 0 : 1);
    }
    close(ends[1]);
    bool good = report_from_child(child, ends[0], &report, sizeof report);
    close(ends[0]);
    if (!good) return luaL_error(L, "the child came to grief");
    lua_newtable(L);
    binding_set_flag(L, "zero", report.zero);
    binding_set_flag(L, "borrows", report.borrows);
    binding_set_flag(L, "holds", report.holds);
    binding_set_flag(L, "own_vault", report.own_vault);
    lua_pushstring(L, error_info(report.made)->name);
    lua_setfield(L, -2, "new");
    lua_pushstring(L, error_info(report.checked)->name);
    lua_setfield(L, -2, "check");
    return 1;
}

static void count_call(void *argument) {
    ++*(int *)argument;
}

/* In a function of its own, so that the removed handler is a third one. */
static int fork_handlers(lua_State *L) {
    int calls = 0;
    int ends[2];
    struct fork_handler first = {count_call, &calls, NULL}, second = first, third = first;
    if (pipe(ends) != 0) return luaL_error(L, "no pipe");
    if (fork_handler_add(&first) || fork_handler_add(&second) || fork_handler_add(&third)) abort();
    fork_handler_remove(&second);
    pid_t child = fork();
    if (child == 0) _exit(write(ends[1], &calls, sizeof calls) == (ssize_t)sizeof calls ? 0 : 1);
    fork_handler_remove(&first);
    fork_handler_remove(&third);
    fork_handler_remove(&third);
    close(ends[1]);
    int seen = -1;
    bool good = report_from_child(child, ends[0], &seen, sizeof seen);
    close(ends[0]);
    if (!good) return luaL_error(L, "the child came to grief");
    lua_pushinteger(L, seen);
    lua_pushinteger(L, calls);
    return 2;
}

static int in_child(lua_State *L) {
    char text[4096];
    int ends[2];
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (pipe(ends) != 0) return luaL_error(L, "no pipe");
    pid_t child = fork();
    if (child == 0) {
        lua_settop(L, 1);
        lua_pcall(L, 0, 1, 0);
        size_t len = 0;
        const char *answer = luaL_tolstring(L, -1, &len);
        _exit(write(ends[1], answer, len) == (ssize_t)len ? 0 : 1);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], text, sizeof text);
    close(ends[0]);
    waitpid(child, NULL, 0);
    lua_pushlstring(L, text, got > 0 ? (size_t)got : 0);
    return 1;
}

/* -- the module ------------------------------------------------------------------------------------------ */

static const luaL_Reg methods[] = {
    {"new", vault_lua_new},
    {"borrow", vault_lua_borrow},
    {"holds", vault_lua_holds},
    {"take", vault_lua_take},
    {"taken", vault_lua_taken},
    {"release_taken", vault_lua_release_taken},
    {"wipe", vault_lua_wipe},
    {"bind", vault_lua_bind},
    {"bound", vault_lua_bound},
    {"usage", vault_lua_usage},
    {"set_must_lock", vault_lua_set_must_lock},
    {"check_lock", vault_lua_check_lock},
    {"address", vault_lua_address},
    {"poke", vault_lua_poke},
    {"secret", vault_lua_secret},
    {"race_take", vault_lua_race_take},
    {"fork", vault_lua_fork},
    {"close", vault_lua_close},
    {NULL, NULL},
};

static int test_new(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "must_lock");
    bool must_lock = lua_toboolean(L, -1);
    lua_getfield(L, 1, "platform");
    const struct platform *platform = binding_opt_platform(L, -1);
    struct test_vault *test = lua_newuserdatauv(L, sizeof *test, 1);
    memset(test, 0, sizeof *test);
    luaL_setmetatable(L, METATABLE);
    lua_pushvalue(L, -2);
    lua_setiuservalue(L, -2, 1);
    test->engine.platform = platform;
    binding_check(L, vault_create(&test->engine.vault, must_lock), NULL);
    return 1;
}

static const luaL_Reg functions[] = {
    {"new", test_new}, {"read", test_read}, {"fork_handlers", fork_handlers}, {"in_child", in_child}, {NULL, NULL}};

int luaopen_binding_test_vault(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", vault_lua_close}, {"__engine", vault_lua_engine}, {NULL, NULL}};
    binding_class(L, METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
