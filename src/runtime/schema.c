/* Compiles type tables. Each table becomes one userdata, kept in a cache of the registry by the table;
 * its user value anchors the strings and the compiled parts that it points to. */
#include "runtime/schema.h"

#include <lauxlib.h>
#include <string.h>

#define CACHE "signer.schemas"

static const char *const kinds[] = {"unsigned", "bool",    "text", "enum", "hex",
                                    "secret",   "decoded", "list", "map",  "object"};

static int compile(lua_State *L, int index, int depth);

/* The string at the top, anchored in the table at `anchor`; pops it. */
static const char *anchor_text(lua_State *L, int anchor, size_t *len) {
    const char *text = luaL_checklstring(L, -1, len);
    luaL_ref(L, anchor);
    return text;
}

static const struct schema_type *anchor_type(lua_State *L, int anchor, int depth) {
    compile(L, lua_absindex(L, -1), depth + 1);
    const struct schema_type *type = lua_touserdata(L, -1);
    luaL_ref(L, anchor);
    lua_pop(L, 1);
    return type;
}

static bool flag(lua_State *L, int index, const char *name) {
    lua_getfield(L, index, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static void compile_members(lua_State *L, struct schema_type *type, int list, int anchor, int depth) {
    for (size_t i = 0; i < type->count; i++) {
        struct schema_member *member = &type->members[i];
        lua_geti(L, list, (lua_Integer)i + 1);
        if (type->kind == SCHEMA_ENUM) {
            member->name = anchor_text(L, anchor, &member->name_len);
            continue;
        }
        int entry = lua_absindex(L, -1);
        luaL_checktype(L, entry, LUA_TTABLE);
        lua_geti(L, entry, 1);
        member->name = anchor_text(L, anchor, &member->name_len);
        member->optional = flag(L, entry, "optional");
        member->omit_empty = flag(L, entry, "omit_empty");
        lua_geti(L, entry, 2);
        member->type = anchor_type(L, anchor, depth);
        lua_pop(L, 1);
    }
}

static void compile_parts(lua_State *L, struct schema_type *type, int index, int anchor, int depth) {
    if (type->kind == SCHEMA_LIST || type->kind == SCHEMA_MAP) {
        lua_getfield(L, index, "element");
        type->element = anchor_type(L, anchor, depth);
    }
    if (type->kind == SCHEMA_DECODED) {
        lua_getfield(L, index, "decoder");
        const char *decoder = anchor_text(L, anchor, NULL);
        type->decoder = binding_find_decoder(L, decoder);
        if (!type->decoder) luaL_error(L, "no decoder for '%s'", decoder);
    }
    if (type->kind == SCHEMA_OBJECT) {
        lua_getfield(L, index, "name");
        type->name = anchor_text(L, anchor, NULL);
    }
}

/* Pushes the compiled form of the table at the absolute `index`. */
static int compile(lua_State *L, int index, int depth) {
    luaL_checkstack(L, 16, "schema");
    if (depth > SCHEMA_DEPTH_MAX) luaL_error(L, "schema nested too deeply");
    luaL_checktype(L, index, LUA_TTABLE);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, CACHE);
    int cache = lua_absindex(L, -1);
    lua_pushvalue(L, index);
    if (lua_rawget(L, cache) == LUA_TUSERDATA) {
        lua_remove(L, cache);
        return 1;
    }
    lua_settop(L, cache);

    lua_getfield(L, index, "kind");
    enum schema_kind kind = (enum schema_kind)luaL_checkoption(L, -1, NULL, kinds);
    lua_getfield(L, index, "max");
    uint64_t max = (uint64_t)luaL_optinteger(L, -1, 0);
    lua_getfield(L, index, kind == SCHEMA_ENUM ? "choices" : "members");
    int list = lua_absindex(L, -1);
    size_t count = lua_istable(L, list) ? (size_t)luaL_len(L, list) : 0;
    if (count > SCHEMA_MEMBERS_MAX) luaL_error(L, "too many members in a schema");

    size_t size = sizeof(struct schema_type) + count * sizeof(struct schema_member);
    struct schema_type *type = lua_newuserdatauv(L, size, 1);
    memset(type, 0, size);
    type->kind = kind;
    type->max = max;
    type->count = count;
    type->strict = flag(L, index, "strict");
    type->empty = flag(L, index, "empty");
    int self = lua_absindex(L, -1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, self, 1);
    compile_parts(L, type, index, self + 1, depth);
    compile_members(L, type, list, self + 1, depth);

    lua_pushvalue(L, index);
    lua_pushvalue(L, self);
    lua_rawset(L, cache);
    lua_pushvalue(L, self);
    lua_replace(L, cache);
    lua_settop(L, cache);
    return 1;
}

const struct schema_type *schema_compile(lua_State *L, int index) {
    compile(L, lua_absindex(L, index), 0);
    const struct schema_type *type = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return type;
}
