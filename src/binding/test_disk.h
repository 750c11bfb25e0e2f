/* A disk in memory that loses what was not synced, for the specs (test build): test_disk.c is the disk,
 * lua_test_disk.c gives it to Lua. */
#ifndef SIGNER_BINDING_TEST_DISK_H
#define SIGNER_BINDING_TEST_DISK_H

#include <lua.h>
#include <stdbool.h>

#include "base/platform.h"

struct test_disk;

struct test_disk_faults { /* per mille of the calls */
    unsigned write, sync, rename, open, space;
    unsigned lie; /* syncs that report success and do nothing */
};

/* What a process sees of a file, in place; the size may be made smaller and set back. */
struct disk_file {
    uint8_t *bytes;
    size_t *size;
};

/* In memory of this size, which lives as long as any engine that knows the platform: behind the end every call
 * fails. */
size_t test_disk_size(void);
struct test_disk *test_disk_begin(void *memory, uint64_t seed);
void test_disk_end(struct test_disk *disk);
const struct platform *test_disk_platform(const struct test_disk *disk);
void test_disk_set_faults(struct test_disk *disk, const struct test_disk_faults *faults);
uint64_t test_disk_hits(const struct test_disk *disk);    /* faults that struck */
uint64_t test_disk_touched(const struct test_disk *disk); /* calls that changed something */
/* The power fails at the `call`-th call that writes or syncs from now on: it and all that follow do nothing and
 * fail, until test_disk_kill or test_disk_power_loss. 0: not. */
void test_disk_stop_at(struct test_disk *disk, uint64_t call);
bool test_disk_stopped(const struct test_disk *disk);
/* A file with these bytes, synced; NULL: none any more. False: no such directory. */
bool test_disk_put(struct test_disk *disk, const char *path, const void *bytes, size_t len);
/* Only the descriptors are gone: the page cache stays. */
void test_disk_kill(struct test_disk *disk);
/* Each unsynced sector is old, new or (logs, snapshots) garbage; each unsynced change of a directory happened
 * or not; descriptors are gone. */
void test_disk_power_loss(struct test_disk *disk);
bool test_disk_file(const struct test_disk *disk, const char *path, struct disk_file *out); /* false: no such file */

/* The disk at `index`, which lives as long as the userdata: its platform, or NULL when something else lies
 * there; the disk itself, or an error. */
const struct platform *binding_test_disk(lua_State *L, int index);
struct test_disk *binding_check_disk(lua_State *L, int index);

#endif
