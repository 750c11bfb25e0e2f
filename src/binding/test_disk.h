/* The disk of the specs, for other test bindings: what lua_test_disk.c made. */
#ifndef SIGNER_BINDING_TEST_DISK_H
#define SIGNER_BINDING_TEST_DISK_H

#include <lua.h>

#include "base/platform.h"

/* The platform of the disk at `index`, or NULL when something else lies there. It lives as long as the
 * userdata. */
const struct platform *binding_test_disk(lua_State *L, int index);

/* What a process sees of a file, in place; the size may be made smaller and set back. False: no such
 * file. */
struct disk_file {
    uint8_t *bytes;
    size_t *size;
};
bool binding_test_disk_file(lua_State *L, int index, const char *path, struct disk_file *out);
/* Calls that changed something so far. */
uint64_t binding_test_disk_touched(lua_State *L, int index);

#endif
