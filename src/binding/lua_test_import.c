/* test_import: the old state file and the protection data over a test_registry state (test build).
 *
 *   test_import.payload(state, json)       fills a genesis state      test_import.export(state) -> json
 *   test_import.seal{ payload =, provider =, key = 32 bytes, nonce = 24 bytes, generation = nil } -> envelope:
 *       schema 3, with a generation schema 4
 *   test_import.protection(state, store id, seq, chain) -> json
 *   test_import.unite(state, json, seq) -> { sessions =, entries =, tombstones =, events =, operators =, canary = }
 *   test_import.engine_payload(engine) -> json      of an engine whose state is open */
#include <string.h>

#include "binding/frost_objects.h"
#include "binding/test_registry.h"
#include "registry/export.h"
#include "registry/import.h"
#include "registry/import_protection.h"
#include "store/import.h"

static struct test_state *check_test(lua_State *L) {
    struct test_state *test = luaL_checkudata(L, 1, TEST_STATE);
    luaL_argcheck(L, test->state, 1, "closed");
    return test;
}

static int push_json(lua_State *L, enum signer_error error, struct buffer *json) {
    if (error == SIGNER_OK) lua_pushlstring(L, (const char *)json->data, json->len);
    buffer_free(json);
    if (error != SIGNER_OK) return binding_raise_error(L, error, NULL);
    return 1;
}

static int payload(lua_State *L) {
    struct test_state *test = check_test(L);
    struct failure why = {0};
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    binding_check(L, state_import(test->state, (const uint8_t *)text, len, 7, &why), &why);
    return 0;
}

static int export_payload(lua_State *L) {
    struct buffer json = {0};
    return push_json(L, state_export_payload(&json, check_test(L)->state), &json);
}

static int engine_payload(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    struct buffer json = {0};
    pthread_mutex_lock(&engine->mutex);
    enum signer_error error = state_export_payload(&json, engine->state);
    pthread_mutex_unlock(&engine->mutex);
    return push_json(L, error, &json);
}

static int seal(lua_State *L) {
    struct buffer out = {0};
    struct bytes text;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "payload");
    text.data = (const uint8_t *)luaL_checklstring(L, -1, &text.len);
    lua_getfield(L, 1, "provider");
    const char *provider = luaL_optstring(L, -1, "env");
    lua_getfield(L, 1, "key");
    const uint8_t *key = binding_check_raw(L, -1, 32);
    lua_getfield(L, 1, "nonce");
    const uint8_t *nonce = binding_check_raw(L, -1, 24);
    lua_getfield(L, 1, "generation");
    uint64_t generation = (uint64_t)luaL_optinteger(L, -1, 0);
    return push_json(L, old_file_seal(&out, &text, provider, generation, key, nonce), &out);
}

static int protection(lua_State *L) {
    struct test_state *test = check_test(L);
    struct buffer json = {0};
    enum signer_error error = state_export_protection(&json, test->state, binding_check_raw(L, 2, 32),
                                                      (uint64_t)luaL_checkinteger(L, 3), binding_check_raw(L, 4, 32));
    return push_json(L, error, &json);
}

struct committing {
    struct test_state *test;
    uint64_t seq;
};

static enum signer_error commit(void *argument, struct changes *changes, struct failure *why) {
    struct committing *committing = argument;
    struct store_position position = {.ticket = committing->seq, .seq = committing->seq};
    enum signer_error error = changes_check(committing->test->state, changes, why);
    if (error == SIGNER_OK) changes_apply(committing->test->state, changes, &position);
    committing->seq++;
    return error;
}

static int unite(lua_State *L) {
    struct committing committing = {check_test(L), (uint64_t)luaL_optinteger(L, 3, 2)};
    struct protection_counts counts;
    struct failure why = {0};
    size_t len;
    const char *json = luaL_checklstring(L, 2, &len);
    binding_check(L, protection_import(&counts, committing.test->state, json, len, 7, commit, &committing, &why), &why);
    lua_newtable(L);
    binding_set_u64(L, "sessions", counts.sessions);
    binding_set_u64(L, "entries", counts.entries);
    binding_set_u64(L, "tombstones", counts.tombstones);
    binding_set_u64(L, "events", counts.events);
    binding_set_u64(L, "operators", counts.operators);
    lua_pushboolean(L, counts.canary);
    lua_setfield(L, -2, "canary");
    return 1;
}

static const luaL_Reg functions[] = {
    {"payload", payload}, {"export", export_payload}, {"engine_payload", engine_payload},
    {"seal", seal},       {"protection", protection}, {"unite", unite},
    {NULL, NULL},
};

int luaopen_binding_test_import(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
