/* One sealed record (sealed-store 35.4). */
#include "store/frame.h"

#include <sodium.h>
#include <string.h>

#include "base/bytes.h"

#define LABEL "tbtc-signer-store-record/v1"
#define AAD_BYTES (sizeof LABEL + STORE_ID_BYTES + 1 + 8 + FRAME_HEAD_BYTES)

static const char magic[4] = {'T', 'S', 'R', '1'};

_Static_assert(FRAME_RANDOM_BYTES + 8 == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce = random || seq");
_Static_assert(FRAME_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(STORE_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");

static void make_aad(uint8_t out[AAD_BYTES], const struct frame_place *place, const uint8_t head[FRAME_HEAD_BYTES]) {
    memcpy(out, LABEL, sizeof LABEL);
    out += sizeof LABEL;
    memcpy(out, place->store_id, STORE_ID_BYTES);
    out += STORE_ID_BYTES;
    *out++ = (uint8_t)place->kind;
    store_be64(out, place->number);
    memcpy(out + 8, head, FRAME_HEAD_BYTES);
}

static void make_nonce(uint8_t out[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES], const struct frame_head *head) {
    memcpy(out, head->random, FRAME_RANDOM_BYTES);
    store_be64(out + FRAME_RANDOM_BYTES, head->seq);
}

void frame_seal(uint8_t *out, const struct frame_place *place, const struct frame_head *head, const uint8_t *body) {
    uint8_t aad[AAD_BYTES];
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
    memset(out, 0, FRAME_HEAD_BYTES);
    memcpy(out, magic, sizeof magic);
    store_be32(out + FRAME_LENGTH, head->body_len);
    store_be64(out + FRAME_SEQ, head->seq);
    store_be64(out + FRAME_DURABLE, head->durable);
    out[FRAME_TYPE] = head->type;
    memcpy(out + FRAME_RANDOM, head->random, FRAME_RANDOM_BYTES);
    memcpy(out + FRAME_PREVIOUS, head->previous, STORE_CHAIN_BYTES);
    make_aad(aad, place, out);
    make_nonce(nonce, head);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + FRAME_HEAD_BYTES, NULL, body, head->body_len, aad, sizeof aad,
                                               NULL, nonce, place->key);
}

bool frame_parse(struct frame_head *out, const uint8_t *bytes, size_t available) {
    if (available < FRAME_OVERHEAD || memcmp(bytes, magic, sizeof magic) != 0) return false;
    out->body_len = load_be32(bytes + FRAME_LENGTH);
    out->seq = load_be64(bytes + FRAME_SEQ);
    out->durable = load_be64(bytes + FRAME_DURABLE);
    out->type = bytes[FRAME_TYPE];
    memcpy(out->random, bytes + FRAME_RANDOM, FRAME_RANDOM_BYTES);
    memcpy(out->previous, bytes + FRAME_PREVIOUS, STORE_CHAIN_BYTES);
    return out->body_len <= FRAME_BODY_MAX && sodium_is_zero(bytes + FRAME_TYPE + 1, FRAME_RANDOM - FRAME_TYPE - 1);
}

bool frame_unseal(const struct frame_place *place, const struct frame_head *head, const uint8_t *bytes, uint8_t *body) {
    uint8_t aad[AAD_BYTES];
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
    make_aad(aad, place, bytes);
    make_nonce(nonce, head);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(body, NULL, NULL, bytes + FRAME_HEAD_BYTES,
                                                      (unsigned long long)head->body_len + FRAME_TAG_BYTES, aad,
                                                      sizeof aad, nonce, place->key) == 0;
}
