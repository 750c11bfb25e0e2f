/* Aggregation of an attempt (interactive-session 11): public material only. Phase A finds and copies,
 * phase B computes without the mutex, phase C checks again, records the completion and destroys what
 * the attempt left alive. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "curve/hash.h"
#include "frost/keys.h"
#include "session/interactive_view.h"
#include "session/kept_rounds.h"

static bool shares_are_unique(const struct frost_signature_share *shares, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            if (frost_identifier_compare(&shares[i].identifier, &shares[k].identifier) == 0) return false;
    return true;
}

enum signer_error interactive_aggregate_init(struct interactive_aggregate *aggregate, const char *session_id,
                                             size_t len, const char *attempt_id,
                                             const struct frost_signing_package *package,
                                             const struct frost_signature_share *shares, size_t share_count,
                                             const struct frost_root *root, struct failure *why) {
    memset(aggregate, 0, sizeof *aggregate);
    buffer_init(&aggregate->encoded);
    if (!session_id_is_valid(session_id, len) || strlen(attempt_id) != ATTEMPT_ID_TEXT_BYTES)
        return fail(why, ERR_VALIDATION, "the request names no session or attempt");
    if (share_count == 0 || share_count > PARTICIPANTS_MAX)
        return fail(why, ERR_VALIDATION, "signature_shares is empty or too long");
    if (!shares_are_unique(shares, share_count)) return fail_plain(why, ERR_FROST_DUPLICATED_IDENTIFIER);
    memcpy(aggregate->view.id, session_id, len);
    aggregate->view.id_len = len;
    memcpy(aggregate->attempt_id, attempt_id, sizeof aggregate->attempt_id);
    aggregate->package = package;
    aggregate->root = *root;
    aggregate->share_count = share_count;
    aggregate->shares = signer_malloc(share_count * sizeof *shares);
    enum signer_error error = aggregate->shares ? SIGNER_OK : ERR_OUT_OF_MEMORY;
    if (error == SIGNER_OK) error = frost_signing_package_encode(&aggregate->encoded, package);
    if (error != SIGNER_OK) {
        interactive_aggregate_clear(aggregate);
        return fail_plain(why, error);
    }
    memcpy(aggregate->shares, shares, share_count * sizeof *shares);
    const uint8_t *root_bytes = root->present ? root->bytes : NULL;
    sha256(aggregate->message_digest, package->message, package->message_len);
    marker_authorization(&aggregate->authorization, attempt_id, root_bytes, aggregate->encoded.data,
                         aggregate->encoded.len);
    marker_completion(&aggregate->completion, root_bytes, aggregate->encoded.data, aggregate->encoded.len);
    marker_aggregated(&aggregate->aggregated, AGGREGATED_WRITTEN, attempt_id, aggregate->message_digest, root_bytes);
    return SIGNER_OK;
}

void interactive_aggregate_clear(struct interactive_aggregate *aggregate) {
    buffer_free(&aggregate->encoded);
    free(aggregate->shares);
    if (aggregate->has_keys) frost_public_package_free(&aggregate->keys);
    memset(aggregate, 0, sizeof *aggregate);
}

enum signer_error aggregate_find_session(struct call *call, struct interactive_aggregate *aggregate,
                                         struct failure *why) {
    view_find(call, &aggregate->view);
    view_find_wallet(call, &aggregate->view, NULL, 0);
    enum signer_error error = view_require_session(&aggregate->view, why);
    return error == SIGNER_OK ? require_clock(call, why) : error;
}

enum signer_error aggregate_refuse_completed(struct call *call, struct interactive_aggregate *aggregate,
                                             struct failure *why) {
    (void)call;
    if (session_attempt_final(aggregate->view.session, aggregate->attempt_id, aggregate->message_digest,
                              &aggregate->root))
        return fail_final(why, aggregate->attempt_id, aggregate->view.id);
    return SIGNER_OK;
}

/* AGG-2 (ii) and (iii), the latter for any member that is absent from the package (D-065). */
static bool entry_authorizes(const struct live_entry *entry, const struct interactive_aggregate *aggregate) {
    if (!entry->nonces || strcmp(entry->attempt_id, aggregate->attempt_id) != 0 ||
        !frost_root_equal(&entry->root, &aggregate->root))
        return false;
    struct frost_identifier own;
    frost_identifier_from_member(&own, entry->member);
    if (frost_package_find(aggregate->package, &own))
        return check_package_for(entry, aggregate->package, NULL) == SIGNER_OK;
    return check_package_shape(entry, aggregate->package, NULL) == SIGNER_OK;
}

enum signer_error aggregate_require_authorized(struct call *call, struct interactive_aggregate *aggregate,
                                               struct failure *why) {
    const struct session_view *view = &aggregate->view;
    if (session_set_holds(view->session, SET_AUTHORIZED_MARKERS, aggregate->authorization.text,
                          aggregate->authorization.len))
        return SIGNER_OK;
    const struct live_session *live = live_session_find(call->engine->live, view->id, view->id_len);
    for (const struct live_entry *entry = live ? live->first : NULL; entry; entry = entry->session_next)
        if (entry_authorizes(entry, aggregate)) return SIGNER_OK;
    return fail(why, ERR_VALIDATION, "the signing package is not authorized for attempt [%s] in session [%s]",
                aggregate->attempt_id, view->id);
}

enum signer_error aggregate_refuse_repeated_package(struct call *call, struct interactive_aggregate *aggregate,
                                                    struct failure *why) {
    (void)call;
    if (!session_set_holds(aggregate->view.session, SET_AUTHORIZED_MARKERS, aggregate->completion.text,
                           aggregate->completion.len))
        return SIGNER_OK;
    return fail(why, ERR_VALIDATION, "the signing package was already aggregated in session [%s]", aggregate->view.id);
}

enum signer_error aggregate_copy_keys(struct call *call, struct interactive_aggregate *aggregate, struct failure *why) {
    const struct session *wallet = aggregate->view.wallet;
    if (!wallet) return fail_plain(why, ERR_DKG_NOT_READY);
    if (!session_has(wallet, FIELD_PUBLIC_PACKAGE))
        return fail(why, ERR_INTERNAL, "the wallet's public key package is missing");
    if (aggregate->has_keys) frost_public_package_free(&aggregate->keys);
    aggregate->computed = false;
    enum signer_error error = frost_public_package_copy(&aggregate->keys, &wallet->public_package);
    aggregate->has_keys = error == SIGNER_OK;
    if (error != SIGNER_OK) return fail_plain(why, error);
    aggregate->threshold = wallet->dkg.threshold;
    call_pin(call, aggregate->view.session);
    return SIGNER_OK;
}

static void keep_culprits(struct interactive_aggregate *aggregate, const struct frost_identifier *culprits,
                          size_t count) {
    aggregate->failed_count = count;
    aggregate->culprit_count = 0;
    for (size_t i = 0; i < count && aggregate->culprit_count < PARTICIPANTS_MAX; i++) {
        uint16_t member = 0;
        if (frost_identifier_to_member(&member, &culprits[i])) aggregate->culprits[aggregate->culprit_count++] = member;
    }
}

/* With the round that an earlier share of this session left, or one that is left for the next. */
static enum signer_error compute(struct call *call, struct interactive_aggregate *aggregate,
                                 struct frost_identifier *culprits, size_t *count) {
    struct round_use use;
    uint8_t digest[HASH_BYTES];
    sha256(digest, aggregate->encoded.data, aggregate->encoded.len);
    const struct kept_key key = {aggregate->view.id, aggregate->view.id_len, digest, &aggregate->root,
                                 &aggregate->keys.verifying_key};
    round_use_begin(&use, call->engine->kept_rounds, &key);
    enum signer_error error =
        frost_aggregate_with(aggregate->signature, aggregate->package, aggregate->shares, aggregate->share_count,
                             &aggregate->keys, aggregate->threshold, &aggregate->root, &use.round, culprits, count);
    round_use_end(&use, aggregate->package);
    return error;
}

enum signer_error aggregate_compute(struct call *call, struct interactive_aggregate *aggregate, struct failure *why) {
    if (call->locked || !aggregate->has_keys) return fail(why, ERR_INTERNAL, "shares are aggregated outside the lock");
    size_t count = 0;
    struct frost_identifier *culprits = signer_calloc(aggregate->package->count + 1, sizeof *culprits);
    if (!culprits) return fail_plain(why, ERR_OUT_OF_MEMORY);
    enum signer_error error = compute(call, aggregate, culprits, &count);
    if (error == ERR_FROST_INVALID_SHARE) keep_culprits(aggregate, culprits, count);
    free(culprits);
    aggregate->computed = error == SIGNER_OK;
    if (error == SIGNER_OK) return SIGNER_OK;
    if (error == ERR_OUT_OF_MEMORY) return fail_plain(why, error);
    if (error == ERR_FROST_INVALID_SHARE && aggregate->failed_count > 0)
        return fail(why, ERR_SHARE_VERIFICATION,
                    "InteractiveAggregate: %zu signature share(s) failed verification for attempt [%s] in session [%s]",
                    aggregate->failed_count, aggregate->attempt_id, aggregate->view.id);
    return fail(why, ERR_VALIDATION, "the signature shares do not aggregate: %s", error_info(error)->text);
}

static bool entry_completes(const struct live_entry *entry, const struct interactive_aggregate *aggregate) {
    return strcmp(entry->attempt_id, aggregate->attempt_id) == 0 &&
           memcmp(entry->message_digest, aggregate->message_digest, sizeof entry->message_digest) == 0 &&
           frost_root_equal(&entry->root, &aggregate->root);
}

/* Entries that the completion destroys (AGG-12); their number, and the attempt's number if one knows it. */
static size_t completed_entries(struct call *call, const struct interactive_aggregate *aggregate, uint32_t *number) {
    const struct live_session *live = live_session_find(call->engine->live, aggregate->view.id, aggregate->view.id_len);
    size_t count = 0;
    for (const struct live_entry *entry = live ? live->first : NULL; entry; entry = entry->session_next) {
        if (strcmp(entry->attempt_id, aggregate->attempt_id) == 0) *number = entry->attempt_number;
        if (entry_completes(entry, aggregate)) count++;
    }
    return count;
}

static void destroy_completed(struct call *call, const struct interactive_aggregate *aggregate) {
    const struct live_session *live = live_session_find(call->engine->live, aggregate->view.id, aggregate->view.id_len);
    for (struct live_entry *entry = live ? live->first : NULL, *next; entry; entry = next) {
        next = entry->session_next;
        if (entry_completes(entry, aggregate)) live_remove(call->engine->live, entry);
    }
}

static enum signer_error check_again(struct call *call, struct interactive_aggregate *aggregate, struct failure *why) {
    if (!call->locked || !aggregate->computed) return fail(why, ERR_INTERNAL, "nothing was aggregated");
    enum signer_error error = aggregate_find_session(call, aggregate, why);
    if (error == SIGNER_OK) error = aggregate_refuse_completed(call, aggregate, why);
    if (error == SIGNER_OK) error = aggregate_require_authorized(call, aggregate, why);
    if (error == SIGNER_OK) error = aggregate_refuse_repeated_package(call, aggregate, why);
    return error;
}

/* Set 6 gains one; set 7 exchanges the authorization for the completion (AGG-10). */
static enum signer_error list_changes(struct call *call, const struct interactive_aggregate *aggregate,
                                      struct changes *changes, struct failure *why) {
    const struct session *session = aggregate->view.session;
    const char *id = aggregate->view.id;
    size_t len = aggregate->view.id_len;
    const struct marker *authorization = &aggregate->authorization;
    bool exact = session_set_holds(session, SET_AUTHORIZED_MARKERS, authorization->text, authorization->len);
    if (session->sets[SET_AGGREGATED_MARKERS].count >= REGISTRY_ENTRIES_MAX)
        return fail_full_registry(why, "aggregated");
    if (!exact && session->sets[SET_AUTHORIZED_MARKERS].count >= REGISTRY_ENTRIES_MAX)
        return fail_full_registry(why, "aggregate authorization");
    uint32_t number = 0;
    size_t leaving = completed_entries(call, aggregate, &number);
    change_set_add(changes, id, len, SET_AGGREGATED_MARKERS, aggregate->aggregated.text, aggregate->aggregated.len);
    if (exact) change_set_remove(changes, id, len, SET_AUTHORIZED_MARKERS, authorization->text, authorization->len);
    change_set_add(changes, id, len, SET_AUTHORIZED_MARKERS, aggregate->completion.text, aggregate->completion.len);
    if (number > 0) number = raised_attempt_number(session, number);
    if (number > 0) change_field_u32(changes, id, len, FIELD_HIGHEST_ATTEMPT, number);
    if (leaving > 0) add_retirement(call, changes, session, leaving);
    return SIGNER_OK;
}

enum signer_error aggregate_commit(struct call *call, struct interactive_aggregate *aggregate, struct failure *why) {
    struct changes changes;
    enum signer_error error = check_again(call, aggregate, why);
    if (error != SIGNER_OK) return error;
    changes_init(&changes);
    error = list_changes(call, aggregate, &changes, why);
    if (error == SIGNER_OK) error = call_commit(call, &changes, RECORD_RESERVED, why);
    changes_free(&changes);
    if (error != SIGNER_OK) return error;
    aggregate->recorded = call->section;
    destroy_completed(call, aggregate);
    call_unpin(call);
    return SIGNER_OK;
}

bool aggregate_may_leave(const struct call *call, const struct interactive_aggregate *aggregate) {
    return !call->locked && call->committed && call->durable && aggregate->computed && aggregate->recorded != 0 &&
           aggregate->recorded == call->section;
}
