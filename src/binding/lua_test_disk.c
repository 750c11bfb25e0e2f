/* A disk in memory that loses what was not synced (test build): for the store under power loss.
 *
 *   disk = test_disk.new(seed)
 *   disk:faults{ write =, sync =, rename =, open =, space = }   per mille of the calls that fail
 *   disk:faults{ lie = }       per mille of the syncs that report success and do nothing
 *   disk:power_loss()    each unsynced sector is old, new or (logs) garbage; each unsynced change of
 *                        a directory happened or not; open descriptors are gone
 *   disk:kill()          only the descriptors are gone: the page cache stays
 *   disk:faults_hit() -> integer
 *   disk:stop_at(n)      the power fails at the n-th call that writes or syncs from now on
 *   disk:stopped() -> boolean
 *   disk:put(path, bytes or nil)    a file, synced; nil: none any more
 *
 * A failed sync writes a part of the dirty sectors and calls all of them clean, as Linux does: asking
 * again succeeds and changes nothing. One thread. Paths: "/name" and what lies below. */
#include "binding/binding.h"
#include "binding/test_disk.h"

#define METATABLE "signer.test_disk"

struct test_disk *binding_check_disk(lua_State *L, int index) {
    return luaL_checkudata(L, index, METATABLE);
}

const struct platform *binding_test_disk(lua_State *L, int index) {
    const struct test_disk *disk = luaL_testudata(L, index, METATABLE);
    return disk ? test_disk_platform(disk) : NULL;
}

static int lua_new(lua_State *L) {
    const uint64_t seed = (uint64_t)luaL_checkinteger(L, 1);
    test_disk_begin(lua_newuserdatauv(L, test_disk_size(), 0), seed);
    luaL_setmetatable(L, METATABLE);
    return 1;
}

static unsigned rate(lua_State *L, const char *name) {
    lua_getfield(L, 2, name);
    unsigned value = (unsigned)luaL_optinteger(L, -1, 0);
    lua_pop(L, 1);
    return value;
}

static int lua_faults(lua_State *L) {
    luaL_checktype(L, 2, LUA_TTABLE);
    const struct test_disk_faults faults = {.write = rate(L, "write"),
                                            .sync = rate(L, "sync"),
                                            .rename = rate(L, "rename"),
                                            .open = rate(L, "open"),
                                            .space = rate(L, "space"),
                                            .lie = rate(L, "lie")};
    test_disk_set_faults(binding_check_disk(L, 1), &faults);
    return 0;
}

static int lua_faults_hit(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)test_disk_hits(binding_check_disk(L, 1)));
    return 1;
}

static int lua_power_loss(lua_State *L) {
    test_disk_power_loss(binding_check_disk(L, 1));
    return 0;
}

static int lua_kill(lua_State *L) {
    test_disk_kill(binding_check_disk(L, 1));
    return 0;
}

static int lua_stop_at(lua_State *L) {
    test_disk_stop_at(binding_check_disk(L, 1), (uint64_t)luaL_checkinteger(L, 2));
    return 0;
}

static int lua_stopped(lua_State *L) {
    lua_pushboolean(L, test_disk_stopped(binding_check_disk(L, 1)));
    return 1;
}

static int lua_put(lua_State *L) {
    size_t len;
    const char *bytes = luaL_optlstring(L, 3, NULL, &len);
    if (!test_disk_put(binding_check_disk(L, 1), luaL_checkstring(L, 2), bytes, len))
        return luaL_error(L, "no such directory");
    return 0;
}

static int lua_collect(lua_State *L) {
    test_disk_end(binding_check_disk(L, 1));
    return 0;
}

static const luaL_Reg methods[] = {
    {"faults", lua_faults}, {"faults_hit", lua_faults_hit}, {"stop_at", lua_stop_at}, {"stopped", lua_stopped},
    {"put", lua_put},       {"power_loss", lua_power_loss}, {"kill", lua_kill},       {NULL, NULL},
};

static const luaL_Reg functions[] = {{"new", lua_new}, {NULL, NULL}};

int luaopen_binding_test_disk(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", lua_collect}, {NULL, NULL}};
    binding_class(L, METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
