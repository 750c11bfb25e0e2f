/* The generator behind the election, step by step (test build).
 *
 *   test_roast.table(calls) -> 607 words as big-endian bytes
 *   test_roast.words(seed, count) -> list of the generator's outputs */
#include "base/bytes.h"
#include "binding/binding.h"
#include "roast/go_random.h"

static int lua_table(lua_State *L) {
    uint64_t words[GO_RANDOM_WORDS];
    uint8_t raw[GO_RANDOM_WORDS * 8];
    go_random_table(words, (uint64_t)luaL_checkinteger(L, 1));
    for (size_t i = 0; i < GO_RANDOM_WORDS; i++)
        store_be64(raw + 8 * i, words[i]);
    lua_pushlstring(L, (const char *)raw, sizeof raw);
    return 1;
}

static int lua_words(lua_State *L) {
    struct go_random random;
    lua_Integer count = luaL_checkinteger(L, 2);
    if (!go_random_seed(&random, luaL_checkinteger(L, 1))) return binding_raise_error(L, ERR_INTERNAL, NULL);
    lua_newtable(L);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_pushinteger(L, (lua_Integer)go_random_u64(&random));
        lua_rawseti(L, -2, i);
    }
    return 1;
}

static const luaL_Reg functions[] = {
    {"table", lua_table},
    {"words", lua_words},
    {NULL, NULL},
};

int luaopen_binding_test_roast(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
