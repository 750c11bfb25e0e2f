/* Engines without a runtime, and calls driven by hand (test build): core operations past the endpoint
 * files, with the critical sections where a spec wants them.
 *
 *   engine = test_core.engine{ environment = {NAME = text}, platform = test_platform }
 *   engine:close(abandon)
 *   ok, value = test_core.call(engine, function(call) … end)   one call from begin to end; the function's
 *       value or the error object; the engine is left, nothing is waited for
 *   test_core.wait(call), test_core.make_ready(call): outside the engine; raise what they answer
 *   test_core.allow_members(call, {member, …}): the verdict of a quarantine script that lets all pass
 *   test_core.fork(function) -> wait status: runs it in a child process
 *   test_core.poison(engine): as if a fault had struck between append and apply */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "binding/call_object.h"
#include "binding/test_platform.h"

#define ENGINE_METATABLE "signer.test_engine"

struct variable {
    struct variable *next;
    char *value;
    char name[];
};

#define ANSWER_BYTES 4096

struct test_engine {
    struct engine *engine;
    struct variable *environment;
    char answer[ANSWER_BYTES]; /* of the last look, which the next one overwrites: POSIX lets getenv do that */
};

static struct test_engine *check_engine(lua_State *L) {
    return luaL_checkudata(L, 1, ENGINE_METATABLE);
}

static int engine_pointer(lua_State *L) {
    struct test_engine *object = check_engine(L);
    if (!object->engine) return luaL_error(L, "the engine is closed");
    lua_pushlightuserdata(L, object->engine);
    return 1;
}

static int engine_close(lua_State *L) {
    struct test_engine *object = check_engine(L);
    engine_destroy(object->engine, lua_toboolean(L, 2));
    object->engine = NULL;
    while (object->environment) {
        struct variable *next = object->environment->next;
        free(object->environment->value);
        free(object->environment);
        object->environment = next;
    }
    return 0;
}

static const char *look_up(void *context, const char *name) {
    struct test_engine *object = context;
    const struct variable *variable = object->environment;
    while (variable && strcmp(variable->name, name) != 0)
        variable = variable->next;
    snprintf(object->answer, sizeof object->answer, "%s", variable && variable->value ? variable->value : "");
    return variable && variable->value ? object->answer : NULL;
}

static void set_variable(lua_State *L, struct test_engine *object, const char *name, const char *value) {
    struct variable **link = &object->environment;
    while (*link && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    if (!*link) {
        *link = calloc(1, sizeof **link + strlen(name) + 1);
        if (!*link) luaL_error(L, "out of memory");
        memcpy((*link)->name, name, strlen(name) + 1);
    }
    free((*link)->value);
    (*link)->value = value ? strdup(value) : NULL;
}

/* engine:set(name, text or nil) */
static int engine_set(lua_State *L) {
    set_variable(L, check_engine(L), luaL_checkstring(L, 2), luaL_optstring(L, 3, NULL));
    return 0;
}

static int engine_new(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct test_engine *object = lua_newuserdatauv(L, sizeof *object, 1);
    memset(object, 0, sizeof *object);
    luaL_setmetatable(L, ENGINE_METATABLE);
    lua_getfield(L, 1, "platform");
    const struct platform *platform = binding_opt_platform(L, 3);
    lua_setiuservalue(L, 2, 1);
    binding_check(L, engine_create(&object->engine, platform), NULL);
    object->engine->settings.environment = look_up;
    object->engine->settings.environment_context = object;
    if (lua_getfield(L, 1, "environment") == LUA_TTABLE) {
        for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1))
            set_variable(L, object, luaL_checkstring(L, -2), luaL_checkstring(L, -1));
    }
    lua_settop(L, 2);
    return 1;
}

/* -- calls -------------------------------------------------------------------------------------- */

static int run_call(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    struct call *call = calloc(1, sizeof *call);
    if (!call) return luaL_error(L, "out of memory");
    call_begin(call, engine);
    binding_push_call(L, call);
    lua_insert(L, 2); /* engine, call, function */
    lua_pushvalue(L, 2);
    int status = lua_pcall(L, 1, 1, 0); /* engine, call, value */
    lua_gc(L, LUA_GCRESTART);
    call_leave(call);
    binding_end_call(L, 2);
    call_end(call);
    free(call);
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 3);
    return 2;
}

static int wait_for_records(lua_State *L) {
    struct failure why = {0};
    binding_check(L, call_wait(binding_check_call(L, 1), &why), &why);
    return 0;
}

static int make_ready(lua_State *L) {
    struct failure why = {0};
    binding_check(L, call_make_ready(binding_check_call(L, 1), &why), &why);
    return 0;
}

static int allow_members(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    struct policy_answer answer = {.allowed = true, .embedded = true};
    settings_policy(&call->engine->settings, POLICY_HOOK_QUARANTINE, answer.policy_sha256);
    for (lua_Integer i = 1; i <= luaL_len(L, 2); i++) {
        lua_geti(L, 2, i);
        verdict_store_member(call, (uint16_t)luaL_checkinteger(L, -1), &answer);
        lua_pop(L, 1);
    }
    return 0;
}

/* test_core.fork(function) : runs it in a child, which then ends at once; waits for the child */
static int fork_and_run(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    pid_t child = fork();
    if (child < 0) return luaL_error(L, "no child");
    if (child == 0) {
        lua_pushvalue(L, 1);
        if (lua_pcall(L, 0, 0, 0) != LUA_OK) fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
        fflush(NULL);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    lua_pushinteger(L, status);
    return 1;
}

static int poison(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    engine_lock(engine);
    engine->poisoned = true;
    engine_unlock(engine);
    return 0;
}

static const luaL_Reg functions[] = {
    {"engine", engine_new},           {"call", run_call}, {"wait", wait_for_records}, {"make_ready", make_ready},
    {"allow_members", allow_members}, {"poison", poison}, {"fork", fork_and_run},     {NULL, NULL},
};

static const luaL_Reg methods[] = {{"close", engine_close}, {"set", engine_set}, {NULL, NULL}};

int luaopen_binding_test_core(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", engine_close}, {"__engine", engine_pointer}, {NULL, NULL}};
    binding_class(L, ENGINE_METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
