/* Schemas compiled from the tables of lua/tbtc_signer/schema/types.lua, once per Lua state. */
#ifndef SIGNER_RUNTIME_SCHEMA_H
#define SIGNER_RUNTIME_SCHEMA_H

#include <lua.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "binding/decoders.h"

#define SCHEMA_MEMBERS_MAX 256
#define SCHEMA_DEPTH_MAX 16

enum schema_kind {
    SCHEMA_UNSIGNED,
    SCHEMA_BOOL,
    SCHEMA_TEXT,
    SCHEMA_ENUM,
    SCHEMA_HEX,
    SCHEMA_SECRET,
    SCHEMA_DECODED,
    SCHEMA_LIST,
    SCHEMA_MAP,
    SCHEMA_OBJECT
};

struct schema_member {
    const char *name; /* of an object's member, or a choice of an enum */
    size_t name_len;
    const struct schema_type *type;
    bool optional;
    bool omit_empty;
};

struct schema_type {
    enum schema_kind kind;
    bool strict;
    bool empty;                        /* hex: no bytes are allowed */
    uint64_t max;                      /* value, bytes, hex characters or entries */
    const struct schema_type *element; /* list, map */
    binding_decoder decoder;           /* decoded */
    const char *name;                  /* object: for error texts */
    size_t count;
    struct schema_member members[];
};

/* The compiled form of the type table at `index`; it lives as long as the Lua state. Raises on a
 * table that is no type. */
const struct schema_type *schema_compile(lua_State *L, int index);

#endif
