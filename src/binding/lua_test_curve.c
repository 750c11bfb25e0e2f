/* Module `test_curve` (test builds): scalars and points on plain strings, and the library's own scalar
 * functions to compare with. */
#include <secp256k1.h>
#include <string.h>

#include "binding/frost_objects.h"
#include "curve/point.h"

static void check_scalar(lua_State *L, int index, struct scalar *out) {
    if (!scalar_decode(out, binding_check_raw(L, index, SCALAR_BYTES))) binding_raise_error(L, ERR_FROST_FIELD, NULL);
}

static int push_scalar(lua_State *L, const struct scalar *in) {
    uint8_t raw[SCALAR_BYTES];
    scalar_encode(raw, in);
    lua_pushlstring(L, (const char *)raw, sizeof raw);
    return 1;
}

static int is_scalar(lua_State *L) {
    struct scalar scalar;
    lua_pushboolean(L, scalar_decode(&scalar, binding_check_raw(L, 1, SCALAR_BYTES)));
    return 1;
}

static int binary(lua_State *L, void (*operation)(struct scalar *, const struct scalar *, const struct scalar *)) {
    struct scalar a, b;
    check_scalar(L, 1, &a);
    check_scalar(L, 2, &b);
    operation(&a, &a, &b);
    return push_scalar(L, &a);
}

static int add(lua_State *L) {
    return binary(L, scalar_add);
}

static int sub(lua_State *L) {
    return binary(L, scalar_sub);
}

static int mul(lua_State *L) {
    return binary(L, scalar_mul);
}

static int negate(lua_State *L) {
    struct scalar a;
    check_scalar(L, 1, &a);
    scalar_negate(&a, &a);
    return push_scalar(L, &a);
}

static int negate_if(lua_State *L) {
    struct scalar a;
    check_scalar(L, 1, &a);
    scalar_negate_if(&a, lua_toboolean(L, 2));
    return push_scalar(L, &a);
}

static int inverse(lua_State *L) {
    struct scalar a;
    check_scalar(L, 1, &a);
    scalar_inverse(&a, &a);
    return push_scalar(L, &a);
}

static int inverse_batch(lua_State *L) {
    struct scalar values[32], scratch[32];
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = (size_t)luaL_len(L, 1);
    luaL_argcheck(L, count <= 32, 1, "too many");
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        check_scalar(L, -1, &values[i]);
        lua_pop(L, 1);
    }
    scalar_inverse_batch(values, count, scratch);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_scalar(L, &values[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int reduce(lua_State *L) {
    struct scalar a;
    scalar_reduce(&a, binding_check_raw(L, 1, SCALAR_BYTES));
    return push_scalar(L, &a);
}

static int reduce_wide(lua_State *L) {
    struct scalar a;
    scalar_reduce_wide(&a, binding_check_raw(L, 1, 48));
    return push_scalar(L, &a);
}

/* The library's seckey functions: nil where they refuse (zero in or out). */
static int library(lua_State *L, int (*operation)(const secp256k1_context *, unsigned char *, const unsigned char *)) {
    uint8_t a[SCALAR_BYTES];
    memcpy(a, binding_check_raw(L, 1, SCALAR_BYTES), sizeof a);
    if (operation(curve_context(), a, binding_check_raw(L, 2, SCALAR_BYTES)))
        lua_pushlstring(L, (const char *)a, sizeof a);
    else
        lua_pushnil(L);
    return 1;
}

static int library_add(lua_State *L) {
    return library(L, secp256k1_ec_seckey_tweak_add);
}

static int library_mul(lua_State *L) {
    return library(L, secp256k1_ec_seckey_tweak_mul);
}

/* Points: 33 bytes, and "" for the identity. */
static void check_point(lua_State *L, int index, struct point *out) {
    point_set_infinity(out);
    if (luaL_len(L, index) > 0) binding_check_point(L, index, out);
}

static int push_point(lua_State *L, const struct point *in) {
    if (in->infinity)
        lua_pushliteral(L, "");
    else
        binding_push_point(L, in);
    return 1;
}

static int point_add_of(lua_State *L) {
    struct point a, b;
    check_point(L, 1, &a);
    check_point(L, 2, &b);
    point_add(&a, &a, &b);
    return push_point(L, &a);
}

static int point_negate_of(lua_State *L) {
    struct point a;
    check_point(L, 1, &a);
    point_negate(&a);
    return push_point(L, &a);
}

static int point_lift(lua_State *L) {
    struct point a;
    binding_check(L, point_lift_x(&a, binding_check_raw(L, 1, XONLY_BYTES)), NULL);
    return push_point(L, &a);
}

static int mul_base(lua_State *L) {
    struct scalar a;
    struct point out;
    check_scalar(L, 1, &a);
    binding_check(L, point_mul_base(&out, &a), NULL);
    return push_point(L, &out);
}

static int mul_public(lua_State *L) {
    struct scalar a;
    struct point point;
    check_scalar(L, 1, &a);
    check_point(L, 2, &point);
    point_mul_public(&point, &a, &point);
    return push_point(L, &point);
}

/* multi_mul({{factor or false, point or false}, …}): false = 1, G */
static int multi_mul(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = (size_t)luaL_len(L, 1);
    struct point *points = lua_newuserdatauv(L, (count + 1) * sizeof *points, 0);
    struct scalar *factors = lua_newuserdatauv(L, (count + 1) * sizeof *factors, 0);
    struct point_term *terms = lua_newuserdatauv(L, (count + 1) * sizeof *terms, 0);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        lua_geti(L, -1, 1);
        if (lua_toboolean(L, -1)) check_scalar(L, -1, &factors[i]);
        terms[i].factor = lua_toboolean(L, -1) ? &factors[i] : NULL;
        lua_geti(L, -2, 2);
        if (lua_toboolean(L, -1)) check_point(L, -1, &points[i]);
        terms[i].point = lua_toboolean(L, -1) ? &points[i] : NULL;
        lua_pop(L, 3);
    }
    struct point out;
    point_multi_mul(&out, terms, count);
    return push_point(L, &out);
}

/* horner({point, …}, x) */
static int horner(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = (size_t)luaL_len(L, 1);
    struct point *points = lua_newuserdatauv(L, (count + 1) * sizeof *points, 0), out;
    struct scalar x;
    check_scalar(L, 2, &x);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        check_point(L, -1, &points[i]);
        lua_pop(L, 1);
    }
    point_horner(&out, points, count, &x);
    return push_point(L, &out);
}

static const luaL_Reg functions[] = {
    {"is_scalar", is_scalar},
    {"add", add},
    {"sub", sub},
    {"mul", mul},
    {"negate", negate},
    {"negate_if", negate_if},
    {"inverse", inverse},
    {"inverse_batch", inverse_batch},
    {"reduce", reduce},
    {"reduce_wide", reduce_wide},
    {"library_add", library_add},
    {"library_mul", library_mul},
    {"point_add", point_add_of},
    {"point_negate", point_negate_of},
    {"point_lift", point_lift},
    {"mul_base", mul_base},
    {"mul_public", mul_public},
    {"multi_mul", multi_mul},
    {"horner", horner},
    {NULL, NULL},
};

int luaopen_binding_test_curve(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
