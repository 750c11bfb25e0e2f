/* The error envelope (abi 4; D-004, D-006, D-129): written in C, so that it exists when Lua fails. */
#ifndef SIGNER_RUNTIME_ENVELOPE_H
#define SIGNER_RUNTIME_ENVELOPE_H

#include <lua.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"

#define ENVELOPE_DETAIL_MAX 4096 /* bytes of the message */
#define ENVELOPE_CULPRIT_BYTES 96

struct envelope {
    enum signer_error error; /* SIGNER_OK: nothing failed */
    char detail[ENVELOPE_DETAIL_MAX];
    char session_id[SESSION_ID_BYTES_MAX + 1]; /* of the error object; empty if it names none */
    uint16_t candidate_culprits[PARTICIPANTS_MAX];
    size_t candidate_culprit_count;
    char culprits[PARTICIPANTS_MAX][ENVELOPE_CULPRIT_BYTES]; /* FROST identifier texts (D-016) */
    size_t culprit_count;
    bool has_generations; /* D-005 */
    uint64_t requested_generation;
    uint64_t witness_base_generation;
};

void envelope_from_failure(struct envelope *out, const struct failure *why);
/* From what a protected call left at the top of the stack (popped); `status` is its answer. A typed
 * error object keeps its code; anything else is a contained fault. Never raises. */
void envelope_from_lua(lua_State *L, struct envelope *out, int status);
/* Replaces what is in `out`. `session_id` is the request's, for errors that name none; it may be
 * NULL. `development` decides the redaction of D-006. */
void envelope_write(struct buffer *out, const struct envelope *envelope, const char *session_id, size_t session_id_len,
                    bool development);

#endif
