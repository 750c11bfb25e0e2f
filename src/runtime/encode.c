/* The schema-driven writer. */
#include "runtime/encode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "binding/binding.h"

void encode_text(struct buffer *out, const char *text, size_t len) {
    json_put_text(out, text, len);
}

static void refuse(lua_State *L, const char *name, const char *what) {
    binding_raise_error(L, ERR_INTERNAL, "reply does not fit its schema: %s: %s", name, what);
}

static void encode_unsigned(lua_State *L, int index, const struct schema_type *type, const char *name,
                            struct buffer *out) {
    int exact;
    uint64_t value = (uint64_t)lua_tointegerx(L, index, &exact);
    if (!exact || !lua_isinteger(L, index) || value > type->max) refuse(L, name, "no integer of this width");
    buffer_decimal(out, value);
}

static const char *string_at(lua_State *L, int index, const char *name, size_t *len) {
    if (lua_type(L, index) != LUA_TSTRING) refuse(L, name, "no string");
    return lua_tolstring(L, index, len);
}

static void encode_hex(lua_State *L, int index, const char *name, struct buffer *out) {
    size_t len;
    const char *bytes = string_at(L, index, name, &len);
    buffer_u8(out, '"');
    buffer_hex(out, bytes, len);
    buffer_u8(out, '"');
}

static void encode_secret(lua_State *L, int index, const char *name, const struct encode_output *output) {
    struct secret_handle *secret = luaL_testudata(L, index, "signer.secret");
    if (!secret) refuse(L, name, "no secret");
    size_t len;
    const void *memory = vault_borrow(secret->vault, secret->handle, SECRET_BYTES, &len);
    if (!memory) refuse(L, name, "stale secret");
    buffer_u8(output->out, '"');
    if (!output->secrets) {
        buffer_hex(output->out, memory, len);
    } else {
        if (*output->secrets_count == CALL_SECRETS_MAX) refuse(L, name, "too many secrets");
        char text[16];
        output->secrets[*output->secrets_count] = secret->handle;
        snprintf(text, sizeof text, "@%zu", ++*output->secrets_count);
        call_disown(output->call, secret->handle);
        secret->handle = 0;
        buffer_text(output->out, text);
    }
    buffer_u8(output->out, '"');
}

static void encode_any(lua_State *L, int index, const struct schema_type *type, const char *name,
                       const struct encode_output *output);

static void encode_list(lua_State *L, int index, const struct schema_type *type, const char *name,
                        const struct encode_output *output) {
    if (!lua_istable(L, index)) refuse(L, name, "no list");
    lua_Integer count = luaL_len(L, index);
    if ((uint64_t)count > type->max) refuse(L, name, "too many entries");
    buffer_u8(output->out, '[');
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1) buffer_u8(output->out, ',');
        lua_geti(L, index, i);
        encode_any(L, lua_absindex(L, -1), type->element, name, output);
        lua_pop(L, 1);
    }
    buffer_u8(output->out, ']');
}

struct map_key {
    const char *text;
    size_t len;
};

static int compare_keys(const void *left, const void *right) {
    const struct map_key *a = left, *b = right;
    int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
    if (order != 0) return order;
    return a->len < b->len ? -1 : a->len > b->len;
}

static void encode_map(lua_State *L, int index, const struct schema_type *type, const char *name,
                       const struct encode_output *output) {
    if (!lua_istable(L, index)) refuse(L, name, "no map");
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        count++;
    if (count > type->max) refuse(L, name, "too many entries");
    struct map_key *keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
    count = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        keys[count].text = string_at(L, -2, name, &keys[count].len);
        count++;
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    buffer_u8(output->out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_u8(output->out, ',');
        encode_text(output->out, keys[i].text, keys[i].len);
        buffer_u8(output->out, ':');
        lua_pushlstring(L, keys[i].text, keys[i].len);
        lua_rawget(L, index);
        encode_any(L, lua_absindex(L, -1), type->element, name, output);
        lua_pop(L, 1);
    }
    buffer_u8(output->out, '}');
    lua_pop(L, 1);
}

static void encode_object(lua_State *L, int index, const struct schema_type *type, const struct encode_output *output) {
    if (!lua_istable(L, index)) refuse(L, type->name, "no table");
    bool first = true;
    buffer_u8(output->out, '{');
    for (size_t i = 0; i < type->count; i++) {
        const struct schema_member *member = &type->members[i];
        lua_getfield(L, index, member->name);
        bool absent = lua_isnil(L, -1);
        if (absent && !member->optional) refuse(L, member->name, "missing member");
        if (member->omit_empty && lua_istable(L, -1)) {
            lua_pushnil(L);
            absent = lua_next(L, -2) == 0;
            if (!absent) lua_pop(L, 2);
        }
        if (!absent) {
            if (!first) buffer_u8(output->out, ',');
            first = false;
            encode_text(output->out, member->name, member->name_len);
            buffer_u8(output->out, ':');
            encode_any(L, lua_absindex(L, -1), member->type, member->name, output);
        }
        lua_pop(L, 1);
    }
    buffer_u8(output->out, '}');
}

static void encode_any(lua_State *L, int index, const struct schema_type *type, const char *name,
                       const struct encode_output *output) {
    luaL_checkstack(L, 12, "reply");
    size_t len;
    switch (type->kind) {
    case SCHEMA_UNSIGNED:
        encode_unsigned(L, index, type, name, output->out);
        break;
    case SCHEMA_BOOL:
        if (!lua_isboolean(L, index)) refuse(L, name, "no boolean");
        buffer_text(output->out, lua_toboolean(L, index) ? "true" : "false");
        break;
    case SCHEMA_TEXT:
    case SCHEMA_ENUM: {
        const char *text = string_at(L, index, name, &len);
        encode_text(output->out, text, len);
        break;
    }
    case SCHEMA_HEX:
    case SCHEMA_DECODED:
        encode_hex(L, index, name, output->out);
        break;
    case SCHEMA_SECRET:
        encode_secret(L, index, name, output);
        break;
    case SCHEMA_LIST:
        encode_list(L, index, type, name, output);
        break;
    case SCHEMA_MAP:
        encode_map(L, index, type, name, output);
        break;
    case SCHEMA_OBJECT:
        encode_object(L, index, type, output);
        break;
    }
}

void encode_value(lua_State *L, int index, const struct schema_type *schema, const struct encode_output *output) {
    encode_any(L, lua_absindex(L, index), schema, "reply", output);
}
