/* Module `curve`: hashes, points and signature verification; public data only. */
#include "binding/binding.h"
#include "curve/hash.h"
#include "curve/point.h"

static struct bytes check_string(lua_State *L, int index) {
    struct bytes out;
    out.data = (const uint8_t *)luaL_checklstring(L, index, &out.len);
    return out;
}

static int sha256_of(lua_State *L) {
    uint8_t hash[HASH_BYTES];
    struct bytes data = check_string(L, 1);
    sha256(hash, data.data, data.len);
    lua_pushlstring(L, (const char *)hash, sizeof hash);
    return 1;
}

/* tagged_hash(tag, data) */
static int tagged_hash_of(lua_State *L) {
    uint8_t hash[HASH_BYTES];
    struct bytes data = check_string(L, 2);
    tagged_hash(hash, luaL_checkstring(L, 1), &data, 1);
    lua_pushlstring(L, (const char *)hash, sizeof hash);
    return 1;
}

static const char *check_dst(lua_State *L, int index) {
    struct bytes dst = check_string(L, index);
    luaL_argcheck(L, dst.len <= HASH_DST_BYTES_MAX, index, "too long");
    return (const char *)dst.data;
}

/* expand_48(dst, data): expand_message_xmd */
static int expand_48(lua_State *L) {
    uint8_t out[HASH_WIDE_BYTES];
    struct bytes data = check_string(L, 2);
    hash_expand_48(out, check_dst(L, 1), &data, 1);
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

/* hash_to_scalar(dst, data) */
static int hash_to_scalar_of(lua_State *L) {
    struct scalar scalar;
    uint8_t out[SCALAR_BYTES];
    struct bytes data = check_string(L, 2);
    hash_to_scalar(&scalar, check_dst(L, 1), &data, 1);
    scalar_encode(out, &scalar);
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

/* is_point(bytes) -> boolean: 33 bytes, prefix 02 or 03, on the curve */
static int is_point(lua_State *L) {
    struct point point;
    struct bytes raw = check_string(L, 1);
    lua_pushboolean(L, raw.len == POINT_BYTES && point_decode(&point, raw.data) == SIGNER_OK);
    return 1;
}

/* schnorr_verify(signature, message, x) -> boolean; wrong lengths are false */
static int schnorr_verify_of(lua_State *L) {
    struct bytes signature = check_string(L, 1), message = check_string(L, 2), key = check_string(L, 3);
    lua_pushboolean(L, signature.len == 64 && key.len == XONLY_BYTES &&
                           schnorr_verify(signature.data, message.data, message.len, key.data));
    return 1;
}

static const luaL_Reg functions[] = {
    {"sha256", sha256_of},
    {"tagged_hash", tagged_hash_of},
    {"expand_48", expand_48},
    {"hash_to_scalar", hash_to_scalar_of},
    {"is_point", is_point},
    {"schnorr_verify", schnorr_verify_of},
    {NULL, NULL},
};

int luaopen_binding_curve(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
