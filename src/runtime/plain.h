/* Plain values (integers, texts, booleans, lists, tables with text keys) as bytes, to carry them from
 * one Lua state to another without either touching the other. */
#ifndef SIGNER_RUNTIME_PLAIN_H
#define SIGNER_RUNTIME_PLAIN_H

#include <lua.h>

#include "base/bytes.h"

#define PLAIN_DEPTH_MAX 16

/* Appends the value at `index`. Raises in L for anything that is not plain (a float too), for nesting
 * above PLAIN_DEPTH_MAX, and when `out` grows beyond `max` bytes. Tables are written sorted by key. */
void plain_write(lua_State *L, int index, struct buffer *out, size_t max);
/* Pushes the value that plain_write made. */
void plain_push(lua_State *L, struct reader *in);

#endif
