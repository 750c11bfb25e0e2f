/* An engine's state for the test bindings (test build). */
#include "binding/test_engine.h"

#include <sodium.h>
#include <stdlib.h>

void test_engine_open(lua_State *L, struct engine *engine) {
    struct failure why = {0};
    binding_check(L, engine_open(engine, &why), &why);
}

bool test_engine_has(struct engine *engine, const char *session_id, size_t len) {
    engine_lock(engine);
    bool found = engine->state && state_session(engine->state, session_id, len);
    engine_unlock(engine);
    return found;
}

enum signer_error test_engine_commit(struct engine *engine, struct changes *changes, enum record_class class, bool wait,
                                     struct failure *why) {
    struct call *call = calloc(1, sizeof *call);
    if (!call) return fail_plain(why, ERR_OUT_OF_MEMORY);
    call_begin(call, engine);
    enum signer_error error;
    do {
        error = call_enter(call, why);
        if (error == SIGNER_OK)
            error = changes->counted ? call_commit(call, changes, class, why) : call_note(call, changes, why);
        call_leave(call);
        if (error != ERR_AGAIN) break;
        error = call_make_ready(call, why);
    } while (error == SIGNER_OK);
    if (error == SIGNER_OK && wait) error = call_wait(call, why);
    call_end(call);
    free(call);
    return error;
}

int test_engine_digest(lua_State *L,
                       enum signer_error (*hash_op)(void *hash, uint8_t op, const uint8_t *payload, size_t len)) {
    struct engine *engine = binding_check_engine(L, 1);
    uint8_t out[32];
    crypto_hash_sha256_state hash;
    test_engine_open(L, engine);
    crypto_hash_sha256_init(&hash);
    engine_lock(engine);
    const struct store_sink sink = state_sink(&engine->sink_context);
    enum signer_error error = sink.snapshot(sink.context, engine->state, hash_op, &hash);
    engine_unlock(engine);
    crypto_hash_sha256_final(&hash, out);
    binding_check(L, error, NULL);
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}
