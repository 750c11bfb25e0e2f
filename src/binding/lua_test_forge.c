/* Frames and headers of store files made by hand, to show what a reader refuses (test build).
 *
 *   test_forge.frame{ key =, header =, kind = 1, seq =, durable =, type =, previous =, random =,
 *                     body = } -> frame without padding, chain
 *       header: the first page of the file that the frame is for
 *   test_forge.header{ key =, page =, kind = 1 } -> page
 *       with checksum, key check and tag made right again */
#include <string.h>

#include "base/bytes.h"
#include "binding/binding.h"
#include "store/frame.h"
#include "store/keys.h"
#include "store/store.h"

static uint64_t number_field(lua_State *L, const char *name, lua_Integer fallback) {
    lua_getfield(L, 1, name);
    lua_Integer value = luaL_optinteger(L, -1, fallback);
    lua_pop(L, 1);
    return (uint64_t)value;
}

static const uint8_t *bytes_field(lua_State *L, const char *name, size_t least) {
    size_t len;
    lua_getfield(L, 1, name);
    const char *bytes = luaL_checklstring(L, -1, &len); /* stays on the stack */
    luaL_argcheck(L, len >= least, 1, name);
    return (const uint8_t *)bytes;
}

static int lua_frame(lua_State *L) {
    struct frame_head head = {0};
    struct file_key key;
    struct vault *vault = NULL;
    struct buffer frame;
    uint8_t chain[STORE_CHAIN_BYTES];
    luaL_checktype(L, 1, LUA_TTABLE);
    const uint8_t *master = bytes_field(L, "key", STORE_KEY_BYTES);
    const uint8_t *header = bytes_field(L, "header", HEADER_BYTES);
    const uint8_t *body = bytes_field(L, "body", 0);
    enum store_kind kind = (enum store_kind)number_field(L, "kind", KIND_LOG);
    head.body_len = (uint32_t)lua_rawlen(L, -1);
    head.seq = number_field(L, "seq", 0);
    head.durable = number_field(L, "durable", 0);
    head.type = (uint8_t)number_field(L, "type", RECORD_CHANGE);
    memcpy(head.previous, bytes_field(L, "previous", STORE_CHAIN_BYTES), STORE_CHAIN_BYTES);
    memcpy(head.random, bytes_field(L, "random", FRAME_RANDOM_BYTES), FRAME_RANDOM_BYTES);
    enum signer_error error = vault_create(&vault, false);
    if (error == SIGNER_OK) error = file_key_derive(&key, vault, master, header, kind);
    binding_check(L, error, NULL);
    const struct frame_place place = {header + HEADER_STORE_ID, kind, load_be64(header + HEADER_NUMBER), key.bytes};
    buffer_init(&frame);
    buffer_zeros(&frame, frame_bytes(head.body_len));
    frame_seal(frame.data, &place, &head, body);
    chain_frame(chain, frame.data, frame.len);
    lua_pushlstring(L, (const char *)frame.data, frame.len);
    lua_pushlstring(L, (const char *)chain, sizeof chain);
    buffer_free(&frame);
    vault_destroy(vault);
    return 2;
}

static int lua_header(lua_State *L) {
    uint8_t page[STORE_PAGE];
    luaL_checktype(L, 1, LUA_TTABLE);
    memcpy(page, bytes_field(L, "page", STORE_PAGE), STORE_PAGE);
    const uint8_t *master = bytes_field(L, "key", STORE_KEY_BYTES);
    enum store_kind kind = (enum store_kind)number_field(L, "kind", KIND_LOG);
    keys_check(page + HEADER_KEY_CHECK, master, page + HEADER_STORE_ID);
    short_checksum(page + HEADER_CHECKSUM, "tbtc-signer-store-header/v1", page, HEADER_CHECKSUM);
    keys_header_tag(page + HEADER_TAG, master, page, kind);
    lua_pushlstring(L, (const char *)page, sizeof page);
    return 1;
}

static const luaL_Reg functions[] = {{"frame", lua_frame}, {"header", lua_header}, {NULL, NULL}};

int luaopen_binding_test_forge(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
