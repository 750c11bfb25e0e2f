/* Bytes and platform of src/base, step by step (test build).
 *
 *   test_base.hex_encode(bytes) -> text           test_base.hex_decode(text) -> bytes or nil
 *   test_base.write(list) -> bytes                list of {kind, value}: u8 be16 be32 be64 le16 le32 le64
 *                                                 lp text hex zeros raw; raises ERR_OUT_OF_MEMORY
 *   test_base.read(bytes, kinds) -> list, left, failed, done
 *   test_base.reserve(len, extra) -> error name   of a buffer that holds `len` bytes
 *   test_base.wiped(bytes) -> boolean             whether clear and growth leave nothing behind
 *   test_base.errors() -> list of {error, code, reason_code, detail, found_by_name}
 *   test_base.descriptor(path, flag) -> number, close_on_exec    opened with 0, 1 and 2 closed
 *   test_base.names(path) -> list                 names in a directory, as the platform lists them
 *   test_base.leaks() -> boolean or nil           whether the leak sanitizer, if there is one, found a
 *                                                 leak of this process so far; it reports on stderr */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/platform.h"
#include "binding/binding.h"

/* Of the sanitizer's runtime; absent in other builds. */
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static int lua_hex_encode(lua_State *L) {
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    luaL_Buffer out;
    char *text = luaL_buffinitsize(L, &out, 2 * len);
    hex_encode(text, (const uint8_t *)bytes, len);
    luaL_pushresultsize(&out, 2 * len);
    return 1;
}

static int lua_hex_decode(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    uint8_t *bytes = lua_newuserdatauv(L, len / 2 + 1, 0);
    if (!hex_decode(bytes, text, len)) return 0;
    lua_pushlstring(L, (const char *)bytes, len / 2);
    return 1;
}

enum field { U8, BE16, BE32, BE64, LE16, LE32, LE64, LP, TEXT, HEX, ZEROS, RAW };
static const char *const field_names[] = {"u8", "be16", "be32", "be64",  "le16", "le32", "le64",
                                          "lp", "text", "hex",  "zeros", "raw",  NULL};

static void write_number(struct buffer *out, enum field field, uint64_t value) {
    switch (field) {
    case U8:
        buffer_u8(out, (uint8_t)value);
        break;
    case BE16:
        buffer_be16(out, (uint16_t)value);
        break;
    case BE32:
        buffer_be32(out, (uint32_t)value);
        break;
    case BE64:
        buffer_be64(out, value);
        break;
    case LE16:
        buffer_le16(out, (uint16_t)value);
        break;
    case LE32:
        buffer_le32(out, (uint32_t)value);
        break;
    case LE64:
        buffer_le64(out, value);
        break;
    default:
        buffer_zeros(out, (size_t)value);
        break;
    }
}

static void write_string(struct buffer *out, enum field field, const char *data, size_t len) {
    switch (field) {
    case LP:
        buffer_lp(out, data, len);
        break;
    case TEXT:
        buffer_text(out, data);
        break;
    case HEX:
        buffer_hex(out, data, len);
        break;
    default:
        buffer_append(out, data, len);
        break;
    }
}

static int lua_write(lua_State *L) {
    struct buffer *out = binding_new_buffer(L);
    for (lua_Integer i = 1; lua_rawgeti(L, 1, i) == LUA_TTABLE; i++) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        enum field field = (enum field)luaL_checkoption(L, -2, NULL, field_names);
        if (field <= LE64 || field == ZEROS) {
            write_number(out, field, (uint64_t)luaL_checkinteger(L, -1));
        } else {
            size_t len;
            const char *data = luaL_checklstring(L, -1, &len);
            write_string(out, field, data, len);
        }
        lua_pop(L, 3);
    }
    binding_check(L, buffer_status(out), NULL);
    lua_pushlstring(L, (const char *)out->data, out->len);
    return 1;
}

static void push_read(lua_State *L, struct reader *in, enum field field) {
    struct bytes view;
    switch (field) {
    case U8:
        lua_pushinteger(L, reader_u8(in));
        return;
    case BE16:
        lua_pushinteger(L, reader_be16(in));
        return;
    case BE32:
        lua_pushinteger(L, reader_be32(in));
        return;
    case BE64:
        lua_pushinteger(L, (lua_Integer)reader_be64(in));
        return;
    case LE16:
        lua_pushinteger(L, reader_le16(in));
        return;
    case LE32:
        lua_pushinteger(L, reader_le32(in));
        return;
    case LE64:
        lua_pushinteger(L, (lua_Integer)reader_le64(in));
        return;
    case LP:
        view = reader_lp(in);
        if (view.data)
            lua_pushlstring(L, (const char *)view.data, view.len);
        else
            lua_pushboolean(L, 0);
        return;
    default:
        luaL_error(L, "cannot be read");
    }
}

static int lua_read(lua_State *L) {
    size_t len;
    struct reader in;
    const char *bytes = luaL_checklstring(L, 1, &len);
    reader_init(&in, len ? bytes : NULL, len);
    lua_newtable(L);
    for (lua_Integer i = 1; lua_rawgeti(L, 2, i) == LUA_TSTRING; i++) {
        enum field field = (enum field)luaL_checkoption(L, -1, NULL, field_names);
        lua_pop(L, 1);
        push_read(L, &in, field);
        lua_rawseti(L, 3, i);
    }
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)reader_left(&in));
    lua_pushboolean(L, in.failed);
    lua_pushboolean(L, reader_done(&in));
    return 4;
}

static int lua_reserve(lua_State *L) {
    struct buffer *buffer = binding_new_buffer(L);
    buffer_zeros(buffer, (size_t)luaL_checkinteger(L, 1));
    enum signer_error error = buffer_reserve(buffer, (size_t)luaL_checkinteger(L, 2));
    lua_pushstring(L, error_info(error)->name);
    lua_pushboolean(L, buffer->failed);
    lua_pushinteger(L, (lua_Integer)buffer->capacity);
    return 3;
}

static int lua_wiped(lua_State *L) {
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    struct buffer *buffer = binding_new_buffer(L);
    buffer_append(buffer, bytes, len);
    const uint8_t *memory = buffer->data;
    buffer_clear(buffer);
    bool clean = buffer->data == memory && buffer->len == 0;
    for (size_t i = 0; i < len; i++)
        clean = clean && memory[i] == 0;
    lua_pushboolean(L, clean);
    return 1;
}

static int lua_errors(lua_State *L) {
    lua_newtable(L);
    for (int i = 0; i < SIGNER_ERROR_COUNT; i++) {
        const struct error_info *info = error_info((enum signer_error)i);
        lua_createtable(L, 0, 6);
        lua_pushstring(L, info->name);
        lua_setfield(L, -2, "error");
        lua_pushstring(L, code_text(info->code));
        lua_setfield(L, -2, "code");
        lua_pushstring(L, info->reason_code);
        lua_setfield(L, -2, "reason_code");
        lua_pushstring(L, info->text);
        lua_setfield(L, -2, "detail");
        lua_pushboolean(L, error_by_name(info->name) == (enum signer_error)i);
        lua_setfield(L, -2, "found_by_name");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* The standard descriptors are set aside while the platform opens `path`. */
static int lua_descriptor(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    const struct platform *platform = platform_system();
    int saved[3], flags = -1;
    for (int i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
        close(i);
    }
    int opened = platform->files.open_at(platform->context, AT_FDCWD, path, O_RDONLY, 0);
    bool low_free = fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
    if (opened >= 0) {
        flags = fcntl(opened, F_GETFD);
        platform->files.close(platform->context, opened);
    }
    for (int i = 0; i < 3; i++) {
        if (saved[i] < 0) continue;
        dup2(saved[i], i);
        close(saved[i]);
    }
    lua_pushinteger(L, opened);
    lua_pushboolean(L, flags >= 0 && (flags & FD_CLOEXEC));
    lua_pushboolean(L, low_free);
    return 3;
}

static int add_name(void *argument, const char *name) {
    lua_State *L = argument;
    lua_pushstring(L, name);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

static int lua_names(lua_State *L) {
    const struct platform *platform = platform_system();
    int directory = platform->files.open_at(platform->context, AT_FDCWD, luaL_checkstring(L, 1), O_RDONLY, 0);
    if (directory < 0) return 0;
    lua_newtable(L);
    int result = platform->files.list(platform->context, directory, add_name, L);
    platform->files.close(platform->context, directory);
    if (result != 0) return 0;
    return 1;
}

static int lua_leaks(lua_State *L) {
    if (!__lsan_do_recoverable_leak_check) return 0;
    lua_pushboolean(L, __lsan_do_recoverable_leak_check() != 0);
    return 1;
}

static const luaL_Reg functions[] = {
    {"hex_encode", lua_hex_encode},
    {"hex_decode", lua_hex_decode},
    {"write", lua_write},
    {"read", lua_read},
    {"reserve", lua_reserve},
    {"wiped", lua_wiped},
    {"errors", lua_errors},
    {"descriptor", lua_descriptor},
    {"names", lua_names},
    {"leaks", lua_leaks},
    {NULL, NULL},
};

int luaopen_binding_test_base(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
