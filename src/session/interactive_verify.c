/* Share verification, which only advises, and abort, which only destroys (interactive-session 12). */
#include <string.h>

#include "frost/keys.h"
#include "session/interactive_view.h"

bool verify_copy_keys(struct call *call, const char *session_id, size_t len, struct frost_public_package *keys) {
    struct session_view view = {0};
    if (!session_id_is_valid(session_id, len)) return false;
    memcpy(view.id, session_id, len);
    view.id_len = len;
    view_find(call, &view);
    view_find_wallet(call, &view, NULL, 0);
    if (!view.wallet || !session_has(view.wallet, FIELD_PUBLIC_PACKAGE)) return false;
    return frost_public_package_copy(keys, &view.wallet->public_package) == SIGNER_OK;
}

enum share_verdict verify_share(const struct frost_signing_package *package, const struct frost_public_package *keys,
                                uint16_t member, const uint8_t *share, const struct frost_root *root) {
    struct frost_identifier identifier;
    struct scalar scalar;
    if (member == 0) return SHARE_INDETERMINATE;
    frost_identifier_from_member(&identifier, member);
    if (!frost_verifying_share(keys, &identifier) || !frost_package_find(package, &identifier))
        return SHARE_INDETERMINATE;
    if (!share || !scalar_decode(&scalar, share)) return SHARE_INVALID;
    switch (frost_verify_share(package, &identifier, &scalar, keys, root)) {
    case SIGNER_OK:
        return SHARE_VALID;
    case ERR_FROST_INVALID_SHARE:
        return SHARE_INVALID;
    default:
        return SHARE_INDETERMINATE;
    }
}

bool interactive_abort(struct call *call, const char *session_id, size_t len, const char *attempt_id) {
    if (len == 0 || len > SESSION_ID_BYTES_MAX) return false;
    call_void_views(call);
    return live_remove_attempt(call->engine->live, session_id, len, attempt_id) > 0;
}
