/* Tag byte, then: i u64be; s LP; t, f; l u32be count and that many values; o u32be count and that many
 * pairs of LP key and value; n nothing. */
#include "runtime/plain.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static void write_value(lua_State *L, int index, struct buffer *out, size_t max, int depth);

static void check_room(lua_State *L, const struct buffer *out, size_t max) {
    if (buffer_status(out) != SIGNER_OK) luaL_error(L, "not enough memory");
    if (out->len > max) luaL_error(L, "larger than %d bytes", (int)max);
}

static int compare_texts(const void *left, const void *right) {
    const struct bytes *a = left, *b = right;
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);
    if (order != 0) return order;
    return a->len < b->len ? -1 : a->len > b->len;
}

static void write_list(lua_State *L, int index, struct buffer *out, size_t max, int depth, size_t count) {
    buffer_u8(out, 'l');
    buffer_be32(out, (uint32_t)count);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i);
        write_value(L, lua_absindex(L, -1), out, max, depth);
        lua_pop(L, 1);
    }
}

static void write_object(lua_State *L, int index, struct buffer *out, size_t max, int depth, size_t count) {
    struct bytes *keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
    size_t found = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "keys of a table must be texts, or 1 to n");
        keys[found].data = (const uint8_t *)lua_tolstring(L, -2, &keys[found].len);
        found++;
    }
    qsort(keys, found, sizeof *keys, compare_texts);
    buffer_u8(out, 'o');
    buffer_be32(out, (uint32_t)found);
    for (size_t i = 0; i < found; i++) {
        buffer_lp(out, keys[i].data, keys[i].len);
        lua_pushlstring(L, (const char *)keys[i].data, keys[i].len);
        lua_rawget(L, index);
        write_value(L, lua_absindex(L, -1), out, max, depth);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void write_table(lua_State *L, int index, struct buffer *out, size_t max, int depth) {
    if (depth == PLAIN_DEPTH_MAX) luaL_error(L, "nested deeper than %d", PLAIN_DEPTH_MAX);
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        count++;
    if (count > max) luaL_error(L, "larger than %d bytes", (int)max);
    size_t border = lua_rawlen(L, index);
    if (border == count)
        write_list(L, index, out, max, depth + 1, count);
    else
        write_object(L, index, out, max, depth + 1, count);
}

static void write_value(lua_State *L, int index, struct buffer *out, size_t max, int depth) {
    luaL_checkstack(L, 8, "plain value");
    size_t len;
    const char *text;
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        if (!lua_isinteger(L, index)) luaL_error(L, "a number that is no integer");
        buffer_u8(out, 'i');
        buffer_be64(out, (uint64_t)lua_tointeger(L, index));
        break;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &len);
        buffer_u8(out, 's');
        buffer_lp(out, text, len);
        break;
    case LUA_TBOOLEAN:
        buffer_u8(out, lua_toboolean(L, index) ? 't' : 'f');
        break;
    case LUA_TTABLE:
        write_table(L, index, out, max, depth);
        break;
    case LUA_TNIL:
        buffer_u8(out, 'n');
        break;
    default:
        luaL_error(L, "a %s is no plain value", luaL_typename(L, index));
    }
    check_room(L, out, max);
}

void plain_write(lua_State *L, int index, struct buffer *out, size_t max) {
    write_value(L, lua_absindex(L, index), out, max, 0);
}

void plain_push(lua_State *L, struct reader *in) {
    luaL_checkstack(L, 8, "plain value");
    struct bytes text;
    uint32_t count;
    switch (reader_u8(in)) {
    case 'i':
        lua_pushinteger(L, (lua_Integer)reader_be64(in));
        break;
    case 's':
        text = reader_lp(in);
        lua_pushlstring(L, (const char *)text.data, text.len);
        break;
    case 't':
        lua_pushboolean(L, 1);
        break;
    case 'f':
        lua_pushboolean(L, 0);
        break;
    case 'l':
        count = reader_be32(in);
        lua_createtable(L, (int)count, 0);
        for (uint32_t i = 1; i <= count; i++) {
            plain_push(L, in);
            lua_rawseti(L, -2, (lua_Integer)i);
        }
        break;
    case 'o':
        count = reader_be32(in);
        lua_createtable(L, 0, (int)count);
        for (uint32_t i = 0; i < count; i++) {
            text = reader_lp(in);
            lua_pushlstring(L, (const char *)text.data, text.len);
            plain_push(L, in);
            lua_rawset(L, -3);
        }
        break;
    default:
        lua_pushnil(L);
    }
}
