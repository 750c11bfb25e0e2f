/* The disk of the specs, for other test bindings: what lua_test_disk.c made. */
#ifndef SIGNER_BINDING_TEST_DISK_H
#define SIGNER_BINDING_TEST_DISK_H

#include <lua.h>

#include "base/platform.h"

/* The platform of the disk at `index`, or NULL when something else lies there. It lives as long as the
 * userdata. */
const struct platform *binding_test_disk(lua_State *L, int index);

#endif
