/* Retirement of a wallet that never signed (D-013, D-123, D-125). */
#include "session/retire.h"

#include <string.h>

#include "curve/point.h"
#include "registry/change_records.h"
#include "session/live.h"

bool key_group_is_valid(const char *text, size_t len) {
    uint8_t encoded[POINT_BYTES];
    struct point point;
    if (len != KEY_GROUP_TEXT_BYTES) return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] >= 'A' && text[i] <= 'F') return false;
    return hex_decode(encoded, text, len) && point_decode(&point, encoded) == SIGNER_OK;
}

enum signer_error retire_wallet(struct call *call, const char *key_group, struct retire_result *out,
                                struct failure *why) {
    struct state *state = call->engine->state;
    struct changes changes;
    struct session *wallet = state_wallet(state, key_group, KEY_GROUP_TEXT_BYTES, NULL);
    memset(out, 0, sizeof *out);
    call_depend(call, wallet);
    if (!wallet || wallet->dkg_origin != 2) return SIGNER_OK;
    if (state_key_group_used(state, key_group, KEY_GROUP_TEXT_BYTES))
        return fail(why, ERR_KEY_GROUP_IN_USE, "the wallet of session %.*s has a consumed or completed attempt",
                    (int)wallet->id.len, (const char *)wallet->id.data);
    out->retired = wallet->seat_count > 0;
    out->seats = (uint16_t)wallet->seat_count;
    changes_init(&changes);
    change_retire(&changes, wallet);
    call_evicts(call, wallet);
    enum signer_error error = call_commit(call, &changes, RECORD_PROTECTING, why);
    changes_free(&changes);
    if (!error) live_remove_key_group(call->engine->live, key_group, KEY_GROUP_TEXT_BYTES);
    return error;
}
