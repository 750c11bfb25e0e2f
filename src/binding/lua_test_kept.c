/* Kept rounds and packages of an engine, for specs (test build).
 *
 *   test_kept.info(engine) -> {count, bytes, found, missed, packages, count_max, bytes_max}
 *   test_kept.forget(engine, session_id)
 *   test_kept.round1_packages(engine) -> {count, bytes, found, missed, bytes_max, list_max} */
#include "binding/binding.h"
#include "session/engine.h"
#include "session/kept_packages.h"
#include "session/kept_rounds.h"

static int info(lua_State *L) {
    struct kept_rounds_info found;
    kept_rounds_info(binding_check_engine(L, 1)->kept_rounds, &found);
    lua_createtable(L, 0, 7);
    binding_set_u64(L, "count", found.count);
    binding_set_u64(L, "bytes", found.bytes);
    binding_set_u64(L, "found", found.found);
    binding_set_u64(L, "missed", found.missed);
    binding_set_u64(L, "packages", found.packages);
    binding_set_u64(L, "count_max", KEPT_ROUNDS_MAX);
    binding_set_u64(L, "bytes_max", KEPT_ROUNDS_BYTES_MAX);
    return 1;
}

static int forget(lua_State *L) {
    size_t len;
    const char *session_id = luaL_checklstring(L, 2, &len);
    kept_rounds_forget_session(binding_check_engine(L, 1)->kept_rounds, session_id, len);
    return 0;
}

static int round1_packages(lua_State *L) {
    struct kept_packages_info found;
    kept_packages_info(binding_check_engine(L, 1)->kept_packages, &found);
    lua_createtable(L, 0, 6);
    binding_set_u64(L, "count", found.count);
    binding_set_u64(L, "bytes", found.bytes);
    binding_set_u64(L, "found", found.found);
    binding_set_u64(L, "missed", found.missed);
    binding_set_u64(L, "bytes_max", KEPT_PACKAGES_BYTES_MAX);
    binding_set_u64(L, "list_max", KEPT_PACKAGES_LIST_MAX);
    return 1;
}

static const luaL_Reg functions[] = {
    {"info", info}, {"forget", forget}, {"round1_packages", round1_packages}, {NULL, NULL}};

int luaopen_binding_test_kept(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
