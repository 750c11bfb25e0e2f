/* node_keys: the keys of a `node` member (custody/node_keys.h), and packages sealed under them.
 *
 *   node_keys.create(engine, path) -> keys       draws new keys and writes the file, which must not exist
 *   node_keys.open(engine, path) -> keys         reads the file
 *   node_keys.verify(digest, signature, signer_hex) -> boolean    digest 32 bytes, signature 64 bytes
 *
 *   keys:public() -> {sealing = hex, signing = hex}      what the roster lists, 64 characters each
 *   keys:sign(digest) -> signature                       BIP-340 over 32 bytes; 64 bytes
 *   keys:seal(secret, recipient_hex, context) -> bytes   secret: a handle; context: the text that names
 *                                                        run, sender, recipient and kind
 *   keys:open_sealed(bytes, sender_hex, context) -> secret
 *   keys:close()                                         wipes them; also `local keys <close> = …`
 *
 * The keys lie in the vault of the engine, which the object keeps alive. Failures are error objects:
 * NODE_KEY_FILE, SEALED_PACKAGE, MEMORY_LOCK, VALIDATION, PROCESS_FORKED. */
#include <string.h>

#include "binding/binding.h"
#include "curve/point.h"
#include "custody/node_keys.h"
#include "custody/sealed_box.h"

#define METATABLE "signer.node_keys"

struct lua_node_keys {
    struct engine *engine;
    struct vault *vault; /* a reference; NULL: closed */
    struct node_keys keys;
};

static struct lua_node_keys *check_keys(lua_State *L) {
    struct lua_node_keys *object = binding_check_object(L, 1, METATABLE);
    if (!object->vault) binding_raise_error(L, ERR_VALIDATION, "the node keys are closed");
    return object;
}

static void check_public_key(lua_State *L, int index, uint8_t out[NODE_PUBLIC_KEY_BYTES]) {
    size_t len = 0;
    const char *text = luaL_checklstring(L, index, &len);
    if (len != 2 * NODE_PUBLIC_KEY_BYTES || !hex_decode(out, text, len))
        binding_raise_error(L, ERR_VALIDATION, "a public key of a node is 64 hex digits");
}

static const uint8_t *check_bytes(lua_State *L, int index, size_t wanted, const char *what) {
    size_t len = 0;
    const char *bytes = luaL_checklstring(L, index, &len);
    if (len != wanted) binding_raise_error(L, ERR_VALIDATION, "%s has %zu bytes, not %zu", what, wanted, len);
    return (const uint8_t *)bytes;
}

static struct bytes check_view(lua_State *L, int index) {
    size_t len = 0;
    const char *bytes = luaL_checklstring(L, index, &len);
    return (struct bytes){(const uint8_t *)bytes, len};
}

static int keys_close(lua_State *L) {
    struct lua_node_keys *object = binding_check_object(L, 1, METATABLE);
    if (!object->vault) return 0;
    node_keys_close(&object->keys);
    vault_drop(object->vault);
    *object = (struct lua_node_keys){0};
    return 0;
}

static int keys_public(lua_State *L) {
    const struct lua_node_keys *object = check_keys(L);
    lua_createtable(L, 0, 2);
    binding_set_hex(L, "sealing", object->keys.sealing_public, NODE_PUBLIC_KEY_BYTES);
    binding_set_hex(L, "signing", object->keys.signing_public, NODE_PUBLIC_KEY_BYTES);
    return 1;
}

static int keys_sign(lua_State *L) {
    const struct lua_node_keys *object = check_keys(L);
    uint8_t signature[NODE_SIGNATURE_BYTES];
    const uint8_t *digest = check_bytes(L, 2, 32, "a digest");
    binding_check(L, node_keys_sign(&object->keys, digest, signature), NULL);
    lua_pushlstring(L, (const char *)signature, sizeof signature);
    return 1;
}

static int keys_seal(lua_State *L) {
    const struct lua_node_keys *object = check_keys(L);
    const struct secret_handle *secret = binding_check_secret(L, 2);
    uint8_t recipient[NODE_PUBLIC_KEY_BYTES];
    check_public_key(L, 3, recipient);
    struct bytes context = check_view(L, 4);
    if (secret->vault != object->vault) binding_raise_error(L, ERR_VALIDATION, "the secret is of another engine");
    struct failure why = {0};
    struct buffer *sealed = binding_new_buffer(L);
    enum signer_error error = sealed_box_seal(sealed, &object->keys, secret->handle, recipient, context, &why);
    return binding_push_buffer(L, sealed, error, &why);
}

static int keys_open_sealed(lua_State *L) {
    const struct lua_node_keys *object = check_keys(L);
    struct bytes sealed = check_view(L, 2);
    uint8_t sender[NODE_PUBLIC_KEY_BYTES];
    check_public_key(L, 3, sender);
    struct bytes context = check_view(L, 4);
    struct failure why = {0};
    vault_handle secret = 0;
    binding_check(L, sealed_box_open(&secret, &object->keys, sealed, sender, context, &why), &why);
    binding_push_secret(L, object->engine, secret);
    return 1;
}

static int keys_tostring(lua_State *L) {
    binding_check_object(L, 1, METATABLE);
    lua_pushliteral(L, METATABLE);
    return 1;
}

static const luaL_Reg methods[] = {
    {"public", keys_public},           {"sign", keys_sign},   {"seal", keys_seal},
    {"open_sealed", keys_open_sealed}, {"close", keys_close}, {NULL, NULL},
};
static const luaL_Reg metamethods[] = {
    {"__gc", keys_close}, {"__close", keys_close}, {"__tostring", keys_tostring}, {NULL, NULL}};

typedef enum signer_error (*keys_source)(struct node_keys *, struct vault *, const struct platform *, const char *,
                                         struct failure *);

static int push_keys(lua_State *L, keys_source source) {
    struct engine *engine = binding_check_engine(L, 1);
    const char *path = luaL_checkstring(L, 2);
    struct failure why = {0};
    struct lua_node_keys *object = binding_new_object(L, sizeof *object, 1, METATABLE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    binding_check(L, source(&object->keys, engine->vault, engine->platform, path, &why), &why);
    vault_retain(engine->vault);
    object->engine = engine;
    object->vault = engine->vault;
    return 1;
}

static int lua_create(lua_State *L) {
    return push_keys(L, node_keys_create);
}

static int lua_open(lua_State *L) {
    return push_keys(L, node_keys_load);
}

static int lua_verify(lua_State *L) {
    const uint8_t *digest = check_bytes(L, 1, 32, "a digest");
    const uint8_t *signature = check_bytes(L, 2, NODE_SIGNATURE_BYTES, "a signature");
    uint8_t signer[NODE_PUBLIC_KEY_BYTES];
    check_public_key(L, 3, signer);
    lua_pushboolean(L, schnorr_verify(signature, digest, 32, signer));
    return 1;
}

static const luaL_Reg functions[] = {{"create", lua_create}, {"open", lua_open}, {"verify", lua_verify}, {NULL, NULL}};

int luaopen_binding_node_keys(lua_State *L) {
    binding_class(L, METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
