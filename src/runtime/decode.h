/* Reads a request by its schema: JSON to Lua values, strictly (abi 1.7, 3.0; D-007, D-008, D-130,
 * D-149). Hex is decoded here, once; secret hex goes from the request bytes straight into a vault
 * slot that the call owns, with no copy elsewhere (D-018). */
#ifndef SIGNER_RUNTIME_DECODE_H
#define SIGNER_RUNTIME_DECODE_H

#include <lua.h>

#include "base/json.h"
#include "runtime/schema.h"
#include "session/call.h"

struct decode_input {
    struct json_reader *reader; /* memory to work in */
    uint64_t hash_key;          /* random, see json_init */
    const uint8_t *body;
    size_t body_len;
    struct call *call; /* owns the secrets; NULL refuses secret members */
    /* Handle mode: a secret member is the text "@<k>", the k-th of these, and is copied. */
    bool handles;
    const vault_handle *secrets;
    size_t secrets_count;
};

/* Pushes the value. Raises VALIDATION for everything that fails at once (form, types, caps), or the
 * vault's error. */
void decode_request(lua_State *L, const struct decode_input *input, const struct schema_type *schema);

#endif
