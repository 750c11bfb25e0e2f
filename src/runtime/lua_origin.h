/* Whether the Lua functions that this object calls are those of one Lua 5.4 (D-134). */
#ifndef SIGNER_RUNTIME_LUA_ORIGIN_H
#define SIGNER_RUNTIME_LUA_ORIGIN_H

#include "base/error.h"

/* A host that exports another Lua may capture some of our symbols. ERR_LUA_MISMATCH unless every
 * function resolves into one object that reports 504. Calls no Lua function but lua_version, and
 * looks once per process. */
enum signer_error host_lua_check(struct failure *why);

#endif
