/* Engines of the Lua module: each with its own settings, store and pool (D-173).
 *
 *   engine = signer.engine{ environment = {TBTC_SIGNER_PROFILE = "development", …} }
 *       environment: name -> text; absent: the environment of the process
 *       platform:    test build; a machine of lua_test_platform.c
 *       sources:     test build; module name -> Lua text, for fake endpoints
 *   ok, json, secrets = engine:request(name, json, secrets_in)
 *       one call of the entry points, by its name without "frost_tbtc_". A secret member of the
 *       request is the text "@<k>", the k-th of `secrets_in`, which stays usable; secret members of
 *       the reply are written so and come as `secrets`. `json` of a failed call is the envelope.
 *   true = engine:check_key_provider()
 *       asks the state key provider once; raises why it gave no key
 *   engine:warn_start(seats)
 *       the warnings of the start about the settings, for a node with that many seats of a wallet
 *   engine:close(abandon)
 *       closes the store cleanly; `abandon` true: as a crash would. Later requests raise. */
#include "runtime/lua_engine.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "binding/binding.h"
#include "runtime/parallel.h"
#include "runtime/pool.h"
#include "runtime/runtime.h"
#include "session/firewall.h"
#include "store/key_provider.h"
#ifdef SIGNER_TEST
#include "binding/test_platform.h"
#endif

#define METATABLE "signer.engine"

struct variable {
    struct variable *next;
    char *name;
    char *text;
};

struct engine_object {
    struct engine *engine;
    struct runtime *runtime;
    struct variable *environment;
};

static struct engine_object *check_object(lua_State *L) {
    struct engine_object *object = luaL_checkudata(L, 1, METATABLE);
    if (!object->runtime) luaL_error(L, "the engine is closed");
    return object;
}

/* -- environment -------------------------------------------------------------------------------------- */

static const char *find_variable(void *context, const char *name) {
    const struct variable *variable = context;
    for (; variable; variable = variable->next)
        if (strcmp(variable->name, name) == 0) return variable->text;
    return NULL;
}

static const char *no_variable(void *context, const char *name) {
    (void)context;
    (void)name;
    return NULL;
}

static void free_environment(struct engine_object *object) {
    while (object->environment) {
        struct variable *variable = object->environment;
        object->environment = variable->next;
        free(variable->name);
        free(variable->text);
        free(variable);
    }
}

/* The table at the top; what was copied belongs to the object from the start. */
static void copy_environment(lua_State *L, struct engine_object *object) {
    luaL_checktype(L, -1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "environment: names and texts must be strings");
        struct variable *variable = signer_calloc(1, sizeof *variable);
        if (!variable) binding_raise_error(L, ERR_OUT_OF_MEMORY, NULL);
        variable->next = object->environment;
        object->environment = variable;
        variable->name = signer_strdup(lua_tostring(L, -2));
        variable->text = signer_strdup(lua_tostring(L, -1));
        if (!variable->name || !variable->text) binding_raise_error(L, ERR_OUT_OF_MEMORY, NULL);
    }
}

/* -- birth and death ---------------------------------------------------------------------------------- */

static const struct platform *option_platform(lua_State *L) {
#ifdef SIGNER_TEST
    lua_getfield(L, 1, "platform");
    const struct platform *platform = binding_opt_platform(L, -1);
    lua_setiuservalue(L, 2, 1); /* the object keeps it alive */
    return platform;
#else
    (void)L;
    return platform_system();
#endif
}

#ifdef SIGNER_TEST
static void option_sources(lua_State *L, struct engine_object *object) {
    if (lua_getfield(L, 1, "sources") == LUA_TTABLE)
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            size_t len;
            const char *text = luaL_checklstring(L, -1, &len);
            binding_check(L, runtime_add_source(object->runtime, luaL_checkstring(L, -2), text, len), NULL);
        }
    lua_pop(L, 1);
}
#endif

/* A misspelt `environment` would leave the engine with the settings of the process. */
static void check_options(lua_State *L) {
    static const char *const known[] = {"environment", "platform", "sources"};
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        bool found = false;
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found = found || strcmp(name, known[i]) == 0;
        if (!found) luaL_error(L, "engine: unknown option '%s'", name);
    }
}

static int engine_new(lua_State *L) {
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    check_options(L);
    struct engine_object *object = lua_newuserdatauv(L, sizeof *object, 1);
    memset(object, 0, sizeof *object);
    luaL_setmetatable(L, METATABLE);
    const struct platform *platform = option_platform(L);
    bool has_environment = lua_getfield(L, 1, "environment") != LUA_TNIL;
    if (has_environment) copy_environment(L, object);
    lua_settop(L, 2);
    binding_check(L, engine_create(&object->engine, platform), NULL);
    if (has_environment) {
        object->engine->settings.environment = object->environment ? find_variable : no_variable;
        object->engine->settings.environment_context = object->environment;
        object->engine->settings.warned_environment = true; /* it was given on purpose */
    }
    vault_set_must_lock(object->engine->vault, settings_is_production(&object->engine->settings));
    binding_check(L, runtime_create(&object->runtime, object->engine), NULL);
#ifdef SIGNER_TEST
    option_sources(L, object);
#endif
    return 1;
}

static void close_object(struct engine_object *object, bool abandon) {
    runtime_destroy(object->runtime);
    object->runtime = NULL;
    if (object->engine) engine_destroy(object->engine, abandon);
    object->engine = NULL;
    free_environment(object);
}

static int engine_close(lua_State *L) {
    struct engine_object *object = luaL_checkudata(L, 1, METATABLE);
    close_object(object, lua_toboolean(L, 2));
    return 0;
}

static int engine_gc(lua_State *L) {
    close_object(luaL_checkudata(L, 1, METATABLE), false);
    return 0;
}

/* For binding_check_engine: (object) -> the engine */
static int engine_behind(lua_State *L) {
    lua_pushlightuserdata(L, check_object(L)->engine);
    return 1;
}

/* -- requests ----------------------------------------------------------------------------------------- */

struct handles {
    vault_handle in[CALL_SECRETS_MAX];
    size_t in_count;
    vault_handle out[CALL_SECRETS_MAX];
    size_t out_count;
};

static void read_handles(lua_State *L, int index, const struct engine_object *object, struct handles *handles) {
    if (lua_isnoneornil(L, index)) return;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_Integer count = luaL_len(L, index);
    if (count > CALL_SECRETS_MAX) luaL_error(L, "too many secrets");
    for (lua_Integer i = 1; i <= count; i++) {
        lua_geti(L, index, i);
        const struct secret_handle *secret = binding_check_secret(L, -1);
        if (secret->engine != object->engine) luaL_error(L, "secret %d belongs to another engine", (int)i);
        handles->in[handles->in_count++] = secret->handle;
        lua_pop(L, 1);
    }
}

static void wipe_handles(struct engine_object *object, struct handles *handles, size_t from) {
    for (size_t i = from; i < handles->out_count; i++)
        vault_wipe(object->engine->vault, handles->out[i]);
}

/* (object, handles, reply): the results of a request. Protected, so that nothing is lost when
 * pushing them runs out of memory. */
static int push_results(lua_State *L) {
    struct engine_object *object = lua_touserdata(L, 1);
    struct handles *handles = lua_touserdata(L, 2);
    const struct buffer *reply = lua_touserdata(L, 3);
    if (reply->len > 0)
        lua_pushlstring(L, (const char *)reply->data, reply->len);
    else
        lua_pushliteral(L, ENVELOPE_LAST_RESORT);
    lua_createtable(L, (int)handles->out_count, 0);
    for (size_t i = 0; i < handles->out_count; i++) {
        binding_push_secret(L, object->engine, handles->out[i]);
        handles->out[i] = 0;
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

static int engine_request(lua_State *L) {
    struct engine_object *object = check_object(L);
    lua_settop(L, 4);
    struct request request = {.endpoint = luaL_checkstring(L, 2)};
    request.body = (const uint8_t *)luaL_optlstring(L, 3, NULL, &request.body_len);
    if (request.body_len > REQUEST_BYTES_MAX) luaL_error(L, "the request is longer than %d bytes", REQUEST_BYTES_MAX);
    struct handles *handles = lua_newuserdatauv(L, sizeof *handles, 0);
    memset(handles, 0, sizeof *handles);
    read_handles(L, 4, object, handles);
    request.secrets_in = handles->in;
    request.secrets_in_count = handles->in_count;
    request.secrets_out = handles->out;
    request.secrets_out_count = &handles->out_count;

    struct buffer reply;
    buffer_init(&reply);
    bool ok = runtime_call(object->runtime, &request, &reply);
    lua_pushboolean(L, ok);
    lua_pushcfunction(L, push_results);
    lua_pushlightuserdata(L, object);
    lua_pushlightuserdata(L, handles);
    lua_pushlightuserdata(L, &reply);
    int status = lua_pcall(L, 3, 2, 0);
    buffer_free(&reply);
    wipe_handles(object, handles, 0);
    return status == LUA_OK ? 3 : lua_error(L);
}

/* engine:check_key_provider() -> true; raises what kept the provider from giving a key. */
static int engine_check_key(lua_State *L) {
    struct engine_object *object = check_object(L);
    struct failure why = {SIGNER_OK, ""};
    struct key_plan plan = {0};
    vault_handle key = 0;
    enum signer_error error = settings_key_plan(&object->engine->settings, &plan, &why);
    if (error == SIGNER_OK) {
        struct key_provider provider = {
            .kind = plan.command_provider ? KEY_PROVIDER_COMMAND : KEY_PROVIDER_ENV,
            .command = plan.command,
            .timeout_s = plan.timeout_s,
            .env_text = object->engine->settings.environment(object->engine->settings.environment_context,
                                                             "TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX"),
        };
        error = key_provider_fetch(&provider, object->engine->vault, &key, &why);
    }
    vault_wipe(object->engine->vault, key);
    free(plan.command);
    binding_check(L, error, &why);
    lua_pushboolean(L, true);
    return 1;
}

/* engine:check_gates() -> true; raises which setting of a gate has an unusable value. */
static int engine_check_gates(lua_State *L) {
    struct settings *settings = &check_object(L)->engine->settings;
    struct failure why = {SIGNER_OK, ""};
    struct firewall firewall;
    binding_check(L, settings_check_gates(settings, &why), &why);
    binding_check(L, firewall_load(settings, &firewall, &why), &why); /* hours that do not go together */
    lua_pushboolean(L, true);
    return 1;
}

static int engine_warn_start(lua_State *L) {
    settings_warn_start(&check_object(L)->engine->settings, (size_t)luaL_checkinteger(L, 2));
    return 0;
}

void engine_object_add_methods(lua_State *L) {
    luaL_getmetatable(L, METATABLE);
    lua_getfield(L, -1, "__index");
    for (lua_pushnil(L); lua_next(L, -4); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 2);
}

#ifdef SIGNER_TEST
/* engine:live_secrets() -> slots of the vault in use (test build) */
static int engine_live_secrets(lua_State *L) {
    struct vault_usage usage;
    vault_usage(check_object(L)->engine->vault, &usage);
    lua_pushinteger(L, (lua_Integer)usage.live_slots);
    return 1;
}

/* engine:idle_bytes() -> what the small blocks of idle Lua states take (test build) */
static int engine_idle_bytes(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)pool_idle_bytes(check_object(L)->runtime));
    return 1;
}

/* engine:parallel{ {name, json}, … } -> object: requests on threads of their own (test build) */
static int engine_parallel(lua_State *L) {
    return parallel_start(L, 2, check_object(L)->runtime);
}
#endif

int engine_object_open(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"request", engine_request},
        {"close", engine_close},
        {"check_key_provider", engine_check_key},
        {"check_gates", engine_check_gates},
        {"warn_start", engine_warn_start},
#ifdef SIGNER_TEST
        {"live_secrets", engine_live_secrets},
        {"idle_bytes", engine_idle_bytes},
        {"parallel", engine_parallel},
#endif
        {NULL, NULL},
    };
    static const luaL_Reg metamethods[] = {
        {"__gc", engine_gc}, {"__close", engine_gc}, {"__engine", engine_behind}, {NULL, NULL}};
    binding_class(L, METATABLE, metamethods, methods);
    lua_pushcfunction(L, engine_new);
    return 1;
}
