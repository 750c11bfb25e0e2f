/* Rules of the signing-policy firewall, in order (policy-and-lifecycle 5.3; D-022, D-028, D-144). */
#include "session/firewall.h"

#include <string.h>

#include "bitcoin/fee.h"
#include "bitcoin/script.h"
#include "session/policy_notice.h"

#define STAGE "signing_policy_firewall"

typedef unsigned __int128 wide;

static uint64_t saturate(wide value) {
    return value > UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

static enum signer_error load_window(struct settings *settings, struct firewall *out, struct failure *why) {
    uint64_t start = 0, end = 0;
    bool has_start, has_end;
    enum signer_error error =
        settings_optional_u64(settings, SETTING_POLICY_ALLOWED_UTC_START_HOUR, &start, &has_start, why);
    if (!error) error = settings_optional_u64(settings, SETTING_POLICY_ALLOWED_UTC_END_HOUR, &end, &has_end, why);
    if (error) return error;
    if (has_start != has_end)
        return fail(why, ERR_SIGNING_CONFIGURATION, "both policy_allowed_utc hours must be set, or none");
    if (has_start && start == end)
        return fail(why, ERR_SIGNING_CONFIGURATION, "the two policy_allowed_utc hours must differ");
    out->has_window = has_start;
    out->start_hour = (uint8_t)start;
    out->end_hour = (uint8_t)end;
    return SIGNER_OK;
}

enum signer_error firewall_load(struct settings *settings, struct firewall *out, struct failure *why) {
    memset(out, 0, sizeof *out);
    enum signer_error error = settings_firewall_enforced(settings, &out->enforced, why);
    if (error || !out->enforced) return error;
    error = settings_classes(settings, SETTING_POLICY_ALLOWED_SCRIPT_CLASSES, &out->classes, why);
    if (!error) error = settings_u64(settings, SETTING_POLICY_MAX_OUTPUT_COUNT, &out->max_output_count, why);
    if (!error) error = settings_u64(settings, SETTING_POLICY_MAX_INPUT_COUNT, &out->max_input_count, why);
    if (!error) error = settings_u64(settings, SETTING_POLICY_MAX_OUTPUT_VALUE_SATS, &out->max_output_value, why);
    if (!error) error = settings_u64(settings, SETTING_POLICY_MAX_TOTAL_OUTPUT_VALUE_SATS, &out->max_total_value, why);
    if (!error) error = load_window(settings, out, why);
    if (!error) error = settings_u64(settings, SETTING_POLICY_RATE_LIMIT_PER_MINUTE, &out->rate_limit, why);
    if (!error)
        error = settings_optional_u64(settings, SETTING_POLICY_MAX_FEE_SATS, &out->max_fee, &out->has_max_fee, why);
    if (!error)
        error = settings_optional_u64(settings, SETTING_POLICY_MAX_FEE_RATE_SAT_PER_KVB, &out->max_fee_rate,
                                      &out->has_max_fee_rate, why);
    if (!error) error = settings_flag(settings, SETTING_POLICY_REQUIRE_WALLET_PREVOUTS, &out->wallet_prevouts, why);
    return error;
}

static bool firewall_hour_allowed(uint8_t start, uint8_t end, uint8_t hour) {
    if (start < end) return hour >= start && hour < end;
    return hour >= start || hour < end;
}

static enum signer_error check_outputs(const struct firewall *firewall, const struct transaction *tx, wide *total,
                                       struct failure *why) {
    *total = 0;
    if (tx->output_count > firewall->max_output_count)
        return fail(why, ERR_OUTPUT_COUNT, "%zu outputs, at most %llu", tx->output_count,
                    (unsigned long long)firewall->max_output_count);
    for (size_t i = 0; i < tx->output_count; i++)
        *total += tx->outputs[i].value_sats;
    if (*total > firewall->max_total_value)
        return fail(why, ERR_TOTAL_OUTPUT_VALUE, "the outputs hold more than %llu sat",
                    (unsigned long long)firewall->max_total_value);
    for (size_t i = 0; i < tx->output_count; i++) {
        const struct tx_output *output = &tx->outputs[i];
        if (output->value_sats > firewall->max_output_value)
            return fail(why, ERR_SINGLE_OUTPUT_VALUE, "output %zu holds %llu sat, at most %llu", i,
                        (unsigned long long)output->value_sats, (unsigned long long)firewall->max_output_value);
        enum script_class class = script_classify(output->script.data, output->script.len);
        if (!(firewall->classes & (1u << class)))
            return fail(why, ERR_SCRIPT_CLASS, "output %zu is of class %s", i, script_class_text(class));
    }
    return SIGNER_OK;
}

static enum signer_error check_fee(const struct firewall *firewall, const struct transaction *tx, size_t serialized_len,
                                   wide output_total, struct failure *why) {
    wide input_total = 0;
    for (size_t i = 0; i < tx->input_count; i++)
        input_total += tx->inputs[i].value_sats;
    wide fee = input_total > output_total ? input_total - output_total : 0;
    if (firewall->has_max_fee && fee > firewall->max_fee)
        return fail(why, ERR_FEE, "the fee is %llu sat, at most %llu", (unsigned long long)fee,
                    (unsigned long long)firewall->max_fee);
    uint64_t weight = fee_signed_weight(serialized_len, tx->input_count);
    if (firewall->has_max_fee_rate && fee_rate_exceeds(saturate(fee), firewall->max_fee_rate, weight))
        return fail(why, ERR_FEE_RATE, "the fee rate is above %llu sat per kvB",
                    (unsigned long long)firewall->max_fee_rate);
    return SIGNER_OK;
}

static enum signer_error check_window(const struct firewall *firewall, const struct call *call, struct failure *why) {
    if (!firewall->has_window) return SIGNER_OK;
    if (call->clock_error) return fail(why, ERR_SIGNING_CLOCK, "the UTC window needs a clock");
    uint8_t hour = (uint8_t)(call->now_wall_ms / 3600000u % 24u);
    if (firewall_hour_allowed(firewall->start_hour, firewall->end_hour, hour)) return SIGNER_OK;
    return fail(why, ERR_UTC_WINDOW, "hour %u UTC is outside %u..%u", (unsigned)hour, (unsigned)firewall->start_hour,
                (unsigned)firewall->end_hour);
}

enum signer_error firewall_check(const struct firewall *firewall, const struct transaction *tx, size_t serialized_len,
                                 const struct call *call, struct failure *why) {
    wide total;
    enum signer_error error = check_outputs(firewall, tx, &total, why);
    if (!error) error = check_fee(firewall, tx, serialized_len, total, why);
    if (!error) error = check_window(firewall, call, why);
    return error;
}

enum signer_error firewall_rejected(struct call *call, const char *session_id, size_t len, enum signer_error error) {
    const struct error_info *info = error_info(error);
    if (error == SIGNER_OK || info->code != CODE_SIGNING_POLICY) return error;
    engine_count(call->engine, COUNTER_BUILD_TAPROOT_TX_POLICY_REJECT);
    notice_policy(STAGE, session_id, len, "reject", info->reason_code);
    return error;
}

void firewall_allowed(const char *session_id, size_t len) {
    notice_policy(STAGE, session_id, len, "allow", "ok");
}
