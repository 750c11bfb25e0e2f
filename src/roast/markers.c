/* Marker texts of the interactive replay registries (interactive-session 5). */
#include "roast/markers.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define AUTHORIZATION_DOMAIN "tbtc-signer/interactive-aggregate-authorization/v1"
#define COMPLETION_DOMAIN "tbtc-signer/interactive-aggregate-package-completion/v1"
#define ID_CHARS ((int)ATTEMPT_ID_TEXT_BYTES)

static void set_text(struct marker *out, int written) {
    out->len = (size_t)written;
}

void marker_consumed(struct marker *out, enum consumed_form form, uint16_t member,
                     const char attempt_id[ATTEMPT_ID_TEXT_BYTES]) {
    if (form == CONSUMED_BARE)
        set_text(out, snprintf(out->text, sizeof out->text, "%.*s", ID_CHARS, attempt_id));
    else
        set_text(out, snprintf(out->text, sizeof out->text, "m%u@%.*s%s", member, ID_CHARS, attempt_id,
                               form == CONSUMED_V2 ? "@v2" : ""));
}

void marker_aggregated(struct marker *out, enum aggregated_form form, const char attempt_id[ATTEMPT_ID_TEXT_BYTES],
                       const uint8_t message_digest[32], const uint8_t *root) {
    char digest_text[65] = {0}, root_text[65] = "keypath";
    hex_encode(digest_text, message_digest, 32);
    if (root) hex_encode(root_text, root, 32);
    if (form == AGGREGATED_BARE)
        set_text(out, snprintf(out->text, sizeof out->text, "%.*s", ID_CHARS, attempt_id));
    else if (form == AGGREGATED_DIGEST)
        set_text(out, snprintf(out->text, sizeof out->text, "%.*s@%s", ID_CHARS, attempt_id, digest_text));
    else
        set_text(out,
                 snprintf(out->text, sizeof out->text, "%.*s@%s@%s", ID_CHARS, attempt_id, digest_text, root_text));
}

static void hash_u64(crypto_hash_sha256_state *hash, uint64_t value) {
    uint8_t raw[8];
    store_be64(raw, value);
    crypto_hash_sha256_update(hash, raw, sizeof raw);
}

/* R || be64(len(P)) || P, and the digest as text. */
static void finish(struct marker *out, crypto_hash_sha256_state *hash, const uint8_t *root, const uint8_t *package,
                   size_t package_len) {
    uint8_t digest[crypto_hash_sha256_BYTES];
    const uint8_t has_root = root != NULL;
    crypto_hash_sha256_update(hash, &has_root, 1);
    if (root) crypto_hash_sha256_update(hash, root, 32);
    hash_u64(hash, package_len);
    crypto_hash_sha256_update(hash, package, package_len);
    crypto_hash_sha256_final(hash, digest);
    hex_encode(out->text, digest, sizeof digest);
    out->len = 2 * sizeof digest;
    out->text[out->len] = '\0';
}

void marker_authorization(struct marker *out, const char attempt_id[ATTEMPT_ID_TEXT_BYTES], const uint8_t *root,
                          const uint8_t *package, size_t package_len) {
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    crypto_hash_sha256_update(&hash, (const uint8_t *)AUTHORIZATION_DOMAIN, strlen(AUTHORIZATION_DOMAIN));
    hash_u64(&hash, ATTEMPT_ID_TEXT_BYTES);
    crypto_hash_sha256_update(&hash, (const uint8_t *)attempt_id, ATTEMPT_ID_TEXT_BYTES);
    finish(out, &hash, root, package, package_len);
}

void marker_completion(struct marker *out, const uint8_t *root, const uint8_t *package, size_t package_len) {
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    crypto_hash_sha256_update(&hash, (const uint8_t *)COMPLETION_DOMAIN, strlen(COMPLETION_DOMAIN));
    finish(out, &hash, root, package, package_len);
}

bool heartbeat_well_formed(const uint8_t *intent, size_t len) {
    if (len != HEARTBEAT_BYTES) return false;
    return load_be64(intent) == UINT64_MAX;
}

void heartbeat_digest(uint8_t out[32], const uint8_t intent[HEARTBEAT_BYTES]) {
    crypto_hash_sha256(out, intent, HEARTBEAT_BYTES);
    crypto_hash_sha256(out, out, 32);
}
