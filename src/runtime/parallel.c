/* Requests on threads of their own: what a host does, in a spec (test build). */
#include "runtime/parallel.h"

#ifdef SIGNER_TEST
#include <lauxlib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define METATABLE "signer.parallel"

struct parallel_call {
    pthread_t thread;
    struct runtime *runtime;
    char *endpoint;
    char *body;
    size_t body_len;
    struct buffer reply;
    bool ok;
    atomic_int *done;
};

struct parallel {
    struct parallel_call *calls;
    size_t count;
    atomic_int done;
    bool joined;
};

static void *run(void *argument) {
    struct parallel_call *call = argument;
    const struct request request = {
        .endpoint = call->endpoint, .body = (const uint8_t *)call->body, .body_len = call->body_len};
    call->ok = runtime_call(call->runtime, &request, &call->reply);
    atomic_fetch_add(call->done, 1);
    return NULL;
}

static void join(struct parallel *parallel) {
    if (parallel->joined) return;
    parallel->joined = true;
    for (size_t i = 0; i < parallel->count; i++)
        pthread_join(parallel->calls[i].thread, NULL);
}

static int parallel_finish(lua_State *L) {
    struct parallel *parallel = luaL_checkudata(L, 1, METATABLE);
    join(parallel);
    lua_createtable(L, (int)parallel->count, 0);
    for (size_t i = 0; i < parallel->count; i++) {
        lua_createtable(L, 2, 0);
        lua_pushboolean(L, parallel->calls[i].ok);
        lua_rawseti(L, -2, 1);
        lua_pushlstring(L, (const char *)parallel->calls[i].reply.data, parallel->calls[i].reply.len);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int parallel_done(lua_State *L) {
    struct parallel *parallel = luaL_checkudata(L, 1, METATABLE);
    lua_pushinteger(L, atomic_load(&parallel->done));
    return 1;
}

static int parallel_gc(lua_State *L) {
    struct parallel *parallel = luaL_checkudata(L, 1, METATABLE);
    join(parallel);
    for (size_t i = 0; i < parallel->count; i++) {
        free(parallel->calls[i].endpoint);
        free(parallel->calls[i].body);
        buffer_free(&parallel->calls[i].reply);
    }
    free(parallel->calls);
    parallel->calls = NULL;
    parallel->count = 0;
    return 0;
}

static void push_metatable(lua_State *L) {
    if (!luaL_newmetatable(L, METATABLE)) return;
    lua_pushcfunction(L, parallel_gc);
    lua_setfield(L, -2, "__gc");
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, parallel_finish);
    lua_setfield(L, -2, "finish");
    lua_pushcfunction(L, parallel_done);
    lua_setfield(L, -2, "done");
    lua_setfield(L, -2, "__index");
}

static char *copy_text(const char *text, size_t len) {
    char *copy = signer_malloc(len + 1);
    if (copy) memcpy(copy, text, len + 1);
    return copy;
}

static void read_call(lua_State *L, int index, lua_Integer i, struct parallel_call *call) {
    lua_geti(L, index, i);
    lua_geti(L, -1, 1);
    lua_geti(L, -2, 2);
    size_t endpoint_len;
    const char *endpoint = luaL_checklstring(L, -2, &endpoint_len);
    const char *body = luaL_checklstring(L, -1, &call->body_len);
    call->endpoint = copy_text(endpoint, endpoint_len);
    call->body = copy_text(body, call->body_len);
    if (!call->endpoint || !call->body) luaL_error(L, "out of memory");
    lua_pop(L, 3);
}

int parallel_start(lua_State *L, int index, struct runtime *runtime) {
    size_t count = (size_t)luaL_len(L, index);
    struct parallel *parallel = lua_newuserdatauv(L, sizeof *parallel, 0);
    memset(parallel, 0, sizeof *parallel);
    parallel->joined = true;
    push_metatable(L);
    lua_setmetatable(L, -2);
    parallel->calls = signer_calloc(count + 1, sizeof *parallel->calls);
    if (!parallel->calls) return luaL_error(L, "out of memory");
    parallel->count = count;
    for (size_t i = 0; i < count; i++) {
        parallel->calls[i].runtime = runtime;
        parallel->calls[i].done = &parallel->done;
        buffer_init(&parallel->calls[i].reply);
        read_call(L, index, (lua_Integer)i + 1, &parallel->calls[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&parallel->calls[i].thread, NULL, run, &parallel->calls[i]) != 0) abort();
    parallel->joined = false;
    return 1;
}
#endif
