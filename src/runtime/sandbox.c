/* Limits and evaluation. The library that scripts see is in sandbox_library.c. */
#include "runtime/sandbox.h"

#include <lauxlib.h>
#include <locale.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/section.h"
#include "runtime/plain.h"

/* Instructions between two looks of the hook. */
#define HOOK_INTERVAL 1000
/* Bytes of new memory that cost as much as one instruction. */
#define BYTES_PER_INSTRUCTION 64
/* Each such stretch of the longest string adds as much again to the charge of every instruction, since
 * comparing or converting a string is one. */
#define TEXT_PER_WEIGHT 1024

struct sandbox *sandbox_of(lua_State *L) {
    return *(struct sandbox **)lua_getextraspace(L);
}

/* -- limits ------------------------------------------------------------------------------------------- */

static void hook(lua_State *L, lua_Debug *where);

/* May be called from the allocator: lua_sethook allocates nothing. */
static void abort_script(struct sandbox *sandbox, const char *limit) {
    if (!sandbox->abort) sandbox->abort = limit;
    if (sandbox->L) lua_sethook(sandbox->L, hook, LUA_MASKCOUNT, 1);
}

static void spend(struct sandbox *sandbox, uint64_t cost) {
    sandbox->spent += cost;
    if (sandbox->spent > sandbox->limits.instructions) abort_script(sandbox, "instruction limit");
}

/* One instruction moves all values of a call, a return or `...`; a function could grow them without end. */
static bool moves_too_much(lua_State *L, lua_Debug *where) {
    if (where->event == LUA_HOOKRET) {
        lua_getinfo(L, "r", where);
        return where->ntransfer > SANDBOX_UNPACK_MAX;
    }
    if (!lua_getlocal(L, where, -(SANDBOX_UNPACK_MAX + 1))) return false;
    lua_pop(L, 1);
    return true;
}

static void hook(lua_State *L, lua_Debug *where) {
    struct sandbox *sandbox = sandbox_of(L);
    if (sandbox->abort || where->event == LUA_HOOKCOUNT) {
        if (!sandbox->abort) spend(sandbox, HOOK_INTERVAL * sandbox->weight);
    } else if (moves_too_much(L, where)) {
        abort_script(sandbox, "more than 250 values");
    }
    if (sandbox->abort) luaL_error(L, "%s", sandbox->abort);
}

void sandbox_charge(lua_State *L, uint64_t cost) {
    struct sandbox *sandbox = sandbox_of(L);
    if (!sandbox->abort) spend(sandbox, cost);
    if (sandbox->abort) luaL_error(L, "%s", sandbox->abort);
}

/* Lua tries a refused block once more after an emergency collection; only then is memory short. Each
 * such collection walks everything, so it is charged. */
static void *refuse_block(struct sandbox *sandbox, void *old, size_t size) {
    bool again = sandbox->refused_block == old && sandbox->refused_size == size;
    sandbox->refused_block = old;
    sandbox->refused_size = size;
    spend(sandbox, sandbox->used / BYTES_PER_INSTRUCTION);
    if (again) abort_script(sandbox, "memory limit");
    return NULL;
}

/* `old_size` is a type tag, not a size, where `old` is NULL. */
static void *allocate(void *context, void *old, size_t old_size, size_t size) {
    struct sandbox *sandbox = context;
    size_t before = old ? old_size : 0;
    if (size == 0) {
        free(old);
        sandbox->used -= before;
        return NULL;
    }
    bool text = !old && old_size == LUA_TSTRING;
    if (text && size > SANDBOX_TEXT_MAX + 64) {
        abort_script(sandbox, "string longer than 65536 bytes");
        return NULL;
    }
    if (size > before &&
        (size - before > sandbox->limits.memory || sandbox->used > sandbox->limits.memory - (size - before)))
        return refuse_block(sandbox, old, size);
    void *block = size <= before ? realloc(old, size) : signer_realloc(old, size);
    if (!block && size <= before) return old;
    if (!block) return refuse_block(sandbox, old, size);
    if (size > before) sandbox->refused_size = 0;
    sandbox->used = sandbox->used - before + size;
    if (text && sandbox->weight < 1 + size / TEXT_PER_WEIGHT) sandbox->weight = 1 + size / TEXT_PER_WEIGHT;
    if (size > before) spend(sandbox, (size - before) / BYTES_PER_INSTRUCTION);
    return block;
}

/* -- one run ------------------------------------------------------------------------------------------ */

struct run {
    const char *name;
    struct bytes source, input, settings;
    struct buffer *settled; /* inspection only */
    char version[SANDBOX_VERSION_MAX + 1];
    struct sandbox_verdict got; /* of the script, when it made one */
    bool made;
};

static void push_plain(lua_State *L, struct bytes bytes) {
    struct reader reader;
    reader_init(&reader, bytes.data, bytes.len);
    plain_push(L, &reader);
}

static const char *kind_of(lua_State *L, int index) {
    if (lua_isinteger(L, index)) return "integer";
    if (lua_type(L, index) == LUA_TNUMBER) return "float";
    return luaL_typename(L, index);
}

/* (policy, given settings) -> settled settings: what the operator gave, else the default, for the
 * declared names; a given one must be declared and of the kind of its default. */
static void settle_settings(lua_State *L, int policy, int given) {
    lua_newtable(L);
    int settled = lua_absindex(L, -1);
    bool declares = lua_getfield(L, policy, "settings") == LUA_TTABLE;
    int declared = lua_absindex(L, -1);
    if (!declares && !lua_isnil(L, declared)) luaL_error(L, "settings of a script must be a table");
    if (declares)
        for (lua_pushnil(L); lua_next(L, declared); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1)) luaL_error(L, "settings: name = {default = …}");
            lua_pushvalue(L, -2);
            lua_getfield(L, -2, "default");
            if (strcmp(kind_of(L, -1), "float") == 0) luaL_error(L, "settings: a float in '%s'", lua_tostring(L, -2));
            lua_rawset(L, settled);
        }
    if (lua_istable(L, given))
        for (lua_pushnil(L); lua_next(L, given); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "settings: names must be texts");
            const char *name = lua_tostring(L, -2);
            bool known = declares && lua_getfield(L, declared, name) == LUA_TTABLE;
            if (!known) luaL_error(L, "settings: '%s' is unknown to the script", name);
            lua_getfield(L, settled, name);
            if (!lua_isnil(L, -1) && strcmp(kind_of(L, -1), kind_of(L, -3)) != 0)
                luaL_error(L, "settings: '%s' must be of the kind %s", name, kind_of(L, -1));
            lua_pop(L, 2);
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, settled);
        }
    lua_settop(L, settled);
}

static void clean(char *out, size_t size, const char *text) {
    size_t len = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at && len + 1 < size; at++) {
        bool plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') ||
                     strchr("-_.:/", *at) != NULL;
        if ((*at & 0xc0) == 0x80) continue; /* one `_` per character */
        out[len++] = plain ? (char)*at : '_';
    }
    out[len] = 0;
}

static void read_version(lua_State *L, int policy, struct run *run) {
    size_t len = 0;
    int type = lua_getfield(L, policy, "version");
    const char *text = type == LUA_TSTRING ? lua_tolstring(L, -1, &len) : "";
    if ((type != LUA_TSTRING && type != LUA_TNIL) || len > SANDBOX_VERSION_MAX)
        luaL_error(L, "version of a script must be a text of at most %d bytes", (int)SANDBOX_VERSION_MAX);
    clean(run->version, sizeof run->version, text);
    lua_pop(L, 1);
}

/* (run): everything that a script can disturb. */
static int run_script(lua_State *L) {
    struct run *run = lua_touserdata(L, 1);
    sandbox_open_library(L);
    lua_pushfstring(L, "=%s", run->name);
    const char *chunk = lua_tostring(L, -1);
    if (luaL_loadbufferx(L, (const char *)run->source.data, run->source.len, chunk, "t") != LUA_OK) return lua_error(L);
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1)) luaL_error(L, "the script returned no table");
    int policy = lua_absindex(L, -1);
    read_version(L, policy, run);
    if (lua_getfield(L, policy, "evaluate") != LUA_TFUNCTION) luaL_error(L, "the script has no function 'evaluate'");
    int evaluate = lua_absindex(L, -1);
    push_plain(L, run->settings);
    settle_settings(L, policy, lua_absindex(L, -1));
    int settled = lua_absindex(L, -1);
    if (run->settled) {
        plain_write(L, settled, run->settled, SANDBOX_PLAIN_MAX);
        return 0;
    }
    lua_pushvalue(L, evaluate);
    push_plain(L, run->input);
    lua_pushvalue(L, settled);
    lua_call(L, 2, LUA_MULTRET);
    const struct sandbox_verdict *verdict = sandbox_verdict_at(L, settled + 1);
    if (!verdict || lua_gettop(L) != settled + 1) luaL_error(L, "the script returned no verdict");
    run->got = *verdict;
    run->made = true;
    return 0;
}

static void set_failed(struct sandbox_verdict *out, const char *why) {
    memset(out, 0, sizeof *out);
    out->failed = true;
    clean(out->detail, sizeof out->detail, why);
}

static void run_in_state(struct sandbox_verdict *out, struct sandbox *sandbox, struct run *run) {
    lua_State *L = lua_newstate(allocate, sandbox);
    if (!L) {
        set_failed(out, "memory limit");
        return;
    }
    *(struct sandbox **)lua_getextraspace(L) = sandbox;
    sandbox->L = L;
    lua_sethook(L, hook, LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKRET, HOOK_INTERVAL);
    lua_pushcfunction(L, run_script);
    lua_pushlightuserdata(L, run);
    int status = lua_pcall(L, 1, 0, 0);
    if (sandbox->abort)
        set_failed(out, sandbox->abort);
    else if (status == LUA_ERRMEM)
        set_failed(out, "memory limit");
    else if (status != LUA_OK)
        set_failed(out, lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error that is no text");
    else if (run->made)
        *out = run->got;
    sandbox->L = NULL; /* closing runs no script: there are no finalizers to run */
    lua_close(L);
}

/* Comparison and letter case of strings follow the locale of the thread; a verdict must not. */
static void run_in_c_locale(struct sandbox_verdict *out, struct sandbox *sandbox, struct run *run) {
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0) {
        set_failed(out, "no C locale");
        return;
    }
    locale_t before = uselocale(c_locale);
    run_in_state(out, sandbox, run);
    uselocale(before);
    freelocale(c_locale);
}

#ifdef SIGNER_TEST
static atomic_uint_fast64_t runs;

uint64_t sandbox_runs(void) {
    return atomic_load(&runs);
}
#endif

static void run_limited(struct sandbox_verdict *out, struct run *run, const struct sandbox_limits *limits) {
    section_forbids("an operator's script");
#ifdef SIGNER_TEST
    atomic_fetch_add(&runs, 1);
#endif
    memset(out, 0, sizeof *out);
    struct sandbox sandbox = {.limits = {SANDBOX_MEMORY_MAX, SANDBOX_INSTRUCTIONS_MAX}, .weight = 1};
    if (limits) sandbox.limits = *limits;
    if (run->source.len > SANDBOX_SOURCE_MAX)
        set_failed(out, "source longer than 262144 bytes");
    else if (run->input.len > SANDBOX_PLAIN_MAX || run->settings.len > SANDBOX_PLAIN_MAX)
        set_failed(out, "input longer than 1 MiB of JSON");
    else
        run_in_c_locale(out, &sandbox, run);
}

void sandbox_evaluate(struct sandbox_verdict *out, const char *name, struct bytes source, struct bytes input,
                      struct bytes settings, const struct sandbox_limits *limits) {
    struct run run = {.name = name, .source = source, .input = input, .settings = settings};
    run_limited(out, &run, limits);
    if (!run.made && !out->failed) set_failed(out, "no verdict");
    memcpy(out->version, run.version, sizeof out->version);
}

void sandbox_inspect(struct sandbox_verdict *out, const char *name, struct bytes source, struct bytes settings,
                     struct buffer *settled) {
    struct run run = {.name = name, .source = source, .settings = settings, .settled = settled};
    run_limited(out, &run, NULL);
}
