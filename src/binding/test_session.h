/* A session of the state as a Lua table, for the test bindings. Each sets members of the table on top. */
#ifndef SIGNER_BINDING_TEST_SESSION_H
#define SIGNER_BINDING_TEST_SESSION_H

#include "binding/binding.h"
#include "registry/state.h"

void test_push_texts(lua_State *L, const struct text_set *set); /* pushes a list */
void test_set_seats(lua_State *L, const struct session *session);
void test_set_sets(lua_State *L, const struct session *session);
void test_set_fields(lua_State *L, const struct session *session);

#endif
