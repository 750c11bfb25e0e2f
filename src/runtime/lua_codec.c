/* The codec as a Lua module, require("signer.codec"): fingerprints of requests (abi 7, 8.1). */
#include <lauxlib.h>
#include <sodium.h>

#include "base/bytes.h"
#include "binding/binding.h"
#include "curve/hash.h"
#include "runtime/decode.h"
#include "runtime/encode.h"
#include "runtime/modules.h"

/* codec.fingerprint(schema, value) -> text: SHA-256 of the compact JSON of `value`, in hex. The JSON
 * exists in C only, and is wiped. */
static int fingerprint(lua_State *L) {
    const struct schema_type *schema = schema_compile(L, 1);
    struct buffer *json = binding_new_buffer(L);
    struct encode_output output = {.out = json};
    encode_value(L, 2, schema, &output);
    uint8_t hash[HASH_BYTES];
    char text[2 * sizeof hash];
    if (buffer_status(json) == SIGNER_OK) sha256(hash, json->data, json->len);
    enum signer_error status = buffer_status(json);
    buffer_free(json);
    binding_check(L, status, NULL);
    hex_encode(text, hash, sizeof hash);
    lua_pushlstring(L, text, sizeof text);
    return 1;
}

/* codec.decode(schema, text) -> value: reads JSON as strictly as a request; raises VALIDATION. A schema
 * with secret members is refused. */
static int decode(lua_State *L) {
    struct decode_input input = {0};
    const struct schema_type *schema = schema_compile(L, 1);
    input.body = (const uint8_t *)luaL_checklstring(L, 2, &input.body_len);
    randombytes_buf(&input.hash_key, sizeof input.hash_key);
    input.reader = lua_touserdata(L, lua_upvalueindex(1));
    decode_request(L, &input, schema);
    return 1;
}

int luaopen_runtime_codec(lua_State *L) {
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, fingerprint);
    lua_setfield(L, -2, "fingerprint");
    lua_newuserdatauv(L, sizeof(struct json_reader), 0); /* large: one for all texts */
    lua_pushcclosure(L, decode, 1);
    lua_setfield(L, -2, "decode");
    return 1;
}
