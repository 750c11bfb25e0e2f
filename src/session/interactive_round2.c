/* Round 2: one share for one nonce pair (interactive-session 10). The steps carry the numbers of its
 * table. Here, and nowhere else, nonces are taken out of the vault. */
#include <string.h>

#include "base/fault.h"
#include "session/interactive_view.h"
#include "session/kept_rounds.h"

/* 8: a sibling completed the attempt for the same message and root (R2-9). */
enum signer_error round2_refuse_final(struct call *call, struct interactive_seat *seat, struct failure *why) {
    if (!seat->live ||
        !session_attempt_final(seat->view.session, seat->attempt_id, seat->live->message_digest, &seat->live->root))
        return SIGNER_OK;
    live_remove(call->engine->live, seat->live);
    seat->live = NULL;
    call_void_views(call);
    return fail_final(why, seat->attempt_id, seat->view.id);
}

/* 15, 17: what the record is to say of this package. It hashes all of it, so it is made outside the mutex when the
 * root is known by then. */
static void make_authorization(struct interactive_seat *seat, const struct frost_root *root) {
    if (seat->authorization.len > 0 && frost_root_equal(&seat->authorized_root, root)) return;
    seat->authorized_root = *root;
    marker_authorization(&seat->authorization, seat->attempt_id, root->present ? root->bytes : NULL, seat->encoded.data,
                         seat->encoded.len);
}

enum round2_question round2_question(struct call *call, struct interactive_seat *seat) {
    enum round2_question question = ROUND2_ASKS_NOTHING;
    struct frost_root root;
    if (call_enter(call, NULL) != SIGNER_OK) return question; /* said in its place */
    const struct session *session = NULL;
    if (seat_find_session(call, seat, NULL) == SIGNER_OK) session = seat->view.session;
    if (session && seat->live && !session_attempt_consumed(session, seat->member, seat->attempt_id) &&
        !session_attempt_final(session, seat->attempt_id, seat->live->message_digest, &seat->live->root) &&
        session->sets[SET_CONSUMED_MARKERS].count < REGISTRY_ENTRIES_MAX) {
        const bool fits = seat->package && check_package_for(seat->live, seat->package, NULL) == SIGNER_OK;
        question = fits ? ROUND2_ASKS_PACKAGE : ROUND2_ASKS_SEAT;
        root = seat->live->root;
    }
    call_leave(call);
    if (question == ROUND2_ASKS_PACKAGE) make_authorization(seat, &root);
    return question;
}

/* 9 */
enum signer_error round2_require_marker_room(struct call *call, struct interactive_seat *seat, struct failure *why) {
    (void)call;
    if (seat->view.session->sets[SET_CONSUMED_MARKERS].count < REGISTRY_ENTRIES_MAX) return SIGNER_OK;
    return fail_full_registry(why, "consumed");
}

/* 10. What is checked is what was opened, never the request (R2-17). */
enum signer_error round2_pass_gates(struct call *call, struct interactive_seat *seat, struct failure *why) {
    const struct live_entry *entry = seat->live;
    enum signer_error error = seat_gate_rekey(call, seat, why);
    if (error != SIGNER_OK || !entry) return error;
    error = gate_finalized(call, seat->view.wallet, why);
    if (error == SIGNER_OK) error = seat_gate_own_quarantine(call, seat, why);
    if (error == SIGNER_OK)
        error = gate_message_binding(call, seat->view.id, seat->view.id_len, seat->view.session, seat->view.wallet,
                                     &entry->intent, entry->root.present, entry->root.bytes, entry->message,
                                     entry->message_len, why);
    seat->gates_passed = error == SIGNER_OK;
    return error;
}

/* 12 */
enum signer_error round2_require_commitments(struct call *call, struct interactive_seat *seat, struct failure *why) {
    (void)call;
    if (seat->live && seat->live->nonces) return SIGNER_OK;
    return fail(why, ERR_ROUND_NOT_STARTED, "round 1 has not run for member %u in attempt [%s]", seat->member,
                seat->attempt_id);
}

/* 13 */
enum signer_error round2_check_package(struct call *call, struct interactive_seat *seat, struct failure *why) {
    (void)call;
    if (!seat->live || !seat->package) return fail(why, ERR_INTERNAL, "there is no entry or no package to check");
    enum signer_error error = check_package_for(seat->live, seat->package, why);
    seat->package_passed = error == SIGNER_OK;
    return error;
}

/* 14 */
enum signer_error round2_gate_participants(struct call *call, struct interactive_seat *seat, struct failure *why) {
    uint16_t members[PARTICIPANTS_MAX];
    size_t count = 0;
    if (!seat->package) return fail(why, ERR_INTERNAL, "there is no package to check");
    for (size_t i = 0; i < seat->package->count && count < PARTICIPANTS_MAX; i++)
        if (frost_identifier_to_member(&members[count], &seat->package->entries[i].identifier)) count++;
    if (count != seat->package->count)
        return fail(why, ERR_VALIDATION, "the signing package names a participant outside the included set");
    enum signer_error error = gate_quarantine(call, seat->view.id, seat->view.id_len, members, count, why);
    seat->participants_passed = error == SIGNER_OK;
    return error;
}

/* 15 */
enum signer_error round2_require_authorization_room(struct call *call, struct interactive_seat *seat,
                                                    struct failure *why) {
    (void)call;
    const struct session *session = seat->view.session;
    if (!seat->live || !seat->package) return fail(why, ERR_INTERNAL, "there is no entry or no package to check");
    if (session->sets[SET_AUTHORIZED_MARKERS].count < REGISTRY_ENTRIES_MAX) return SIGNER_OK;
    make_authorization(seat, &seat->live->root);
    if (session_set_holds(session, SET_AUTHORIZED_MARKERS, seat->authorization.text, seat->authorization.len))
        return SIGNER_OK;
    return fail_full_registry(why, "aggregate authorization");
}

/* 6 to 15 again, whoever called (design 4). */
static enum signer_error check_again(struct call *call, struct interactive_seat *seat, struct failure *why) {
    if (!seat->package || !call->locked) return fail(why, ERR_INTERNAL, "round 2 needs a package and the lock");
    enum signer_error error = SIGNER_OK;
    if (!view_is_current(call, &seat->view)) error = seat_find_session(call, seat, why);
    if (error == SIGNER_OK) error = view_require_session(&seat->view, why);
    if (error == SIGNER_OK) error = require_clock(call, why);
    if (error == SIGNER_OK) error = seat_refuse_consumed(call, seat, why);
    if (error == SIGNER_OK) error = round2_refuse_final(call, seat, why);
    if (error == SIGNER_OK) error = round2_require_marker_room(call, seat, why);
    if (error == SIGNER_OK && !(seat->live && seat->gates_passed)) error = round2_pass_gates(call, seat, why);
    if (error == SIGNER_OK) error = seat_require_live(call, seat, why);
    if (error == SIGNER_OK) error = round2_require_commitments(call, seat, why);
    if (error == SIGNER_OK && !seat->package_passed) error = round2_check_package(call, seat, why);
    if (error == SIGNER_OK && !seat->participants_passed) error = round2_gate_participants(call, seat, why);
    if (error == SIGNER_OK) error = round2_require_authorization_room(call, seat, why);
    return error;
}

/* 17 */
static void list_changes(struct call *call, struct interactive_seat *seat, struct changes *changes) {
    const char *id = seat->view.id;
    size_t len = seat->view.id_len;
    const struct session *session = seat->view.session;
    struct marker marker;
    marker_consumed(&marker, CONSUMED_WRITTEN, seat->member, seat->attempt_id);
    change_set_add(changes, id, len, SET_CONSUMED_MARKERS, marker.text, marker.len);
    make_authorization(seat, &seat->live->root);
    if (!session_set_holds(session, SET_AUTHORIZED_MARKERS, seat->authorization.text, seat->authorization.len))
        change_set_add(changes, id, len, SET_AUTHORIZED_MARKERS, seat->authorization.text, seat->authorization.len);
    uint32_t highest = raised_attempt_number(session, seat->live->attempt_number);
    if (highest > 0) change_field_u32(changes, id, len, FIELD_HIGHEST_ATTEMPT, highest);
    add_retirement(call, changes, session, 1);
}

/* 16 to 18 */
enum signer_error round2_consume(struct call *call, struct interactive_seat *seat, struct failure *why) {
    struct engine *engine = call->engine;
    struct changes changes;
    enum signer_error error = check_again(call, seat, why);
    if (error != SIGNER_OK) return error;
    changes_init(&changes);
    error = copy_seat_key(call, seat->view.wallet, seat->member, &seat->key_package, why);
    if (error == SIGNER_OK) {
        list_changes(call, seat, &changes);
        error = call_commit(call, &changes, RECORD_RESERVED, why);
    }
    changes_free(&changes);
    if (error != SIGNER_OK) {
        if (error != ERR_AGAIN) live_touch(engine->live, seat->live, call->now_monotonic_ms); /* TTL-3 */
        return error;
    }
    seat->root = seat->live->root;
    seat->view.section = call->section;
    seat->taken = live_take(engine->live, seat->live);
    seat->live = NULL;
    seat->spent = true;
    if (!seat->taken) return fail_plain(why, ERR_INTERNAL);
    call_own_taken(call, seat->taken);
    if (fault_hit(FAULT_AFTER_APPEND) != FAULT_NONE) return fail(why, ERR_INTERNAL, "injected fault after the append");
    return SIGNER_OK;
}

/* A share is computed from a round of its own, never from a kept one; that round is left for the shares of the
 * others. */
static enum signer_error sign(struct call *call, const struct interactive_seat *seat, uint8_t share[FROST_SHARE_BYTES],
                              struct frost_nonces *nonces, const struct frost_key_package *key) {
    struct frost_round round = {.count = 0};
    enum signer_error error = frost_sign_with(share, seat->package, nonces, key, &seat->root, &round);
    if (error == SIGNER_OK) {
        const struct kept_key kept = {seat->view.id, seat->view.id_len, seat->package_digest, &seat->root,
                                      &key->verifying_key};
        kept_rounds_put(call->engine->kept_rounds, &kept, seat->package, &round);
    }
    frost_round_free(&round);
    return error;
}

/* 19 */
enum signer_error round2_share(struct call *call, struct interactive_seat *seat, uint8_t share[FROST_SHARE_BYTES],
                               struct failure *why) {
    struct vault *vault = call->engine->vault;
    if (call->locked || !seat->spent || !seat->taken || !call->durable || seat->view.section != call->section)
        return fail(why, ERR_INTERNAL, "a share needs consumed nonces and a durable record");
    struct frost_nonces *nonces = seat->taken;
    seat->taken = NULL; /* one try; call_end releases the slot */
    if (fault_hit(FAULT_AFTER_SYNC) != FAULT_NONE) {
        frost_nonces_clear(nonces);
        return fail(why, ERR_INTERNAL, "injected fault after the sync");
    }
    const struct frost_key_package *key = vault_borrow(vault, seat->key_package, SECRET_KEY_PACKAGE, NULL);
    enum signer_error error = key ? SIGNER_OK : ERR_INTERNAL;
    if (error == SIGNER_OK) error = sign(call, seat, share, nonces, key);
    frost_nonces_clear(nonces);
    if (error != SIGNER_OK) return fail(why, ERR_INTERNAL, "the signature share could not be computed");
    if (fault_hit(FAULT_AFTER_SHARE) != FAULT_NONE) {
        memset(share, 0, FROST_SHARE_BYTES);
        return fail(why, ERR_INTERNAL, "injected fault after the share");
    }
    return SIGNER_OK;
}
