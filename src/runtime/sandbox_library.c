/* What a policy script can call: an allow-list. Whatever loops in C is capped or charged, since the
 * instruction count does not see it; nothing shows an address; nothing depends on hash order. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sandbox.h"

#define VERDICT "signer.verdict"

/* -- verdicts ----------------------------------------------------------------------------------------- */

static struct sandbox_verdict *new_verdict(lua_State *L) {
    struct sandbox_verdict *verdict = lua_newuserdatauv(L, sizeof *verdict, 0);
    memset(verdict, 0, sizeof *verdict);
    luaL_setmetatable(L, VERDICT);
    return verdict;
}

static int allow(lua_State *L) {
    if (lua_gettop(L) != 0) return luaL_error(L, "allow() takes nothing");
    new_verdict(L)->allowed = true;
    return 1;
}

/* refuse(code, detail): code [a-z0-9_]{1,64}; detail up to 1024 bytes, cleaned as a log value. */
static int refuse(lua_State *L) {
    size_t code_len, detail_len;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *code = lua_tolstring(L, 1, &code_len);
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TSTRING);
    const char *detail = luaL_optlstring(L, 2, "", &detail_len);
    if (code_len == 0 || code_len > SANDBOX_CODE_MAX) return luaL_error(L, "refuse: code of 1 to 64 characters");
    for (size_t i = 0; i < code_len; i++)
        if (!((code[i] >= 'a' && code[i] <= 'z') || (code[i] >= '0' && code[i] <= '9') || code[i] == '_'))
            return luaL_error(L, "refuse: a code has a-z, 0-9 and _ only");
    if (detail_len > SANDBOX_DETAIL_MAX) return luaL_error(L, "refuse: detail longer than 1024 bytes");
    struct sandbox_verdict *verdict = new_verdict(L);
    memcpy(verdict->code, code, code_len);
    size_t len = 0;
    for (size_t i = 0; i < detail_len; i++) {
        unsigned char c = (unsigned char)detail[i];
        bool plain =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("-_.:/", c));
        if ((c & 0xc0) == 0x80) continue; /* one `_` per character */
        verdict->detail[len++] = plain ? (char)c : '_';
    }
    return 1;
}

const struct sandbox_verdict *sandbox_verdict_at(lua_State *L, int index) {
    return luaL_testudata(L, index, VERDICT);
}

/* -- nesting ------------------------------------------------------------------------------------------ */

/* Calls the function of the first upvalue; only so deep inside each other, since each takes C stack. */
static int call_nested(lua_State *L) {
    struct sandbox *sandbox = sandbox_of(L);
    if (sandbox->nesting >= SANDBOX_NESTING_MAX) return luaL_error(L, "pcall or sort nested too deeply");
    int before = sandbox->nesting;
    sandbox->nesting = before + 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    sandbox->nesting = before;
    return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* -- strings ------------------------------------------------------------------------------------------ */

static const char *text_of(lua_State *L, int index, size_t *len) {
    luaL_checktype(L, index, LUA_TSTRING);
    return lua_tolstring(L, index, len);
}

static int string_rep(lua_State *L) {
    size_t len, separator_len;
    const char *text = text_of(L, 1, &len);
    lua_Integer count = luaL_checkinteger(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &separator_len);
    if (count <= 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    size_t unit = len + separator_len;
    if (count > SANDBOX_TEXT_MAX || (unit > 0 && (size_t)count > SANDBOX_TEXT_MAX / unit))
        return luaL_error(L, "rep: result longer than 65536 bytes");
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (lua_Integer i = 0; i < count; i++) {
        luaL_addlstring(&buffer, text, len);
        if (i + 1 < count) luaL_addlstring(&buffer, separator, separator_len);
    }
    luaL_pushresult(&buffer);
    sandbox_charge(L, (uint64_t)count / 8);
    return 1;
}

/* find(text, wanted [, first]): plain search. Patterns run where no instruction is counted. */
static int string_find(lua_State *L) {
    size_t len, wanted_len;
    const char *text = text_of(L, 1, &len);
    const char *wanted = text_of(L, 2, &wanted_len);
    lua_Integer first = luaL_optinteger(L, 3, 1);
    if (first < 0) first = (lua_Integer)len + first + 1;
    if (first < 1) first = 1;
    if (first > (lua_Integer)len + 1) return 0;
    sandbox_charge(L, (len + wanted_len) / 2);
    const char *from = text + first - 1;
    const char *found = memmem(from, len - (size_t)(first - 1), wanted, wanted_len);
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - text + 1);
    lua_pushinteger(L, found - text + (lua_Integer)wanted_len);
    return 2;
}

static int call_original(lua_State *L, int results) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, results);
    return results == LUA_MULTRET ? lua_gettop(L) : results;
}

/* byte and tonumber walk the whole text. */
static int walk_text(lua_State *L, int results) {
    size_t len = 0;
    if (lua_type(L, 1) == LUA_TSTRING) lua_tolstring(L, 1, &len);
    sandbox_charge(L, len);
    return call_original(L, results);
}

static int string_byte(lua_State *L) {
    return walk_text(L, LUA_MULTRET);
}

static int base_tonumber(lua_State *L) {
    return walk_text(L, 1);
}

/* %d %i %x %X %o %c %s %% with width and precision; nothing that shows an address. Upvalue 1: the
 * function of the string library, which takes two digits of width at most. */
static int string_format(lua_State *L) {
    size_t len, total = 0, piece;
    const char *format = text_of(L, 1, &len);
    for (size_t i = 0; i < len; i++) {
        if (format[i] != '%') continue;
        i++;
        while (i < len && format[i] && strchr("-+ #0123456789.", format[i]))
            i++;
        if (i == len || !format[i] || !strchr("dixXocs%", format[i]))
            return luaL_error(L, "format: only %%d %%i %%x %%X %%o %%c %%s and %%%%");
        total += 128;
    }
    for (int i = 2; i <= lua_gettop(L); i++) {
        int type = lua_type(L, i);
        if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN && type != LUA_TNIL)
            return luaL_error(L, "format: a %s has no text", luaL_typename(L, i));
        piece = 0;
        if (type == LUA_TSTRING) lua_tolstring(L, i, &piece);
        total += piece;
    }
    if (total + len > SANDBOX_TEXT_MAX + 4096) return luaL_error(L, "format: result longer than 65536 bytes");
    sandbox_charge(L, len / 8);
    return call_original(L, 1);
}

static int base_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    int type = lua_type(L, 1);
    if (type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN || type == LUA_TNIL)
        luaL_tolstring(L, 1, NULL);
    else
        lua_pushstring(L, luaL_typename(L, 1));
    return 1;
}

/* -- tables ------------------------------------------------------------------------------------------- */

static lua_Integer entries_of(lua_State *L, lua_Integer max, const char *what) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
    if (count > max) luaL_error(L, "%s: more than %d entries", what, (int)max);
    sandbox_charge(L, (uint64_t)count);
    return count;
}

static int table_insert(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_gettop(L) > 2) entries_of(L, LUA_MAXINTEGER, "insert"); /* moves entries, but only so many */
    return call_original(L, 0);
}

static int table_remove(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_gettop(L) > 1) entries_of(L, LUA_MAXINTEGER, "remove");
    return call_original(L, 1);
}

static int table_concat(lua_State *L) {
    lua_Integer count = entries_of(L, SANDBOX_ENTRIES_MAX, "concat");
    size_t separator_len, total = 0, len;
    luaL_optlstring(L, 2, "", &separator_len);
    if (lua_gettop(L) > 2) return luaL_error(L, "concat: takes a table and a separator");
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
            return luaL_error(L, "concat: entry %d is a %s", (int)i, luaL_typename(L, -1));
        lua_tolstring(L, -1, &len);
        total += len + separator_len;
        if (total > SANDBOX_TEXT_MAX) return luaL_error(L, "concat: result longer than 65536 bytes");
        lua_pop(L, 1);
    }
    return call_original(L, 1);
}

static int table_unpack(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer first = luaL_optinteger(L, 2, 1);
    lua_Integer last = luaL_optinteger(L, 3, (lua_Integer)lua_rawlen(L, 1));
    if (last >= first && (uint64_t)last - (uint64_t)first >= SANDBOX_UNPACK_MAX)
        return luaL_error(L, "unpack: more than %d values", SANDBOX_UNPACK_MAX);
    sandbox_charge(L, SANDBOX_UNPACK_MAX);
    return call_original(L, LUA_MULTRET);
}

static int table_move(lua_State *L) {
    lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
    luaL_checktype(L, 1, LUA_TTABLE);
    if (last >= first && (uint64_t)last - (uint64_t)first >= SANDBOX_ENTRIES_MAX)
        return luaL_error(L, "move: more than %d entries", SANDBOX_ENTRIES_MAX);
    sandbox_charge(L, SANDBOX_ENTRIES_MAX);
    return call_original(L, 1);
}

/* Upvalue 1: table.sort wrapped by call_nested. */
static int table_sort(lua_State *L) {
    lua_Integer count = entries_of(L, SANDBOX_ENTRIES_MAX, "sort");
    sandbox_charge(L, 16 * (uint64_t)count);
    return call_original(L, 0);
}

/* -- sorted iteration ----------------------------------------------------------------------------------- */

struct key {
    bool is_text;
    lua_Integer integer;
    const char *text;
    size_t len;
};

/* Integers ascending, then texts by bytes. */
static int compare_keys(const void *left, const void *right) {
    const struct key *a = left, *b = right;
    if (a->is_text != b->is_text) return a->is_text ? 1 : -1;
    if (!a->is_text) return a->integer < b->integer ? -1 : a->integer > b->integer;
    int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
    if (order != 0) return order;
    return a->len < b->len ? -1 : a->len > b->len;
}

/* Upvalues: table, its sorted keys, position. Entries that are gone meanwhile are left out. */
static int next_pair(lua_State *L) {
    lua_Integer position = lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        position++;
        if (lua_rawgeti(L, lua_upvalueindex(2), position) == LUA_TNIL) return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) break;
        lua_pop(L, 2);
    }
    lua_pushinteger(L, position);
    lua_replace(L, lua_upvalueindex(3));
    return 2;
}

static int sorted_pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    size_t count = 0, found = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
        count++;
    sandbox_charge(L, 24 * (uint64_t)count);
    struct key *keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        struct key *key = &keys[found++];
        key->is_text = lua_type(L, -2) == LUA_TSTRING;
        if (key->is_text)
            key->text = lua_tolstring(L, -2, &key->len);
        else if (lua_isinteger(L, -2))
            key->integer = lua_tointeger(L, -2);
        else
            return luaL_error(L, "pairs: keys must be integers or texts");
    }
    qsort(keys, found, sizeof *keys, compare_keys);
    lua_pushvalue(L, 1);
    lua_createtable(L, (int)found, 0);
    for (size_t i = 0; i < found; i++) {
        if (keys[i].is_text)
            lua_pushlstring(L, keys[i].text, keys[i].len);
        else
            lua_pushinteger(L, keys[i].integer);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_pair, 3);
    return 1;
}

/* -- the environment -------------------------------------------------------------------------------------- */

/* Copies the named functions of the library at `from` to the table at `to`. */
static void copy_functions(lua_State *L, int from, int to, const char *const *names) {
    for (; *names; names++) {
        lua_getfield(L, from, *names);
        lua_setfield(L, to, *names);
    }
}

/* A function of ours that keeps the library's own as upvalue 1. */
static void wrap_function(lua_State *L, int from, int to, const char *name, lua_CFunction function) {
    lua_getfield(L, from, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, to, name);
}

static void nest_function(lua_State *L, int from, int to, const char *name) {
    lua_getfield(L, from, name);
    lua_pushcclosure(L, call_nested, 1);
    lua_setfield(L, to, name);
}

static void open_base(lua_State *L, int globals) {
    static const char *const plain[] = {"assert", "error", "ipairs", "select", "type", NULL};
    static const luaL_Reg own[] = {
        {"allow", allow}, {"refuse", refuse}, {"pairs", sorted_pairs}, {"tostring", base_tostring}, {NULL, NULL}};
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    int base = lua_absindex(L, -1);
    copy_functions(L, base, globals, plain);
    nest_function(L, base, globals, "pcall");
    wrap_function(L, base, globals, "tonumber", base_tonumber);
    lua_pushvalue(L, globals);
    luaL_setfuncs(L, own, 0);
    lua_settop(L, globals);
}

static void open_math(lua_State *L, int globals) {
    static const char *const plain[] = {"abs",  "ceil", "floor",      "fmod",       "max",       "min", "modf",
                                        "type", "ult",  "maxinteger", "mininteger", "tointeger", NULL};
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 0);
    lua_newtable(L);
    copy_functions(L, lua_absindex(L, -2), lua_absindex(L, -1), plain);
    lua_setfield(L, globals, "math");
    lua_settop(L, globals);
}

static void open_string(lua_State *L, int globals) {
    static const char *const plain[] = {"char", "len", "lower", "reverse", "sub", "upper", NULL};
    static const luaL_Reg own[] = {{"rep", string_rep}, {"find", string_find}, {NULL, NULL}};
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
    int library = lua_absindex(L, -1);
    luaL_newlib(L, own);
    int ours = lua_absindex(L, -1);
    copy_functions(L, library, ours, plain);
    wrap_function(L, library, ours, "format", string_format);
    wrap_function(L, library, ours, "byte", string_byte);
    /* The metatable of strings: methods are ours, arithmetic on texts is gone, nobody reaches it. */
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, ours);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    lua_setfield(L, globals, "string");
    lua_settop(L, globals);
}

static void open_table(lua_State *L, int globals) {
    static const char *const plain[] = {"pack", NULL};
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 0);
    int library = lua_absindex(L, -1);
    lua_newtable(L);
    int ours = lua_absindex(L, -1);
    copy_functions(L, library, ours, plain);
    wrap_function(L, library, ours, "insert", table_insert);
    wrap_function(L, library, ours, "remove", table_remove);
    wrap_function(L, library, ours, "concat", table_concat);
    wrap_function(L, library, ours, "unpack", table_unpack);
    wrap_function(L, library, ours, "move", table_move);
    lua_getfield(L, library, "sort");
    lua_pushcclosure(L, call_nested, 1);
    lua_pushcclosure(L, table_sort, 1);
    lua_setfield(L, ours, "sort");
    lua_setfield(L, globals, "table");
    lua_settop(L, globals);
}

void sandbox_open_library(lua_State *L) {
    luaL_newmetatable(L, VERDICT);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_newtable(L);
    int globals = lua_absindex(L, -1);
    open_base(L, globals);
    open_math(L, globals);
    open_string(L, globals);
    open_table(L, globals);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
