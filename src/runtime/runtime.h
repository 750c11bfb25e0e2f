/* The runtime: runs one endpoint for one request. It holds the pool of Lua states with the embedded
 * sources, the schema-driven codec and the policy sandbox, and knows no endpoint by name. */
#ifndef SIGNER_RUNTIME_RUNTIME_H
#define SIGNER_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "session/engine.h"

struct runtime;

/* Opens nothing yet. ERR_LUA_MISMATCH (D-134), ERR_OUT_OF_MEMORY. The engine outlives the runtime. */
enum signer_error runtime_create(struct runtime **out, struct engine *engine);
/* No call may be in flight. */
void runtime_destroy(struct runtime *runtime);

struct request {
    const char *endpoint; /* "interactive_round2" */
    const uint8_t *body;  /* JSON; NULL only for endpoints without a request */
    size_t body_len;
    /* Handle mode, of the Lua module only: a secret member of the request may be the text "@<k>",
     * the k-th of these (1-based), and secret members of the reply are written so. Through the C
     * ABI both are NULL. */
    const vault_handle *secrets_in;
    size_t secrets_in_count;
    vault_handle *secrets_out; /* room for CALL_SECRETS_MAX */
    size_t *secrets_out_count;
};

/* Fills `reply` with the response JSON (true) or the error envelope (false). Never raises, never
 * leaves a lock held, never answers empty. */
bool runtime_call(struct runtime *runtime, const struct request *request, struct buffer *reply);

#ifdef SIGNER_TEST
/* A Lua module of this runtime only, before the first call: fake endpoints for specs. Copies. */
enum signer_error runtime_add_source(struct runtime *runtime, const char *name, const char *text, size_t len);
#endif

/* The envelope where there is no memory for another (abi 1.5). */
#define ENVELOPE_LAST_RESORT                                                                                           \
    "{\"code\":\"internal_error\",\"message\":\"failed to encode error\",\"recovery_class\":\"terminal\"}"

/* An error envelope without Lua (D-129): for the entry layer and for faults of the runtime. */
void runtime_envelope(struct buffer *reply, const struct failure *why, bool development);

#endif
