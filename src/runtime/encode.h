/* Writes Lua values as JSON by their schema: compact, in the schema's order, absent members left out,
 * maps sorted by key bytes, hex in lower case, u64 unsigned (abi 1.4). Secrets are written by C from
 * their slot into the reply buffer (D-018). */
#ifndef SIGNER_RUNTIME_ENCODE_H
#define SIGNER_RUNTIME_ENCODE_H

#include <lua.h>

#include "base/bytes.h"
#include "runtime/schema.h"
#include "session/call.h"

struct encode_output {
    struct buffer *out; /* wiped by its owner */
    /* Handle mode: secrets leave as "@<k>" and move here; NULL writes their hex. */
    struct call *call;
    vault_handle *secrets;
    size_t *secrets_count;
};

/* Appends the value at `index`. Raises INTERNAL when it does not fit the schema. */
void encode_value(lua_State *L, int index, const struct schema_type *schema, const struct encode_output *output);

/* A JSON string literal; bytes that are no UTF-8 become U+FFFD. */
void encode_text(struct buffer *out, const char *text, size_t len);

#endif
