/* Module `test_kernel` (test builds): the field and the sums of the public kernel alone, without the
 * library behind them. */
#include "binding/frost_objects.h"
#include "curve/inverse.h"
#include "curve/kernel.h"

static void check_field(lua_State *L, int index, struct field *out) {
    field_decode(out, binding_check_raw(L, index, FIELD_BYTES));
}

/* The bytes of the value as it stands, without bringing it below p. */
static int push_raw(lua_State *L, const struct field *in) {
    uint8_t raw[FIELD_BYTES];
    for (int i = 0; i < FIELD_BYTES; i++)
        raw[i] = (uint8_t)(in->limb[3 - i / 8] >> (56 - 8 * (i % 8)));
    lua_pushlstring(L, (const char *)raw, sizeof raw);
    return 1;
}

static int binary(lua_State *L, void (*operation)(struct field *, const struct field *, const struct field *)) {
    struct field a, b;
    check_field(L, 1, &a);
    check_field(L, 2, &b);
    operation(&a, &a, &b);
    return push_raw(L, &a);
}

static int add(lua_State *L) {
    return binary(L, field_add);
}

static int sub(lua_State *L) {
    return binary(L, field_sub);
}

static int mul(lua_State *L) {
    return binary(L, field_mul);
}

static int inverse(lua_State *L) {
    struct field a;
    check_field(L, 1, &a);
    field_inverse(&a, &a);
    return push_raw(L, &a);
}

/* encode(value) -> the bytes below p; is_zero(value) */
static int encode(lua_State *L) {
    struct field a;
    uint8_t raw[FIELD_BYTES];
    check_field(L, 1, &a);
    field_encode(raw, &a);
    lua_pushlstring(L, (const char *)raw, sizeof raw);
    return 1;
}

static int is_zero(lua_State *L) {
    struct field a;
    check_field(L, 1, &a);
    lua_pushboolean(L, field_is_zero(&a));
    return 1;
}

static void check_point(lua_State *L, int index, struct point *out) {
    point_set_infinity(out);
    if (luaL_len(L, index) > 0) binding_check_point(L, index, out);
}

/* The sum; nil where the kernel gives up. */
static int push_sum(lua_State *L, bool good, const struct point *sum) {
    if (!good)
        lua_pushnil(L);
    else if (sum->infinity)
        lua_pushliteral(L, "");
    else
        binding_push_point(L, sum);
    return 1;
}

/* multi_mul({{factor or false, point or false}, …}): false = 1, G */
static int multi_mul(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = (size_t)luaL_len(L, 1);
    struct point *points = lua_newuserdatauv(L, (count + 1) * sizeof *points, 0), sum;
    struct scalar *factors = lua_newuserdatauv(L, (count + 1) * sizeof *factors, 0);
    struct point_term *terms = lua_newuserdatauv(L, (count + 1) * sizeof *terms, 0);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        lua_geti(L, -1, 1);
        terms[i].factor = lua_toboolean(L, -1) ? &factors[i] : NULL;
        if (terms[i].factor && !scalar_decode(&factors[i], binding_check_raw(L, -1, SCALAR_BYTES)))
            binding_raise_error(L, ERR_FROST_FIELD, NULL);
        lua_geti(L, -2, 2);
        terms[i].point = lua_toboolean(L, -1) ? &points[i] : NULL;
        if (terms[i].point) check_point(L, -1, &points[i]);
        lua_pop(L, 3);
    }
    const struct kernel *kernel = kernel_active();
    bool good = kernel && kernel->multi_mul(&sum, terms, count);
    return push_sum(L, good, &sum);
}

/* horner({point, …}, x): x an integer below 2^32 */
static int horner(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = (size_t)luaL_len(L, 1);
    struct point *points = lua_newuserdatauv(L, (count + 1) * sizeof *points, 0), sum;
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        check_point(L, -1, &points[i]);
        lua_pop(L, 1);
    }
    const struct kernel *kernel = kernel_active();
    const struct point *polynomial = points;
    bool good = kernel && kernel->horner(&sum, &polynomial, 1, count, (uint32_t)luaL_checkinteger(L, 2));
    return push_sum(L, good, &sum);
}

/* name() -> "vector", "assembly", "portable" or "library": the path taken */
static int name(lua_State *L) {
    lua_pushstring(L, kernel_name());
    return 1;
}

/* use(name) -> whether that path is there; it is taken from now on */
static int use(lua_State *L) {
    lua_pushboolean(L, kernel_use(luaL_checkstring(L, 1)));
    return 1;
}

static const luaL_Reg functions[] = {
    {"name", name},     {"use", use},         {"add", add},
    {"sub", sub},       {"mul", mul},         {"inverse", inverse},
    {"encode", encode}, {"is_zero", is_zero}, {"multi_mul", multi_mul},
    {"horner", horner}, {NULL, NULL},
};

int luaopen_binding_test_kernel(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
