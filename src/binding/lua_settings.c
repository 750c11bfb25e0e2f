/* Module `settings`: the settings of one engine, and the candidate of init_signer_config.
 *
 * Every reading function takes a source: a call, or an object made by `candidate` or `environment`.
 *
 *   list() -> { { member =, variable =, type =, fallback =, low =, high = }, … } in fingerprint order
 *   text(source, member) -> text | nil          number(source, member) -> integer | nil
 *   flag(source, member) -> boolean              identifiers(source, member) -> { … } | nil
 *   word(source, member) -> text | nil           state_path(source) -> text
 *   is_production(source) -> boolean             provenance_enforced(source) -> boolean
 *   firewall_enforced(source) -> boolean         key_count(source) -> integer
 *   environment{ TBTC_SIGNER_… = "…" } -> source
 *   candidate(request) -> source                 conversion rules of pol 2.2.1
 *   validate(candidate)                          step 5, up to the provenance gate
 *   installed(call, fingerprint) -> boolean      step 4; raises when another one is installed
 *   publish(call, candidate, fingerprint) -> idempotent (boolean), key count
 *   warn_start(source, local_seats) */
#include "binding/settings_object.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "binding/call_object.h"

#define SETTINGS_METATABLE "signer.settings"

struct settings_object {
    struct settings settings;
    bool live;
    char **names, **values; /* environment of its own */
    size_t count;
};

static const char *const type_names[] = {"text",        "word",    "flag",    "count",   "hour",
                                         "identifiers", "classes", "bytes32", "sequence"};

static int settings_gc(lua_State *L) {
    struct settings_object *object = binding_check_object(L, 1, SETTINGS_METATABLE);
    if (object->live) settings_free(&object->settings);
    for (size_t i = 0; i < object->count; i++) {
        free(object->names[i]);
        free(object->values[i]);
    }
    free(object->names);
    free(object->values);
    memset(object, 0, sizeof *object);
    return 0;
}

static struct settings_object *push_object(lua_State *L) {
    struct settings_object *object = binding_new_object(L, sizeof *object, 0, SETTINGS_METATABLE);
    return object;
}

struct settings *binding_check_settings(lua_State *L, int index) {
    struct settings_object *object = luaL_testudata(L, index, SETTINGS_METATABLE);
    if (object) return &object->settings;
    return &binding_check_call(L, index)->engine->settings;
}

static enum setting check_setting(lua_State *L, int index) {
    const char *member = luaL_checkstring(L, index);
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++)
        if (strcmp(setting_info(setting)->member, member) == 0) return setting;
    luaL_argerror(L, index, "no such setting");
    return SETTING_COUNT;
}

/* -- reading ------------------------------------------------------------------------------------ */

static int list(lua_State *L) {
    lua_createtable(L, SETTING_COUNT, 0);
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
        const struct setting_info *info = setting_info(setting);
        lua_createtable(L, 0, 6);
        lua_pushstring(L, info->member);
        lua_setfield(L, -2, "member");
        lua_pushstring(L, info->variable);
        lua_setfield(L, -2, "variable");
        lua_pushstring(L, type_names[info->type]);
        lua_setfield(L, -2, "type");
        lua_pushstring(L, info->fallback); /* NULL gives nil */
        lua_setfield(L, -2, "fallback");
        lua_pushinteger(L, (lua_Integer)info->low);
        lua_setfield(L, -2, "low");
        lua_pushinteger(L, (lua_Integer)info->high);
        lua_setfield(L, -2, "high");
        lua_rawseti(L, -2, (lua_Integer)setting + 1);
    }
    return 1;
}

/* Pushes a malloc'd text and frees it. */
static int push_text(lua_State *L, char *text) {
    if (!text) return 0;
    lua_pushstring(L, text);
    sodium_memzero(text, strlen(text));
    free(text);
    return 1;
}

static int text(lua_State *L) {
    struct failure why = {0};
    char *copy;
    binding_check(L, settings_copy(binding_check_settings(L, 1), check_setting(L, 2), &copy, &why), &why);
    return push_text(L, copy);
}

static int number(lua_State *L) {
    struct failure why = {0};
    uint64_t value;
    bool set = true;
    struct settings *settings = binding_check_settings(L, 1);
    enum setting setting = check_setting(L, 2);
    if (setting_info(setting)->fallback)
        binding_check(L, settings_u64(settings, setting, &value, &why), &why);
    else
        binding_check(L, settings_optional_u64(settings, setting, &value, &set, &why), &why);
    if (!set) return 0;
    lua_pushinteger(L, (lua_Integer)value);
    return 1;
}

static int flag(lua_State *L) {
    struct failure why = {0};
    bool value;
    binding_check(L, settings_flag(binding_check_settings(L, 1), check_setting(L, 2), &value, &why), &why);
    lua_pushboolean(L, value);
    return 1;
}

static int word(lua_State *L) {
    struct failure why = {0};
    int index;
    enum setting setting = check_setting(L, 2);
    binding_check(L, settings_word(binding_check_settings(L, 1), setting, &index, &why), &why);
    if (index < 0) return 0;
    lua_pushstring(L, setting_words(setting)[index]);
    return 1;
}

static int identifiers(lua_State *L) {
    struct failure why = {0};
    uint16_t *list;
    size_t count;
    bool set;
    binding_check(L, settings_identifiers(binding_check_settings(L, 1), check_setting(L, 2), &list, &count, &set, &why),
                  &why);
    if (!set) return 0;
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushinteger(L, list[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    free(list);
    return 1;
}

static int state_path(lua_State *L) {
    struct failure why = {0};
    char *path;
    binding_check(L, settings_state_path(binding_check_settings(L, 1), &path, &why), &why);
    return push_text(L, path);
}

static int is_production(lua_State *L) {
    lua_pushboolean(L, settings_is_production(binding_check_settings(L, 1)));
    return 1;
}

static int provenance_enforced(lua_State *L) {
    struct failure why = {0};
    bool on;
    binding_check(L, settings_provenance_enforced(binding_check_settings(L, 1), &on, &why), &why);
    lua_pushboolean(L, on);
    return 1;
}

static int firewall_enforced(lua_State *L) {
    struct failure why = {0};
    bool on;
    binding_check(L, settings_firewall_enforced(binding_check_settings(L, 1), &on, &why), &why);
    lua_pushboolean(L, on);
    return 1;
}

static int key_count(lua_State *L) {
    lua_pushinteger(L, settings_key_count(binding_check_settings(L, 1)));
    return 1;
}

static int warn_start(lua_State *L) {
    settings_warn_start(binding_check_settings(L, 1), (size_t)luaL_checkinteger(L, 2));
    return 0;
}

/* -- an environment of its own -------------------------------------------------------------------- */

static const char *own_environment(void *context, const char *name) {
    const struct settings_object *object = context;
    for (size_t i = 0; i < object->count; i++)
        if (strcmp(object->names[i], name) == 0) return object->values[i];
    return NULL;
}

static int environment(lua_State *L) {
    size_t count = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_argerror(L, 1, "variables and values must be texts");
        count++;
    }
    struct settings_object *object = push_object(L);
    object->names = signer_calloc(count + 1, sizeof *object->names);
    object->values = signer_calloc(count + 1, sizeof *object->values);
    if (!object->names || !object->values) return binding_raise_error(L, ERR_OUT_OF_MEMORY, NULL);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        object->names[object->count] = signer_strdup(lua_tostring(L, -2));
        object->values[object->count] = signer_strdup(lua_tostring(L, -1));
        object->count++;
        if (!object->names[object->count - 1] || !object->values[object->count - 1])
            return binding_raise_error(L, ERR_OUT_OF_MEMORY, NULL);
    }
    settings_init(&object->settings);
    object->settings.environment = own_environment;
    object->settings.environment_context = object;
    object->live = true;
    return 1;
}

/* -- init_signer_config --------------------------------------------------------------------------- */

static void put_number(lua_State *L, struct settings *candidate, enum setting setting) {
    struct failure why = {0};
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)(uint64_t)luaL_checkinteger(L, -1));
    binding_check(L, settings_put(candidate, setting, digits, (size_t)len, &why), &why);
}

/* The two kinds of lists, in scratch memory that Lua owns. */
static void put_list(lua_State *L, struct settings *candidate, enum setting setting) {
    struct failure why = {0};
    size_t count = (size_t)luaL_len(L, -1);
    bool numbers = setting_info(setting)->type == SETTING_TYPE_IDENTIFIERS;
    void *scratch = lua_newuserdatauv(L, (count + 1) * (numbers ? sizeof(uint16_t) : sizeof(struct bytes)), 0);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, -2, (lua_Integer)i + 1);
        if (numbers) {
            ((uint16_t *)scratch)[i] = (uint16_t)luaL_checkinteger(L, -1);
        } else {
            struct bytes *name = (struct bytes *)scratch + i;
            name->data = (const uint8_t *)luaL_checklstring(L, -1, &name->len);
        }
        lua_pop(L, 1);
    }
    enum signer_error error = numbers ? settings_put_identifiers(candidate, setting, scratch, count, &why)
                                      : settings_put_classes(candidate, setting, scratch, count, &why);
    lua_pop(L, 1);
    binding_check(L, error, &why);
}

static void put_text(lua_State *L, struct settings *candidate, enum setting setting) {
    struct failure why = {0};
    size_t len;
    const char *value = luaL_checklstring(L, -1, &len);
    binding_check(L, settings_put(candidate, setting, value, len, &why), &why);
}

/* The value at the top of the stack becomes the setting's. */
static void put_value(lua_State *L, struct settings *candidate, enum setting setting) {
    struct failure why = {0};
    switch (setting_info(setting)->type) {
    case SETTING_TYPE_FLAG: {
        const char *value = lua_toboolean(L, -1) ? "true" : "false";
        binding_check(L, settings_put(candidate, setting, value, strlen(value), &why), &why);
        return;
    }
    case SETTING_TYPE_COUNT:
    case SETTING_TYPE_HOUR:
    case SETTING_TYPE_SEQUENCE:
        put_number(L, candidate, setting);
        return;
    case SETTING_TYPE_IDENTIFIERS:
    case SETTING_TYPE_CLASSES:
        put_list(L, candidate, setting);
        return;
    default:
        put_text(L, candidate, setting);
    }
}

static int candidate_of(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct settings_object *object = push_object(L);
    settings_candidate(&object->settings);
    object->live = true;
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
        lua_getfield(L, 1, setting_info(setting)->member);
        if (!lua_isnil(L, -1)) put_value(L, &object->settings, setting);
        lua_pop(L, 1);
    }
    return 1;
}

static int validate(lua_State *L) {
    struct failure why = {0};
    struct settings_object *object = binding_check_object(L, 1, SETTINGS_METATABLE);
    binding_check(L, settings_validate(&object->settings, &why), &why);
    return 0;
}

static void check_fingerprint(lua_State *L, int index, char out[65]) {
    size_t len;
    const char *given = luaL_checklstring(L, index, &len);
    if (len != 64) luaL_argerror(L, index, "a fingerprint has 64 characters");
    memcpy(out, given, 65);
}

static int installed(lua_State *L) {
    struct failure why = {0};
    char fingerprint[65];
    bool same;
    struct settings *settings = binding_check_settings(L, 1);
    check_fingerprint(L, 2, fingerprint);
    binding_check(L, settings_installed(settings, fingerprint, &same, &why), &why);
    lua_pushboolean(L, same);
    return 1;
}

static int publish(lua_State *L) {
    struct failure why = {0};
    char fingerprint[65];
    bool idempotent;
    struct settings *settings = binding_check_settings(L, 1);
    struct settings_object *candidate = binding_check_object(L, 2, SETTINGS_METATABLE);
    check_fingerprint(L, 3, fingerprint);
    binding_check(L, settings_publish(settings, &candidate->settings, fingerprint, &idempotent, &why), &why);
    lua_pushboolean(L, idempotent);
    lua_pushinteger(L, settings_key_count(settings));
    return 2;
}

static const luaL_Reg functions[] = {
    {"list", list},
    {"text", text},
    {"number", number},
    {"flag", flag},
    {"word", word},
    {"identifiers", identifiers},
    {"state_path", state_path},
    {"is_production", is_production},
    {"provenance_enforced", provenance_enforced},
    {"firewall_enforced", firewall_enforced},
    {"key_count", key_count},
    {"warn_start", warn_start},
    {"environment", environment},
    {"candidate", candidate_of},
    {"validate", validate},
    {"installed", installed},
    {"publish", publish},
    {NULL, NULL},
};

int luaopen_binding_settings(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", settings_gc}, {NULL, NULL}};
    binding_class(L, SETTINGS_METATABLE, metamethods, NULL);
    luaL_newlib(L, functions);
    return 1;
}
