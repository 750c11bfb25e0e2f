/* A machine whose clocks and randomness a spec decides (test build); its files are the real ones,
 * with their fault points.
 *
 *   platform = test_platform.new{ wall_ms =, monotonic_ms =, random = {bytes, …}, seed = integer }
 *   platform:set_wall_ms(n)        platform:set_monotonic_ms(n)      wall and monotonic stand still
 *   platform:advance_ms(n)         both clocks
 *   platform:fail_clock(which)     "wall", "monotonic", "both", "none"
 *   platform:script_random(list)   byte strings, given out in order before anything else
 *   platform:seed(integer)         then a reproducible stream; nil: real randomness
 *   platform:random(n) -> bytes    platform:wall_ms(), platform:monotonic_ms() -> integer
 *
 * A request for random bytes takes the next scripted string; its length must be the wanted one,
 * otherwise the spec ends with an error on stderr and SIGABRT. Times left out are those of the real
 * clocks at `new`. Thread safe; `random` of several threads is handed out in the order of the calls. */
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "binding/binding.h"
#include "binding/test_disk.h"
#include "binding/test_platform.h"

#define METATABLE "signer.test_platform"

struct scripted {
    struct scripted *next;
    size_t len;
    uint8_t bytes[];
};

struct test_machine {
    struct platform platform; /* first: the accessor hands out its address */
    pthread_mutex_t mutex;
    uint64_t wall_ms;
    uint64_t monotonic_ms;
    bool wall_fails;
    bool monotonic_fails;
    struct scripted *script;
    bool seeded;
    uint64_t draws; /* of the seeded stream */
    uint8_t seed[randombytes_SEEDBYTES];
};

static enum signer_error read_clock(struct test_machine *machine, const uint64_t *clock, const bool *fails,
                                    uint64_t *out) {
    const enum fault_kind kind = fault_hit(FAULT_CLOCK);
    bool struck = kind != FAULT_NONE && kind != FAULT_JUMP_BACK;
    pthread_mutex_lock(&machine->mutex);
    struck = struck || *fails;
    *out = struck ? 0 : *clock;
    if (kind == FAULT_JUMP_BACK) *out = *out > FAULT_JUMP_MS ? *out - FAULT_JUMP_MS : 0;
    pthread_mutex_unlock(&machine->mutex);
    return struck ? ERR_CLOCK : SIGNER_OK;
}

static enum signer_error machine_wall_ms(void *context, uint64_t *out) {
    struct test_machine *machine = context;
    return read_clock(machine, &machine->wall_ms, &machine->wall_fails, out);
}

static enum signer_error machine_monotonic_ms(void *context, uint64_t *out) {
    struct test_machine *machine = context;
    return read_clock(machine, &machine->monotonic_ms, &machine->monotonic_fails, out);
}

/* The stream of draw k: libsodium's deterministic generator under seed with k in its last bytes. */
static void draw_seeded(struct test_machine *machine, void *out, size_t len) {
    uint8_t seed[randombytes_SEEDBYTES];
    memcpy(seed, machine->seed, sizeof seed);
    store_be64(seed + sizeof seed - 8, machine->draws++);
    randombytes_buf_deterministic(out, len, seed);
}

static void machine_random(void *context, void *out, size_t len) {
    struct test_machine *machine = context;
    if (fault_hit(FAULT_RANDOM) != FAULT_NONE) abort();
    pthread_mutex_lock(&machine->mutex);
    struct scripted *next = machine->script;
    if (next) {
        if (next->len != len) {
            fprintf(stderr, "test_platform: %zu random bytes wanted, %zu scripted\n", len, next->len);
            abort();
        }
        memcpy(out, next->bytes, len);
        machine->script = next->next;
        free(next);
    } else if (machine->seeded) {
        draw_seeded(machine, out, len);
    } else {
        randombytes_buf(out, len);
    }
    pthread_mutex_unlock(&machine->mutex);
}

static void drop_script(struct test_machine *machine) {
    while (machine->script) {
        struct scripted *next = machine->script->next;
        free(machine->script);
        machine->script = next;
    }
}

static struct test_machine *check_machine(lua_State *L, int index) {
    return luaL_checkudata(L, index, METATABLE);
}

struct platform *binding_check_platform(lua_State *L, int index) {
    return &check_machine(L, index)->platform;
}

const struct platform *binding_opt_platform(lua_State *L, int index) {
    const struct platform *disk = binding_test_disk(L, index);
    if (disk) return disk;
    return lua_isnoneornil(L, index) ? platform_system() : binding_check_platform(L, index);
}

/* Appends the strings of the list at `index`. */
static void append_script(lua_State *L, int index, struct test_machine *machine) {
    luaL_checktype(L, index, LUA_TTABLE);
    for (lua_Integer i = 1; lua_rawgeti(L, index, i) != LUA_TNIL; i++) {
        size_t len;
        const char *bytes = luaL_checklstring(L, -1, &len);
        struct scripted *entry = malloc(sizeof *entry + len);
        if (!entry) luaL_error(L, "out of memory");
        entry->next = NULL;
        entry->len = len;
        memcpy(entry->bytes, bytes, len);
        pthread_mutex_lock(&machine->mutex);
        struct scripted **tail = &machine->script;
        while (*tail)
            tail = &(*tail)->next;
        *tail = entry;
        pthread_mutex_unlock(&machine->mutex);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void set_seed(lua_State *L, int index, struct test_machine *machine) {
    pthread_mutex_lock(&machine->mutex);
    machine->seeded = !lua_isnoneornil(L, index);
    machine->draws = 0;
    memset(machine->seed, 0, sizeof machine->seed);
    if (machine->seeded) store_be64(machine->seed, (uint64_t)lua_tointeger(L, index));
    pthread_mutex_unlock(&machine->mutex);
}

static uint64_t option_ms(lua_State *L, const char *name, uint64_t fallback) {
    uint64_t value = fallback;
    if (lua_istable(L, 1) && lua_getfield(L, 1, name) != LUA_TNIL) value = (uint64_t)luaL_checkinteger(L, -1);
    return value;
}

static int lua_new(lua_State *L) {
    const struct platform *machine_below = platform_system();
    uint64_t wall = 0, monotonic = 0;
    if (!machine_below) return luaL_error(L, "libsodium does not start");
    lua_settop(L, 1);
    struct test_machine *machine = lua_newuserdatauv(L, sizeof *machine, 0);
    memset(machine, 0, sizeof *machine);
    pthread_mutex_init(&machine->mutex, NULL);
    luaL_setmetatable(L, METATABLE);
    machine->platform = *machine_below;
    machine->platform.context = machine; /* the real file calls do not look at it */
    machine->platform.wall_ms = machine_wall_ms;
    machine->platform.monotonic_ms = machine_monotonic_ms;
    machine->platform.random = machine_random;
    machine_below->wall_ms(machine_below->context, &wall);
    machine_below->monotonic_ms(machine_below->context, &monotonic);
    machine->wall_ms = option_ms(L, "wall_ms", wall);
    machine->monotonic_ms = option_ms(L, "monotonic_ms", monotonic);
    if (lua_istable(L, 1)) {
        if (lua_getfield(L, 1, "random") != LUA_TNIL) append_script(L, lua_gettop(L), machine);
        lua_getfield(L, 1, "seed");
        set_seed(L, -1, machine);
    }
    lua_settop(L, 2);
    return 1;
}

static int set_clock(lua_State *L, struct test_machine *machine, uint64_t *clock) {
    uint64_t value = (uint64_t)luaL_checkinteger(L, 2);
    pthread_mutex_lock(&machine->mutex);
    *clock = value;
    pthread_mutex_unlock(&machine->mutex);
    return 0;
}

static int lua_set_wall(lua_State *L) {
    struct test_machine *machine = check_machine(L, 1);
    return set_clock(L, machine, &machine->wall_ms);
}

static int lua_set_monotonic(lua_State *L) {
    struct test_machine *machine = check_machine(L, 1);
    return set_clock(L, machine, &machine->monotonic_ms);
}

static int lua_advance(lua_State *L) {
    struct test_machine *machine = check_machine(L, 1);
    uint64_t by = (uint64_t)luaL_checkinteger(L, 2);
    pthread_mutex_lock(&machine->mutex);
    machine->wall_ms += by;
    machine->monotonic_ms += by;
    pthread_mutex_unlock(&machine->mutex);
    return 0;
}

static int lua_fail_clock(lua_State *L) {
    static const char *const which[] = {"none", "wall", "monotonic", "both", NULL};
    struct test_machine *machine = check_machine(L, 1);
    int choice = luaL_checkoption(L, 2, NULL, which);
    pthread_mutex_lock(&machine->mutex);
    machine->wall_fails = choice & 1;
    machine->monotonic_fails = (choice & 2) != 0;
    pthread_mutex_unlock(&machine->mutex);
    return 0;
}

static int lua_script_random(lua_State *L) {
    struct test_machine *machine = check_machine(L, 1);
    append_script(L, 2, machine);
    return 0;
}

static int lua_seed(lua_State *L) {
    set_seed(L, 2, check_machine(L, 1));
    return 0;
}

static int lua_random(lua_State *L) {
    struct test_machine *machine = check_machine(L, 1);
    lua_Integer len = luaL_checkinteger(L, 2);
    luaL_argcheck(L, len >= 0 && len <= 1 << 20, 2, "0 to 1 MiB");
    luaL_Buffer buffer;
    char *bytes = luaL_buffinitsize(L, &buffer, (size_t)len);
    platform_random(&machine->platform, bytes, (size_t)len);
    luaL_pushresultsize(&buffer, (size_t)len);
    return 1;
}

static int push_clock(lua_State *L, enum signer_error error, uint64_t value) {
    binding_check(L, error, NULL);
    lua_pushinteger(L, (lua_Integer)value);
    return 1;
}

static int lua_wall_ms(lua_State *L) {
    uint64_t value;
    enum signer_error error = platform_wall_ms(binding_check_platform(L, 1), &value);
    return push_clock(L, error, value);
}

static int lua_monotonic_ms(lua_State *L) {
    uint64_t value;
    enum signer_error error = platform_monotonic_ms(binding_check_platform(L, 1), &value);
    return push_clock(L, error, value);
}

static int lua_collect(lua_State *L) {
    struct test_machine *machine = check_machine(L, 1);
    drop_script(machine);
    pthread_mutex_destroy(&machine->mutex);
    return 0;
}

static const luaL_Reg methods[] = {
    {"set_wall_ms", lua_set_wall},
    {"set_monotonic_ms", lua_set_monotonic},
    {"advance_ms", lua_advance},
    {"fail_clock", lua_fail_clock},
    {"script_random", lua_script_random},
    {"seed", lua_seed},
    {"random", lua_random},
    {"wall_ms", lua_wall_ms},
    {"monotonic_ms", lua_monotonic_ms},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {{"new", lua_new}, {NULL, NULL}};

int luaopen_binding_test_platform(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", lua_collect}, {NULL, NULL}};
    binding_class(L, METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
