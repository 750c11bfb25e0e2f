/* An engine's state for the test bindings: opened, written, digested. */
#ifndef SIGNER_BINDING_TEST_ENGINE_H
#define SIGNER_BINDING_TEST_ENGINE_H

#include "binding/binding.h"

void test_engine_open(lua_State *L, struct engine *engine); /* raises */
bool test_engine_has(struct engine *engine, const char *session_id, size_t len);
/* One CHANGE or NOTE, appended as a call does, and waited for where `wait` says so. */
enum signer_error test_engine_commit(struct engine *engine, struct changes *changes, enum record_class class, bool wait,
                                     struct failure *why);
/* Of the engine at 1, pushes 32 bytes: what `hash_op` makes of the ops of a snapshot; its argument is a
 * crypto_hash_sha256_state. */
int test_engine_digest(lua_State *L,
                       enum signer_error (*hash_op)(void *hash, uint8_t op, const uint8_t *payload, size_t len));
/* test_state.wallet. */
int test_make_wallet(lua_State *L);

#endif
