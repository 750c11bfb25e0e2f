/* Share verification, which only advises (interactive-session 12.1). */
#include <string.h>

#include "frost/keys.h"
#include "session/interactive_view.h"
#include "session/kept_rounds.h"

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

enum share_verdict verify_share(struct call *call, const struct verify_request *request) {
    const struct frost_signing_package *package = request->package;
    const struct frost_public_package *keys = request->keys;
    const uint8_t *share = request->share;
    uint16_t member = request->member;
    struct frost_identifier identifier;
    struct scalar scalar;
    struct round_use use;
    if (member == 0) return SHARE_INDETERMINATE;
    frost_identifier_from_member(&identifier, member);
    if (!frost_verifying_share(keys, &identifier) || !frost_package_find(package, &identifier))
        return SHARE_INDETERMINATE;
    if (!share || !scalar_decode(&scalar, share)) return SHARE_INVALID;
    const struct kept_key key = {request->session_id, request->session_id_len, request->package_digest, request->root,
                                 &keys->verifying_key};
    round_use_begin(&use, call->engine->kept_rounds, &key);
    enum signer_error error = frost_verify_share_with(package, &identifier, &scalar, keys, request->root, &use.round);
    round_use_end(&use, package);
    switch (error) {
    case SIGNER_OK:
        return SHARE_VALID;
    case ERR_FROST_INVALID_SHARE:
        return SHARE_INVALID;
    default:
        return SHARE_INDETERMINATE;
    }
}
