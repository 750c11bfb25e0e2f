/* Module `test_dkg` (test builds): the parts of the key generation on plain strings, for vectors. */
#include <stdlib.h>
#include <string.h>

#include "binding/frost_objects.h"
#include "frost/dealer.h"
#include "frost/draw.h"

static struct dkg_means means = {.random = "weights of a test"};

static int push_failure(lua_State *L, enum signer_error error, const struct frost_identifier *culprit,
                        bool has_culprit) {
    lua_pushnil(L);
    lua_pushstring(L, error_info(error)->name);
    if (has_culprit)
        binding_push_identifier(L, culprit);
    else
        lua_pushnil(L);
    return 3;
}

/* part1(identifier, max_signers, min_signers, seed) -> round-1 package, secret; nil, error name */
static int part1(lua_State *L) {
    struct frost_identifier identifier;
    binding_check_identifier(L, 1, &identifier);
    uint16_t max_signers = (uint16_t)luaL_checkinteger(L, 2);
    uint16_t min_signers = (uint16_t)luaL_checkinteger(L, 3);
    const uint8_t *seed = binding_check_raw(L, 4, 32);
    size_t len = dkg_round1_secret_bytes(min_signers, max_signers);
    uint8_t *secret = lua_newuserdatauv(L, len, 0);
    struct dkg_round1_package *package = binding_push_round1_package(L);
    enum signer_error error = dkg_part1(package, secret, len, &identifier, max_signers, min_signers, seed);
    if (error != SIGNER_OK) return push_failure(L, error, NULL, false);
    lua_pushlstring(L, (const char *)secret, len);
    return 2;
}

/* workers(n): threads that parts 2 and 3 may use from now on; 1 at the start */
static int set_workers(lua_State *L) {
    means.workers = (unsigned)luaL_checkinteger(L, 1);
    return 0;
}

/* part2(secret, {{sender, package}, …}) -> {{recipient, round-2 package bytes}, …}, round-2 secret; nil,
 * error name, culprit or nil */
static int part2(lua_State *L) {
    size_t len, peer_count;
    struct dkg_secret_info info;
    struct frost_identifier culprit;
    bool has_culprit = false;
    const uint8_t *secret = (const uint8_t *)luaL_checklstring(L, 1, &len);
    const struct dkg_round1_entry *peers = binding_check_round1_map(L, 2, &peer_count);
    binding_check(L, dkg_round1_secret_check(&info, secret, len), NULL);
    size_t out_len = dkg_round2_secret_bytes(info.min_signers, info.max_signers);
    uint8_t *out = lua_newuserdatauv(L, out_len, 0);
    struct dkg_round2_entry *shares = lua_newuserdatauv(L, (peer_count + 1) * sizeof *shares, 0);
    enum signer_error error =
        dkg_part2(shares, out, out_len, secret, len, peers, peer_count, &means, &culprit, &has_culprit);
    if (error != SIGNER_OK) return push_failure(L, error, &culprit, has_culprit);
    lua_createtable(L, (int)peer_count, 0);
    for (size_t i = 0; i < peer_count; i++) {
        uint8_t raw[DKG_ROUND2_PACKAGE_BYTES];
        binding_check(L, dkg_round2_share_write(raw, &shares[i].share), NULL);
        lua_createtable(L, 2, 0);
        binding_push_identifier(L, &shares[i].peer);
        lua_rawseti(L, -2, 1);
        lua_pushlstring(L, (const char *)raw, sizeof raw);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushlstring(L, (const char *)out, out_len);
    return 2;
}

/* part3(secret, {{sender, package}, …}, {{sender, round-2 package bytes}, …}) -> key package bytes, public
 * package; nil, error name, culprit or nil */
static int part3(lua_State *L) {
    size_t len, peer_count;
    struct frost_identifier culprit;
    struct frost_key_package key;
    bool has_culprit = false;
    const uint8_t *secret = (const uint8_t *)luaL_checklstring(L, 1, &len);
    luaL_checktype(L, 3, LUA_TTABLE);
    const struct dkg_round1_entry *peers = binding_check_round1_map(L, 2, &peer_count);
    size_t share_count = (size_t)luaL_len(L, 3);
    struct dkg_round2_entry *shares = lua_newuserdatauv(L, (share_count + 1) * sizeof *shares, 0);
    for (size_t i = 0; i < share_count; i++) {
        size_t package_len;
        lua_geti(L, 3, (lua_Integer)i + 1);
        lua_geti(L, -1, 1);
        binding_check_identifier(L, -1, &shares[i].peer);
        lua_geti(L, -2, 2);
        const uint8_t *raw = (const uint8_t *)luaL_checklstring(L, -1, &package_len);
        binding_check(L, dkg_round2_share_decode(&shares[i].share, raw, package_len), NULL);
        lua_pop(L, 3);
    }
    struct buffer *buffer = binding_new_buffer(L);
    struct frost_public_package *keys = binding_push_public_package(L);
    enum signer_error error =
        dkg_part3(&key, keys, secret, len, peers, peer_count, shares, share_count, &means, &culprit, &has_culprit);
    if (error != SIGNER_OK) return push_failure(L, error, &culprit, has_culprit);
    error = frost_key_package_encode(buffer, &key);
    binding_push_buffer(L, buffer, error, NULL);
    lua_insert(L, -2);
    return 2;
}

/* round1_secret(bytes), round2_secret(bytes): raise unless the form is right */
static int round1_secret(lua_State *L) {
    struct dkg_secret_info info;
    size_t len;
    const char *raw = luaL_checklstring(L, 1, &len);
    binding_check(L, dkg_round1_secret_check(&info, (const uint8_t *)raw, len), NULL);
    binding_push_identifier(L, &info.identifier);
    lua_pushinteger(L, info.min_signers);
    lua_pushinteger(L, info.max_signers);
    return 3;
}

static int round2_secret(lua_State *L) {
    struct dkg_secret_info info;
    size_t len;
    const char *raw = luaL_checklstring(L, 1, &len);
    binding_check(L, dkg_round2_secret_check(&info, (const uint8_t *)raw, len), NULL);
    binding_push_identifier(L, &info.identifier);
    lua_pushinteger(L, info.min_signers);
    lua_pushinteger(L, info.max_signers);
    return 3;
}

/* round2_share(bytes) -> the scalar's bytes */
static int round2_share(lua_State *L) {
    struct scalar share;
    uint8_t out[SCALAR_BYTES];
    size_t len;
    const char *raw = luaL_checklstring(L, 1, &len);
    binding_check(L, dkg_round2_share_decode(&share, (const uint8_t *)raw, len), NULL);
    scalar_encode(out, &share);
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

/* make_round1_package({point, …}, proof) -> object: any content */
static int make_round1_package(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    const uint8_t *proof = binding_check_raw(L, 2, FROST_SIGNATURE_BYTES);
    struct dkg_round1_package *out = binding_push_round1_package(L);
    out->count = (size_t)luaL_len(L, 1);
    out->commitments = calloc(out->count + 1, sizeof *out->commitments);
    if (!out->commitments) return luaL_error(L, "out of memory");
    for (size_t k = 0; k < out->count; k++) {
        lua_geti(L, 1, (lua_Integer)k + 1);
        binding_check_point(L, -1, &out->commitments[k]);
        lua_pop(L, 1);
    }
    memcpy(out->proof, proof, sizeof out->proof);
    return 1;
}

/* deal({member, …}, threshold, seed) -> {key package bytes, …}, public package; nil, error name */
static int deal(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = (size_t)luaL_len(L, 1);
    uint16_t *members = lua_newuserdatauv(L, (count + 1) * sizeof *members, 0);
    struct frost_key_package *packages = lua_newuserdatauv(L, (count + 1) * sizeof *packages, 0);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        members[i] = (uint16_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    uint16_t threshold = (uint16_t)luaL_checkinteger(L, 2);
    lua_createtable(L, (int)count, 0);
    struct frost_public_package *keys = binding_push_public_package(L);
    enum signer_error error = frost_deal(packages, keys, members, count, threshold, binding_check_raw(L, 3, 32));
    if (error != SIGNER_OK) return push_failure(L, error, NULL, false);
    for (size_t i = 0; i < count; i++) {
        struct buffer *buffer = binding_new_buffer(L);
        binding_push_buffer(L, buffer, frost_key_package_encode(buffer, &packages[i]), NULL);
        lua_rawseti(L, -4, (lua_Integer)i + 1);
        lua_pop(L, 1);
    }
    return 2;
}

/* stream(seed, count) -> the first `count` draws of 32 bytes */
static int stream(lua_State *L) {
    struct draw draw;
    uint8_t raw[32];
    luaL_Buffer out;
    draw_begin(&draw, binding_check_raw(L, 1, DRAW_SEED_BYTES));
    lua_Integer count = luaL_checkinteger(L, 2);
    luaL_buffinit(L, &out);
    for (lua_Integer i = 0; i < count; i++) {
        draw_bytes(&draw, raw);
        luaL_addlstring(&out, (const char *)raw, sizeof raw);
    }
    luaL_pushresult(&out);
    return 1;
}

static const luaL_Reg functions[] = {
    {"part1", part1},
    {"workers", set_workers},
    {"part2", part2},
    {"part3", part3},
    {"round1_secret", round1_secret},
    {"round2_secret", round2_secret},
    {"round2_share", round2_share},
    {"make_round1_package", make_round1_package},
    {"deal", deal},
    {"stream", stream},
    {NULL, NULL},
};

int luaopen_binding_test_dkg(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
