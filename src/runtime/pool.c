/* The pool, and how a state of it is opened: a small environment, embedded sources only. */
#include "runtime/pool.h"

#include <lauxlib.h>
#include <lualib.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/notice.h"
#include "base/section.h"
#include "binding/binding.h"
#include "runtime/lua_origin.h"
#include "runtime/modules.h"

/* What the garbage of calls may come to before it is collected. */
#define GARBAGE_KIB 2048
/* What the small blocks of a state may take when it stays (base/blocks.c): requests with many texts, of another length
 * each time, would let it grow to half a gigabyte. */
#define BLOCKS_BYTES_MAX (8u << 20)
/* Deepest use of the stack outside protected calls, see dispatch.c. */
#define STACK_SLOTS 40

static int refuse_global(lua_State *L) {
    return luaL_error(L, "assignment to the global '%s'", luaL_tolstring(L, 2, NULL));
}

static void open_libraries(lua_State *L) {
    static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},       {LUA_LOADLIBNAME, luaopen_package},
                                         {LUA_TABLIBNAME, luaopen_table}, {LUA_STRLIBNAME, luaopen_string},
                                         {LUA_MATHLIBNAME, luaopen_math}, {LUA_UTF8LIBNAME, luaopen_utf8}};
    static const char *const dropped[] = {"collectgarbage", "dofile", "load", "loadfile", "print", "warn"};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
        lua_pushnil(L);
        lua_setglobal(L, dropped[i]);
    }
}

/* Only preloaded modules and embedded sources: no file of the machine is ever run. */
static void close_package_paths(lua_State *L) {
    static const char *const dropped[] = {"loadlib", "searchpath", "path", "cpath", "config"};
    lua_getglobal(L, "package");
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, dropped[i]);
    }
    lua_getfield(L, -1, "searchers");
    for (lua_Integer i = luaL_len(L, -1); i > 1; i--) {
        lua_pushnil(L);
        lua_seti(L, -2, i);
    }
    lua_pop(L, 2);
}

static int open_state(lua_State *L) {
    const struct runtime *runtime = lua_touserdata(L, 1);
    open_libraries(L);
    close_package_paths(L);
    modules_add_searcher(L, 2, runtime->extra);
    lua_newtable(L);
    binding_open_all(L);
    modules_open(L);
    lua_pushglobaltable(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, refuse_global);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    return 0;
}

static int panic(lua_State *L) {
    (void)L;
    notice_hold(NULL);
    notice("a Lua error outside a protected call");
    return 0; /* Lua aborts */
}

static void slot_free(struct lua_slot *slot) {
    if (slot->L) lua_close(slot->L);
    blocks_free(&slot->blocks);
    free(slot);
}

static void set_collection(struct lua_slot *slot) {
    slot->collect_at_kib = lua_gc(slot->L, LUA_GCCOUNT) + GARBAGE_KIB;
}

static struct lua_slot *slot_open(struct runtime *runtime) {
    struct lua_slot *slot = signer_malloc(sizeof *slot);
    if (!slot) return NULL;
    memset(slot, 0, sizeof *slot);
    slot->L = lua_newstate(blocks_allocate, &slot->blocks);
    if (!slot->L) goto failed;
    lua_atpanic(slot->L, panic);
    lua_gc(slot->L, LUA_GCSTOP);
    if (!lua_checkstack(slot->L, STACK_SLOTS)) goto failed;
    lua_pushcfunction(slot->L, open_state);
    lua_pushlightuserdata(slot->L, runtime);
    if (lua_pcall(slot->L, 1, 0, 0) != LUA_OK) {
        const char *text = lua_type(slot->L, -1) == LUA_TSTRING ? lua_tostring(slot->L, -1) : "unknown";
        notice("cannot open a Lua state: %s", text);
        goto failed;
    }
    set_collection(slot);
    return slot;
failed:
    slot_free(slot);
    return NULL;
}

/* The place of the state that this thread used last: its memory is near, and nobody else frees into its arena.
 * Else of one that another thread left. */
static struct lua_slot **find_slot(struct runtime *runtime) {
    const pthread_t self = pthread_self();
    for (struct lua_slot **at = &runtime->idle; *at; at = &(*at)->next)
        if (pthread_equal((*at)->user, self)) return at;
    return &runtime->idle;
}

static struct lua_slot *unlink_slot(struct runtime *runtime, struct lua_slot **at) {
    struct lua_slot *slot = *at;
    if (!slot) return NULL;
    *at = slot->next;
    runtime->idle_count--;
    return slot;
}

struct lua_slot *pool_take(struct runtime *runtime) {
    section_forbids("a wait for a Lua state");
    pthread_mutex_lock(&runtime->mutex);
    struct lua_slot *slot = unlink_slot(runtime, find_slot(runtime));
    pthread_mutex_unlock(&runtime->mutex);
    return slot ? slot : slot_open(runtime);
}

void pool_give(struct runtime *runtime, struct lua_slot *slot) {
    if (slot->spoiled || blocks_bytes(&slot->blocks) > BLOCKS_BYTES_MAX) {
        slot_free(slot);
        return;
    }
    if (lua_gc(slot->L, LUA_GCCOUNT) > slot->collect_at_kib) {
        lua_gc(slot->L, LUA_GCCOLLECT);
        set_collection(slot);
    }
    slot->user = pthread_self();
    pthread_mutex_lock(&runtime->mutex);
    bool keep = runtime->idle_count < POOL_IDLE_MAX;
    if (keep) {
        slot->next = runtime->idle;
        runtime->idle = slot;
        runtime->idle_count++;
    }
    pthread_mutex_unlock(&runtime->mutex);
    if (!keep) slot_free(slot);
}

#ifdef SIGNER_TEST
size_t pool_idle_bytes(struct runtime *runtime) {
    size_t bytes = 0;
    pthread_mutex_lock(&runtime->mutex);
    for (const struct lua_slot *slot = runtime->idle; slot; slot = slot->next)
        bytes += blocks_bytes(&slot->blocks);
    pthread_mutex_unlock(&runtime->mutex);
    return bytes;
}
#endif

static void pool_close(struct runtime *runtime) {
    while (runtime->idle) {
        struct lua_slot *slot = runtime->idle;
        runtime->idle = slot->next;
        slot_free(slot);
    }
}

enum signer_error runtime_create(struct runtime **out, struct engine *engine) {
    *out = NULL;
    enum signer_error error = host_lua_check(NULL);
    if (error != SIGNER_OK) return error;
    struct runtime *runtime = signer_calloc(1, sizeof *runtime);
    if (!runtime) return ERR_OUT_OF_MEMORY;
    if (pthread_mutex_init(&runtime->mutex, NULL) != 0) {
        free(runtime);
        return ERR_INTERNAL;
    }
    runtime->engine = engine;
    /* Not from the platform: it decides no result, and a scripted machine counts its draws. */
    randombytes_buf(&runtime->hash_key, sizeof runtime->hash_key);
    *out = runtime;
    return SIGNER_OK;
}

void runtime_destroy(struct runtime *runtime) {
    if (!runtime) return;
    pool_close(runtime);
    for (struct extra_source *extra = runtime->extra, *next; extra; extra = next) {
        next = extra->next;
        free(extra->name);
        free(extra->text);
        free(extra);
    }
    pthread_mutex_destroy(&runtime->mutex);
    free(runtime);
}

#ifdef SIGNER_TEST
enum signer_error runtime_add_source(struct runtime *runtime, const char *name, const char *text, size_t len) {
    struct extra_source *extra = signer_calloc(1, sizeof *extra);
    if (!extra) return ERR_OUT_OF_MEMORY;
    extra->name = signer_strdup(name);
    extra->text = signer_malloc(len + 1);
    if (!extra->name || !extra->text) {
        free(extra->name);
        free(extra->text);
        free(extra);
        return ERR_OUT_OF_MEMORY;
    }
    memcpy(extra->text, text, len);
    extra->len = len;
    extra->next = runtime->extra;
    runtime->extra = extra;
    return SIGNER_OK;
}
#endif
