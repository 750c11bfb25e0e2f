/* Module `dkg_secret`: the steps of the distributed key generation on custody handles (abi 3.5).
 * Identifiers are 32 bytes here; a protocol failure comes back as nil, error name, culprit (32 bytes or
 * nil), so that the endpoint gives it its words.
 *
 *   identifier(text) -> 32 bytes | nil           identifier_text(32 bytes) -> text with inner quotes
 *   owner(call, round-2 secret) -> 32 bytes | nil   whose it is; nil when it does not decode
 *   part1(call, identifier, max, min) -> secret, package bytes
 *   part2(call, secret, {{identifier, round1_package}, …}) -> secret, {{identifier, secret}, …}
 *   part3(call, secret, {{identifier, round1_package}, …}, {{identifier, secret}, …})
 *     -> key package (secret), { verifying_shares = { [32 bytes] = 33 bytes }, verifying_key = 32 bytes } */
#include <string.h>

#include "binding/call_object.h"
#include "binding/frost_objects.h"
#include "session/dkg_steps.h"
#include "session/identifier_text.h"

static int identifier(lua_State *L) {
    struct frost_identifier out;
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    if (!identifier_text_read(&out, text, len)) return 0;
    binding_push_identifier(L, &out);
    return 1;
}

static int identifier_text(lua_State *L) {
    struct frost_identifier in;
    char text[IDENTIFIER_TEXT_BYTES];
    binding_check_identifier(L, 1, &in);
    identifier_text_write(text, &in);
    lua_pushlstring(L, text, sizeof text);
    return 1;
}

/* Failures that the vault or the machine causes are raised; those of the protocol are returned. */
static int answer_failure(lua_State *L, enum signer_error error, const struct failure *why,
                          const struct dkg_culprit *culprit) {
    const char *name = error_info(error)->name;
    if (strncmp(name, "FROST_", 6) != 0) binding_check(L, error, why);
    lua_pushnil(L);
    lua_pushstring(L, name);
    if (!culprit || !culprit->known) return 2;
    binding_push_identifier(L, &culprit->identifier);
    return 3;
}

static int part1(lua_State *L) {
    struct failure why = {0};
    struct frost_identifier own;
    vault_handle secret = 0;
    struct call *call = binding_check_call(L, 1);
    binding_check_identifier(L, 2, &own);
    uint16_t max_signers = (uint16_t)luaL_checkinteger(L, 3), min_signers = (uint16_t)luaL_checkinteger(L, 4);
    struct dkg_round1_package *package = binding_push_round1_package(L);
    enum signer_error error = dkg_step1(call, &own, max_signers, min_signers, package, &secret, &why);
    if (error) return answer_failure(L, error, &why, NULL);
    struct buffer *encoded = binding_new_buffer(L);
    binding_push_secret(L, call->engine, secret);
    error = dkg_round1_package_encode(encoded, package);
    return 1 + binding_push_buffer(L, encoded, error, NULL);
}

static int part2(lua_State *L) {
    struct failure why = {0};
    struct dkg_culprit culprit;
    vault_handle next = 0;
    size_t peer_count, share_count;
    struct call *call = binding_check_call(L, 1);
    vault_handle secret = binding_check_secret(L, 2)->handle;
    const struct dkg_round1_entry *peers = binding_check_round1_map(L, 3, &peer_count);
    enum signer_error error = dkg_step2_peers(call, secret, &share_count, &why);
    if (error) return answer_failure(L, error, &why, NULL);
    struct dkg_sealed_share *shares = lua_newuserdatauv(L, (share_count + 1) * sizeof *shares, 0);
    error = dkg_step2(call, secret, peers, peer_count, shares, &next, &culprit, &why);
    if (error) return answer_failure(L, error, &why, &culprit);
    binding_push_secret(L, call->engine, next);
    lua_createtable(L, (int)share_count, 0);
    for (size_t i = 0; i < share_count; i++) {
        lua_createtable(L, 2, 0);
        binding_push_identifier(L, &shares[i].peer);
        lua_rawseti(L, -2, 1);
        binding_push_secret(L, call->engine, shares[i].share);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

static struct dkg_sealed_share *check_shares(lua_State *L, int index, size_t *count) {
    luaL_checktype(L, index, LUA_TTABLE);
    *count = (size_t)luaL_len(L, index);
    struct dkg_sealed_share *shares = lua_newuserdatauv(L, (*count + 1) * sizeof *shares, 0);
    for (size_t i = 0; i < *count; i++) {
        lua_geti(L, index, (lua_Integer)i + 1);
        lua_geti(L, -1, 1);
        binding_check_identifier(L, -1, &shares[i].peer);
        lua_geti(L, -2, 2);
        shares[i].share = binding_check_secret(L, -1)->handle;
        lua_pop(L, 3);
    }
    return shares;
}

static void push_public_package(lua_State *L, const struct frost_public_package *keys) {
    uint8_t key[POINT_BYTES];
    binding_check(L, point_encode(key, &keys->verifying_key), NULL);
    /* frost 3.3: the x-only form stands for even Y alone. */
    if (key[0] != 0x02) binding_raise_error(L, ERR_FROST_SERIALIZATION, NULL);
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, (const char *)key + 1, XONLY_BYTES);
    lua_setfield(L, -2, "verifying_key");
    lua_createtable(L, 0, (int)keys->count);
    for (size_t i = 0; i < keys->count; i++) {
        binding_push_identifier(L, &keys->shares[i].identifier);
        binding_push_point(L, &keys->shares[i].share);
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, "verifying_shares");
}

static int part3(lua_State *L) {
    struct failure why = {0};
    struct dkg_culprit culprit;
    vault_handle key = 0;
    size_t peer_count, share_count;
    struct call *call = binding_check_call(L, 1);
    vault_handle secret = binding_check_secret(L, 2)->handle;
    const struct dkg_round1_entry *peers = binding_check_round1_map(L, 3, &peer_count);
    const struct dkg_sealed_share *shares = check_shares(L, 4, &share_count);
    struct frost_public_package *keys = binding_push_public_package(L);
    enum signer_error error =
        dkg_step3(call, secret, peers, peer_count, shares, share_count, &key, keys, &culprit, &why);
    if (error) return answer_failure(L, error, &why, &culprit);
    binding_push_secret(L, call->engine, key);
    push_public_package(L, keys);
    return 2;
}

static int owner(lua_State *L) {
    struct dkg_secret_info info;
    size_t len = 0;
    struct call *call = binding_check_call(L, 1);
    const uint8_t *encoded = vault_borrow(call->engine->vault, binding_check_secret(L, 2)->handle, SECRET_BYTES, &len);
    if (!encoded || dkg_round2_secret_check(&info, encoded, len) != SIGNER_OK) return 0;
    binding_push_identifier(L, &info.identifier);
    return 1;
}

static const luaL_Reg functions[] = {
    {"owner", owner}, {"identifier", identifier}, {"identifier_text", identifier_text},
    {"part1", part1}, {"part2", part2},           {"part3", part3},
    {NULL, NULL},
};

int luaopen_binding_dkg_secret(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
