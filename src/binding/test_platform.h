/* The platform of the specs, for other test bindings: what lua_test_platform.c made. */
#ifndef SIGNER_BINDING_TEST_PLATFORM_H
#define SIGNER_BINDING_TEST_PLATFORM_H

#include <lua.h>

#include "base/platform.h"

/* The platform inside the userdata at `index`, or a Lua error. It lives as long as the userdata:
 * who keeps the pointer keeps a reference to the Lua object. */
struct platform *binding_check_platform(lua_State *L, int index);
/* The same, or that of a disk (test_disk.h); the real machine when there is none (nil, absent). */
const struct platform *binding_opt_platform(lua_State *L, int index);

#endif
