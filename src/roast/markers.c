/* Marker texts of the interactive replay registries (interactive-session 5). */
#include "roast/markers.h"

#include <string.h>

#include "base/bytes.h"
#include "curve/hash.h"

#define AUTHORIZATION_DOMAIN "tbtc-signer/interactive-aggregate-authorization/v1"
#define COMPLETION_DOMAIN "tbtc-signer/interactive-aggregate-package-completion/v1"

static void add(struct marker *out, const char *text, size_t len) {
    memcpy(out->text + out->len, text, len);
    out->len += len;
    out->text[out->len] = '\0';
}

static void add_hex(struct marker *out, const uint8_t bytes[32]) {
    hex_encode(out->text + out->len, bytes, 32);
    out->len += 64;
    out->text[out->len] = '\0';
}

static void add_member(struct marker *out, uint16_t member) {
    char digits[5];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + member % 10);
    while (member /= 10);
    add(out, digits + at, sizeof digits - at);
}

void marker_consumed(struct marker *out, enum consumed_form form, uint16_t member,
                     const char attempt_id[ATTEMPT_ID_TEXT_BYTES]) {
    out->len = 0;
    if (form != CONSUMED_BARE) {
        add(out, "m", 1);
        add_member(out, member);
        add(out, "@", 1);
    }
    add(out, attempt_id, ATTEMPT_ID_TEXT_BYTES);
    if (form == CONSUMED_V2) add(out, "@v2", 3);
}

void marker_aggregated(struct marker *out, enum aggregated_form form, const char attempt_id[ATTEMPT_ID_TEXT_BYTES],
                       const uint8_t message_digest[32], const uint8_t *root) {
    out->len = 0;
    add(out, attempt_id, ATTEMPT_ID_TEXT_BYTES);
    if (form == AGGREGATED_BARE) return;
    add(out, "@", 1);
    add_hex(out, message_digest);
    if (form == AGGREGATED_DIGEST) return;
    add(out, "@", 1);
    if (root)
        add_hex(out, root);
    else
        add(out, "keypath", 7);
}

static void hash_u64(crypto_hash_sha256_state *hash, uint64_t value) {
    uint8_t raw[8];
    store_be64(raw, value);
    sha256_update(hash, raw, sizeof raw);
}

/* R || be64(len(P)) || P, and the digest as text. */
static void finish(struct marker *out, crypto_hash_sha256_state *hash, const uint8_t *root, const uint8_t *package,
                   size_t package_len) {
    uint8_t digest[HASH_BYTES];
    const uint8_t has_root = root != NULL;
    sha256_update(hash, &has_root, 1);
    if (root) sha256_update(hash, root, 32);
    hash_u64(hash, package_len);
    sha256_update(hash, package, package_len);
    sha256_finish(hash, digest);
    out->len = 0;
    add_hex(out, digest);
}

void marker_authorization(struct marker *out, const char attempt_id[ATTEMPT_ID_TEXT_BYTES], const uint8_t *root,
                          const uint8_t *package, size_t package_len) {
    crypto_hash_sha256_state hash;
    sha256_begin(&hash);
    sha256_update(&hash, AUTHORIZATION_DOMAIN, strlen(AUTHORIZATION_DOMAIN));
    hash_u64(&hash, ATTEMPT_ID_TEXT_BYTES);
    sha256_update(&hash, attempt_id, ATTEMPT_ID_TEXT_BYTES);
    finish(out, &hash, root, package, package_len);
}

void marker_completion(struct marker *out, const uint8_t *root, const uint8_t *package, size_t package_len) {
    crypto_hash_sha256_state hash;
    sha256_begin(&hash);
    sha256_update(&hash, COMPLETION_DOMAIN, strlen(COMPLETION_DOMAIN));
    finish(out, &hash, root, package, package_len);
}

bool heartbeat_well_formed(const uint8_t *intent, size_t len) {
    if (len != HEARTBEAT_BYTES) return false;
    return load_be64(intent) == UINT64_MAX;
}

void heartbeat_digest(uint8_t out[32], const uint8_t intent[HEARTBEAT_BYTES]) {
    sha256(out, intent, HEARTBEAT_BYTES);
    sha256(out, out, HASH_BYTES);
}
