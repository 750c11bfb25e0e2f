/* Public FROST objects as Lua userdata, for every binding file that takes or gives them. Parsed once,
 * on receipt; the garbage collector frees them. Made in lua_frost.c and lua_dkg.c. */
#ifndef SIGNER_BINDING_FROST_OBJECTS_H
#define SIGNER_BINDING_FROST_OBJECTS_H

#include "binding/binding.h"
#include "frost/dkg.h"
#include "frost/signing.h"

/* Each push leaves an empty object on the stack; the caller decodes or assembles into it. */
struct frost_public_package *binding_push_public_package(lua_State *L);
struct dkg_round1_package *binding_push_round1_package(lua_State *L);
/* Each check raises when the value at `index` is something else. */
struct frost_signing_package *binding_check_signing_package(lua_State *L, int index);
/* SHA-256 of its encoding. */
void binding_signing_package_digest(lua_State *L, int index, uint8_t out[HASH_BYTES]);
struct frost_public_package *binding_check_public_package(lua_State *L, int index);

/* A string of exactly `len` bytes, else an argument error. */
const uint8_t *binding_check_raw(lua_State *L, int index, size_t len);
/* 32 bytes, or an integer 1 to 65535; raises FROST_FIELD. */
void binding_check_identifier(lua_State *L, int index, struct frost_identifier *out);
/* nil or none, or 32 bytes. */
void binding_check_root(lua_State *L, int index, struct frost_root *out);
/* 33 bytes, or 32 that are lifted to even Y. */
void binding_check_point(lua_State *L, int index, struct point *out);
void binding_push_point(lua_State *L, const struct point *point);
void binding_push_identifier(lua_State *L, const struct frost_identifier *identifier);
/* Reads the list at `index` of tables {identifier, package}: memory belongs to a userdata that is left
 * on the stack; the packages stay owned by their objects. */
struct dkg_round1_entry *binding_check_round1_map(lua_State *L, int index, size_t *count);

#endif
