/* The first page of every store file (sealed-store 35.3). */
#include "store/header.h"

#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "store/keys.h"

#define MAGIC_BYTES 16

static const char magics[][MAGIC_BYTES + 1] = {
    [KIND_LOG] = "TBTCSTORELOG1\0\0\0",
    [KIND_SNAPSHOT] = "TBTCSTORESNAP1\0\0",
    [KIND_AUDIT] = "TBTCSTOREAUDIT1\0",
};

static void checksum(uint8_t out[STORE_CHECK_BYTES], const uint8_t page[STORE_PAGE]) {
    short_checksum(out, "tbtc-signer-store-header/v1", page, HEADER_CHECKSUM);
}

void header_encode(uint8_t page[STORE_PAGE], const struct file_header *header, const uint8_t master[STORE_KEY_BYTES],
                   const uint8_t store_id[STORE_ID_BYTES]) {
    memset(page, 0, STORE_PAGE);
    memcpy(page, magics[header->kind], MAGIC_BYTES);
    store_be32(page + HEADER_VERSION, STORE_VERSION);
    store_be32(page + HEADER_PAGE_SIZE, STORE_PAGE);
    memcpy(page + HEADER_STORE_ID, store_id, STORE_ID_BYTES);
    keys_check(page + HEADER_KEY_CHECK, master, store_id);
    store_be64(page + HEADER_NUMBER, header->number);
    store_be64(page + HEADER_PARENT, header->parent);
    store_be64(page + HEADER_BASE_SEQ, header->base_seq);
    memcpy(page + HEADER_BASE_CHAIN, header->base_chain, STORE_CHAIN_BYTES);
    memcpy(page + HEADER_SALT, header->salt, STORE_SALT_BYTES);
    store_be64(page + HEADER_SIZE, header->size);
    store_be64(page + HEADER_CREATED, header->created_unix_ms);
    checksum(page + HEADER_CHECKSUM, page);
    keys_header_tag(page + HEADER_TAG, master, page, header->kind);
}

static void read_fields(struct file_header *out, const uint8_t page[STORE_PAGE], enum store_kind kind) {
    out->kind = kind;
    out->number = load_be64(page + HEADER_NUMBER);
    out->parent = load_be64(page + HEADER_PARENT);
    out->base_seq = load_be64(page + HEADER_BASE_SEQ);
    memcpy(out->base_chain, page + HEADER_BASE_CHAIN, STORE_CHAIN_BYTES);
    memcpy(out->salt, page + HEADER_SALT, STORE_SALT_BYTES);
    out->size = load_be64(page + HEADER_SIZE);
    out->created_unix_ms = load_be64(page + HEADER_CREATED);
}

enum signer_error header_decode(struct file_header *out, const uint8_t page[STORE_PAGE], enum store_kind kind,
                                uint64_t number, const uint8_t master[STORE_KEY_BYTES],
                                const uint8_t store_id[STORE_ID_BYTES]) {
    uint8_t check[STORE_CHECK_BYTES];
    if (!bytes_are_zero(page + HEADER_BYTES, STORE_PAGE - HEADER_BYTES)) return ERR_STATE_CORRUPT;
    checksum(check, page);
    if (memcmp(check, page + HEADER_CHECKSUM, sizeof check) != 0) return ERR_STATE_CORRUPT;
    if (memcmp(page, magics[kind], MAGIC_BYTES) != 0) return ERR_STATE_VERSION;
    if (load_be32(page + HEADER_VERSION) != STORE_VERSION) return ERR_STATE_VERSION;
    if (load_be32(page + HEADER_PAGE_SIZE) != STORE_PAGE) return ERR_STATE_VERSION;
    if (memcmp(page + HEADER_STORE_ID, store_id, STORE_ID_BYTES) != 0) return ERR_STATE_FOREIGN;
    read_fields(out, page, kind);
    if (out->number != number || out->parent >= out->number) return ERR_STATE_CORRUPT;
    if (!bytes_are_zero(page + HEADER_ZERO, HEADER_CHECKSUM - HEADER_ZERO)) return ERR_STATE_CORRUPT;
    if (kind != KIND_LOG && out->size != 0) return ERR_STATE_CORRUPT;
    keys_check(check, master, store_id);
    if (sodium_memcmp(check, page + HEADER_KEY_CHECK, sizeof check) != 0) return ERR_STATE_KEY_MISMATCH;
    keys_header_tag(check, master, page, kind);
    return sodium_memcmp(check, page + HEADER_TAG, sizeof check) == 0 ? SIGNER_OK : ERR_STATE_CORRUPT;
}
