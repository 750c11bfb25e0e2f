/* Abort, which only destroys (interactive-session 12.2, D-063). */
#include "session/interactive_view.h"

bool interactive_abort(struct call *call, const char *session_id, size_t len, const char *attempt_id) {
    if (len == 0 || len > SESSION_ID_BYTES_MAX) return false;
    call_void_views(call);
    return live_remove_attempt(call->engine->live, session_id, len, attempt_id) > 0;
}
