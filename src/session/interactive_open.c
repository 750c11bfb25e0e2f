/* Opening a seat in an attempt (interactive-session 8). The steps carry the numbers of its table. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "curve/hash.h"
#include "session/interactive_view.h"

enum signer_error interactive_open_init(struct interactive_open *open, const struct open_request *request,
                                        struct failure *why) {
    memset(open, 0, sizeof *open);
    if (!session_id_is_valid(request->session_id, request->session_id_len) || request->member == 0 ||
        request->threshold == 0 || request->message_len == 0)
        return fail(why, ERR_VALIDATION, "the open request names no session, member, threshold or message");
    memcpy(open->view.id, request->session_id, request->session_id_len);
    open->view.id_len = request->session_id_len;
    open->member = request->member;
    open->threshold = request->threshold;
    open->root = request->root;
    open->intent = request->intent;
    open->context = request->context;
    memcpy(open->fingerprint, request->fingerprint, FINGERPRINT_TEXT_BYTES);
    open->key_group = signer_malloc(request->key_group_len + 1);
    open->message = signer_malloc(request->message_len);
    if (!open->key_group || !open->message) {
        interactive_open_clear(open);
        return fail_plain(why, ERR_OUT_OF_MEMORY);
    }
    memcpy(open->key_group, request->key_group, request->key_group_len);
    open->key_group[request->key_group_len] = '\0';
    open->key_group_len = request->key_group_len;
    memcpy(open->message, request->message, request->message_len);
    open->message_len = request->message_len;
    sha256(open->message_digest, open->message, open->message_len);
    const struct attempt_inputs inputs = {.session_id = open->view.id,
                                          .session_id_len = open->view.id_len,
                                          .key_group = open->key_group,
                                          .key_group_len = open->key_group_len,
                                          .message = open->message,
                                          .message_len = open->message_len,
                                          .threshold = open->threshold};
    open->context_failure.error = attempt_validate(&open->context, &inputs, &open->context_failure);
    return SIGNER_OK;
}

void interactive_open_clear(struct interactive_open *open) {
    if (open->message) sodium_memzero(open->message, open->message_len);
    free(open->message);
    free(open->key_group);
    memset(open, 0, sizeof *open);
}

static const char *id_of(const struct interactive_open *open) {
    return open->view.id;
}

/* 8 */
enum signer_error open_find_wallet(struct call *call, struct interactive_open *open, struct failure *why) {
    view_find(call, &open->view);
    view_find_wallet(call, &open->view, open->key_group, open->key_group_len);
    open->gates_passed = 0;
    open->live = live_find(call->engine->live, open->view.id, open->view.id_len, open->member);
    if (!open->view.wallet)
        return fail(why, ERR_DKG_NOT_READY, "no session holds a completed key generation for this key group");
    return require_clock(call, why);
}

/* 9. The key group is equal by the look-up; an index that lied would end here. */
enum signer_error open_match_wallet(struct call *call, struct interactive_open *open, struct failure *why) {
    (void)call;
    const struct dkg_result *dkg = &open->view.wallet->dkg;
    if (strlen(dkg->key_group) != open->key_group_len ||
        memcmp(dkg->key_group, open->key_group, open->key_group_len) != 0)
        return fail(why, ERR_VALIDATION, "key_group does not match the DKG key group");
    if (dkg->threshold != open->threshold)
        return fail(why, ERR_VALIDATION, "threshold %u does not match the DKG threshold %u", open->threshold,
                    dkg->threshold);
    return SIGNER_OK;
}

static enum signer_error run_gate(struct call *call, struct interactive_open *open, enum open_gate gate,
                                  struct failure *why) {
    const struct session_view *view = &open->view;
    switch (gate) {
    case OPEN_GATE_REKEY:
        return gate_emergency_rekey(call, view->session, view->wallet, open->key_group, open->key_group_len, why);
    case OPEN_GATE_FINALIZED:
        return gate_finalized(call, view->wallet, why);
    case OPEN_GATE_QUARANTINE:
        return gate_quarantine(call, view->id, view->id_len, &open->member, 1, why);
    case OPEN_GATE_BINDING:
        return gate_message_binding(call, view->id, view->id_len, view->session, view->wallet, &open->intent,
                                    open->root.present, open->root.bytes, open->message, open->message_len, why);
    }
    return fail_plain(why, ERR_INTERNAL);
}

/* 10. Where a kill switch or a finalization is the reason, that is the answer (D-052). */
enum signer_error open_require_material(struct call *call, struct interactive_open *open, struct failure *why) {
    const struct session *wallet = open->view.wallet;
    if (session_has(wallet, FIELD_KEY_PACKAGES) && session_has(wallet, FIELD_PUBLIC_PACKAGE)) return SIGNER_OK;
    enum signer_error error = run_gate(call, open, OPEN_GATE_REKEY, why);
    if (error == SIGNER_OK) error = run_gate(call, open, OPEN_GATE_FINALIZED, why);
    return error != SIGNER_OK ? error : fail(why, ERR_INTERNAL, "the wallet's key material is missing");
}

/* 11 */
enum signer_error open_require_seat(struct call *call, struct interactive_open *open, struct failure *why) {
    (void)call;
    if (session_seat(open->view.wallet, open->member)) return SIGNER_OK;
    return fail(why, ERR_VALIDATION, "no key package for member %u is stored here", open->member);
}

/* 12 */
enum signer_error open_pass_gate(struct call *call, struct interactive_open *open, enum open_gate gate,
                                 struct failure *why) {
    enum signer_error error = run_gate(call, open, gate, why);
    if (error == SIGNER_OK) open->gates_passed |= gate;
    return error;
}

/* 13 */
enum signer_error open_require_context(struct call *call, struct interactive_open *open, struct failure *why) {
    (void)call;
    if (open->context_failure.error == SIGNER_OK) return SIGNER_OK;
    return fail(why, open->context_failure.error, "%s", open->context_failure.detail);
}

/* 14 */
enum signer_error open_require_included(struct call *call, struct interactive_open *open, struct failure *why) {
    (void)call;
    for (size_t i = 0; i < open->context.included_count; i++)
        if (open->context.included[i] == open->member) return SIGNER_OK;
    return fail(why, ERR_VALIDATION, "member %u is not in the included set", open->member);
}

/* 15 */
enum signer_error open_require_group(struct call *call, struct interactive_open *open, struct failure *why) {
    (void)call;
    const struct frost_public_package *keys = &open->view.wallet->public_package;
    size_t at = 0; /* both are ascending */
    for (size_t i = 0; i < open->context.included_count; i++) {
        struct frost_identifier identifier;
        int order = -1;
        frost_identifier_from_member(&identifier, open->context.included[i]);
        while (at < keys->count && (order = frost_identifier_compare(&keys->shares[at].identifier, &identifier)) < 0)
            at++;
        if (order != 0)
            return fail(why, ERR_VALIDATION, "included participant %u has no verifying share in the DKG result",
                        open->context.included[i]);
    }
    return SIGNER_OK;
}

/* 16 */
enum signer_error open_refuse_consumed(struct call *call, struct interactive_open *open, struct failure *why) {
    uint32_t highest = 0;
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
    const struct session_view *view = &open->view;
    if (session_attempt_consumed(view->session, open->member, open->context.attempt_id))
        return fail_consumed(why, open->context.attempt_id, id_of(open));
    if (state_tombstone(call->engine->state, view->id, view->id_len, &highest, key_group)) {
        call_depend(call, NULL);
        if (open->context.attempt_number <= highest) return fail_consumed(why, open->context.attempt_id, id_of(open));
    }
    return SIGNER_OK;
}

/* 16a */
enum signer_error open_refuse_final(struct call *call, struct interactive_open *open, struct failure *why) {
    (void)call;
    if (session_attempt_final(open->view.session, open->context.attempt_id, open->message_digest, &open->root))
        return fail_final(why, open->context.attempt_id, id_of(open));
    return SIGNER_OK;
}

static bool is_same_attempt(const struct interactive_open *open) {
    return open->live && strcmp(open->live->attempt_id, open->context.attempt_id) == 0;
}

/* 17 */
enum signer_error open_answer_retry(struct call *call, struct interactive_open *open, struct failure *why) {
    open->idempotent = false;
    if (!is_same_attempt(open)) return SIGNER_OK;
    if (strcmp(open->live->fingerprint, open->fingerprint) != 0)
        return fail(why, ERR_SESSION_CONFLICT, "the seat has opened attempt [%s] of session [%s] with another request",
                    open->context.attempt_id, id_of(open));
    live_touch(call->engine->live, open->live, call->now_monotonic_ms);
    open->idempotent = true;
    return SIGNER_OK;
}

/* 18 */
enum signer_error open_require_newer(struct call *call, struct interactive_open *open, struct failure *why) {
    (void)call;
    if (!open->live || open->context.attempt_number > open->live->attempt_number) return SIGNER_OK;
    return fail(why, ERR_VALIDATION, "attempt number %u is not above the seat's live attempt number %u",
                open->context.attempt_number, open->live->attempt_number);
}

/* 19 (OPEN-18) */
enum signer_error open_require_attempt_room(struct call *call, struct interactive_open *open, struct failure *why) {
    const struct dkg_result *dkg = &open->view.wallet->dkg;
    if (dkg->threshold == 0 || dkg->participant_count < dkg->threshold)
        return fail(why, ERR_INTERNAL, "the DKG result has impossible counts");
    size_t cap = (size_t)(dkg->participant_count - dkg->threshold) + 1;
    const struct live_session *live = live_session_find(call->engine->live, open->view.id, open->view.id_len);
    if (!live || live_attempt_seats(live, open->context.attempt_id) > 0) return SIGNER_OK;
    size_t others = live->attempt_count;
    if (open->live && live_attempt_seats(live, open->live->attempt_id) == 1) others--; /* will be vacated */
    if (others < cap) return SIGNER_OK;
    return fail(why, ERR_ATTEMPT_CAP, "%zu attempts are live in the session, the most that %u of %u allow", others,
                dkg->threshold, dkg->participant_count);
}

/* 20 */
enum signer_error open_require_seat_room(struct call *call, struct interactive_open *open, struct failure *why) {
    uint64_t cap = 0;
    if (open->live) return SIGNER_OK;
    enum signer_error error = settings_u64(&call->engine->settings, SETTING_MAX_LIVE_INTERACTIVE_SESSIONS, &cap, why);
    if (error != SIGNER_OK) return error;
    if (live_count(call->engine->live) < cap) return SIGNER_OK;
    return fail(why, ERR_CAPACITY, "live interactive member count is at its limit of %llu", (unsigned long long)cap);
}

/* 21 (OPEN-14). An evicted session belongs to its wallet still. */
enum signer_error open_require_binding(struct call *call, struct interactive_open *open, struct failure *why) {
    uint32_t highest = 0;
    char evicted[KEY_GROUP_TEXT_BYTES + 1];
    const char *owner = session_key_group(open->view.session);
    if (!owner && state_tombstone(call->engine->state, open->view.id, open->view.id_len, &highest, evicted))
        owner = evicted;
    if (!owner || strcmp(owner, open->key_group) == 0) return SIGNER_OK;
    return fail(why, ERR_SESSION_CONFLICT, "session [%s] belongs to another wallet", id_of(open));
}

typedef enum signer_error (*open_step)(struct call *, struct interactive_open *, struct failure *);

/* Whatever must never be wrong, in the order of the table, whoever called (design 4). */
static enum signer_error check_again(struct call *call, struct interactive_open *open, struct failure *why) {
    static const open_step before_gates[] = {open_match_wallet, open_require_material, open_require_seat};
    static const enum open_gate gates[] = {OPEN_GATE_REKEY, OPEN_GATE_FINALIZED, OPEN_GATE_QUARANTINE,
                                           OPEN_GATE_BINDING};
    static const open_step after_gates[] = {open_require_context,      open_require_included,  open_require_group,
                                            open_refuse_consumed,      open_refuse_final,      open_require_newer,
                                            open_require_attempt_room, open_require_seat_room, open_require_binding};
    enum signer_error error = SIGNER_OK;
    if (!view_is_current(call, &open->view) || !open->view.wallet) error = open_find_wallet(call, open, why);
    for (size_t i = 0; error == SIGNER_OK && i < sizeof before_gates / sizeof *before_gates; i++)
        error = before_gates[i](call, open, why);
    for (size_t i = 0; error == SIGNER_OK && i < sizeof gates / sizeof *gates; i++)
        if (!(open->gates_passed & gates[i])) error = open_pass_gate(call, open, gates[i], why);
    for (size_t i = 0; error == SIGNER_OK && i < sizeof after_gates / sizeof *after_gates; i++)
        error = after_gates[i](call, open, why);
    if (error == SIGNER_OK && is_same_attempt(open))
        error = fail(why, ERR_SESSION_CONFLICT, "the seat has this attempt open already");
    return error;
}

/* 22, 23: room for a session or its reactivation, the store ready for a first binding. */
static enum signer_error prepare_binding(struct call *call, struct interactive_open *open, struct changes *changes,
                                         struct failure *why) {
    struct engine *engine = call->engine;
    const struct session *session = open->view.session;
    enum signer_error error = SIGNER_OK;
    if (!session || (session_is_per_message(session) && !session->live)) {
        if (state_active_count(engine->state) >= engine->max_sessions)
            return fail(why, ERR_CAPACITY, "active session registry size is at its limit of %llu",
                        (unsigned long long)engine->max_sessions);
    }
    if (session && session_key_group(session)) return SIGNER_OK; /* bound, or the wallet itself */
    if (!session) {
        error = call_make_room(call, NULL, why);
        if (error != SIGNER_OK) return error;
        change_session_create(changes, open->view.id, open->view.id_len);
    }
    change_field_text(changes, open->view.id, open->view.id_len, FIELD_BOUND_KEY_GROUP, open->key_group,
                      open->key_group_len);
    if (changes->error != SIGNER_OK) return fail_plain(why, changes->error);
    return call_require_ready(call, RECORD_ORDINARY);
}

static enum signer_error make_entry(struct call *call, const struct interactive_open *open, struct live_entry **out,
                                    struct failure *why) {
    enum signer_error error =
        live_prepare(call->engine->live, out, open->view.id, open->view.id_len, open->context.included,
                     open->context.included_count, open->message, open->message_len);
    if (error != SIGNER_OK) return fail_plain(why, error);
    struct live_entry *entry = *out;
    entry->member = open->member;
    entry->threshold = open->threshold;
    entry->coordinator = open->context.coordinator;
    entry->attempt_number = open->context.attempt_number;
    memcpy(entry->attempt_id, open->context.attempt_id, sizeof entry->attempt_id);
    memcpy(entry->fingerprint, open->fingerprint, sizeof entry->fingerprint);
    memcpy(entry->key_group, open->view.wallet->dkg.key_group, sizeof entry->key_group);
    memcpy(entry->message_digest, open->message_digest, sizeof entry->message_digest);
    entry->root = open->root;
    entry->intent = open->intent;
    return SIGNER_OK;
}

static void remember_opened(struct call *call, const struct interactive_open *open, const struct live_entry *entry) {
    struct opened_entry *opened = &call->opened;
    opened->active = true;
    opened->token = open->intent.heartbeat;
    memcpy(opened->session_id, open->view.id, open->view.id_len);
    opened->session_id_len = open->view.id_len;
    memcpy(opened->key_group, entry->key_group, sizeof opened->key_group);
    opened->member = open->member;
    opened->serial = entry->serial;
}

/* 22 to 26 */
enum signer_error open_commit(struct call *call, struct interactive_open *open, struct failure *why) {
    struct engine *engine = call->engine;
    struct live_entry *entry = NULL;
    bool token = false;
    struct changes changes;
    changes_init(&changes);
    enum signer_error error = check_again(call, open, why);
    if (error == SIGNER_OK) error = vault_check_lock(engine->vault);
    if (error == SIGNER_OK) error = prepare_binding(call, open, &changes, why);
    if (error == SIGNER_OK) error = make_entry(call, open, &entry, why);
    if (error == SIGNER_OK && open->intent.heartbeat) {
        error = budget_take_heartbeat(call, open->view.wallet, why); /* 24 */
        token = error == SIGNER_OK;
    }
    if (error == SIGNER_OK) error = call_commit(call, &changes, RECORD_ORDINARY, why); /* 25 */
    changes_free(&changes);
    if (error != SIGNER_OK) {
        if (token) budget_give_back_heartbeat(call, open->view.wallet);
        live_discard(engine->live, entry);
        return why && why->error == error ? error : fail_plain(why, error);
    }
    live_insert(engine->live, entry, call->now_monotonic_ms); /* 26 */
    call_void_views(call);
    view_find(call, &open->view);
    view_find_wallet(call, &open->view, open->key_group, open->key_group_len);
    session_set_live(engine->state, open->view.session, true, call_recorded_time(call));
    open->live = entry;
    remember_opened(call, open, entry);
    return SIGNER_OK;
}
