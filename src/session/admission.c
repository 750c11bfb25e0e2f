/* Rules of DKG admission, in order (policy-and-lifecycle 4). */
#include "session/admission.h"
#include "session/policy_notice.h"

#include <stdlib.h>

static bool holds(const uint16_t *list, size_t count, uint16_t value) {
    for (size_t i = 0; i < count; i++)
        if (list[i] == value) return true;
    return false;
}

struct admission {
    uint64_t min_participants, min_threshold;
    uint16_t *required, *allowed;
    size_t required_count, allowed_count;
    bool has_required, has_allowed;
};

static enum signer_error load(struct settings *settings, struct admission *out, struct failure *why) {
    enum signer_error error = settings_u64(settings, SETTING_ADMISSION_MIN_PARTICIPANTS, &out->min_participants, why);
    if (!error) error = settings_u64(settings, SETTING_ADMISSION_MIN_THRESHOLD, &out->min_threshold, why);
    if (!error)
        error = settings_identifiers(settings, SETTING_ADMISSION_REQUIRED_IDENTIFIERS, &out->required,
                                     &out->required_count, &out->has_required, why);
    if (!error)
        error = settings_identifiers(settings, SETTING_ADMISSION_ALLOWLIST_IDENTIFIERS, &out->allowed,
                                     &out->allowed_count, &out->has_allowed, why);
    return error;
}

static enum signer_error check(const struct admission *policy, const struct admission_facts *facts,
                               struct failure *why) {
    if (facts->member_count < policy->min_participants)
        return fail(why, ERR_PARTICIPANT_COUNT_BELOW_MINIMUM, "%zu participants, at least %llu", facts->member_count,
                    (unsigned long long)policy->min_participants);
    if (facts->threshold < policy->min_threshold)
        return fail(why, ERR_THRESHOLD_BELOW_MINIMUM, "threshold %u, at least %llu", (unsigned)facts->threshold,
                    (unsigned long long)policy->min_threshold);
    for (size_t i = 0; i < policy->required_count; i++)
        if (!holds(facts->members, facts->member_count, policy->required[i]))
            return fail(why, ERR_REQUIRED_IDENTIFIER_MISSING, "participant %u is required",
                        (unsigned)policy->required[i]);
    for (size_t i = 0; policy->has_allowed && i < facts->member_count; i++)
        if (!holds(policy->allowed, policy->allowed_count, facts->members[i]))
            return fail(why, ERR_IDENTIFIER_NOT_ALLOWLISTED, "participant %u is not on the allowlist",
                        (unsigned)facts->members[i]);
    return SIGNER_OK;
}

static enum signer_error built_in(struct call *call, const struct admission_facts *facts, struct failure *why) {
    struct admission policy = {0};
    bool on;
    enum signer_error error = settings_flag(&call->engine->settings, SETTING_ENFORCE_ADMISSION_POLICY, &on, why);
    if (error || !on) return error;
    error = load(&call->engine->settings, &policy, why);
    if (!error) error = check(&policy, facts, why);
    free(policy.required);
    free(policy.allowed);
    return error;
}

enum signer_error gate_admission(struct call *call, const struct admission_facts *facts, struct failure *why) {
    struct buffer input;
    enum signer_error error = built_in(call, facts, why);
    buffer_init(&input);
    if (!error) {
        policy_input_admission(&input, facts);
        error = buffer_status(&input);
    }
    if (!error)
        error = verdict_require(call, POLICY_HOOK_DKG_ADMISSION, facts->session_id, facts->session_id_len, input.data,
                                input.len, ERR_ADMISSION_OPERATOR_REFUSED, ERR_ADMISSION_OPERATOR_FAILED, why);
    buffer_free(&input);
    if (error && error_info(error)->code == CODE_ADMISSION) {
        engine_count(call->engine, COUNTER_RUN_DKG_ADMISSION_REJECT);
        notice_policy("admission_policy", facts->session_id, facts->session_id_len, "reject",
                      error_info(error)->reason_code);
    } else if (!error) {
        notice_policy("admission_policy", facts->session_id, facts->session_id_len, "allow", "ok");
    }
    return error;
}
