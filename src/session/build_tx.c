/* Assembly and storage of a policy-checked transaction (policy-and-lifecycle 6.3 to 6.5). */
#include "session/build_tx.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "bitcoin/script.h"
#include "session/budget.h"
#include "session/firewall.h"
#include "session/gates.h"
#include "session/policy_input.h"
#include "session/policy_notice.h"

#define INPUT_CAP_WITHOUT_FIREWALL 10000u
#define SEQUENCE_FINAL 0xffffffffu

/* -- the plan ----------------------------------------------------------------------------------------- */

struct outpoint {
    uint8_t bytes[TXID_BYTES + 4];
    size_t index;
};

static int compare_outpoints(const void *a, const void *b) {
    const struct outpoint *left = a, *right = b;
    int order = memcmp(left->bytes, right->bytes, sizeof left->bytes);
    if (order) return order;
    return left->index < right->index ? -1 : left->index > right->index;
}

/* Marks each input whose outpoint an earlier input has. */
static enum signer_error find_duplicates(bool *duplicate, const struct build_input *inputs, size_t count) {
    struct outpoint *sorted = signer_calloc(count ? count : 1, sizeof *sorted);
    size_t used = 0;
    if (!sorted) return ERR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (!inputs[i].txid_decoded) continue;
        memcpy(sorted[used].bytes, inputs[i].txid, TXID_BYTES);
        store_be32(sorted[used].bytes + TXID_BYTES, inputs[i].vout);
        sorted[used++].index = i;
    }
    qsort(sorted, used, sizeof *sorted, compare_outpoints);
    for (size_t i = 1; i < used; i++)
        if (memcmp(sorted[i].bytes, sorted[i - 1].bytes, sizeof sorted[i].bytes) == 0)
            duplicate[sorted[i].index] = true;
    free(sorted);
    return SIGNER_OK;
}

static const char *add_value(uint64_t *total, uint64_t value) {
    if (value > MAX_MONEY_SATS) return "holds more than all money";
    *total += value; /* both at most 2.1e15: no overflow */
    return *total > MAX_MONEY_SATS ? "brings the sum above all money" : NULL;
}

/* Step 8, for one input. */
static const char *input_fault(const struct build_input *input, uint64_t *total, bool duplicate) {
    const char *fault = add_value(total, input->value_sats);
    if (fault) return fault;
    if (!input->txid_decoded) return "has a txid_hex that is not 32 bytes of hex";
    if (duplicate) return "spends an outpoint that an earlier one spends";
    if (!input->script_decoded) return "has a script_pubkey_hex that is no hex";
    if (!script_parses(input->script.data, input->script.len)) return "has a script_pubkey_hex that does not parse";
    if (script_classify(input->script.data, input->script.len) != SCRIPT_P2TR) return "does not spend a p2tr output";
    return NULL;
}

/* Step 9, for one output. */
static const char *output_fault(const struct build_output *output, uint64_t *total) {
    const char *fault = add_value(total, output->value_sats);
    if (fault) return fault;
    if (!output->script_decoded) return "has a script_pubkey_hex that is no hex";
    return script_parses(output->script.data, output->script.len) ? NULL
                                                                  : "has a script_pubkey_hex that does not parse";
}

/* Steps 8 to 10; sets the refusal. */
static void check_claims(struct build_plan *plan, const struct build_input *inputs, size_t input_count,
                         const struct build_output *outputs, size_t output_count, const bool *duplicate) {
    uint64_t input_total = 0, output_total = 0;
    for (size_t i = 0; i < input_count; i++) {
        const char *fault = input_fault(&inputs[i], &input_total, duplicate[i]);
        if (fault) {
            fail(&plan->refusal, ERR_VALIDATION, "inputs[%zu] %s", i, fault);
            return;
        }
    }
    for (size_t i = 0; i < output_count; i++) {
        const char *fault = output_fault(&outputs[i], &output_total);
        if (fault) {
            fail(&plan->refusal, ERR_VALIDATION, "outputs[%zu] %s", i, fault);
            return;
        }
    }
    if (output_total > input_total) fail(&plan->refusal, ERR_VALIDATION, "the outputs hold more than the inputs");
}

static enum signer_error assemble(struct build_plan *plan, const struct build_input *inputs, size_t input_count,
                                  const struct build_output *outputs, size_t output_count) {
    struct transaction *tx = &plan->tx;
    tx->version = 1;
    tx->inputs = signer_calloc(input_count, sizeof *tx->inputs);
    tx->outputs = signer_calloc(output_count, sizeof *tx->outputs);
    plan->sighashes = signer_calloc(input_count, sizeof *plan->sighashes);
    if (!tx->inputs || !tx->outputs || !plan->sighashes) return ERR_OUT_OF_MEMORY;
    tx->input_count = input_count;
    tx->output_count = output_count;
    for (size_t i = 0; i < input_count; i++) {
        struct tx_input *input = &tx->inputs[i];
        txid_reverse(input->txid, inputs[i].txid);
        input->vout = inputs[i].vout;
        input->sequence = SEQUENCE_FINAL;
        input->value_sats = inputs[i].value_sats;
        input->prevout_script = inputs[i].script;
    }
    for (size_t i = 0; i < output_count; i++)
        tx->outputs[i] = (struct tx_output){.value_sats = outputs[i].value_sats, .script = outputs[i].script};
    enum signer_error error = tx_serialize(&plan->serialized, tx);
    return error ? error : tx_key_path_sighashes(plan->sighashes, tx);
}

enum signer_error build_plan_make(struct build_plan *out, const struct build_input *inputs, size_t input_count,
                                  const struct build_output *outputs, size_t output_count, struct failure *why) {
    memset(out, 0, sizeof *out);
    buffer_init(&out->serialized);
    bool *duplicate = signer_calloc(input_count ? input_count : 1, sizeof *duplicate);
    enum signer_error error = duplicate ? find_duplicates(duplicate, inputs, input_count) : ERR_OUT_OF_MEMORY;
    if (!error) check_claims(out, inputs, input_count, outputs, output_count, duplicate);
    if (!error && !out->refusal.error) error = assemble(out, inputs, input_count, outputs, output_count);
    free(duplicate);
    return error ? fail_plain(why, error) : SIGNER_OK;
}

void build_plan_free(struct build_plan *plan) {
    tx_free(&plan->tx);
    buffer_free(&plan->serialized);
    free(plan->sighashes);
    plan->sighashes = NULL;
}

enum signer_error build_input_cap(struct call *call, const char *session_id, size_t len, uint64_t *out,
                                  struct failure *why) {
    bool enforced = false;
    *out = INPUT_CAP_WITHOUT_FIREWALL;
    enum signer_error error = settings_firewall_enforced(&call->engine->settings, &enforced, why);
    if (!error && enforced) error = settings_u64(&call->engine->settings, SETTING_POLICY_MAX_INPUT_COUNT, out, why);
    return firewall_rejected(call, session_id, len, error);
}

void build_policy_input(struct buffer *out, const char *session_id, size_t len, const struct build_plan *plan) {
    policy_input_firewall(out, "build", session_id, len, &plan->tx);
}

void build_result_free(struct build_result *result) {
    buffer_free(&result->tx);
    free(result->sighashes);
    result->sighashes = NULL;
}

/* -- state ----------------------------------------------------------------------------------------------- */

static enum signer_error copy_result(struct build_result *out, const void *tx, size_t tx_len,
                                     const uint8_t (*sighashes)[SIGHASH_BYTES], size_t count) {
    buffer_append(&out->tx, tx, tx_len);
    out->sighashes = signer_calloc(count ? count : 1, sizeof *out->sighashes);
    if (!out->sighashes) return ERR_OUT_OF_MEMORY;
    memcpy(out->sighashes, sighashes, count * sizeof *sighashes);
    out->sighash_count = count;
    return buffer_status(&out->tx);
}

/* Rules 1 to 6a on a transaction (5.3). `rate` gets the limit where the firewall is on, else 0. */
static enum signer_error pass_firewall(struct call *call, const char *session_id, size_t len,
                                       const struct transaction *tx, size_t serialized_len, uint64_t *rate,
                                       struct failure *why) {
    struct firewall firewall;
    struct buffer input;
    *rate = 0;
    enum signer_error error = firewall_load(&call->engine->settings, &firewall, why);
    if (error || !firewall.enforced) return error;
    *rate = firewall.rate_limit;
    error = firewall_check(&firewall, tx, serialized_len, call, why);
    if (error) return error;
    buffer_init(&input);
    policy_input_firewall(&input, "build", session_id, len, tx);
    error = buffer_status(&input);
    if (!error)
        error = verdict_require(call, POLICY_HOOK_FIREWALL, session_id, len, input.data, input.len,
                                ERR_OPERATOR_REFUSED, ERR_OPERATOR_FAILED, why);
    buffer_free(&input);
    return error;
}

static enum signer_error refuse_rekeyed(struct call *call, const struct session *session, struct failure *why) {
    const char *key_group = session_has(session, FIELD_DKG_RESULT)        ? session->dkg.key_group
                            : session_has(session, FIELD_BOUND_KEY_GROUP) ? session->bound_key_group
                                                                          : "";
    size_t len = strlen(key_group);
    struct session *wallet = len ? state_wallet(call->engine->state, key_group, len, session) : NULL;
    enum signer_error error = gate_emergency_rekey(call, session, wallet, key_group, len, why);
    if (error)
        notice_policy("lifecycle_policy", (const char *)session->id.data, session->id.len, "reject",
                      error_info(error)->reason_code);
    return error;
}

/* An identical request: the stored answer, once the firewall as it is now allows it (5.1 point 2). */
static enum signer_error replay(struct call *call, const char *session_id, size_t len, const struct session *session,
                                struct build_result *out, struct failure *why) {
    struct transaction tx;
    uint64_t rate;
    if (!session_has(session, FIELD_TX_RESULT) || stored_transaction(&tx, session, NULL) != SIGNER_OK)
        return fail(why, ERR_INTERNAL, "the stored transaction cannot be read");
    enum signer_error error = pass_firewall(call, session_id, len, &tx, session->tx->tx.len, &rate, why);
    tx_free(&tx);
    if (error) return firewall_rejected(call, session_id, len, error);
    if (rate) firewall_allowed(session_id, len);
    out->replayed = true;
    error = copy_result(out, session->tx->tx.data, session->tx->tx.len, (const uint8_t(*)[32])session->tx->sighashes,
                        session->tx->sighash_count);
    return error ? fail_plain(why, error) : SIGNER_OK;
}

static enum signer_error commit(struct call *call, const char *session_id, size_t len, bool create,
                                const char *fingerprint, const struct build_plan *plan, struct failure *why) {
    struct changes changes;
    char id[SESSION_ID_BYTES_MAX + 1];
    size_t count = plan->tx.input_count;
    struct stored_prevout *prevouts = signer_calloc(count, sizeof *prevouts);
    if (!prevouts) return fail_plain(why, ERR_OUT_OF_MEMORY);
    for (size_t i = 0; i < count; i++)
        prevouts[i] = (struct stored_prevout){plan->tx.inputs[i].value_sats, plan->tx.inputs[i].prevout_script};
    memcpy(id, session_id, len);
    id[len] = 0;
    struct built_transaction built = {
        .session_id = id,
        .tx = {plan->serialized.data, plan->serialized.len},
        .sighashes = plan->sighashes,
        .sighash_count = count,
        .prevouts = prevouts,
        .prevout_count = count,
    };
    changes_init(&changes);
    if (create) change_session_create(&changes, session_id, len);
    change_field_text(&changes, session_id, len, FIELD_BUILD_TX_FINGERPRINT, fingerprint, strlen(fingerprint));
    change_built_transaction(&changes, session_id, len, &built);
    change_field_u64(&changes, session_id, len, FIELD_BUILD_TX_AT, call_recorded_time(call));
    enum signer_error error = call_commit(call, &changes, RECORD_ORDINARY, why);
    changes_free(&changes);
    free(prevouts);
    return error;
}

/* Steps 11 and 12 of a first build. */
static enum signer_error build_first(struct call *call, const char *session_id, size_t len, bool create,
                                     const char *fingerprint, const struct build_plan *plan, struct build_result *out,
                                     struct failure *why) {
    uint64_t rate = 0;
    /* Its time decides when the session may be evicted (D-124). */
    enum signer_error error = call->clock_error ? fail_plain(why, call->clock_error) : SIGNER_OK;
    if (!error) error = pass_firewall(call, session_id, len, &plan->tx, plan->serialized.len, &rate, why);
    if (!error) error = call_require_ready(call, RECORD_ORDINARY); /* before the token: this stage may run again */
    if (!error && rate) error = budget_take_build(call, rate, why);
    if (error) return firewall_rejected(call, session_id, len, error);
    if (rate) firewall_allowed(session_id, len);
    error = copy_result(out, plan->serialized.data, plan->serialized.len,
                        (const uint8_t(*)[SIGHASH_BYTES])plan->sighashes, plan->tx.input_count);
    if (error) return fail_plain(why, error);
    error = commit(call, session_id, len, create, fingerprint, plan, why);
    if (error == ERR_AGAIN && rate) budget_give_back_build(call);
    return error;
}

enum signer_error build_transaction(struct call *call, const char *session_id, size_t len, const char *fingerprint,
                                    const struct build_plan *plan, struct build_result *out, struct failure *why) {
    struct session *session = state_session(call->engine->state, session_id, len);
    enum signer_error error;
    memset(out, 0, sizeof *out);
    buffer_init(&out->tx);
    call_depend(call, session);
    if (session) {
        error = refuse_rekeyed(call, session, why);
        if (error) return error;
        bool built = session_has(session, FIELD_BUILD_TX_FINGERPRINT);
        if (built && *fingerprint && strcmp(session->build_tx_fingerprint, fingerprint) == 0)
            return replay(call, session_id, len, session, out, why);
        if (built)
            return fail(why, ERR_SESSION_CONFLICT, "session %.*s holds another transaction", (int)len, session_id);
    } else {
        error = call_make_room(call, NULL, why);
        if (error) return error;
    }
    if (plan->refusal.error) {
        if (why) *why = plan->refusal;
        return plan->refusal.error;
    }
    return build_first(call, session_id, len, !session, fingerprint, plan, out, why);
}
