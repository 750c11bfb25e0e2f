/* The schema-driven reader. The recursion follows the schema, never the input. */
#include "runtime/decode.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "binding/binding.h"

#define PATH_MAX_TEXT 160

/* Where we are, for error texts: names come from the schema. */
struct place {
    const struct place *outer;
    const char *name;
    size_t index; /* of a list entry or map value; used when name is NULL */
};

struct decoder {
    lua_State *L;
    const struct decode_input *input;
    struct json_reader *reader;
};

/* -- refusals --------------------------------------------------------------------------------------- */

static void place_text(char *out, size_t size, const struct place *place) {
    const struct place *chain[SCHEMA_DEPTH_MAX + 1];
    size_t count = 0;
    for (; place && count < SCHEMA_DEPTH_MAX + 1; place = place->outer)
        chain[count++] = place;
    size_t used = 0;
    out[0] = 0;
    while (count > 0 && used < size) {
        const struct place *part = chain[--count];
        int written = part->name ? snprintf(out + used, size - used, "%s%s", used ? "." : "", part->name)
                                 : snprintf(out + used, size - used, "[%zu]", part->index);
        used += (size_t)written;
    }
}

static void __attribute__((noreturn, format(printf, 3, 4)))
refuse(const struct decoder *decoder, const struct place *place, const char *format, ...) {
    char reason[160], path[PATH_MAX_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    place_text(path, sizeof path, place);
    binding_raise_error(decoder->L, ERR_VALIDATION, "JSON request payload is invalid: %s%s%s", path, *path ? ": " : "",
                        reason);
    for (;;)
        continue; /* not reached: the line above raises */
}

static enum json_kind next(const struct decoder *decoder, const struct place *place, struct json_token *token) {
    if (json_next(decoder->reader, token) == JSON_INVALID) refuse(decoder, place, "%s", decoder->reader->error);
    return token->kind;
}

static void expect_string(const struct decoder *decoder, const struct place *place, const struct json_token *token,
                          uint64_t max) {
    if (token->kind != JSON_STRING) refuse(decoder, place, "expected a string");
    if (token->decoded_len > max) refuse(decoder, place, "longer than %llu bytes", (unsigned long long)max);
}

/* -- plain values ----------------------------------------------------------------------------------- */

static void push_text(lua_State *L, const struct json_token *token) {
    if (!token->escaped) {
        lua_pushlstring(L, token->text, token->len);
        return;
    }
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, token->decoded_len);
    struct json_text text;
    json_text_init(&text, token);
    for (size_t i = 0; i < token->decoded_len; i++)
        out[i] = (char)json_text_next(&text);
    luaL_pushresultsize(&buffer, token->decoded_len);
}

static void decode_enum(const struct decoder *decoder, const struct schema_type *type, const struct place *place,
                        const struct json_token *token) {
    if (token->kind != JSON_STRING) refuse(decoder, place, "expected a string");
    for (size_t i = 0; i < type->count; i++) {
        const struct schema_member *choice = &type->members[i];
        if (!json_text_is(token, choice->name, choice->name_len)) continue;
        lua_pushlstring(decoder->L, choice->name, choice->name_len);
        return;
    }
    refuse(decoder, place, "unknown value");
}

static void decode_unsigned(const struct decoder *decoder, const struct schema_type *type, const struct place *place,
                            const struct json_token *token) {
    if (token->kind != JSON_INTEGER || token->integer > type->max)
        refuse(decoder, place, "expected an integer from 0 to %llu", (unsigned long long)type->max);
    lua_pushinteger(decoder->L, (lua_Integer)token->integer);
}

/* -- hex -------------------------------------------------------------------------------------------- */

static void push_undecodable(lua_State *L, const char *reason) {
    lua_createtable(L, 0, 1);
    lua_pushstring(L, reason);
    lua_setfield(L, -2, "undecodable");
}

/* Decodes decoded_len/2 bytes. No branch depends on a digit's value. */
static const char *read_hex(uint8_t *out, const struct json_token *token) {
    if (token->decoded_len % 2 != 0) return "hex text of odd length";
    bool valid = true;
    if (!token->escaped) {
        valid = hex_decode(out, token->text, token->len);
    } else {
        struct json_text text;
        json_text_init(&text, token);
        for (size_t i = 0; i < token->decoded_len / 2; i++) {
            char pair[2];
            pair[0] = (char)json_text_next(&text);
            pair[1] = (char)json_text_next(&text);
            valid &= hex_decode(out + i, pair, 2);
            sodium_memzero(pair, sizeof pair);
        }
        sodium_memzero(&text, sizeof text);
    }
    return valid ? NULL : "not hex";
}

/* Pushes what the type's decoder makes of the bytes, or nothing and says why not. */
static const char *push_decoded(const struct decoder *decoder, const struct schema_type *type,
                                const struct json_token *token) {
    lua_State *L = decoder->L;
    const struct call *call = decoder->input->call;
    const size_t len = token->decoded_len / 2;
    uint8_t *raw = lua_newuserdatauv(L, len, 0);
    const char *reason = read_hex(raw, token);
    enum signer_error error = reason ? SIGNER_OK : type->decoder(L, call ? call->engine : NULL, raw, len);
    if (error == ERR_OUT_OF_MEMORY) binding_raise_error(L, error, NULL);
    if (error != SIGNER_OK) reason = error_info(error)->text;
    lua_remove(L, reason ? -1 : -2);
    return reason;
}

static const char *push_bytes(const struct decoder *decoder, const struct json_token *token) {
    luaL_Buffer buffer;
    uint8_t *out = (uint8_t *)luaL_buffinitsize(decoder->L, &buffer, token->decoded_len / 2);
    const char *reason = read_hex(out, token);
    luaL_pushresultsize(&buffer, reason ? 0 : token->decoded_len / 2);
    if (reason) lua_pop(decoder->L, 1);
    return reason;
}

static void decode_hex(const struct decoder *decoder, const struct schema_type *type, const struct place *place,
                       const struct json_token *token) {
    expect_string(decoder, place, token, type->max);
    const char *reason;
    if (token->decoded_len == 0 && !type->empty)
        reason = "must not be empty";
    else
        reason = type->kind == SCHEMA_DECODED ? push_decoded(decoder, type, token) : push_bytes(decoder, token);
    if (reason) push_undecodable(decoder->L, reason);
}

/* -- secrets ---------------------------------------------------------------------------------------- */

static void push_owned(const struct decoder *decoder, vault_handle handle) {
    struct call *call = decoder->input->call;
    binding_check(decoder->L, call_own(call, handle), NULL);
    binding_push_secret(decoder->L, call->engine, handle);
}

/* "@<k>": a copy of the k-th handle, so that the caller's own stays usable. */
static void copy_handle(const struct decoder *decoder, const struct place *place, const struct json_token *token) {
    struct vault *vault = decoder->input->call->engine->vault;
    size_t index = 0;
    if (token->escaped || token->len < 2 || token->len > 6 || token->text[0] != '@')
        refuse(decoder, place, "expected a secret handle");
    for (size_t i = 1; i < token->len; i++) {
        if (token->text[i] < '0' || token->text[i] > '9') refuse(decoder, place, "expected a secret handle");
        index = index * 10 + (size_t)(token->text[i] - '0');
    }
    if (index == 0 || index > decoder->input->secrets_count) refuse(decoder, place, "no such secret handle");
    vault_handle from = decoder->input->secrets[index - 1], handle;
    size_t len;
    const void *memory = vault_borrow(vault, from, SECRET_BYTES, &len);
    if (!memory) refuse(decoder, place, "stale secret handle");
    void *copy;
    binding_check(decoder->L, vault_new(vault, SECRET_BYTES, len, &handle, &copy), NULL);
    memcpy(copy, memory, len);
    uint8_t context[32];
    enum signer_error error = SIGNER_OK;
    if (vault_bound(vault, from, context)) error = vault_bind(vault, handle, context);
    if (error != SIGNER_OK) vault_wipe(vault, handle);
    binding_check(decoder->L, error, NULL);
    vault_follow(vault, handle, from);
    push_owned(decoder, handle);
}

static void decode_secret(const struct decoder *decoder, const struct schema_type *type, const struct place *place,
                          const struct json_token *token) {
    if (!decoder->input->call) refuse(decoder, place, "no place for a secret");
    expect_string(decoder, place, token, type->max);
    if (decoder->input->handles) {
        copy_handle(decoder, place, token);
        return;
    }
    if (token->decoded_len < 2) {
        push_undecodable(decoder->L, token->decoded_len ? "hex text of odd length" : "must not be empty");
        return;
    }
    struct vault *vault = decoder->input->call->engine->vault;
    vault_handle handle;
    void *memory;
    binding_check(decoder->L, vault_new(vault, SECRET_BYTES, token->decoded_len / 2, &handle, &memory), NULL);
    const char *reason = read_hex(memory, token);
    if (!reason) {
        push_owned(decoder, handle);
        return;
    }
    vault_wipe(vault, handle);
    push_undecodable(decoder->L, reason);
}

/* -- containers ------------------------------------------------------------------------------------- */

static void decode_value(const struct decoder *decoder, const struct schema_type *type, const struct place *place,
                         const struct json_token *token);

static void decode_list(const struct decoder *decoder, const struct schema_type *type, const struct place *place,
                        const struct json_token *token) {
    if (token->kind != JSON_ARRAY) refuse(decoder, place, "expected an array");
    lua_newtable(decoder->L);
    struct place entry = {place, NULL, 0};
    struct json_token value;
    while (next(decoder, &entry, &value) != JSON_ARRAY_END) {
        if (entry.index == type->max) refuse(decoder, place, "more than %llu entries", (unsigned long long)type->max);
        decode_value(decoder, type->element, &entry, &value);
        lua_seti(decoder->L, -2, (lua_Integer)++entry.index);
    }
}

static void decode_map(const struct decoder *decoder, const struct schema_type *type, const struct place *place,
                       const struct json_token *token) {
    if (token->kind != JSON_OBJECT) refuse(decoder, place, "expected an object");
    lua_newtable(decoder->L);
    struct place entry = {place, NULL, 0};
    struct json_token key, value;
    while (next(decoder, place, &key) != JSON_OBJECT_END) {
        if (entry.index == type->max) refuse(decoder, place, "more than %llu entries", (unsigned long long)type->max);
        push_text(decoder->L, &key);
        next(decoder, &entry, &value);
        decode_value(decoder, type->element, &entry, &value);
        lua_rawset(decoder->L, -3);
        entry.index++;
    }
}

static const struct schema_member *find_member(const struct schema_type *type, const struct json_token *key) {
    for (size_t i = 0; i < type->count; i++)
        if (json_text_is(key, type->members[i].name, type->members[i].name_len)) return &type->members[i];
    return NULL;
}

#define UNKNOWN_NAME_MAX 64

/* The name as it came, as far as it is one: letters, digits and `_`; anything else is `_`. */
static void refuse_unknown(const struct decoder *decoder, const struct place *place, const struct json_token *key) {
    char name[UNKNOWN_NAME_MAX + 1];
    struct json_text text;
    size_t len = key->decoded_len < UNKNOWN_NAME_MAX ? key->decoded_len : UNKNOWN_NAME_MAX;
    json_text_init(&text, key);
    for (size_t i = 0; i < len; i++) {
        int byte = json_text_next(&text);
        bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        name[i] = plain ? (char)byte : '_';
    }
    name[len] = 0;
    refuse(decoder, place, "unknown member '%s'%s", name, key->decoded_len > len ? " and more" : "");
}

static void skip_value(const struct decoder *decoder, const struct place *place) {
    struct json_token token;
    next(decoder, place, &token);
    if ((token.kind == JSON_OBJECT || token.kind == JSON_ARRAY) && !json_skip(decoder->reader))
        refuse(decoder, place, "%s", decoder->reader->error);
}

static void decode_object(const struct decoder *decoder, const struct schema_type *type, const struct place *place,
                          const struct json_token *token) {
    if (token->kind != JSON_OBJECT) refuse(decoder, place, "expected an object");
    lua_createtable(decoder->L, 0, (int)type->count);
    bool seen[SCHEMA_MEMBERS_MAX] = {false};
    struct json_token key, value;
    while (next(decoder, place, &key) != JSON_OBJECT_END) {
        const struct schema_member *member = find_member(type, &key);
        if (!member) {
            if (type->strict) refuse_unknown(decoder, place, &key);
            skip_value(decoder, place);
            continue;
        }
        struct place inner = {place, member->name, 0};
        next(decoder, &inner, &value);
        if (value.kind == JSON_NULL && member->optional) continue;
        if (value.kind == JSON_NULL) refuse(decoder, &inner, "must not be null");
        decode_value(decoder, member->type, &inner, &value);
        lua_setfield(decoder->L, -2, member->name);
        seen[member - type->members] = true;
    }
    for (size_t i = 0; i < type->count; i++) {
        struct place inner = {place, type->members[i].name, 0};
        if (!seen[i] && !type->members[i].optional) refuse(decoder, &inner, "missing member");
    }
}

static void decode_value(const struct decoder *decoder, const struct schema_type *type, const struct place *place,
                         const struct json_token *token) {
    luaL_checkstack(decoder->L, 12, "request");
    switch (type->kind) {
    case SCHEMA_UNSIGNED:
        decode_unsigned(decoder, type, place, token);
        break;
    case SCHEMA_BOOL:
        if (token->kind != JSON_TRUE && token->kind != JSON_FALSE) refuse(decoder, place, "expected true or false");
        lua_pushboolean(decoder->L, token->kind == JSON_TRUE);
        break;
    case SCHEMA_TEXT:
        expect_string(decoder, place, token, type->max);
        push_text(decoder->L, token);
        break;
    case SCHEMA_ENUM:
        decode_enum(decoder, type, place, token);
        break;
    case SCHEMA_HEX:
    case SCHEMA_DECODED:
        decode_hex(decoder, type, place, token);
        break;
    case SCHEMA_SECRET:
        decode_secret(decoder, type, place, token);
        break;
    case SCHEMA_LIST:
        decode_list(decoder, type, place, token);
        break;
    case SCHEMA_MAP:
        decode_map(decoder, type, place, token);
        break;
    case SCHEMA_OBJECT:
        decode_object(decoder, type, place, token);
        break;
    }
}

void decode_request(lua_State *L, const struct decode_input *input, const struct schema_type *schema) {
    struct decoder decoder = {L, input, input->reader};
    struct json_token token;
    json_init(input->reader, input->body, input->body_len, input->hash_key);
    next(&decoder, NULL, &token);
    decode_value(&decoder, schema, NULL, &token);
    next(&decoder, NULL, &token);
}
