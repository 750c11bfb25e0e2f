/* Module `test_frost` (test builds): the secret side of signing on plain strings, for vectors. */
#include <string.h>

#include "binding/frost_objects.h"

static void check_key(lua_State *L, int index, struct frost_key_package *out) {
    size_t len;
    const char *raw = luaL_checklstring(L, index, &len);
    binding_check(L, frost_key_package_decode(out, (const uint8_t *)raw, len), NULL);
}

static void check_nonces(lua_State *L, int index, struct frost_nonces *out) {
    size_t len;
    const char *raw = luaL_checklstring(L, index, &len);
    binding_check(L, frost_nonces_decode(out, (const uint8_t *)raw, len), NULL);
}

static void check_scalar(lua_State *L, int index, struct scalar *out) {
    if (!scalar_decode(out, binding_check_raw(L, index, SCALAR_BYTES))) binding_raise_error(L, ERR_FROST_FIELD, NULL);
}

static int push_key(lua_State *L, const struct frost_key_package *key) {
    struct buffer *buffer = binding_new_buffer(L);
    enum signer_error error = frost_key_package_encode(buffer, key);
    return binding_push_buffer(L, buffer, error, NULL);
}

/* make_key_package(identifier, share, verifying share, key, min_signers) -> bytes, unchecked */
static int make_key_package(lua_State *L) {
    struct frost_key_package key;
    binding_check_identifier(L, 1, &key.identifier);
    check_scalar(L, 2, &key.signing_share);
    binding_check_point(L, 3, &key.verifying_share);
    binding_check_point(L, 4, &key.verifying_key);
    key.min_signers = (uint16_t)luaL_checkinteger(L, 5);
    return push_key(L, &key);
}

/* parse_key_package(bytes) -> bytes again: the form alone */
static int parse_key_package(lua_State *L) {
    struct frost_key_package key;
    size_t len;
    const char *raw = luaL_checklstring(L, 1, &len);
    binding_check(L, frost_key_package_parse(&key, (const uint8_t *)raw, len), NULL);
    return push_key(L, &key);
}

/* key_package(bytes) -> table of its fields */
static int key_package(lua_State *L) {
    struct frost_key_package key;
    uint8_t share[SCALAR_BYTES];
    check_key(L, 1, &key);
    lua_createtable(L, 0, 5);
    binding_push_identifier(L, &key.identifier);
    lua_setfield(L, -2, "identifier");
    scalar_encode(share, &key.signing_share);
    lua_pushlstring(L, (const char *)share, sizeof share);
    lua_setfield(L, -2, "signing_share");
    binding_push_point(L, &key.verifying_share);
    lua_setfield(L, -2, "verifying_share");
    binding_push_point(L, &key.verifying_key);
    lua_setfield(L, -2, "verifying_key");
    lua_pushinteger(L, key.min_signers);
    lua_setfield(L, -2, "min_signers");
    return 1;
}

static int key_package_even_y(lua_State *L) {
    struct frost_key_package key;
    check_key(L, 1, &key);
    frost_key_package_even_y(&key);
    return push_key(L, &key);
}

static int key_package_tweak(lua_State *L) {
    struct frost_key_package key;
    struct frost_root root;
    check_key(L, 1, &key);
    binding_check_root(L, 2, &root);
    binding_check(L, frost_key_package_tweak(&key, &root), NULL);
    return push_key(L, &key);
}

/* public_tweak(public_package, root), public_even_y(public_package) -> a new object */
static int public_tweak(lua_State *L) {
    struct frost_root root;
    binding_check_root(L, 2, &root);
    struct frost_public_package *out = binding_push_public_package(L);
    binding_check(L, frost_public_package_copy(out, binding_check_public_package(L, 1)), NULL);
    binding_check(L, frost_public_package_tweak(out, &root), NULL);
    return 1;
}

static int public_even_y(lua_State *L) {
    struct frost_public_package *out = binding_push_public_package(L);
    binding_check(L, frost_public_package_copy(out, binding_check_public_package(L, 1)), NULL);
    frost_public_package_even_y(out);
    return 1;
}

static int push_nonces(lua_State *L, const struct frost_nonces *nonces) {
    struct buffer *buffer = binding_new_buffer(L);
    enum signer_error error = frost_nonces_encode(buffer, nonces);
    return binding_push_buffer(L, buffer, error, NULL);
}

/* nonces(key package, r1, r2) -> encoded nonces */
static int nonces(lua_State *L) {
    struct frost_key_package key;
    struct frost_nonces out;
    check_key(L, 1, &key);
    binding_check(L, frost_nonces_from_random(&out, &key, binding_check_raw(L, 2, 32), binding_check_raw(L, 3, 32)),
                  NULL);
    return push_nonces(L, &out);
}

static int decode_nonces(lua_State *L) {
    struct frost_nonces out;
    check_nonces(L, 1, &out);
    return push_nonces(L, &out);
}

/* sign(signing_package, nonces, key package, root or nil, clear the nonces first): the key package is not
 * checked against itself -> share, whether the
 * nonces were zero afterwards; nil, error name, the same on failure */
static int sign(lua_State *L) {
    struct frost_key_package key;
    struct frost_nonces secret;
    struct frost_root root;
    uint8_t share[FROST_SHARE_BYTES];
    size_t len;
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    check_nonces(L, 2, &secret);
    const char *raw = luaL_checklstring(L, 3, &len);
    binding_check(L, frost_key_package_parse(&key, (const uint8_t *)raw, len), NULL);
    binding_check_root(L, 4, &root);
    if (lua_toboolean(L, 5)) frost_nonces_clear(&secret);
    enum signer_error error = frost_sign(share, package, &secret, &key, &root);
    bool cleared = sodium_is_zero((const unsigned char *)&secret, sizeof secret);
    if (error == SIGNER_OK) {
        lua_pushlstring(L, (const char *)share, sizeof share);
        lua_pushboolean(L, cleared);
        return 2;
    }
    lua_pushnil(L);
    lua_pushstring(L, error_info(error)->name);
    lua_pushboolean(L, cleared && sodium_is_zero(share, sizeof share));
    return 3;
}

/* sign_twice(signing_package, nonces, key package) -> share, error name of the second call */
static int sign_twice(lua_State *L) {
    struct frost_key_package key;
    struct frost_nonces secret;
    uint8_t share[FROST_SHARE_BYTES], second[FROST_SHARE_BYTES];
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    check_nonces(L, 2, &secret);
    check_key(L, 3, &key);
    binding_check(L, frost_sign(share, package, &secret, &key, NULL), NULL);
    enum signer_error error = frost_sign(second, package, &secret, &key, NULL);
    lua_pushlstring(L, (const char *)share, sizeof share);
    lua_pushstring(L, error_info(error)->name);
    return 2;
}

/* round(signing_package, key, root) -> {binding_factors, x, odd, challenge, lagrange} */
static int round_of(lua_State *L) {
    struct frost_round round;
    struct frost_root root;
    struct point key;
    uint8_t raw[SCALAR_BYTES];
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    binding_check_point(L, 2, &key);
    binding_check_root(L, 3, &root);
    binding_check(L, frost_round_open(&round, package, &key, &root), NULL);
    lua_createtable(L, 0, 5);
    lua_pushlstring(L, (const char *)round.commitment_x, XONLY_BYTES);
    lua_setfield(L, -2, "x");
    lua_pushboolean(L, round.commitment_odd);
    lua_setfield(L, -2, "odd");
    scalar_encode(raw, &round.challenge);
    lua_pushlstring(L, (const char *)raw, sizeof raw);
    lua_setfield(L, -2, "challenge");
    lua_createtable(L, (int)round.count, 0);
    lua_createtable(L, (int)round.count, 0);
    for (size_t i = 0; i < round.count; i++) {
        struct scalar factor;
        scalar_encode(raw, &round.binding_factors[i]);
        lua_pushlstring(L, (const char *)raw, sizeof raw);
        lua_rawseti(L, -3, (lua_Integer)i + 1);
        if (frost_lagrange_factor(&factor, package, i) != SIGNER_OK) continue;
        scalar_encode(raw, &factor);
        lua_pushlstring(L, (const char *)raw, sizeof raw);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -3, "lagrange");
    lua_setfield(L, -2, "binding_factors");
    frost_round_free(&round);
    return 1;
}

static const luaL_Reg functions[] = {
    {"make_key_package", make_key_package},
    {"parse_key_package", parse_key_package},
    {"key_package", key_package},
    {"key_package_even_y", key_package_even_y},
    {"key_package_tweak", key_package_tweak},
    {"public_tweak", public_tweak},
    {"public_even_y", public_even_y},
    {"nonces", nonces},
    {"decode_nonces", decode_nonces},
    {"sign", sign},
    {"sign_twice", sign_twice},
    {"round", round_of},
    {NULL, NULL},
};

int luaopen_binding_test_frost(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
