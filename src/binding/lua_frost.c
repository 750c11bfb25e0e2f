/* Module `frost`: public FROST objects and what can be done with them without a secret. Identifiers
 * go in as members (integers) or as 32 bytes and come out as 32 bytes. */
#include <string.h>

#include "base/fault.h"
#include "binding/decoders.h"
#include "binding/frost_objects.h"
#include "session/engine.h"
#include "session/kept_rounds.h"

#define SIGNING_PACKAGE "signer.signing_package"
#define PUBLIC_PACKAGE "signer.public_package"
#define COMMITMENTS "signer.commitments"

/* -- values --------------------------------------------------------------------------------- */

const uint8_t *binding_check_raw(lua_State *L, int index, size_t len) {
    size_t actual;
    const char *raw = luaL_checklstring(L, index, &actual);
    if (actual != len) luaL_argerror(L, index, "wrong length");
    return (const uint8_t *)raw;
}

void binding_check_identifier(lua_State *L, int index, struct frost_identifier *out) {
    if (lua_type(L, index) == LUA_TNUMBER) {
        lua_Integer member = luaL_checkinteger(L, index);
        if (member < 1 || member > UINT16_MAX) binding_raise_error(L, ERR_FROST_FIELD, NULL);
        frost_identifier_from_member(out, (uint16_t)member);
        return;
    }
    memcpy(out->bytes, binding_check_raw(L, index, FROST_IDENTIFIER_BYTES), FROST_IDENTIFIER_BYTES);
    binding_check(L, frost_identifier_check(out), NULL);
}

void binding_check_root(lua_State *L, int index, struct frost_root *out) {
    memset(out, 0, sizeof *out);
    if (lua_isnoneornil(L, index)) return;
    memcpy(out->bytes, binding_check_raw(L, index, sizeof out->bytes), sizeof out->bytes);
    out->present = true;
}

void binding_check_point(lua_State *L, int index, struct point *out) {
    size_t len;
    const uint8_t *raw = (const uint8_t *)luaL_checklstring(L, index, &len);
    if (len == XONLY_BYTES)
        binding_check(L, point_lift_x(out, raw), NULL);
    else
        binding_check(L, point_decode(out, binding_check_raw(L, index, POINT_BYTES)), NULL);
}

void binding_push_point(lua_State *L, const struct point *point) {
    uint8_t raw[POINT_BYTES];
    binding_check(L, point_encode(raw, point), NULL);
    lua_pushlstring(L, (const char *)raw, sizeof raw);
}

void binding_push_identifier(lua_State *L, const struct frost_identifier *identifier) {
    lua_pushlstring(L, (const char *)identifier->bytes, sizeof identifier->bytes);
}

/* The entries are those of the kept round where there is one. */
struct package_object {
    struct frost_signing_package package; /* first: what binding_check_signing_package gives */
    struct kept_round *kept;
    bool has_digest;
    uint8_t digest[HASH_BYTES];
};

static struct package_object *push_signing_package(lua_State *L) {
    return binding_new_object(L, sizeof(struct package_object), 0, SIGNING_PACKAGE);
}

struct frost_public_package *binding_push_public_package(lua_State *L) {
    return binding_new_object(L, sizeof(struct frost_public_package), 0, PUBLIC_PACKAGE);
}

static struct frost_commitments *push_commitments(lua_State *L) {
    return binding_new_object(L, sizeof(struct frost_commitments), 0, COMMITMENTS);
}

struct frost_signing_package *binding_check_signing_package(lua_State *L, int index) {
    return binding_check_object(L, index, SIGNING_PACKAGE);
}

struct frost_public_package *binding_check_public_package(lua_State *L, int index) {
    return binding_check_object(L, index, PUBLIC_PACKAGE);
}

static struct frost_commitments *check_commitments(lua_State *L, int index) {
    return binding_check_object(L, index, COMMITMENTS);
}

static int identifier_of(lua_State *L) {
    struct frost_identifier identifier;
    binding_check_identifier(L, 1, &identifier);
    binding_push_identifier(L, &identifier);
    return 1;
}

/* The member (u16) of an identifier; nil when it is not canonical. */
static int member_of(lua_State *L) {
    struct frost_identifier identifier;
    uint16_t member;
    binding_check_identifier(L, 1, &identifier);
    if (frost_identifier_to_member(&member, &identifier))
        lua_pushinteger(L, member);
    else
        lua_pushnil(L);
    return 1;
}

/* -- commitments ------------------------------------------------------------------------------ */

/* An object of the kind that `decoder` reads, from the string at 1. */
static int decode_argument(lua_State *L, binding_decoder decoder) {
    size_t len;
    const char *raw = luaL_checklstring(L, 1, &len);
    binding_check(L, decoder(L, NULL, (const uint8_t *)raw, len), NULL);
    return 1;
}

static enum signer_error decode_commitments(lua_State *L, struct engine *engine, const uint8_t *data, size_t len) {
    (void)engine;
    enum signer_error error = frost_commitments_decode(push_commitments(L), data, len);
    if (error != SIGNER_OK) lua_pop(L, 1);
    return error;
}

static int commitments_decode(lua_State *L) {
    return decode_argument(L, decode_commitments);
}

static int commitments_bytes(lua_State *L) {
    const struct frost_commitments *commitments = check_commitments(L, 1);
    lua_pushlstring(L, (const char *)commitments->encoded, sizeof commitments->encoded);
    return 1;
}

/* -- signing packages --------------------------------------------------------------------------- */

static int signing_package_gc(lua_State *L) {
    struct package_object *object = binding_check_object(L, 1, SIGNING_PACKAGE);
    if (object->kept) object->package.entries = NULL;
    frost_signing_package_free(&object->package);
    kept_round_release(object->kept);
    memset(object, 0, sizeof *object);
    return 0;
}

/* The same bytes were decoded before: the message is what stands at their end. */
static enum signer_error take_kept(struct package_object *object, const uint8_t *data, size_t len) {
    const struct kept_round *kept = object->kept;
    object->package = (struct frost_signing_package){kept->entries, kept->count, signer_malloc(kept->message_len + 1),
                                                     kept->message_len};
    if (!object->package.message) return ERR_OUT_OF_MEMORY;
    memcpy(object->package.message, data + len - kept->message_len, kept->message_len);
    return SIGNER_OK;
}

/* Points are decoded once: what a session worked on is taken from there. */
static enum signer_error decode_signing_package(lua_State *L, struct engine *engine, const uint8_t *data, size_t len) {
    struct package_object *object = push_signing_package(L);
    if (engine && !engine_is_forked(engine)) {
        sha256(object->digest, data, len);
        object->has_digest = true;
        object->kept = kept_rounds_find_package(engine->kept_rounds, object->digest);
    }
    enum signer_error error =
        object->kept ? take_kept(object, data, len) : frost_signing_package_decode(&object->package, data, len);
    if (error != SIGNER_OK) lua_pop(L, 1);
    return error;
}

void binding_signing_package_digest(lua_State *L, int index, uint8_t out[HASH_BYTES]) {
    struct package_object *object = binding_check_object(L, index, SIGNING_PACKAGE);
    if (!object->has_digest) {
        struct buffer *buffer = binding_new_buffer(L);
        enum signer_error error = frost_signing_package_encode(buffer, &object->package);
        if (error == SIGNER_OK) sha256(object->digest, buffer->data, buffer->len);
        object->has_digest = error == SIGNER_OK;
        buffer_free(buffer);
        binding_check(L, error, NULL);
        lua_pop(L, 1);
    }
    memcpy(out, object->digest, HASH_BYTES);
}

static int signing_package_decode(lua_State *L) {
    return decode_argument(L, decode_signing_package);
}

/* make_signing_package({{identifier, commitments}, …}, message) */
static int signing_package_make(lua_State *L) {
    size_t message_len;
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *message = luaL_checklstring(L, 2, &message_len);
    size_t count = (size_t)luaL_len(L, 1);
    struct frost_package_entry *entries = lua_newuserdatauv(L, (count + 1) * sizeof *entries, 0);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        lua_geti(L, -1, 1);
        binding_check_identifier(L, -1, &entries[i].identifier);
        lua_geti(L, -2, 2);
        entries[i].commitments = *check_commitments(L, -1);
        lua_pop(L, 3);
    }
    struct frost_signing_package *out = &push_signing_package(L)->package;
    binding_check(L, frost_signing_package_make(out, entries, count, (const uint8_t *)message, message_len), NULL);
    return 1;
}

static int signing_package_encode(lua_State *L) {
    struct buffer *buffer = binding_new_buffer(L);
    enum signer_error error = frost_signing_package_encode(buffer, binding_check_signing_package(L, 1));
    return binding_push_buffer(L, buffer, error, NULL);
}

static int signing_package_message(lua_State *L) {
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    lua_pushlstring(L, (const char *)package->message, package->message_len);
    return 1;
}

static int signing_package_identifiers(lua_State *L) {
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    lua_createtable(L, (int)package->count, 0);
    for (size_t i = 0; i < package->count; i++) {
        binding_push_identifier(L, &package->entries[i].identifier);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* The signers that are members, as integers. */
static int signing_package_members(lua_State *L) {
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    lua_Integer count = 0;
    lua_createtable(L, (int)package->count, 0);
    for (size_t i = 0; i < package->count; i++) {
        uint16_t member;
        if (!frost_identifier_to_member(&member, &package->entries[i].identifier)) continue;
        lua_pushinteger(L, member);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

/* The 71 bytes of one signer's entry; nil when it has none. */
static int signing_package_commitments(lua_State *L) {
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    struct frost_identifier identifier;
    binding_check_identifier(L, 2, &identifier);
    const struct frost_package_entry *entry = frost_package_find(package, &identifier);
    if (entry)
        lua_pushlstring(L, (const char *)entry->commitments.encoded, sizeof entry->commitments.encoded);
    else
        lua_pushnil(L);
    return 1;
}

/* -- public key packages -------------------------------------------------------------------------- */

static int public_package_gc(lua_State *L) {
    frost_public_package_free(binding_check_public_package(L, 1));
    return 0;
}

static enum signer_error decode_public_package(lua_State *L, struct engine *engine, const uint8_t *data, size_t len) {
    (void)engine;
    enum signer_error error = frost_public_package_decode(binding_push_public_package(L), data, len);
    if (error != SIGNER_OK) lua_pop(L, 1);
    return error;
}

static int public_package_decode(lua_State *L) {
    return decode_argument(L, decode_public_package);
}

static uint16_t check_u16(lua_State *L, int index) {
    lua_Integer value = luaL_optinteger(L, index, 0);
    luaL_argcheck(L, value >= 0 && value <= UINT16_MAX, index, "not a u16");
    return (uint16_t)value;
}

/* make_public_package({{identifier, share}, …}, key, min_signers or nil); `key` 33 bytes or x only */
static int public_package_make(lua_State *L) {
    struct point key;
    luaL_checktype(L, 1, LUA_TTABLE);
    binding_check_point(L, 2, &key);
    uint16_t min_signers = check_u16(L, 3);
    size_t count = (size_t)luaL_len(L, 1);
    struct frost_verifying_share *shares = lua_newuserdatauv(L, (count + 1) * sizeof *shares, 0);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        lua_geti(L, -1, 1);
        binding_check_identifier(L, -1, &shares[i].identifier);
        lua_geti(L, -2, 2);
        binding_check_point(L, -1, &shares[i].share);
        lua_pop(L, 3);
    }
    struct frost_public_package *out = binding_push_public_package(L);
    binding_check(L, frost_public_package_make(out, shares, count, &key, min_signers), NULL);
    return 1;
}

static int public_package_encode(lua_State *L) {
    struct buffer *buffer = binding_new_buffer(L);
    enum signer_error error = frost_public_package_encode(buffer, binding_check_public_package(L, 1));
    return binding_push_buffer(L, buffer, error, NULL);
}

static int public_package_key(lua_State *L) {
    binding_push_point(L, &binding_check_public_package(L, 1)->verifying_key);
    return 1;
}

static int public_package_min_signers(lua_State *L) {
    const struct frost_public_package *keys = binding_check_public_package(L, 1);
    if (keys->min_signers)
        lua_pushinteger(L, keys->min_signers);
    else
        lua_pushnil(L);
    return 1;
}

static int public_package_identifiers(lua_State *L) {
    const struct frost_public_package *keys = binding_check_public_package(L, 1);
    lua_createtable(L, (int)keys->count, 0);
    for (size_t i = 0; i < keys->count; i++) {
        binding_push_identifier(L, &keys->shares[i].identifier);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int public_package_share(lua_State *L) {
    struct frost_identifier identifier;
    binding_check_identifier(L, 2, &identifier);
    const struct point *share = frost_verifying_share(binding_check_public_package(L, 1), &identifier);
    if (share)
        binding_push_point(L, share);
    else
        lua_pushnil(L);
    return 1;
}

/* x of the key that signatures verify under, with or without a root. */
static int public_package_effective_key(lua_State *L) {
    struct frost_root root;
    struct frost_adjustment adjustment;
    binding_check_root(L, 2, &root);
    const struct frost_public_package *keys = binding_check_public_package(L, 1);
    binding_check(L, frost_adjustment_make(&adjustment, &keys->verifying_key, &root), NULL);
    uint8_t raw[POINT_BYTES];
    binding_check(L, point_encode(raw, &adjustment.key), NULL);
    lua_pushlstring(L, (const char *)raw + 1, XONLY_BYTES);
    return 1;
}

/* check_degree(threshold): raises FROST_INCORRECT_PACKAGE */
static int public_package_check_degree(lua_State *L) {
    uint8_t seed[32];
    const struct frost_public_package *keys = binding_check_public_package(L, 1);
    uint16_t threshold = check_u16(L, 2);
    randombytes_buf(seed, sizeof seed);
    binding_check(L, frost_public_package_check_degree(keys, threshold, seed), NULL);
    return 0;
}

/* -- signing, the public side --------------------------------------------------------------------- */

/* {{identifier, share}, …}: a share that is no scalar raises FROST_FIELD. */
static struct frost_signature_share *check_shares(lua_State *L, int index, size_t *count) {
    luaL_checktype(L, index, LUA_TTABLE);
    *count = (size_t)luaL_len(L, index);
    struct frost_signature_share *shares = lua_newuserdatauv(L, (*count + 1) * sizeof *shares, 0);
    for (size_t i = 0; i < *count; i++) {
        lua_geti(L, index, (lua_Integer)i + 1);
        lua_geti(L, -1, 1);
        binding_check_identifier(L, -1, &shares[i].identifier);
        lua_geti(L, -2, 2);
        if (!scalar_decode(&shares[i].share, binding_check_raw(L, -1, SCALAR_BYTES)))
            binding_raise_error(L, ERR_FROST_FIELD, NULL);
        lua_pop(L, 3);
    }
    return shares;
}

/* aggregate(signing_package, shares, public_package, threshold or nil, root or nil) -> signature, or
 * nil and the list of culprits; other failures are raised */
static int aggregate(lua_State *L) {
    uint8_t signature[FROST_SIGNATURE_BYTES];
    struct frost_root root;
    size_t share_count, culprit_count;
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    const struct frost_public_package *keys = binding_check_public_package(L, 3);
    uint16_t threshold = check_u16(L, 4);
    binding_check_root(L, 5, &root);
    const struct frost_signature_share *shares = check_shares(L, 2, &share_count);
    struct frost_identifier *culprits = lua_newuserdatauv(L, (package->count + 1) * sizeof *culprits, 0);
    enum signer_error error =
        frost_aggregate(signature, package, shares, share_count, keys, threshold, &root, culprits, &culprit_count);
    if (error != ERR_FROST_INVALID_SHARE) {
        binding_check(L, error, NULL);
        lua_pushlstring(L, (const char *)signature, sizeof signature);
        return 1;
    }
    lua_pushnil(L);
    lua_createtable(L, (int)culprit_count, 0);
    for (size_t i = 0; i < culprit_count; i++) {
        binding_push_identifier(L, &culprits[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

/* verify_share(signing_package, identifier, share, public_package, root or nil) -> verdict; `share` is
 * any string */
static int verify_share(lua_State *L) {
    struct frost_root root;
    struct frost_identifier identifier;
    struct scalar share;
    size_t share_len;
    const struct frost_signing_package *package = binding_check_signing_package(L, 1);
    binding_check_identifier(L, 2, &identifier);
    const char *raw = luaL_checklstring(L, 3, &share_len);
    const struct frost_public_package *keys = binding_check_public_package(L, 4);
    binding_check_root(L, 5, &root);
    if (!frost_package_find(package, &identifier) || !frost_verifying_share(keys, &identifier)) {
        lua_pushliteral(L, "indeterminate");
        return 1;
    }
    if (share_len != SCALAR_BYTES || !scalar_decode(&share, (const uint8_t *)raw)) {
        lua_pushliteral(L, "invalid");
        return 1;
    }
    enum signer_error error = frost_verify_share(package, &identifier, &share, keys, &root);
    lua_pushstring(L, error == SIGNER_OK ? "valid" : error == ERR_FROST_INVALID_SHARE ? "invalid" : "indeterminate");
    return 1;
}

/* verify_signature(signature, message, key, root or nil) -> boolean */
static int verify_signature(lua_State *L) {
    struct frost_root root;
    struct point key;
    size_t message_len;
    const uint8_t *signature = binding_check_raw(L, 1, FROST_SIGNATURE_BYTES);
    const char *message = luaL_checklstring(L, 2, &message_len);
    binding_check_point(L, 3, &key);
    binding_check_root(L, 4, &root);
    lua_pushboolean(L,
                    frost_verify_signature(signature, (const uint8_t *)message, message_len, &key, &root) == SIGNER_OK);
    return 1;
}

/* lagrange({identifier, …}) -> {factor, …} at 0 */
static int lagrange(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = (size_t)luaL_len(L, 1);
    struct frost_identifier *identifiers = lua_newuserdatauv(L, (count + 1) * sizeof *identifiers, 0);
    struct scalar *factors = lua_newuserdatauv(L, (count + 1) * sizeof *factors, 0);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        binding_check_identifier(L, -1, &identifiers[i]);
        lua_pop(L, 1);
    }
    binding_check(L, frost_lagrange(factors, identifiers, count), NULL);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        uint8_t raw[SCALAR_BYTES];
        scalar_encode(raw, &factors[i]);
        lua_pushlstring(L, (const char *)raw, sizeof raw);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const luaL_Reg functions[] = {
    {"identifier", identifier_of},
    {"member", member_of},
    {"commitments", commitments_decode},
    {"signing_package", signing_package_decode},
    {"make_signing_package", signing_package_make},
    {"public_package", public_package_decode},
    {"make_public_package", public_package_make},
    {"aggregate", aggregate},
    {"verify_share", verify_share},
    {"verify_signature", verify_signature},
    {"lagrange", lagrange},
    {NULL, NULL},
};

static const luaL_Reg commitments_methods[] = {{"bytes", commitments_bytes}, {NULL, NULL}};

static const luaL_Reg signing_package_methods[] = {
    {"encode", signing_package_encode},           {"message", signing_package_message},
    {"identifiers", signing_package_identifiers}, {"members", signing_package_members},
    {"commitments", signing_package_commitments}, {NULL, NULL},
};

static const luaL_Reg public_package_methods[] = {
    {"encode", public_package_encode},
    {"key", public_package_key},
    {"min_signers", public_package_min_signers},
    {"identifiers", public_package_identifiers},
    {"share", public_package_share},
    {"effective_key", public_package_effective_key},
    {"check_degree", public_package_check_degree},
    {NULL, NULL},
};

int luaopen_binding_frost(lua_State *L) {
    static const luaL_Reg signing_package_metamethods[] = {{"__gc", signing_package_gc}, {NULL, NULL}};
    static const luaL_Reg public_package_metamethods[] = {{"__gc", public_package_gc}, {NULL, NULL}};
    binding_class(L, COMMITMENTS, NULL, commitments_methods);
    binding_class(L, SIGNING_PACKAGE, signing_package_metamethods, signing_package_methods);
    binding_class(L, PUBLIC_PACKAGE, public_package_metamethods, public_package_methods);
    binding_register_decoder(L, "commitments", decode_commitments);
    binding_register_decoder(L, "signing_package", decode_signing_package);
    binding_register_decoder(L, "public_package", decode_public_package);
    luaL_newlib(L, functions);
    return 1;
}
