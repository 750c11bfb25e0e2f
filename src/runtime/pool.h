/* The pool of Lua states: calls arrive on any thread, each takes a state of its own and gives it
 * back (abi 1.6). It grows when all are busy, so no caller ever waits for a state. */
#ifndef SIGNER_RUNTIME_POOL_H
#define SIGNER_RUNTIME_POOL_H

#include <lua.h>
#include <pthread.h>

#include "base/blocks.h"
#include "base/json.h"
#include "runtime/envelope.h"
#include "runtime/runtime.h"
#include "session/call.h"

/* States that stay when nobody uses them. */
#define POOL_IDLE_MAX 32

/* What one call works in; too large for a stack. */
struct lua_slot {
    lua_State *L;
    struct blocks blocks; /* memory of the state */
    struct lua_slot *next;
    pthread_t user;     /* the thread that used it last */
    bool spoiled;       /* a fault struck: the state is closed instead of used again */
    int collect_at_kib; /* memory at which pool_give collects */
    struct call call;
    struct envelope envelope;
    struct json_reader reader;
};

/* A Lua source that exists in one engine only (test build). */
struct extra_source {
    struct extra_source *next;
    char *name;
    char *text;
    size_t len;
};

struct runtime {
    struct engine *engine;
    uint64_t hash_key; /* json_init */
    pthread_mutex_t mutex;
    struct lua_slot *idle;
    size_t idle_count;
    struct extra_source *extra;
};

/* NULL: out of memory, or a fault while the state was opened. */
struct lua_slot *pool_take(struct runtime *runtime);
/* Here, and nowhere else, garbage is collected. The collector stands still in a call: no finalizer may run
 * under the engine mutex, and a step of it would come at the worst place, between the sync and the share. */
void pool_give(struct runtime *runtime, struct lua_slot *slot);

#ifdef SIGNER_TEST
size_t pool_idle_bytes(struct runtime *runtime); /* small blocks of the states that nobody uses */
#endif

#endif
