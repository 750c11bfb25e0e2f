/* Attempt contexts: derivation and strict validation (roast 1-5, interactive-session 5, OPEN-12). */
#include "roast/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "curve/hash.h"
#include "roast/go_random.h"

#define FINGERPRINT_DOMAIN "FROST-ROAST-INCLUDED-FPR-v1"
#define ATTEMPT_ID_DOMAIN "FROST-ROAST-ATTEMPT-ID-v1"
#define FRAMED_MEMBER_BYTES 6u

/* frame(x) = be32(len) || x */
static void hash_frame_head(crypto_hash_sha256_state *hash, size_t len) {
    uint8_t head[4];
    store_be32(head, (uint32_t)len);
    sha256_update(hash, head, sizeof head);
}

static void hash_frame(crypto_hash_sha256_state *hash, const void *data, size_t len) {
    hash_frame_head(hash, len);
    if (len) sha256_update(hash, data, len);
}

static void finish_hex(crypto_hash_sha256_state *hash, char out[65]) {
    uint8_t digest[HASH_BYTES];
    sha256_finish(hash, digest);
    hex_encode(out, digest, sizeof digest);
    out[64] = '\0';
}

static void lower_text(char *inout) {
    for (; *inout; inout++)
        if (*inout >= 'A' && *inout <= 'Z') *inout = (char)(*inout + ('a' - 'A'));
}

void attempt_text(char out[FINGERPRINT_TEXT_BYTES + 1], const char *text, size_t len) {
    if (len != FINGERPRINT_TEXT_BYTES) len = 0;
    memcpy(out, text, len);
    out[len] = '\0';
}

static int compare_members(const void *a, const void *b) {
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static bool is_ascending(const uint16_t *members, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (members[i] < members[i - 1]) return false;
    return true;
}

enum signer_error attempt_canonical_set(uint16_t *included, size_t count, struct failure *why) {
    if (count == 0) return fail(why, ERR_ATTEMPT_CONTEXT, "included_participants must not be empty");
    if (count > PARTICIPANTS_MAX)
        return fail(why, ERR_ATTEMPT_CONTEXT, "included_participants has more than %u entries", PARTICIPANTS_MAX);
    if (!is_ascending(included, count)) qsort(included, count, sizeof *included, compare_members);
    if (included[0] == 0) return fail(why, ERR_ATTEMPT_CONTEXT, "included_participants must not contain 0");
    for (size_t i = 1; i < count; i++)
        if (included[i] == included[i - 1])
            return fail(why, ERR_ATTEMPT_CONTEXT, "included_participants contains %u twice", included[i]);
    return SIGNER_OK;
}

void attempt_fingerprint(char out[FINGERPRINT_TEXT_BYTES + 1], const uint16_t *sorted, size_t count) {
    crypto_hash_sha256_state hash;
    uint8_t member[2];
    sha256_begin(&hash);
    hash_frame(&hash, FINGERPRINT_DOMAIN, strlen(FINGERPRINT_DOMAIN));
    hash_frame_head(&hash, count * FRAMED_MEMBER_BYTES);
    for (size_t i = 0; i < count; i++) {
        store_be16(member, sorted[i]);
        hash_frame(&hash, member, sizeof member);
    }
    finish_hex(&hash, out);
}

void attempt_message_digest(uint8_t out[32], const uint8_t *message, size_t message_len) {
    sha256(out, message, message_len);
}

void attempt_id(char out[ATTEMPT_ID_TEXT_BYTES + 1], const char *session_id, size_t session_id_len,
                const uint8_t message_digest[32], uint32_t attempt_number, uint16_t coordinator,
                const char fingerprint[FINGERPRINT_TEXT_BYTES]) {
    crypto_hash_sha256_state hash;
    char digest_text[64];
    uint8_t number[4], member[2];
    hex_encode(digest_text, message_digest, 32);
    store_be32(number, attempt_number);
    store_be16(member, coordinator);
    sha256_begin(&hash);
    hash_frame(&hash, ATTEMPT_ID_DOMAIN, strlen(ATTEMPT_ID_DOMAIN));
    hash_frame(&hash, session_id, session_id_len);
    hash_frame(&hash, digest_text, sizeof digest_text);
    hash_frame(&hash, number, sizeof number);
    hash_frame(&hash, member, sizeof member);
    hash_frame(&hash, fingerprint, FINGERPRINT_TEXT_BYTES);
    finish_hex(&hash, out);
}

enum signer_error attempt_padded_message(uint8_t out[32], const uint8_t *message, size_t message_len,
                                         struct failure *why) {
    while (message_len && message[0] == 0)
        message++, message_len--;
    if (message_len > 32) return fail(why, ERR_VALIDATION, "message has more than 32 significant bytes");
    memset(out, 0, 32);
    if (message_len) memcpy(out + 32 - message_len, message, message_len);
    return SIGNER_OK;
}

int64_t attempt_shuffle_seed(const char *key_group, size_t key_group_len, const char *session_id, size_t session_id_len,
                             const uint8_t padded_message[32]) {
    crypto_hash_sha256_state hash;
    uint8_t digest[HASH_BYTES];
    sha256_begin(&hash);
    sha256_update(&hash, key_group, key_group_len);
    sha256_update(&hash, session_id, session_id_len);
    sha256_update(&hash, padded_message, 32);
    sha256_finish(&hash, digest);
    return (int64_t)load_be64(digest);
}

uint16_t attempt_coordinator(const char *key_group, size_t key_group_len, const char *session_id, size_t session_id_len,
                             const uint8_t padded_message[32], uint32_t attempt_number, const uint16_t *sorted,
                             size_t count) {
    uint16_t members[PARTICIPANTS_MAX];
    if (count == 0 || count > PARTICIPANTS_MAX) return 0;
    memcpy(members, sorted, count * sizeof *members);
    int64_t seed = attempt_shuffle_seed(key_group, key_group_len, session_id, session_id_len, padded_message);
    seed = (int64_t)((uint64_t)seed + attempt_number - 1);
    return go_shuffle(members, count, seed) ? members[0] : 0;
}

/* The coordinator of a context whose number and canonical set are filled in. */
static enum signer_error elect(uint16_t *out, const struct attempt_context *context,
                               const struct attempt_inputs *inputs, struct failure *why) {
    uint8_t padded[32];
    enum signer_error error = attempt_padded_message(padded, inputs->message, inputs->message_len, why);
    if (error != SIGNER_OK) return error;
    *out = attempt_coordinator(inputs->key_group, inputs->key_group_len, inputs->session_id, inputs->session_id_len,
                               padded, context->attempt_number, context->included, context->included_count);
    return *out ? SIGNER_OK : fail(why, ERR_INTERNAL, "the coordinator generator failed its self-check");
}

static void context_id(char out[ATTEMPT_ID_TEXT_BYTES + 1], const struct attempt_context *context,
                       const struct attempt_inputs *inputs, const char *fingerprint) {
    uint8_t digest[32];
    attempt_message_digest(digest, inputs->message, inputs->message_len);
    attempt_id(out, inputs->session_id, inputs->session_id_len, digest, context->attempt_number, context->coordinator,
               fingerprint);
}

enum signer_error attempt_derive(struct attempt_context *out, const struct attempt_inputs *inputs,
                                 uint32_t attempt_number, const uint16_t *included, size_t count, struct failure *why) {
    struct attempt_context derived = {.attempt_number = attempt_number, .included_count = count};
    if (attempt_number == 0) return fail(why, ERR_ATTEMPT_CONTEXT, "attempt_number must be at least 1");
    if (inputs->threshold == 0) return fail(why, ERR_VALIDATION, "threshold must not be 0");
    if (count && count <= PARTICIPANTS_MAX) memcpy(derived.included, included, count * sizeof *included);
    enum signer_error error = attempt_canonical_set(derived.included, count, why);
    if (error != SIGNER_OK) return error;
    if (count < inputs->threshold)
        return fail(why, ERR_ATTEMPT_CONTEXT, "included_participants has fewer entries than the threshold");
    error = elect(&derived.coordinator, &derived, inputs, why);
    if (error != SIGNER_OK) return error;
    attempt_fingerprint(derived.fingerprint, derived.included, count);
    context_id(derived.attempt_id, &derived, inputs, derived.fingerprint);
    error = attempt_validate(&derived, inputs, why);
    if (error == SIGNER_OK) *out = derived;
    return error;
}

/* Steps 1 to 5 of OPEN-12: what can be seen without deriving anything. */
static enum signer_error check_form(struct attempt_context *inout, uint16_t threshold, struct failure *why) {
    if (inout->attempt_number == 0) return fail(why, ERR_ATTEMPT_CONTEXT, "attempt_number must be at least 1");
    if (inout->coordinator == 0) return fail(why, ERR_ATTEMPT_CONTEXT, "coordinator_identifier must not be 0");
    enum signer_error error = attempt_canonical_set(inout->included, inout->included_count, why);
    if (error != SIGNER_OK) return error;
    if (inout->included_count < threshold)
        return fail(why, ERR_ATTEMPT_CONTEXT, "included_participants has fewer entries than the threshold");
    for (size_t i = 0; i < inout->included_count; i++)
        if (inout->included[i] == inout->coordinator) return SIGNER_OK;
    return fail(why, ERR_ATTEMPT_CONTEXT, "coordinator_identifier is not in included_participants");
}

enum signer_error attempt_validate(struct attempt_context *inout, const struct attempt_inputs *inputs,
                                   struct failure *why) {
    char expected[65];
    uint16_t coordinator = 0;
    enum signer_error error = check_form(inout, inputs->threshold, why);
    if (error == SIGNER_OK) error = elect(&coordinator, inout, inputs, why);
    if (error != SIGNER_OK) return error;
    if (inout->coordinator != coordinator) return fail_plain(why, ERR_COORDINATOR_MISMATCH);

    lower_text(inout->fingerprint);
    attempt_fingerprint(expected, inout->included, inout->included_count);
    if (strcmp(inout->fingerprint, expected) != 0)
        return fail(why, ERR_ATTEMPT_CONTEXT, "included_participants_fingerprint does not match included_participants");

    lower_text(inout->attempt_id);
    context_id(expected, inout, inputs, expected);
    if (strcmp(inout->attempt_id, expected) != 0) return fail_plain(why, ERR_ATTEMPT_ID_MISMATCH);
    return SIGNER_OK;
}
