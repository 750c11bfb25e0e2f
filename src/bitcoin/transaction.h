/* Bitcoin transactions of key-path spends: parsing scripts into classes, serialisation, txid,
 * BIP-341 sighash, Taproot output keys (policy-and-lifecycle 5.2, 6). Pure. */
#ifndef SIGNER_BITCOIN_TRANSACTION_H
#define SIGNER_BITCOIN_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

#define TXID_BYTES 32
#define SIGHASH_BYTES 32

enum script_class { SCRIPT_P2PKH, SCRIPT_P2SH, SCRIPT_P2WPKH, SCRIPT_P2WSH, SCRIPT_P2TR, SCRIPT_OTHER, SCRIPT_CLASS_COUNT };

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

struct transaction {
    uint32_t version;
    uint32_t lock_time;
    struct tx_input *inputs;
    size_t input_count;
    struct tx_output *outputs;
    size_t output_count;
};

/* Whether the script parses (pol 6.2), and its class (pol 5.2). */
bool script_parses(const uint8_t *script, size_t len);
enum script_class script_classify(const uint8_t *script, size_t len);
const char *script_class_text(enum script_class class);
bool script_class_by_text(enum script_class *out, const char *text, size_t len);

/* Without witness (pol 6.4). */
enum signer_error tx_serialize(struct buffer *out, const struct transaction *tx);
/* With one 64-byte key-path signature per input. */
enum signer_error tx_serialize_signed(struct buffer *out, const struct transaction *tx, const uint8_t (*signatures)[64]);
/* Strict reader of the form that tx_serialize writes; inputs get no prevouts. Free with tx_free. */
enum signer_error tx_parse(struct transaction *out, const uint8_t *in, size_t len);
void tx_free(struct transaction *inout);
void tx_id(uint8_t out[TXID_BYTES], const uint8_t *serialized, size_t len); /* internal order */
/* BIP-341 key path, SIGHASH_DEFAULT, no annex; one digest per input (pol 6.5). */
enum signer_error tx_key_path_sighashes(uint8_t (*out)[SIGHASH_BYTES], const struct transaction *tx);
/* x-only output key of an internal key and an optional merkle root (BIP-341), for addresses and
 * prevout scripts. `has_root` false: tweak with nothing. */
enum signer_error taproot_output_key(uint8_t out[32], bool *odd, const uint8_t internal_x[32], bool has_root,
                                     const uint8_t root[32]);

#endif
