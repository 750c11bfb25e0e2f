/* Gates of signing on the durable state, in the order that interactive-session 14 gives them. */
#include "session/gates.h"

#include <stdlib.h>
#include <string.h>

#include "curve/hash.h"
#include "session/firewall.h"
#include "session/policy_input.h"
#include "session/policy_notice.h"

#define HEARTBEAT_BYTES 16
#define HEARTBEAT_PREFIX_BYTES 8

/* -- emergency rekey, finalized -------------------------------------------------------------------- */

enum signer_error gate_emergency_rekey(struct call *call, const struct session *session, const struct session *wallet,
                                       const char *key_group, size_t key_group_len, struct failure *why) {
    const struct session *holder = NULL;
    if (session && session_has(session, FIELD_REKEY_EVENT)) holder = session;
    if (!holder && wallet && session_has(wallet, FIELD_REKEY_EVENT)) holder = wallet;
    if (holder)
        return fail(why, ERR_EMERGENCY_REKEY, "an emergency rekey was triggered in session %.*s", (int)holder->id.len,
                    (const char *)holder->id.data);
    if (key_group_len && state_key_group_rekeyed(call->engine->state, key_group, key_group_len))
        return fail(why, ERR_EMERGENCY_REKEY, "an emergency rekey was triggered for this key group");
    return SIGNER_OK;
}

enum signer_error gate_finalized(struct call *call, const struct session *wallet, struct failure *why) {
    (void)call;
    if (!wallet || !session_has(wallet, FIELD_FINALIZE_FINGERPRINT)) return SIGNER_OK;
    return fail(why, ERR_SESSION_FINALIZED, "session %.*s is finalized", (int)wallet->id.len,
                (const char *)wallet->id.data);
}

/* -- quarantine -------------------------------------------------------------------------------------- */

struct quarantine {
    bool on;
    uint16_t *allowed; /* the DAO's list: never blocked by the stored set */
    size_t allowed_count;
};

static enum signer_error load_quarantine(struct call *call, struct quarantine *out, struct failure *why) {
    struct settings *settings = &call->engine->settings;
    uint64_t threshold;
    bool set;
    memset(out, 0, sizeof *out);
    enum signer_error error = settings_flag(settings, SETTING_ENABLE_AUTO_QUARANTINE, &out->on, why);
    if (error || !out->on) return error;
    error = settings_u64(settings, SETTING_AUTO_QUARANTINE_FAULT_THRESHOLD, &threshold, why);
    if (error) return error;
    return settings_identifiers(settings, SETTING_AUTO_QUARANTINE_DAO_ALLOWLIST_IDENTIFIERS, &out->allowed,
                                &out->allowed_count, &set, why);
}

enum signer_error gate_quarantine_configuration(struct call *call, struct failure *why) {
    struct quarantine quarantine;
    enum signer_error error = load_quarantine(call, &quarantine, why);
    free(quarantine.allowed);
    return error;
}

static bool lets_off(const struct quarantine *quarantine, uint16_t member) {
    for (size_t i = 0; i < quarantine->allowed_count; i++)
        if (quarantine->allowed[i] == member) return true;
    return false;
}

enum signer_error gate_quarantine(struct call *call, const char *session_id, size_t session_id_len,
                                  const uint16_t *members, size_t count, struct failure *why) {
    struct quarantine quarantine;
    enum signer_error error = load_quarantine(call, &quarantine, why);
    for (size_t i = 0; !error && quarantine.on && i < count; i++)
        if (state_operator_quarantined(call->engine->state, members[i]) && !lets_off(&quarantine, members[i]))
            error = fail(why, ERR_QUARANTINED, "operator %u is quarantined", (unsigned)members[i]);
    free(quarantine.allowed);
    if (!error) error = verdict_require_members(call, session_id, session_id_len, members, count, why);
    if (error && error_info(error)->code == CODE_QUARANTINE) {
        engine_count(call->engine, COUNTER_AUTO_QUARANTINE_ENFORCEMENTS);
        notice_policy("auto_quarantine", session_id, session_id_len, "reject", error_info(error)->reason_code);
    }
    return error;
}

/* -- heartbeat intent (G-7) ------------------------------------------------------------------------------ */

static enum signer_error check_heartbeat(const struct session *session, const struct signing_intent *intent,
                                         bool has_root, const uint8_t *message, size_t message_len,
                                         struct failure *why) {
    uint8_t digest[32];
    if (session && session_has(session, FIELD_TX_RESULT))
        return fail(why, ERR_AMBIGUOUS_ARTIFACT, "the session has both a built transaction and a heartbeat intent");
    if (has_root) return fail(why, ERR_INVALID_HEARTBEAT, "a heartbeat is signed without a taproot root");
    if (!intent->preimage_is_hex || intent->preimage_len != HEARTBEAT_BYTES)
        return fail(why, ERR_INVALID_HEARTBEAT, "the heartbeat must be 16 bytes of hex");
    for (size_t i = 0; i < HEARTBEAT_PREFIX_BYTES; i++)
        if (intent->preimage[i] != 0xff)
            return fail(why, ERR_INVALID_HEARTBEAT, "the heartbeat must begin with eight bytes ff");
    if (message_len != sizeof digest) return fail(why, ERR_INVALID_HEARTBEAT, "the signing message must be 32 bytes");
    sha256(digest, intent->preimage, HEARTBEAT_BYTES);
    sha256(digest, digest, sizeof digest);
    if (memcmp(digest, message, sizeof digest) != 0)
        return fail(why, ERR_HEARTBEAT_MISMATCH, "the signing message is not the double SHA-256 of the heartbeat");
    return SIGNER_OK;
}

/* -- message binding (G-5) --------------------------------------------------------------------------------- */

static enum signer_error ask_script(struct call *call, const char *session_id, size_t len, const struct transaction *tx,
                                    struct failure *why) {
    struct buffer input;
    buffer_init(&input);
    policy_input_firewall(&input, "sign", session_id, len, tx);
    enum signer_error error = buffer_status(&input);
    if (!error)
        error = verdict_require(call, POLICY_HOOK_FIREWALL, session_id, len, input.data, input.len,
                                ERR_OPERATOR_REFUSED, ERR_OPERATOR_FAILED, why);
    buffer_free(&input);
    return error;
}

/* The prevout that the message spends must pay to the wallet's key under this root (D-027). The key
 * is worked out between two critical sections: here it is compared, or asked for. */
static enum signer_error check_prevout(struct call *call, const struct session *wallet, const struct tx_input *input,
                                       bool has_root, const uint8_t root[32], struct failure *why) {
    struct wallet_output *output = &call->wallet_output;
    uint8_t key[33];
    if (!wallet || !hex_decode(key, wallet->dkg.key_group, KEY_GROUP_TEXT_BYTES))
        return fail(why, ERR_PREVOUT_NOT_BOUND, "the wallet has no key");
    bool same = output->known && memcmp(output->internal_x, key + 1, 32) == 0 && output->has_root == has_root &&
                (!has_root || memcmp(output->root, root, 32) == 0);
    if (!same) {
        *output = (struct wallet_output){.wanted = true, .has_root = has_root};
        memcpy(output->internal_x, key + 1, 32);
        if (has_root) memcpy(output->root, root, 32);
        return fail_plain(why, ERR_ASK_POLICY);
    }
    const struct bytes *script = &input->prevout_script;
    if (script->len == 34 && script->data[0] == 0x51 && script->data[1] == 0x20 &&
        memcmp(script->data + 2, output->output_x, 32) == 0)
        return SIGNER_OK;
    return fail(why, ERR_PREVOUT_NOT_BOUND, "the output that is spent does not pay to the wallet's key");
}

static enum signer_error check_transaction(struct call *call, const struct firewall *firewall, const char *session_id,
                                           size_t len, const struct session *session, const struct session *wallet,
                                           bool has_root, const uint8_t root[32], const uint8_t *message,
                                           size_t message_len, struct failure *why) {
    struct transaction tx;
    size_t index = 0;
    enum signer_error error = stored_transaction(&tx, session, why);
    if (error) return error;
    error = firewall_check(firewall, &tx, session->tx->tx.len, call, why);
    if (!error) error = ask_script(call, session_id, len, &tx, why);
    if (error) goto cleanup;
    while (index < session->tx->sighash_count &&
           (message_len != 32 || memcmp(session->tx->sighashes[index], message, 32) != 0))
        index++;
    if (index == session->tx->sighash_count)
        error = fail(why, ERR_MESSAGE_NOT_BOUND, "the message is no sighash of the built transaction");
    else if (firewall->wallet_prevouts)
        error = check_prevout(call, wallet, &tx.inputs[index], has_root, root, why);
cleanup:
    tx_free(&tx);
    return error;
}

enum signer_error gate_message_binding(struct call *call, const char *session_id, size_t session_id_len,
                                       const struct session *session, const struct session *wallet,
                                       const struct signing_intent *intent, bool has_root, const uint8_t root[32],
                                       const uint8_t *message, size_t message_len, struct failure *why) {
    struct firewall firewall;
    if (intent && intent->heartbeat) {
        enum signer_error error = check_heartbeat(session, intent, has_root, message, message_len, why);
        if (!error) return SIGNER_OK;
        engine_count(call->engine, COUNTER_HEARTBEAT_SIGNING_POLICY_REJECT);
        notice_policy("signing_policy_firewall", session_id, session_id_len, "reject", error_info(error)->reason_code);
        return error;
    }
    enum signer_error error = firewall_load(&call->engine->settings, &firewall, why);
    if (!error && !firewall.enforced) return SIGNER_OK;
    if (!error && (!session || !session_has(session, FIELD_TX_RESULT)))
        error = fail(why, ERR_MISSING_BUILD_TX, "the session has no policy-checked transaction");
    if (!error)
        error = check_transaction(call, &firewall, session_id, session_id_len, session, wallet, has_root, root, message,
                                  message_len, why);
    return firewall_rejected(call, session_id, session_id_len, error);
}
