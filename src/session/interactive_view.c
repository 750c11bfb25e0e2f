/* Sessions as interactive calls see them: names, markers, wallets, package checks
 * (interactive-session 1, 5, 10). */
#include "session/interactive_view.h"

#include <stdlib.h>
#include <string.h>

bool session_id_is_valid(const char *id, size_t len) {
    if (len == 0 || len > SESSION_ID_BYTES_MAX) return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)id[i];
        if (byte <= 0x20 || byte == 0x7f || byte == '=' || byte == '"' || byte == '\\') return false;
    }
    return true;
}

bool attempt_id_read(char out[ATTEMPT_ID_TEXT_BYTES + 1], const char *text, size_t len) {
    uint8_t bytes[ATTEMPT_ID_TEXT_BYTES / 2];
    if (len != ATTEMPT_ID_TEXT_BYTES || !hex_decode(bytes, text, len)) return false;
    hex_encode(out, bytes, sizeof bytes);
    out[ATTEMPT_ID_TEXT_BYTES] = '\0';
    return true;
}

void view_find(struct call *call, struct session_view *view) {
    view->section = call->section;
    view->session = state_session(call->engine->state, view->id, view->id_len);
    view->wallet = NULL;
    call_depend(call, view->session);
}

bool view_is_current(const struct call *call, const struct session_view *view) {
    return call->locked && view->section == call->section;
}

const char *session_key_group(const struct session *session) {
    if (!session) return NULL;
    if (session_has(session, FIELD_DKG_RESULT)) return session->dkg.key_group;
    return session->bound_key_group;
}

void view_find_wallet(struct call *call, struct session_view *view, const char *key_group, size_t len) {
    if (!key_group) {
        key_group = session_key_group(view->session);
        len = key_group ? strlen(key_group) : 0;
    }
    view->wallet = key_group ? state_wallet(call->engine->state, key_group, len, view->session) : NULL;
    if (view->wallet || key_group) call_depend(call, view->wallet);
}

enum signer_error view_require_session(const struct session_view *view, struct failure *why) {
    if (view->session) return SIGNER_OK;
    return fail(why, ERR_SESSION_NOT_FOUND, "session [%s] is not known", view->id);
}

enum signer_error require_clock(const struct call *call, struct failure *why) {
    return call->monotonic_error == SIGNER_OK ? SIGNER_OK : fail_plain(why, call->monotonic_error);
}

bool session_attempt_consumed(const struct session *session, uint16_t member, const char *attempt_id) {
    if (!session || session->sets[SET_CONSUMED_MARKERS].count == 0) return false;
    for (int form = 0; form < CONSUMED_FORM_COUNT; form++) {
        struct marker marker;
        marker_consumed(&marker, (enum consumed_form)form, member, attempt_id);
        if (session_set_holds(session, SET_CONSUMED_MARKERS, marker.text, marker.len)) return true;
    }
    return false;
}

bool session_attempt_final(const struct session *session, const char *attempt_id, const uint8_t message_digest[32],
                           const struct frost_root *root) {
    if (!session || session->sets[SET_AGGREGATED_MARKERS].count == 0) return false;
    for (int form = 0; form < AGGREGATED_FORM_COUNT; form++) {
        struct marker marker;
        marker_aggregated(&marker, (enum aggregated_form)form, attempt_id, message_digest,
                          root->present ? root->bytes : NULL);
        if (session_set_holds(session, SET_AGGREGATED_MARKERS, marker.text, marker.len)) return true;
    }
    return false;
}

enum signer_error fail_consumed(struct failure *why, const char *attempt_id, const char *session_id) {
    return fail(why, ERR_CONSUMED_NONCE, "interactive attempt [%s] already consumed its nonces in session [%s]",
                attempt_id, session_id);
}

enum signer_error fail_final(struct failure *why, const char *attempt_id, const char *session_id) {
    return fail(why, ERR_ALREADY_AGGREGATED, "interactive attempt [%s] already aggregated in session [%s]", attempt_id,
                session_id);
}

enum signer_error fail_full_registry(struct failure *why, const char *registry) {
    return fail(why, ERR_CAPACITY, "the %s registry of the session holds %u entries, its limit; use a new session_id",
                registry, REGISTRY_ENTRIES_MAX);
}

static int compare_members(const void *a, const void *b) {
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* The set of an entry is ascending. */
static bool is_included(const struct live_entry *entry, const struct frost_identifier *identifier) {
    uint16_t member = 0;
    return frost_identifier_to_member(&member, identifier) &&
           bsearch(&member, entry->included, entry->included_count, sizeof member, compare_members);
}

enum signer_error check_package_shape(const struct live_entry *entry, const struct frost_signing_package *package,
                                      struct failure *why) {
    if (package->message_len != entry->message_len || memcmp(package->message, entry->message, entry->message_len) != 0)
        return fail(why, ERR_VALIDATION, "the message of the signing package does not match the opened message");
    if (package->count != entry->threshold)
        return fail(why, ERR_VALIDATION, "the signing package holds %zu commitments, not exactly threshold (%u)",
                    package->count, entry->threshold);
    for (size_t i = 0; i < package->count; i++)
        if (!is_included(entry, &package->entries[i].identifier))
            return fail(why, ERR_VALIDATION, "the signing package names a participant outside the included set");
    return SIGNER_OK;
}

enum signer_error check_package_for(const struct live_entry *entry, const struct frost_signing_package *package,
                                    struct failure *why) {
    enum signer_error error = check_package_shape(entry, package, why);
    if (error != SIGNER_OK) return error;
    struct frost_identifier own;
    frost_identifier_from_member(&own, entry->member);
    const struct frost_package_entry *commitment = frost_package_find(package, &own);
    if (!commitment) return fail(why, ERR_VALIDATION, "the signing package does not include this member");
    if (!entry->nonces || memcmp(commitment->commitments.encoded, entry->commitments, FROST_COMMITMENTS_BYTES) != 0)
        return fail(why, ERR_VALIDATION, "the commitment of this member does not match its round-1 output");
    return SIGNER_OK;
}

uint32_t raised_attempt_number(const struct session *session, uint32_t attempt_number) {
    if (!session_has(session, FIELD_HIGHEST_ATTEMPT)) return attempt_number;
    return attempt_number > session->highest_attempt_number ? attempt_number : 0;
}

void add_retirement(struct call *call, struct changes *changes, const struct session *session, size_t leaving) {
    const char *id = (const char *)session->id.data;
    const struct live_session *live = live_session_find(call->engine->live, id, session->id.len);
    if (!session_is_per_message(session) || (live ? live->seats : 0) != leaving) return;
    change_field_u64(changes, id, session->id.len, FIELD_RETIRED_AT, call_recorded_time(call));
}
