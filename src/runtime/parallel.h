/* Requests on threads of their own, for specs (test build). */
#ifndef SIGNER_RUNTIME_PARALLEL_H
#define SIGNER_RUNTIME_PARALLEL_H

#include <lua.h>

#include "runtime/runtime.h"

#ifdef SIGNER_TEST
/* The list of {endpoint, JSON} at `index`, each on a thread: pushes an object whose `finish()` joins all
 * and gives the list of {ok, JSON}; `done()` tells how many have answered. */
int parallel_start(lua_State *L, int index, struct runtime *runtime);
#endif

#endif
