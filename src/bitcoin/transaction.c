/* Serialisation, strict reading and txid of key-path spends (policy-and-lifecycle 6.4). */
#include "bitcoin/transaction.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/limits.h"

#define INPUT_BYTES 41u     /* txid, vout, empty script, sequence */
#define OUTPUT_BYTES_MIN 9u /* value, empty script */
#define WITNESS_BYTES 66u   /* one item of 64 bytes */

void txid_reverse(uint8_t out[TXID_BYTES], const uint8_t in[TXID_BYTES]) {
    uint8_t copy[TXID_BYTES];
    memcpy(copy, in, sizeof copy);
    for (size_t i = 0; i < TXID_BYTES; i++)
        out[i] = copy[TXID_BYTES - 1 - i];
}

static void write_compact_size(struct buffer *out, size_t value) {
    if (value < 0xfd) {
        buffer_u8(out, (uint8_t)value);
    } else if (value <= UINT16_MAX) {
        buffer_u8(out, 0xfd);
        buffer_le16(out, (uint16_t)value);
    } else if (value <= UINT32_MAX) {
        buffer_u8(out, 0xfe);
        buffer_le32(out, (uint32_t)value);
    } else {
        buffer_u8(out, 0xff);
        buffer_le64(out, value);
    }
}

static void write_body(struct buffer *out, const struct transaction *tx) {
    write_compact_size(out, tx->input_count);
    for (size_t i = 0; i < tx->input_count; i++) {
        buffer_append(out, tx->inputs[i].txid, TXID_BYTES);
        buffer_le32(out, tx->inputs[i].vout);
        buffer_u8(out, 0);
        buffer_le32(out, tx->inputs[i].sequence);
    }
    write_compact_size(out, tx->output_count);
    for (size_t i = 0; i < tx->output_count; i++) {
        buffer_le64(out, tx->outputs[i].value_sats);
        write_compact_size(out, tx->outputs[i].script.len);
        buffer_append(out, tx->outputs[i].script.data, tx->outputs[i].script.len);
    }
}

enum signer_error tx_serialize(struct buffer *out, const struct transaction *tx) {
    buffer_le32(out, tx->version);
    write_body(out, tx);
    buffer_le32(out, tx->lock_time);
    return buffer_status(out);
}

enum signer_error tx_serialize_signed(struct buffer *out, const struct transaction *tx,
                                      const uint8_t (*signatures)[TX_SIGNATURE_BYTES]) {
    buffer_le32(out, tx->version);
    buffer_u8(out, 0);
    buffer_u8(out, 1);
    write_body(out, tx);
    for (size_t i = 0; i < tx->input_count; i++) {
        buffer_u8(out, 1);
        buffer_u8(out, TX_SIGNATURE_BYTES);
        buffer_append(out, signatures[i], TX_SIGNATURE_BYTES);
    }
    buffer_le32(out, tx->lock_time);
    return buffer_status(out);
}

/* A size above `most`, or one that a shorter form could say, fails the reader. */
static size_t read_compact_size(struct reader *in, size_t most) {
    uint64_t value = reader_u8(in), least = 0;
    if (value == 0xfd) {
        value = reader_le16(in);
        least = 0xfd;
    } else if (value == 0xfe) {
        value = reader_le32(in);
        least = UINT16_MAX + 1u;
    } else if (value == 0xff) {
        value = reader_le64(in);
        least = (uint64_t)UINT32_MAX + 1;
    }
    if (in->failed || value < least || value > most) {
        in->failed = true;
        return 0;
    }
    return (size_t)value;
}

/* Number of entries of at least `entry_bytes` each: 1 to `most`, and no more than the rest can hold. */
static size_t read_count(struct reader *in, size_t most, size_t entry_bytes) {
    size_t count = read_compact_size(in, most);
    if (count == 0 || count > reader_left(in) / entry_bytes) in->failed = true;
    return in->failed ? 0 : count;
}

static void read_input(struct reader *in, struct tx_input *out) {
    const uint8_t *txid = reader_take(in, TXID_BYTES);
    if (txid) memcpy(out->txid, txid, TXID_BYTES);
    out->vout = reader_le32(in);
    if (reader_u8(in) != 0) in->failed = true; /* a script */
    out->sequence = reader_le32(in);
}

static void read_output(struct reader *in, struct tx_output *out) {
    out->value_sats = reader_le64(in);
    out->script.len = read_compact_size(in, reader_left(in));
    out->script.data = reader_take(in, out->script.len);
}

static enum signer_error read_body(struct reader *in, struct transaction *out) {
    size_t count = read_count(in, TX_INPUTS_MAX, INPUT_BYTES);
    if (in->failed) return ERR_VALIDATION;
    out->inputs = signer_calloc(count, sizeof *out->inputs);
    if (!out->inputs) return ERR_OUT_OF_MEMORY;
    out->input_count = count;
    for (size_t i = 0; i < count; i++)
        read_input(in, &out->inputs[i]);

    count = read_count(in, TX_OUTPUTS_MAX, OUTPUT_BYTES_MIN);
    if (in->failed) return ERR_VALIDATION;
    out->outputs = signer_calloc(count, sizeof *out->outputs);
    if (!out->outputs) return ERR_OUT_OF_MEMORY;
    out->output_count = count;
    for (size_t i = 0; i < count; i++)
        read_output(in, &out->outputs[i]);
    return in->failed ? ERR_VALIDATION : SIGNER_OK;
}

enum signer_error tx_parse(struct transaction *out, const uint8_t *in, size_t len) {
    struct reader reader;
    reader_init(&reader, in, len);
    memset(out, 0, sizeof *out);
    out->version = reader_le32(&reader);
    enum signer_error error = read_body(&reader, out);
    out->lock_time = reader_le32(&reader);
    if (error == SIGNER_OK && !reader_done(&reader)) error = ERR_VALIDATION;
    if (error != SIGNER_OK) tx_free(out);
    return error;
}

static enum signer_error read_witnesses(struct reader *in, size_t count, uint8_t (**out)[TX_SIGNATURE_BYTES]) {
    if (count > reader_left(in) / WITNESS_BYTES) return ERR_VALIDATION;
    *out = signer_calloc(count, sizeof **out);
    if (!*out) return ERR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *witness = reader_take(in, WITNESS_BYTES);
        if (!witness || witness[0] != 1 || witness[1] != TX_SIGNATURE_BYTES) return ERR_VALIDATION;
        memcpy((*out)[i], witness + 2, TX_SIGNATURE_BYTES);
    }
    return SIGNER_OK;
}

enum signer_error tx_parse_signed(struct transaction *out, uint8_t (**signatures)[TX_SIGNATURE_BYTES],
                                  const uint8_t *in, size_t len) {
    struct reader reader;
    reader_init(&reader, in, len);
    memset(out, 0, sizeof *out);
    *signatures = NULL;
    out->version = reader_le32(&reader);
    bool marked = reader_u8(&reader) == 0;
    marked = reader_u8(&reader) == 1 && marked;
    enum signer_error error = marked ? read_body(&reader, out) : ERR_VALIDATION;
    if (error == SIGNER_OK) error = read_witnesses(&reader, out->input_count, signatures);
    out->lock_time = reader_le32(&reader);
    if (error == SIGNER_OK && !reader_done(&reader)) error = ERR_VALIDATION;
    if (error != SIGNER_OK) {
        tx_free(out);
        free(*signatures);
        *signatures = NULL;
    }
    return error;
}

void tx_free(struct transaction *inout) {
    free(inout->inputs);
    free(inout->outputs);
    memset(inout, 0, sizeof *inout);
}

void tx_id(uint8_t out[TXID_BYTES], const uint8_t *serialized, size_t len) {
    crypto_hash_sha256(out, serialized, len);
    crypto_hash_sha256(out, out, TXID_BYTES);
}
