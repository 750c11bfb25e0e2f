/* The seat of rounds 1 and 2, and round 1: nonces for a live entry (interactive-session 9). */
#include <sodium.h>
#include <string.h>

#include "base/fault.h"
#include "frost/keys.h"
#include "session/interactive_view.h"

enum signer_error interactive_seat_init(struct interactive_seat *seat, const char *session_id, size_t len,
                                        const char *attempt_id, uint16_t member, struct failure *why) {
    memset(seat, 0, sizeof *seat);
    buffer_init(&seat->encoded);
    if (!session_id_is_valid(session_id, len) || strlen(attempt_id) != ATTEMPT_ID_TEXT_BYTES)
        return fail(why, ERR_VALIDATION, "the request names no session or attempt");
    memcpy(seat->view.id, session_id, len);
    seat->view.id_len = len;
    memcpy(seat->attempt_id, attempt_id, sizeof seat->attempt_id);
    seat->member = member;
    return SIGNER_OK;
}

enum signer_error interactive_seat_take_package(struct interactive_seat *seat,
                                                const struct frost_signing_package *package,
                                                const uint8_t digest[HASH_BYTES], struct failure *why) {
    seat->package = package;
    memcpy(seat->package_digest, digest, HASH_BYTES);
    enum signer_error error = frost_signing_package_encode(&seat->encoded, package);
    return error == SIGNER_OK ? SIGNER_OK : fail_plain(why, error);
}

void interactive_seat_clear(struct interactive_seat *seat) {
    buffer_free(&seat->encoded);
    sodium_memzero(seat, sizeof *seat);
}

enum signer_error seat_find_session(struct call *call, struct interactive_seat *seat, struct failure *why) {
    view_find(call, &seat->view);
    seat->gates_passed = seat->package_passed = seat->participants_passed = false;
    seat->live = live_find(call->engine->live, seat->view.id, seat->view.id_len, seat->member);
    if (seat->live && strcmp(seat->live->attempt_id, seat->attempt_id) != 0) seat->live = NULL;
    const char *key_group = seat->live ? seat->live->key_group : NULL;
    view_find_wallet(call, &seat->view, key_group, key_group ? strlen(key_group) : 0);
    enum signer_error error = view_require_session(&seat->view, why);
    return error == SIGNER_OK ? require_clock(call, why) : error;
}

enum signer_error seat_refuse_consumed(struct call *call, struct interactive_seat *seat, struct failure *why) {
    (void)call;
    if (session_attempt_consumed(seat->view.session, seat->member, seat->attempt_id))
        return fail_consumed(why, seat->attempt_id, seat->view.id);
    return SIGNER_OK;
}

enum signer_error seat_gate_rekey(struct call *call, struct interactive_seat *seat, struct failure *why) {
    const char *key_group = seat->live ? seat->live->key_group : session_key_group(seat->view.session);
    return gate_emergency_rekey(call, seat->view.session, seat->view.wallet, key_group ? key_group : "",
                                key_group ? strlen(key_group) : 0, why);
}

enum signer_error seat_gate_own_quarantine(struct call *call, struct interactive_seat *seat, struct failure *why) {
    return gate_quarantine(call, seat->view.id, seat->view.id_len, &seat->member, 1, why);
}

enum signer_error seat_require_live(struct call *call, struct interactive_seat *seat, struct failure *why) {
    if (seat->live) return SIGNER_OK;
    const struct live_entry *other = live_find(call->engine->live, seat->view.id, seat->view.id_len, seat->member);
    if (other)
        return fail(why, ERR_VALIDATION, "attempt_id [%s] does not match the live attempt of member %u",
                    seat->attempt_id, seat->member);
    return fail(why, ERR_NO_LIVE_ATTEMPT, "member %u has no live attempt in session [%s]", seat->member, seat->view.id);
}

bool round1_answer_repeat(struct call *call, struct interactive_seat *seat) {
    if (!seat->live || !seat->live->nonces) return false;
    memcpy(seat->commitments, seat->live->commitments, sizeof seat->commitments);
    live_touch(call->engine->live, seat->live, call->now_monotonic_ms);
    return true;
}

enum signer_error copy_seat_key(struct call *call, const struct session *wallet, uint16_t member, vault_handle *out,
                                struct failure *why) {
    struct vault *vault = call->engine->vault;
    call_disown(call, *out);
    vault_wipe(vault, *out); /* of an earlier run of the stage */
    *out = 0;
    const struct seat_key *stored = wallet ? session_seat(wallet, member) : NULL;
    const void *from = stored ? vault_borrow(vault, stored->key_package, SECRET_KEY_PACKAGE, NULL) : NULL;
    if (!from) return fail(why, ERR_INTERNAL, "the key package of member %u is missing", member);
    void *copy = NULL;
    enum signer_error error = vault_new(vault, SECRET_KEY_PACKAGE, sizeof(struct frost_key_package), out, &copy);
    if (error != SIGNER_OK) return fail_plain(why, error);
    memcpy(copy, from, sizeof(struct frost_key_package));
    error = call_own(call, *out);
    return error == SIGNER_OK ? SIGNER_OK : fail_plain(why, error);
}

/* What the draw is bound to besides its randomness (D-041). */
static void hash_context(const struct interactive_seat *seat, uint8_t out[32]) {
    static const char domain[] = "tbtc-signer/interactive-nonces/v1";
    const struct live_entry *entry = seat->live;
    uint8_t numbers[8];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    crypto_generichash_update(&state, (const uint8_t *)domain, sizeof domain);
    store_be16(numbers, entry->member);
    crypto_generichash_update(&state, numbers, 2);
    crypto_generichash_update(&state, (const uint8_t *)entry->attempt_id, ATTEMPT_ID_TEXT_BYTES);
    store_be64(numbers, seat->view.id_len);
    crypto_generichash_update(&state, numbers, 8);
    crypto_generichash_update(&state, (const uint8_t *)seat->view.id, seat->view.id_len);
    store_be64(numbers, strlen(entry->key_group));
    crypto_generichash_update(&state, numbers, 8);
    crypto_generichash_update(&state, (const uint8_t *)entry->key_group, strlen(entry->key_group));
    store_be64(numbers, entry->message_len);
    crypto_generichash_update(&state, numbers, 8);
    crypto_generichash_update(&state, entry->message, entry->message_len);
    crypto_generichash_final(&state, out, 32);
}

enum signer_error round1_prepare(struct call *call, struct interactive_seat *seat, struct failure *why) {
    enum signer_error error = view_is_current(call, &seat->view) ? SIGNER_OK : seat_find_session(call, seat, why);
    if (error == SIGNER_OK) error = seat_require_live(call, seat, why);
    if (error != SIGNER_OK) return error;
    error = vault_check_lock(call->engine->vault);
    if (error != SIGNER_OK) return fail_plain(why, error);
    error = copy_seat_key(call, seat->view.wallet, seat->member, &seat->key_package, why);
    if (error != SIGNER_OK) return error;
    seat->serial = seat->live->serial;
    hash_context(seat, seat->context_hash);
    return SIGNER_OK;
}

enum signer_error round1_draw(struct call *call, struct interactive_seat *seat, struct failure *why) {
    struct engine *engine = call->engine;
    if (call->locked || !seat->key_package) return fail(why, ERR_INTERNAL, "nonces are drawn outside the lock");
    if (fault_hit(FAULT_BEFORE_DRAW) != FAULT_NONE) return fail(why, ERR_INTERNAL, "injected fault before the draw");
    uint8_t os[2][32], random[2][32];
    void *nonces = NULL;
    const struct frost_key_package *key = vault_borrow(engine->vault, seat->key_package, SECRET_KEY_PACKAGE, NULL);
    if (!key) return fail_plain(why, ERR_INTERNAL);
    call_disown(call, seat->nonces);
    vault_wipe(engine->vault, seat->nonces);
    seat->nonces = 0;
    enum signer_error error =
        vault_new(engine->vault, SECRET_NONCES, sizeof(struct frost_nonces), &seat->nonces, &nonces);
    if (error == SIGNER_OK) error = call_own(call, seat->nonces);
    if (error != SIGNER_OK) {
        seat->nonces = 0;
        return fail_plain(why, error);
    }
    platform_random(engine->platform, os, sizeof os);
    for (int i = 0; i < 2; i++)
        crypto_generichash(random[i], sizeof random[i], seat->context_hash, sizeof seat->context_hash, os[i],
                           sizeof os[i]);
    error = frost_nonces_from_random(nonces, key, random[0], random[1]);
    sodium_memzero(os, sizeof os);
    sodium_memzero(random, sizeof random);
    sodium_stackzero(4096); /* what the hash and the draw left below */
    if (error != SIGNER_OK) return fail(why, ERR_INTERNAL, "the nonce pair could not be drawn");
    memcpy(seat->commitments, ((const struct frost_nonces *)nonces)->commitments.encoded, sizeof seat->commitments);
    return SIGNER_OK;
}

enum signer_error round1_install(struct call *call, struct interactive_seat *seat, struct failure *why) {
    enum signer_error error = view_is_current(call, &seat->view) ? SIGNER_OK : seat_find_session(call, seat, why);
    if (error == SIGNER_OK) error = seat_refuse_consumed(call, seat, why);
    if (error == SIGNER_OK) error = seat_gate_rekey(call, seat, why);
    if (error == SIGNER_OK) error = seat_gate_own_quarantine(call, seat, why);
    if (error == SIGNER_OK) error = seat_require_live(call, seat, why);
    if (error != SIGNER_OK) return error;
    if (round1_answer_repeat(call, seat)) return SIGNER_OK; /* another call was faster; call_end wipes ours */
    if (seat->live->serial != seat->serial || !vault_holds(call->engine->vault, seat->nonces))
        return ERR_AGAIN; /* opened anew meanwhile */
    call_disown(call, seat->nonces);
    seat->live->nonces = seat->nonces;
    seat->nonces = 0;
    memcpy(seat->live->commitments, seat->commitments, sizeof seat->commitments);
    live_touch(call->engine->live, seat->live, call->now_monotonic_ms);
    seat->fresh = true;
    return SIGNER_OK;
}
