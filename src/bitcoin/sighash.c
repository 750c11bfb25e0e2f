/* BIP-341 signature message of the key path: SIGHASH_DEFAULT, no annex, no extension
 * (policy-and-lifecycle 6.5). */
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "bitcoin/transaction.h"

#define TAG "TapSighash"

typedef crypto_hash_sha256_state sha256_state;

static void hash_le32(sha256_state *hash, uint32_t value) {
    uint8_t raw[4];
    store_le32(raw, value);
    crypto_hash_sha256_update(hash, raw, sizeof raw);
}

static void hash_le64(sha256_state *hash, uint64_t value) {
    uint8_t raw[8];
    store_le64(raw, value);
    crypto_hash_sha256_update(hash, raw, sizeof raw);
}

/* Compact size and script. */
static void hash_script(sha256_state *hash, const struct bytes *script) {
    uint8_t head[9];
    size_t head_len = 1;
    if (script->len < 0xfd) {
        head[0] = (uint8_t)script->len;
    } else if (script->len <= UINT16_MAX) {
        head[0] = 0xfd;
        store_le16(head + 1, (uint16_t)script->len);
        head_len = 3;
    } else if (script->len <= UINT32_MAX) {
        head[0] = 0xfe;
        store_le32(head + 1, (uint32_t)script->len);
        head_len = 5;
    } else {
        head[0] = 0xff;
        store_le64(head + 1, script->len);
        head_len = 9;
    }
    crypto_hash_sha256_update(hash, head, head_len);
    if (script->len) crypto_hash_sha256_update(hash, script->data, script->len);
}

/* Hash of one field of every input or output, added to the message. */
static void add_digest(sha256_state *message, sha256_state *of) {
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(of, digest);
    crypto_hash_sha256_update(message, digest, sizeof digest);
}

static void add_inputs(sha256_state *message, const struct transaction *tx) {
    sha256_state outpoints, values, scripts, sequences;
    crypto_hash_sha256_init(&outpoints);
    crypto_hash_sha256_init(&values);
    crypto_hash_sha256_init(&scripts);
    crypto_hash_sha256_init(&sequences);
    for (size_t i = 0; i < tx->input_count; i++) {
        const struct tx_input *input = &tx->inputs[i];
        crypto_hash_sha256_update(&outpoints, input->txid, TXID_BYTES);
        hash_le32(&outpoints, input->vout);
        hash_le64(&values, input->value_sats);
        hash_script(&scripts, &input->prevout_script);
        hash_le32(&sequences, input->sequence);
    }
    add_digest(message, &outpoints);
    add_digest(message, &values);
    add_digest(message, &scripts);
    add_digest(message, &sequences);
}

static void add_outputs(sha256_state *message, const struct transaction *tx) {
    sha256_state outputs;
    crypto_hash_sha256_init(&outputs);
    for (size_t i = 0; i < tx->output_count; i++) {
        hash_le64(&outputs, tx->outputs[i].value_sats);
        hash_script(&outputs, &tx->outputs[i].script);
    }
    add_digest(message, &outputs);
}

enum signer_error tx_key_path_sighashes(uint8_t (*out)[SIGHASH_BYTES], const struct transaction *tx) {
    static const uint8_t epoch_and_type[2] = {0, 0};
    static const uint8_t spend_type = 0;
    uint8_t tag[crypto_hash_sha256_BYTES];
    sha256_state common;
    for (size_t i = 0; i < tx->input_count; i++)
        if (tx->inputs[i].prevout_script.len == 0) return ERR_VALIDATION;
    crypto_hash_sha256(tag, (const uint8_t *)TAG, strlen(TAG));
    crypto_hash_sha256_init(&common);
    crypto_hash_sha256_update(&common, tag, sizeof tag);
    crypto_hash_sha256_update(&common, tag, sizeof tag);
    crypto_hash_sha256_update(&common, epoch_and_type, sizeof epoch_and_type);
    hash_le32(&common, tx->version);
    hash_le32(&common, tx->lock_time);
    add_inputs(&common, tx);
    add_outputs(&common, tx);
    crypto_hash_sha256_update(&common, &spend_type, 1);
    for (size_t i = 0; i < tx->input_count; i++) {
        sha256_state message = common;
        hash_le32(&message, (uint32_t)i);
        crypto_hash_sha256_final(&message, out[i]);
    }
    return SIGNER_OK;
}
