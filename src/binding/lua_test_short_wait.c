/* Test module: waits that look before they sleep (base/short_wait.h).
 *
 *   count(threads, rounds) -> n        threads that add to one number under one mutex
 *   change(us, { busy, signal }) -> "changed" | "over" | "not", whether the mutex is held
 *       `busy`: somebody else looks; `signal`: another thread moves the count meanwhile */
#include <lauxlib.h>

#include "base/short_wait.h"
#include "binding/binding.h"

#define THREADS_MAX 8

struct shared {
    struct short_wait looking;
    pthread_mutex_t mutex;
    lua_Integer rounds, sum;
    atomic_uint signals;
};

static void *add(void *argument) {
    struct shared *shared = argument;
    for (lua_Integer i = 0; i < shared->rounds; i++) {
        short_wait_lock(&shared->looking, &shared->mutex);
        shared->sum++;
        pthread_mutex_unlock(&shared->mutex);
    }
    return NULL;
}

static void shared_init(struct shared *shared, lua_Integer rounds) {
    *shared = (struct shared){.rounds = rounds};
    pthread_mutex_init(&shared->mutex, NULL);
    short_wait_init(&shared->looking);
}

static int count(lua_State *L) {
    const lua_Integer wanted = luaL_checkinteger(L, 1);
    struct shared shared;
    pthread_t threads[THREADS_MAX];
    int made = 0;
    shared_init(&shared, luaL_checkinteger(L, 2));
    while (made < wanted && made < THREADS_MAX && pthread_create(&threads[made], NULL, add, &shared) == 0)
        made++;
    for (int i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&shared.mutex);
    lua_pushinteger(L, shared.sum);
    return 1;
}

static void *signal_once(void *argument) {
    struct shared *shared = argument;
    pthread_mutex_lock(&shared->mutex); /* free from the look on */
    atomic_fetch_add(&shared->signals, 1);
    pthread_mutex_unlock(&shared->mutex);
    return NULL;
}

static bool flag(lua_State *L, const char *name) {
    lua_getfield(L, 2, name);
    const bool set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return set;
}

static int change(lua_State *L) {
    static const char *const names[] = {"changed", "over", "not"};
    const uint64_t us = (uint64_t)luaL_checkinteger(L, 1);
    const bool busy = flag(L, "busy"), signal = flag(L, "signal");
    struct shared shared;
    pthread_t thread;
    enum short_wait_result result;
    shared_init(&shared, 0);
    atomic_store(&shared.looking.busy, busy);
    pthread_mutex_lock(&shared.mutex);
    const bool made = signal && pthread_create(&thread, NULL, signal_once, &shared) == 0;
    do /* the other thread may start late */
        result = short_wait_change(&shared.looking, &shared.mutex, &shared.signals, us);
    while (made && result == SHORT_WAIT_OVER);
    const bool held = pthread_mutex_trylock(&shared.mutex) != 0;
    pthread_mutex_unlock(&shared.mutex);
    if (made) pthread_join(thread, NULL);
    lua_pushstring(L, names[result]);
    lua_pushboolean(L, held);
    lua_pushboolean(L, atomic_load(&shared.looking.busy));
    return 3;
}

int luaopen_binding_test_short_wait(lua_State *L) {
    static const luaL_Reg functions[] = {{"change", change}, {"count", count}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
