/* The call of a running request as a Lua object. It is void once the call ended. */
#ifndef SIGNER_BINDING_CALL_OBJECT_H
#define SIGNER_BINDING_CALL_OBJECT_H

#include "binding/binding.h"

/* Pushes the object; the outermost C function calls binding_end_call before call_end. */
void binding_push_call(lua_State *L, struct call *call);
/* Raises for another value and for a call that ended. */
struct call *binding_check_call(lua_State *L, int index);
/* The same, and raises unless the call holds the engine. */
struct call *binding_check_locked_call(lua_State *L, int index);
/* Makes the object at `index` void. */
void binding_end_call(lua_State *L, int index);

#endif
