/* Keys and chain values of the native format (sealed-store 35.2, 35.4). */
#ifndef SIGNER_STORE_KEYS_H
#define SIGNER_STORE_KEYS_H

#include <stddef.h>

#include "custody/vault.h"
#include "store/layout.h"

/* Key check value: tells a wrong key from a damaged file, bound to the store id. */
void keys_check(uint8_t out[STORE_CHECK_BYTES], const uint8_t master[STORE_KEY_BYTES],
                const uint8_t store_id[STORE_ID_BYTES]);
/* Tag over the first 240 bytes of a file header, under the file's header key. */
void keys_header_tag(uint8_t out[STORE_CHECK_BYTES], const uint8_t master[STORE_KEY_BYTES],
                     const uint8_t header[HEADER_BYTES], enum store_kind kind);

/* AEAD key of one open file, in the vault. */
struct file_key {
    struct vault *vault;
    vault_handle handle;
    const uint8_t *bytes; /* valid until file_key_free */
};

/* ERR_OUT_OF_MEMORY, ERR_MEMORY_LOCK. */
enum signer_error file_key_derive(struct file_key *out, struct vault *vault, const uint8_t master[STORE_KEY_BYTES],
                                  const uint8_t header[HEADER_BYTES], enum store_kind kind);
void file_key_free(struct file_key *key); /* wipes; harmless on a zeroed one */

void chain_genesis(uint8_t out[STORE_CHAIN_BYTES], const uint8_t store_id[STORE_ID_BYTES]);
/* Chain value after a frame (without its padding). */
void chain_frame(uint8_t out[STORE_CHAIN_BYTES], const uint8_t *frame, size_t len);
/* Previous chain value of the first frame of a snapshot or audit file. */
void chain_parts_start(uint8_t out[STORE_CHAIN_BYTES], const uint8_t header[HEADER_BYTES]);
/* First 16 bytes of SHA-256(label || data); the label's closing zero byte is hashed. */
void short_checksum(uint8_t out[STORE_CHECK_BYTES], const char *label, const void *data, size_t len);

#endif
