/* Bitcoin transactions of key-path spends: serialisation, strict reading, txid, BIP-341 sighash
 * (policy-and-lifecycle 6). Pure. Input scripts are always empty. */
#ifndef SIGNER_BITCOIN_TRANSACTION_H
#define SIGNER_BITCOIN_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "bitcoin/script.h"
#include "bitcoin/taproot.h"

#define TXID_BYTES 32
#define SIGHASH_BYTES 32
#define TX_SIGNATURE_BYTES 64
#define TX_VERSION 1u
#define TX_SEQUENCE_FINAL 0xffffffffu

struct tx_input {
    uint8_t txid[TXID_BYTES]; /* internal byte order (not the displayed one) */
    uint32_t vout;
    uint32_t sequence;
    uint64_t value_sats; /* of the output spent */
    struct bytes prevout_script;
};

struct tx_output {
    uint64_t value_sats;
    struct bytes script;
};

/* Scripts are views: whoever made them keeps their bytes. */
struct transaction {
    uint32_t version;
    uint32_t lock_time;
    struct tx_input *inputs;
    size_t input_count;
    struct tx_output *outputs;
    size_t output_count;
};

/* Between the displayed and the internal order of a txid; both may be the same array. */
void txid_reverse(uint8_t out[TXID_BYTES], const uint8_t in[TXID_BYTES]);

/* Without witness (pol 6.4). ERR_OUT_OF_MEMORY. */
enum signer_error tx_serialize(struct buffer *out, const struct transaction *tx);
/* With one 64-byte key-path signature per input (BIP-144). ERR_OUT_OF_MEMORY. */
enum signer_error tx_serialize_signed(struct buffer *out, const struct transaction *tx,
                                      const uint8_t (*signatures)[TX_SIGNATURE_BYTES]);
/* Strict reader of the form that tx_serialize writes: minimal compact sizes, at least one input and
 * one output, at most TX_INPUTS_MAX and TX_OUTPUTS_MAX, empty input scripts, no witness, nothing
 * behind. Inputs get no prevouts. Output scripts are views of `in`, which must outlive `out`.
 * ERR_VALIDATION, ERR_OUT_OF_MEMORY: `out` is empty then. Free with tx_free. */
enum signer_error tx_parse(struct transaction *out, const uint8_t *in, size_t len);
/* The same for the form of tx_serialize_signed. `signatures` is an array of input_count, to be given
 * to free(). */
enum signer_error tx_parse_signed(struct transaction *out, uint8_t (**signatures)[TX_SIGNATURE_BYTES],
                                  const uint8_t *in, size_t len);
void tx_free(struct transaction *inout);
/* Of the form without witness; internal order. */
void tx_id(uint8_t out[TXID_BYTES], const uint8_t *serialized, size_t len);
/* BIP-341 key path, SIGHASH_DEFAULT, no annex; one digest per input (pol 6.5). ERR_VALIDATION: an
 * input has no prevout script. Allocates nothing. */
enum signer_error tx_key_path_sighashes(uint8_t (*out)[SIGHASH_BYTES], const struct transaction *tx);

#endif
