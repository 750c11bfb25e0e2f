/* The sandbox as a Lua module, require("signer.sandbox"). It needs no engine.
 *
 *   sandbox.evaluate{ source =, name =, input =, settings = } -> {allowed, failed, code, detail, version or nil}
 *       input, settings: plain tables (integers, texts, booleans, lists, tables with text keys); anything
 *       else in them, and every limit, gives failed
 *   sandbox.inspect{ source =, name =, settings = } -> {failed, detail, settings}
 *       loads the script without asking it; `settings` are the settled ones
 * In the test build `memory` and `instructions` set other limits, and sandbox.runs() counts. */
#include <lauxlib.h>
#include <string.h>

#include "binding/binding.h"
#include "runtime/modules.h"
#include "runtime/plain.h"
#include "runtime/sandbox.h"
#include "runtime/sources.h"

/* (value, buffer) */
static int write_plain(lua_State *L) {
    plain_write(L, 1, lua_touserdata(L, 2), SANDBOX_PLAIN_MAX);
    return 0;
}

/* Member `name` of the arguments as bytes; false with the reason at the top when it is not plain. */
static bool plain_member(lua_State *L, const char *name, struct bytes *out) {
    struct buffer *buffer = binding_new_buffer(L);
    lua_pushcfunction(L, write_plain);
    lua_getfield(L, 1, name);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) return false;
    *out = (struct bytes){buffer->data, buffer->len};
    return true;
}

static const char *text_member(lua_State *L, const char *name, size_t *len) {
    if (lua_getfield(L, 1, name) != LUA_TSTRING) luaL_error(L, "sandbox: '%s' must be a text", name);
    return lua_tolstring(L, -1, len);
}

static struct bytes source_member(lua_State *L) {
    struct bytes source;
    source.data = (const uint8_t *)text_member(L, "source", &source.len);
    return source;
}

static void push_verdict(lua_State *L, const struct sandbox_verdict *verdict) {
    lua_createtable(L, 0, 5);
    lua_pushboolean(L, verdict->allowed);
    lua_setfield(L, -2, "allowed");
    lua_pushboolean(L, verdict->failed);
    lua_setfield(L, -2, "failed");
    lua_pushstring(L, verdict->code);
    lua_setfield(L, -2, "code");
    lua_pushstring(L, verdict->detail);
    lua_setfield(L, -2, "detail");
    if (!*verdict->version) return;
    lua_pushstring(L, verdict->version);
    lua_setfield(L, -2, "version");
}

/* Input that cannot be given to a script is a failure like any other. */
static int push_not_plain(lua_State *L, const char *name) {
    struct sandbox_verdict verdict = {.failed = true};
    push_verdict(L, &verdict);
    lua_pushfstring(L, "%s: %s", name, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "no plain value");
    lua_setfield(L, -2, "detail");
    return 1;
}

static const struct sandbox_limits *test_limits(lua_State *L, struct sandbox_limits *limits) {
#ifdef SIGNER_TEST
    lua_getfield(L, 1, "memory");
    lua_getfield(L, 1, "instructions");
    limits->memory = (size_t)luaL_optinteger(L, -2, SANDBOX_MEMORY_MAX);
    limits->instructions = (uint64_t)luaL_optinteger(L, -1, SANDBOX_INSTRUCTIONS_MAX);
    lua_pop(L, 2);
    return limits;
#else
    (void)L;
    (void)limits;
    return NULL;
#endif
}

static int evaluate(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct bytes input, settings;
    struct sandbox_limits limits;
    struct sandbox_verdict verdict;
    struct bytes source = source_member(L);
    const char *name = text_member(L, "name", NULL);
    if (!plain_member(L, "input", &input)) return push_not_plain(L, "input");
    if (!plain_member(L, "settings", &settings)) return push_not_plain(L, "settings");
    sandbox_evaluate(&verdict, name, source, input, settings, test_limits(L, &limits));
    push_verdict(L, &verdict);
    return 1;
}

static int inspect(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct bytes settings;
    struct sandbox_verdict verdict;
    struct bytes source = source_member(L);
    const char *name = text_member(L, "name", NULL);
    if (!plain_member(L, "settings", &settings)) return push_not_plain(L, "settings");
    struct buffer *settled = binding_new_buffer(L);
    sandbox_inspect(&verdict, name, source, settings, settled);
    push_verdict(L, &verdict);
    if (!verdict.failed) {
        struct reader reader;
        reader_init(&reader, settled->data, settled->len);
        plain_push(L, &reader);
        lua_setfield(L, -2, "settings");
    }
    return 1;
}

/* sandbox.embedded(name) -> text | nil: the source of an embedded default script, "policies.firewall" */
static int embedded(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    for (const struct embedded_source *source = embedded_sources; source->name; source++) {
        if (strcmp(source->name, name) != 0) continue;
        lua_pushlstring(L, source->text, source->len);
        return 1;
    }
    return 0;
}

#ifdef SIGNER_TEST
static int count_runs(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)sandbox_runs());
    return 1;
}
#endif

int luaopen_runtime_sandbox(lua_State *L) {
    static const luaL_Reg functions[] = {{"evaluate", evaluate},
                                         {"inspect", inspect},
                                         {"embedded", embedded},
#ifdef SIGNER_TEST
                                         {"runs", count_runs},
#endif
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
