/* Keys and chain values of the native format (sealed-store 35.2, 35.4). */
#include "store/keys.h"

#include <sodium.h>
#include <string.h>

#include "curve/sha256.h"

static void labelled_hash(uint8_t out[STORE_CHAIN_BYTES], const char *label, const void *data, size_t len) {
    crypto_hash_sha256_state hash;
    sha256_begin(&hash);
    sha256_update(&hash, label, strlen(label) + 1);
    sha256_update(&hash, data, len);
    sha256_finish(&hash, out);
}

void short_checksum(uint8_t out[STORE_CHECK_BYTES], const char *label, const void *data, size_t len) {
    uint8_t digest[crypto_hash_sha256_BYTES];
    labelled_hash(digest, label, data, len);
    memcpy(out, digest, STORE_CHECK_BYTES);
}

void chain_genesis(uint8_t out[STORE_CHAIN_BYTES], const uint8_t store_id[STORE_ID_BYTES]) {
    labelled_hash(out, "tbtc-signer-store-chain-genesis/v1", store_id, STORE_ID_BYTES);
}

void chain_frame(uint8_t out[STORE_CHAIN_BYTES], const uint8_t *frame, size_t len) {
    labelled_hash(out, "tbtc-signer-store-chain/v1", frame, len);
}

void chain_parts_start(uint8_t out[STORE_CHAIN_BYTES], const uint8_t header[HEADER_BYTES]) {
    labelled_hash(out, "tbtc-signer-store-snapshot-start/v1", header, HEADER_BYTES);
}

void keys_check(uint8_t out[STORE_CHECK_BYTES], const uint8_t master[STORE_KEY_BYTES],
                const uint8_t store_id[STORE_ID_BYTES]) {
    static const char label[] = "tbtc-signer-store-key-check/v1";
    uint8_t input[sizeof label + STORE_ID_BYTES];
    memcpy(input, label, sizeof label);
    memcpy(input + sizeof label, store_id, STORE_ID_BYTES);
    crypto_generichash(out, STORE_CHECK_BYTES, input, sizeof input, master, STORE_KEY_BYTES);
}

/* K(master, label || store id || u8 kind || u64 number || salt, 32); the last three come from the header. */
static void derive(uint8_t out[STORE_KEY_BYTES], const uint8_t master[STORE_KEY_BYTES], const char *label,
                   const uint8_t header[HEADER_BYTES], enum store_kind kind) {
    crypto_generichash_state hash;
    const uint8_t kind_byte = (uint8_t)kind;
    crypto_generichash_init(&hash, master, STORE_KEY_BYTES, STORE_KEY_BYTES);
    crypto_generichash_update(&hash, (const unsigned char *)label, strlen(label) + 1);
    crypto_generichash_update(&hash, header + HEADER_STORE_ID, STORE_ID_BYTES);
    crypto_generichash_update(&hash, &kind_byte, 1);
    crypto_generichash_update(&hash, header + HEADER_NUMBER, 8);
    crypto_generichash_update(&hash, header + HEADER_SALT, STORE_SALT_BYTES);
    crypto_generichash_final(&hash, out, STORE_KEY_BYTES);
    sodium_memzero(&hash, sizeof hash);
}

void keys_header_tag(uint8_t out[STORE_CHECK_BYTES], const uint8_t master[STORE_KEY_BYTES],
                     const uint8_t header[HEADER_BYTES], enum store_kind kind) {
    static const char label[] = "tbtc-signer-store-header-tag/v1";
    uint8_t key[STORE_KEY_BYTES];
    uint8_t input[sizeof label + HEADER_TAG];
    derive(key, master, "tbtc-signer-store-header-key/v1", header, kind);
    memcpy(input, label, sizeof label);
    memcpy(input + sizeof label, header, HEADER_TAG);
    crypto_generichash(out, STORE_CHECK_BYTES, input, sizeof input, key, sizeof key);
    sodium_memzero(key, sizeof key);
}

enum signer_error file_key_derive(struct file_key *out, struct vault *vault, const uint8_t master[STORE_KEY_BYTES],
                                  const uint8_t header[HEADER_BYTES], enum store_kind kind) {
    void *memory;
    *out = (struct file_key){.vault = vault};
    enum signer_error error = vault_new(vault, SECRET_FILE_KEY, STORE_KEY_BYTES, &out->handle, &memory);
    if (error != SIGNER_OK) return error;
    derive(memory, master, "tbtc-signer-store-file-key/v1", header, kind);
    out->bytes = memory;
    return SIGNER_OK;
}

void file_key_free(struct file_key *key) {
    if (key->vault) vault_wipe(key->vault, key->handle);
    *key = (struct file_key){0};
}
