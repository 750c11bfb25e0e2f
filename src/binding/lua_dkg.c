/* Module `dkg`: the public side of the key generation: round-1 packages and the hash of their map.
 * The parts themselves run on custody handles (session) or, in test builds, in lua_test_dkg.c. */
#include <string.h>

#include "base/workers.h"
#include "binding/call_object.h"
#include "binding/decoders.h"
#include "binding/frost_objects.h"
#include "session/call.h"
#include "session/kept_packages.h"

#define ROUND1_PACKAGE "signer.round1_package"

struct dkg_round1_package *binding_push_round1_package(lua_State *L) {
    struct dkg_round1_package *package = binding_new_object(L, sizeof *package, 0, ROUND1_PACKAGE);
    return package;
}

static struct dkg_round1_package *check_round1_package(lua_State *L, int index) {
    return binding_check_object(L, index, ROUND1_PACKAGE);
}

struct dkg_round1_entry *binding_check_round1_map(lua_State *L, int index, size_t *count) {
    luaL_checktype(L, index, LUA_TTABLE);
    *count = (size_t)luaL_len(L, index);
    struct dkg_round1_entry *entries = lua_newuserdatauv(L, (*count + 1) * sizeof *entries, 0);
    for (size_t i = 0; i < *count; i++) {
        lua_geti(L, index, (lua_Integer)i + 1);
        lua_geti(L, -1, 1);
        binding_check_identifier(L, -1, &entries[i].sender);
        lua_geti(L, -2, 2);
        entries[i].package = *check_round1_package(L, -1);
        lua_pop(L, 3);
    }
    return entries;
}

static int round1_package_gc(lua_State *L) {
    dkg_round1_package_free(check_round1_package(L, 1));
    return 0;
}

static enum signer_error decode_round1_package(lua_State *L, struct engine *engine, const uint8_t *data, size_t len) {
    (void)engine;
    enum signer_error error = dkg_round1_package_decode(binding_push_round1_package(L), data, len);
    if (error != SIGNER_OK) lua_pop(L, 1);
    return error;
}

static int round1_package_decode(lua_State *L) {
    size_t len;
    const char *raw = luaL_checklstring(L, 1, &len);
    binding_check(L, decode_round1_package(L, NULL, (const uint8_t *)raw, len), NULL);
    return 1;
}

struct decoding {
    struct kept_packages *kept;
    const uint8_t *data;
    size_t len;
    struct dkg_round1_package *out;
    enum signer_error error;
};

static void decode_one(void *context, size_t index) {
    struct decoding *one = (struct decoding *)context + index;
    one->error = kept_packages_decode(one->kept, one->out, one->data, one->len);
}

/* round1_packages(call, {{…, bytes}, …}): puts the package in the place of the bytes; -> nil, or the place of the
 * first that is none and the reason */
static int round1_packages_decode(lua_State *L) {
    struct call *call = binding_check_call(L, 1);
    struct failure why = {0};
    unsigned workers = 1;
    size_t bytes = 0, count = (size_t)luaL_len(L, 2);
    binding_check(L, settings_worker_threads(&call->engine->settings, &workers, &why), &why);
    struct decoding *decodings = lua_newuserdatauv(L, (count + 1) * sizeof *decodings, 0);
    lua_createtable(L, (int)count, 0); /* keeps the bytes */
    int kept = lua_gettop(L);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 2, (lua_Integer)i + 1);
        lua_geti(L, -1, 2);
        decodings[i].kept = engine_is_forked(call->engine) ? NULL : call->engine->kept_packages;
        decodings[i].data = (const uint8_t *)luaL_checklstring(L, -1, &decodings[i].len);
        bytes += decodings[i].len;
        lua_rawseti(L, kept, (lua_Integer)i + 1);
        decodings[i].out = binding_push_round1_package(L);
        lua_seti(L, -2, 2);
        lua_pop(L, 1);
    }
    workers_run(bytes < DKG_SPLIT_POINTS * POINT_BYTES ? 1 : workers, count, decode_one, decodings);
    for (size_t i = 0; i < count; i++) {
        if (decodings[i].error == SIGNER_OK) continue;
        if (error_info(decodings[i].error)->code != CODE_VALIDATION) binding_check(L, decodings[i].error, NULL);
        lua_pushinteger(L, (lua_Integer)i + 1);
        lua_pushstring(L, error_info(decodings[i].error)->text);
        return 2;
    }
    return 0;
}

static int round1_package_encode(lua_State *L) {
    struct buffer *buffer = binding_new_buffer(L);
    enum signer_error error = dkg_round1_package_encode(buffer, check_round1_package(L, 1));
    return binding_push_buffer(L, buffer, error, NULL);
}

static int round1_package_commitments(lua_State *L) {
    const struct dkg_round1_package *package = check_round1_package(L, 1);
    lua_createtable(L, (int)package->count, 0);
    for (size_t k = 0; k < package->count; k++) {
        binding_push_point(L, &package->commitments[k]);
        lua_rawseti(L, -2, (lua_Integer)k + 1);
    }
    return 1;
}

static int round1_package_proof(lua_State *L) {
    const struct dkg_round1_package *package = check_round1_package(L, 1);
    lua_pushlstring(L, (const char *)package->proof, sizeof package->proof);
    return 1;
}

/* map_hash({{identifier, round1_package}, …}) -> 32 bytes, the same whatever the order */
static int map_hash(lua_State *L) {
    uint8_t hash[HASH_BYTES];
    size_t count;
    const struct dkg_round1_entry *entries = binding_check_round1_map(L, 1, &count);
    binding_check(L, dkg_round1_map_hash(hash, entries, count), NULL);
    lua_pushlstring(L, (const char *)hash, sizeof hash);
    return 1;
}

static const luaL_Reg functions[] = {
    {"round1_package", round1_package_decode},
    {"round1_packages", round1_packages_decode},
    {"map_hash", map_hash},
    {NULL, NULL},
};

static const luaL_Reg round1_package_methods[] = {
    {"encode", round1_package_encode},
    {"commitments", round1_package_commitments},
    {"proof", round1_package_proof},
    {NULL, NULL},
};

int luaopen_binding_dkg(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", round1_package_gc}, {NULL, NULL}};
    binding_class(L, ROUND1_PACKAGE, metamethods, round1_package_methods);
    binding_register_decoder(L, "round1_package", decode_round1_package);
    luaL_newlib(L, functions);
    return 1;
}
