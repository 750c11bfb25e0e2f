/* Fault points by name (test build).
 *
 *   test_fault.arm(point, kind [, nth = 1 [, sticky = false]])
 *   test_fault.clear()          disarms all, resets the counts, lets paused threads go
 *   test_fault.hits(point)      hits since the point was armed or cleared
 *   test_fault.release()        lets paused threads go
 *   test_fault.points, test_fault.kinds: the names */
#include <string.h>

#include "base/fault.h"
#include "binding/binding.h"

static const char *const kinds[] = {
    [FAULT_NONE] = "none",
    [FAULT_ERROR] = "error",
    [FAULT_NO_SPACE] = "no_space",
    [FAULT_SHORT] = "short",
    [FAULT_TORN] = "torn",
    [FAULT_CRASH] = "crash",
    [FAULT_WRITE_LIES] = "write_lies",
    [FAULT_PAUSE] = "pause",
    [FAULT_SYNC_LIES] = "sync_lies",
    [FAULT_JUMP_BACK] = "jump_back",
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static enum fault_point check_point(lua_State *L, int index) {
    const char *name = luaL_checkstring(L, index);
    for (int i = 0; i < FAULT_POINT_COUNT; i++)
        if (strcmp(name, fault_point_name((enum fault_point)i)) == 0) return (enum fault_point)i;
    luaL_error(L, "no fault point has the name %s", name);
    return FAULT_POINT_COUNT;
}

static enum fault_kind check_kind(lua_State *L, int index) {
    const char *name = luaL_checkstring(L, index);
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(name, kinds[i]) == 0) return (enum fault_kind)i;
    luaL_error(L, "no fault kind has the name %s", name);
    return FAULT_NONE;
}

static int lua_arm(lua_State *L) {
    enum fault_point point = check_point(L, 1);
    enum fault_kind kind = check_kind(L, 2);
    lua_Integer nth = luaL_optinteger(L, 3, 1);
    luaL_argcheck(L, nth >= 1, 3, "the first hit is 1");
    fault_arm(point, kind, (uint64_t)nth, lua_toboolean(L, 4));
    return 0;
}

static int lua_clear(lua_State *L) {
    (void)L;
    fault_clear_all();
    return 0;
}

static int lua_hits(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)fault_hits(check_point(L, 1)));
    return 1;
}

static int lua_release(lua_State *L) {
    (void)L;
    fault_release();
    return 0;
}

static const luaL_Reg functions[] = {
    {"arm", lua_arm}, {"clear", lua_clear}, {"hits", lua_hits}, {"release", lua_release}, {NULL, NULL},
};

int luaopen_binding_test_fault(lua_State *L) {
    luaL_newlib(L, functions);
    lua_createtable(L, FAULT_POINT_COUNT, 0);
    for (int i = 0; i < FAULT_POINT_COUNT; i++) {
        lua_pushstring(L, fault_point_name((enum fault_point)i));
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "points");
    lua_createtable(L, (int)KIND_COUNT, 0);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        lua_pushstring(L, kinds[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "kinds");
    return 1;
}
