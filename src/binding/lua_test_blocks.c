/* Test module: memory of a Lua state (base/blocks.h).
 *
 *   exercise(seed, steps) -> bytes     random requests against what their blocks must hold, raises at a difference
 *   shrinks(from, to) -> boolean       a smaller block is had though every allocation fails */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/blocks.h"
#include "base/fault.h"
#include "binding/binding.h"

#define HELD 200

struct held {
    uint8_t *block;
    size_t size;
    uint8_t mark;
};

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Mostly small ones, as Lua asks for. */
static size_t random_size(uint32_t *state) {
    static const size_t largest[] = {40, 100, BLOCK_MAX, BLOCK_MAX + 40, 3 * BLOCK_MAX};
    return 1 + next_random(state) % largest[next_random(state) % 5];
}

static bool holds(const struct held *held, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (held->block[i] != held->mark) return false;
    return (uintptr_t)held->block % sizeof(void *) == 0;
}

/* One request for one place: a new block, another size, or none. */
static bool step(struct blocks *blocks, struct held *held, uint32_t *state) {
    const size_t size = held->block && next_random(state) % 3 == 0 ? 0 : random_size(state);
    if (held->block && !holds(held, held->size)) return false;
    uint8_t *block = blocks_allocate(blocks, held->block, held->block ? held->size : 5, size);
    const size_t kept = held->size < size ? held->size : size;
    held->block = block;
    held->size = size;
    if (size == 0) return block == NULL;
    if (!block || !holds(held, kept)) return false;
    held->mark = (uint8_t)next_random(state);
    memset(block, held->mark, size);
    return true;
}

static int exercise(lua_State *L) {
    uint32_t state = (uint32_t)luaL_checkinteger(L, 1);
    const lua_Integer steps = luaL_checkinteger(L, 2);
    struct blocks blocks = {0};
    struct held held[HELD] = {0};
    bool good = true;
    for (lua_Integer i = 0; i < steps && good; i++)
        good = step(&blocks, &held[next_random(&state) % HELD], &state);
    const size_t bytes = blocks_bytes(&blocks);
    for (size_t i = 0; i < HELD; i++)
        if (held[i].block) blocks_allocate(&blocks, held[i].block, held[i].size, 0);
    blocks_free(&blocks);
    if (!good) return luaL_error(L, "a block does not hold what was written");
    lua_pushinteger(L, (lua_Integer)bytes);
    return 1;
}

static int shrinks(lua_State *L) {
    const size_t from = (size_t)luaL_checkinteger(L, 1), to = (size_t)luaL_checkinteger(L, 2);
    struct blocks blocks = {0};
    struct held held = {.block = blocks_allocate(&blocks, NULL, 0, from), .mark = 0x5a};
    if (!held.block) return luaL_error(L, "no memory");
    memset(held.block, held.mark, from);
    fault_arm(FAULT_ALLOCATION, FAULT_ERROR, 1, true);
    uint8_t *smaller = blocks_allocate(&blocks, held.block, from, to);
    fault_clear_all();
    held.block = smaller ? smaller : held.block;
    lua_pushboolean(L, smaller && holds(&held, to));
    blocks_allocate(&blocks, held.block, smaller ? to : from, 0);
    blocks_free(&blocks);
    return 1;
}

int luaopen_binding_test_blocks(lua_State *L) {
    static const luaL_Reg functions[] = {{"exercise", exercise}, {"shrinks", shrinks}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
