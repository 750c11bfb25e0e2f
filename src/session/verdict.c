/* The one place where an operator's verdict takes effect (policy-and-lifecycle 14.4; D-128, D-135,
 * D-155): it can only refuse, and without a verdict on the state as it is now there is no permission. */
#include "session/verdict.h"

#include <string.h>

#include "curve/hash.h"
#include "session/call.h"
#include "session/policy_input.h"

const char *policy_hook_name(enum policy_hook hook) {
    static const char *const names[] = {"firewall", "dkg_admission", "quarantine"};
    return hook < POLICY_HOOK_COUNT ? names[hook] : "unknown";
}

static void record(struct changes *changes, struct call *call, enum policy_hook hook,
                   const struct policy_answer *answer, const char *session_id, size_t len, const uint8_t digest[32],
                   const uint8_t *input, size_t input_len) {
    struct verdict_record verdict = {
        .allow = answer->allowed,
        .policy = policy_hook_name(hook),
        .version = answer->version,
        .rule = answer->failed ? "operator_policy_failed" : answer->code,
        .reason = answer->detail,
        .session_id = session_id,
        .session_id_len = len,
        .unix_ms = call->now_wall_ms,
    };
    memcpy(verdict.source_sha256, answer->policy_sha256, 32);
    memcpy(verdict.input_digest, digest, 32);
    if (input_len <= VERDICT_INPUT_BYTES_MAX) verdict.input_json = (struct bytes){input, input_len};
    change_verdict(changes, &verdict);
}

/* A verdict that holds a call back is durable before the answer leaves, as a NOTE of its own. */
static enum signer_error refuse(struct call *call, enum policy_hook hook, const struct policy_answer *answer,
                                const char *session_id, size_t len, const uint8_t digest[32], const uint8_t *input,
                                size_t input_len, enum signer_error error, struct failure *why) {
    if (!answer->embedded) {
        struct changes note;
        changes_init(&note);
        record(&note, call, hook, answer, session_id, len, digest, input, input_len);
        enum signer_error unwritten = call_note(call, &note, why);
        changes_free(&note);
        if (unwritten) return unwritten;
    }
    if (answer->failed)
        return fail(why, error, "%s", answer->detail[0] ? answer->detail : "the policy gave no verdict");
    return fail(why, error, "%s%s%s", answer->code, answer->detail[0] ? ": " : "", answer->detail);
}

enum signer_error verdict_require(struct call *call, enum policy_hook hook, const char *session_id, size_t len,
                                  const uint8_t *input_json, size_t input_len, enum signer_error refused,
                                  enum signer_error failed, struct failure *why) {
    struct policy_verdict *verdict = &call->verdict;
    const struct policy_answer *answer = &verdict->answer;
    uint8_t digest[32], current[32];
    sha256(digest, input_json, input_len);
    settings_policy(&call->engine->settings, hook, current);
    if (!verdict->asked || verdict->hook != hook || memcmp(verdict->input_digest, digest, 32) != 0 ||
        memcmp(answer->policy_sha256, current, 32) != 0)
        return fail_plain(why, ERR_ASK_POLICY);
    if (!answer->allowed || answer->failed)
        return refuse(call, hook, answer, session_id, len, digest, input_json, input_len,
                      answer->failed ? failed : refused, why);
    if (!answer->embedded && !verdict->recorded) {
        record(&call->verdict_record, call, hook, answer, session_id, len, digest, input_json, input_len);
        verdict->recorded = true;
    }
    return SIGNER_OK;
}

/* Where `answer` refuses, the refusal; where a record of the permission is due, it is listed. */
static enum signer_error take_member_answer(struct call *call, const char *session_id, size_t len, uint16_t member,
                                            const struct policy_answer *answer, struct failure *why) {
    struct buffer input;
    uint8_t digest[32];
    enum signer_error error = SIGNER_OK;
    buffer_init(&input);
    policy_input_quarantine(&input, member);
    if (buffer_status(&input)) {
        error = fail_plain(why, ERR_OUT_OF_MEMORY);
        goto cleanup;
    }
    sha256(digest, input.data, input.len);
    if (answer->allowed && !answer->failed)
        record(&call->verdict_record, call, POLICY_HOOK_QUARANTINE, answer, session_id, len, digest, input.data,
               input.len);
    else
        error = refuse(call, POLICY_HOOK_QUARANTINE, answer, session_id, len, digest, input.data, input.len,
                       answer->failed ? ERR_QUARANTINE_OPERATOR_FAILED : ERR_QUARANTINE_OPERATOR_REFUSED, why);
cleanup:
    buffer_free(&input);
    return error;
}

/* Place of a member among the first `count` that were let through; `count` when it is not there. */
static size_t find_allowed(struct quarantine_verdict *verdict, uint16_t member, size_t count) {
    size_t at = verdict->next < count ? verdict->next : 0;
    for (size_t left = count; left > 0; left--, at = at + 1 < count ? at + 1 : 0) {
        if (verdict->allowed[at] != member) continue;
        verdict->next = at + 1;
        return at;
    }
    return count;
}

/* SIGNER_OK allowed, ERR_ASK_POLICY not asked. */
static enum signer_error require_member(struct call *call, const char *session_id, size_t len, uint16_t member,
                                        const uint8_t current[32], struct failure *why) {
    struct quarantine_verdict *verdict = &call->quarantine;
    if (verdict->objected && verdict->offender == member && memcmp(verdict->objection.policy_sha256, current, 32) == 0)
        return take_member_answer(call, session_id, len, member, &verdict->objection, why);
    const size_t at = find_allowed(verdict, member, verdict->allowed_count);
    if (at == verdict->allowed_count || memcmp(verdict->allowing.policy_sha256, current, 32) != 0)
        return fail_plain(why, ERR_ASK_POLICY);
    enum signer_error error = SIGNER_OK;
    if (!verdict->allowing.embedded && !verdict->recorded[at])
        error = take_member_answer(call, session_id, len, member, &verdict->allowing, why);
    verdict->recorded[at] = error == SIGNER_OK;
    return error;
}

enum signer_error verdict_require_members(struct call *call, const char *session_id, size_t len,
                                          const uint16_t *members, size_t count, struct failure *why) {
    uint8_t current[32];
    settings_policy(&call->engine->settings, POLICY_HOOK_QUARANTINE, current);
    for (size_t i = 0; i < count; i++) {
        enum signer_error error = require_member(call, session_id, len, members[i], current, why);
        if (error) return error;
    }
    return SIGNER_OK;
}

static void forget_records(struct call *call) {
    changes_free(&call->verdict_record);
    call->verdict.recorded = false;
    memset(call->quarantine.recorded, 0, sizeof call->quarantine.recorded);
}

void verdict_store(struct call *call, enum policy_hook hook, const uint8_t input_digest[32],
                   const struct policy_answer *answer) {
    forget_records(call);
    call->verdict = (struct policy_verdict){.asked = true, .hook = hook, .answer = *answer};
    memcpy(call->verdict.input_digest, input_digest, 32);
}

void verdict_store_allowed(struct call *call, const uint16_t *members, size_t count,
                           const struct policy_answer *answer) {
    struct quarantine_verdict *verdict = &call->quarantine;
    if (verdict->allowed_count && memcmp(verdict->allowing.policy_sha256, answer->policy_sha256, 32) != 0) {
        forget_records(call);
        verdict->allowed_count = 0;
    }
    verdict->allowing = *answer;
    const size_t known = verdict->allowed_count;
    for (size_t i = 0; i < count; i++) {
        if (verdict->objected && verdict->offender == members[i]) verdict->objected = false;
        if (find_allowed(verdict, members[i], known) < known) continue;
        if (verdict->allowed_count == PARTICIPANTS_MAX) return; /* asked for again, and refused in the end */
        verdict->recorded[verdict->allowed_count] = false;
        verdict->allowed[verdict->allowed_count++] = members[i];
    }
    verdict->next = 0;
}

void verdict_store_member(struct call *call, uint16_t member, const struct policy_answer *answer) {
    struct quarantine_verdict *verdict = &call->quarantine;
    if (answer->allowed && !answer->failed) {
        verdict_store_allowed(call, &member, 1, answer);
        return;
    }
    verdict->objected = true;
    verdict->offender = member;
    verdict->objection = *answer;
}
