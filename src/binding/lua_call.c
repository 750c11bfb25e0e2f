/* The call as the endpoint files see it: `call:leave()` and `call:enter()` around work that must not
 * happen under the engine mutex, what kind of call it is, and its counters. */
#include "binding/call_object.h"

#include <string.h>

#define CALL_METATABLE "signer.call"

static const char *const counters[] = {
#define COUNTER(name) #name,
#include "session/counters.def"
#undef COUNTER
    NULL,
};

struct call *binding_check_call(lua_State *L, int index) {
    struct call **slot = binding_check_object(L, index, CALL_METATABLE);
    if (!*slot) luaL_argerror(L, index, "the call has ended");
    return *slot;
}

struct call *binding_check_locked_call(lua_State *L, int index) {
    struct call *call = binding_check_call(L, index);
    if (!call->locked) luaL_error(L, "the engine is not held");
    return call;
}

void binding_end_call(lua_State *L, int index) {
    struct call **slot = binding_check_object(L, index, CALL_METATABLE);
    *slot = NULL;
}

/* call:enter(): takes the engine mutex again. */
static int call_object_enter(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    struct failure why = {0};
    if (call->locked) return luaL_error(L, "the call holds the engine already");
    binding_check(L, call_enter(call, &why), &why);
    return 0;
}

/* call:leave() */
static int call_object_leave(lua_State *L) {
    call_leave(binding_check_call(L, 1));
    return 0;
}

/* call:never_waits(): its answer depends on no record (D-120). */
static int call_object_never_waits(lua_State *L) {
    binding_check_call(L, 1)->never_waits = true;
    return 0;
}

/* call:memory_only(): it needs no state, and does not open it. */
static int call_object_memory_only(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    call->never_waits = true;
    call->memory_only = true;
    return 0;
}

/* call:count("INTERACTIVE_ROUND1_CALLS"): once a call, though a stage may run again */
_Static_assert(COUNTER_COUNT <= 32, "counted has 32 bits");
static int call_object_count(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    int counter = luaL_checkoption(L, 2, NULL, counters);
    if (!(call->counted & (1u << counter))) engine_count(call->engine, (enum counter)counter);
    call->counted |= 1u << counter;
    return 0;
}

static const luaL_Reg methods[] = {
    {"enter", call_object_enter},
    {"leave", call_object_leave},
    {"never_waits", call_object_never_waits},
    {"memory_only", call_object_memory_only},
    {"count", call_object_count},
    {NULL, NULL},
};

void binding_push_call(lua_State *L, struct call *call) {
    struct call **slot = binding_new_object(L, sizeof *slot, 0, CALL_METATABLE);
    *slot = call;
}

int luaopen_binding_call(lua_State *L) {
    binding_class(L, CALL_METATABLE, NULL, methods);
    lua_newtable(L);
    return 1;
}
