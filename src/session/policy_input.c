/* Inputs of the policy scripts (D-136), and the stored transaction that one of them describes. */
#include "session/policy_input.h"

#include <string.h>

static void json_number(struct buffer *out, const char *name, uint64_t value) {
    buffer_text(out, "\"");
    buffer_text(out, name);
    buffer_text(out, "\":");
    buffer_decimal(out, value);
}

/* Session ids hold neither quote nor backslash nor control byte (pol 0). */
static void json_text(struct buffer *out, const char *name, const char *text, size_t len) {
    buffer_text(out, "\"");
    buffer_text(out, name);
    buffer_text(out, "\":\"");
    buffer_append(out, text, len);
    buffer_text(out, "\"");
}

static void json_script(struct buffer *out, const struct bytes *script) {
    const char *class = script_class_text(script_classify(script->data, script->len));
    buffer_text(out, "\"script_hex\":\"");
    buffer_hex(out, script->data, script->len);
    buffer_text(out, "\",");
    json_text(out, "class", class, strlen(class));
}

static void json_input(struct buffer *out, const struct tx_input *input) {
    uint8_t displayed[TXID_BYTES];
    for (size_t i = 0; i < TXID_BYTES; i++)
        displayed[i] = input->txid[TXID_BYTES - 1 - i];
    buffer_text(out, "{\"txid_hex\":\"");
    buffer_hex(out, displayed, sizeof displayed);
    buffer_text(out, "\",");
    json_number(out, "vout", input->vout);
    buffer_text(out, ",");
    json_number(out, "value_sats", input->value_sats);
    buffer_text(out, ",");
    json_script(out, &input->prevout_script);
    buffer_text(out, "}");
}

void policy_input_firewall(struct buffer *out, const char *moment, const char *session_id, size_t session_id_len,
                           const struct transaction *tx) {
    uint64_t input_total = 0, output_total = 0;
    buffer_text(out, "{");
    json_text(out, "moment", moment, strlen(moment));
    buffer_text(out, ",");
    json_text(out, "session_id", session_id, session_id_len);
    buffer_text(out, ",\"inputs\":[");
    for (size_t i = 0; i < tx->input_count; i++) {
        if (i) buffer_text(out, ",");
        json_input(out, &tx->inputs[i]);
        input_total += tx->inputs[i].value_sats;
    }
    buffer_text(out, "],\"outputs\":[");
    for (size_t i = 0; i < tx->output_count; i++) {
        buffer_text(out, i ? ",{" : "{");
        json_number(out, "value_sats", tx->outputs[i].value_sats);
        buffer_text(out, ",");
        json_script(out, &tx->outputs[i].script);
        buffer_text(out, "}");
        output_total += tx->outputs[i].value_sats;
    }
    buffer_text(out, "],");
    json_number(out, "input_total_sats", input_total);
    buffer_text(out, ",");
    json_number(out, "output_total_sats", output_total);
    buffer_text(out, ",");
    json_number(out, "fee_sats", input_total > output_total ? input_total - output_total : 0);
    buffer_text(out, "}");
}

void policy_input_admission(struct buffer *out, const struct admission_facts *facts) {
    buffer_text(out, "{");
    json_text(out, "session_id", facts->session_id, facts->session_id_len);
    buffer_text(out, ",");
    json_text(out, "key_group", facts->key_group, strlen(facts->key_group));
    buffer_text(out, ",");
    json_number(out, "participant_identifier", facts->participant);
    buffer_text(out, ",");
    json_number(out, "threshold", facts->threshold);
    buffer_text(out, ",\"participants\":[");
    for (size_t i = 0; i < facts->member_count; i++) {
        if (i) buffer_text(out, ",");
        buffer_decimal(out, facts->members[i]);
    }
    buffer_text(out, "]}");
}

void policy_input_quarantine(struct buffer *out, uint16_t member) {
    buffer_text(out, "{");
    json_number(out, "member_identifier", member);
    buffer_text(out, "}");
}

static bool total_in_range(const struct transaction *tx) {
    uint64_t total = 0;
    for (size_t i = 0; i < tx->output_count; i++) {
        if (tx->outputs[i].value_sats > MAX_MONEY_SATS) return false;
        total += tx->outputs[i].value_sats;
        if (total > MAX_MONEY_SATS) return false;
    }
    return true;
}

enum signer_error stored_transaction(struct transaction *out, const struct session *session, struct failure *why) {
    const struct built_transaction *stored = session->tx;
    memset(out, 0, sizeof *out);
    if (!stored->session_id || strlen(stored->session_id) != session->id.len ||
        memcmp(stored->session_id, session->id.data, session->id.len) != 0)
        return fail(why, ERR_INVALID_BUILD_TX_ARTIFACT, "the stored transaction names another session");
    enum signer_error error = tx_parse(out, stored->tx.data, stored->tx.len);
    if (error == ERR_OUT_OF_MEMORY) return fail_plain(why, error);
    if (error) return fail(why, ERR_INVALID_BUILD_TX_ARTIFACT, "the stored transaction does not decode");
    const char *fault = NULL;
    if (!stored->sighash_count || stored->sighash_count != out->input_count)
        fault = "the stored sighashes do not match the inputs in number";
    else if (stored->prevout_count != out->input_count)
        fault = "the stored prevouts do not match the inputs in number";
    else if (!total_in_range(out))
        fault = "the outputs hold more than all money";
    if (fault) {
        tx_free(out);
        return fail(why, ERR_INVALID_BUILD_TX_ARTIFACT, "%s", fault);
    }
    for (size_t i = 0; i < out->input_count; i++) {
        out->inputs[i].value_sats = stored->prevouts[i].value_sats;
        out->inputs[i].prevout_script = stored->prevouts[i].script;
    }
    return SIGNER_OK;
}
