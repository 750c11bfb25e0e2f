/* Attempt contexts: fingerprint, attempt id, coordinator election, strict validation (roast 1-5,
 * interactive-session 5). Pure. Members are sorted ascending wherever `sorted` is asked for. */
#ifndef SIGNER_ROAST_ATTEMPT_H
#define SIGNER_ROAST_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

#define FINGERPRINT_TEXT_BYTES 64

struct attempt_context {
    uint32_t attempt_number; /* 1-based */
    uint16_t coordinator;
    uint16_t included[PARTICIPANTS_MAX]; /* ascending in the canonical form */
    size_t included_count;
    char fingerprint[FINGERPRINT_TEXT_BYTES + 1]; /* lower-case hex */
    char attempt_id[ATTEMPT_ID_TEXT_BYTES + 1];   /* lower-case hex */
};

/* Takes a fingerprint or attempt id of a request into its field. A text of another length than 64
 * leaves the field empty: it then fails validation at its own step. */
void attempt_text(char out[FINGERPRINT_TEXT_BYTES + 1], const char *text, size_t len);

/* Sorts in place; ERR_ATTEMPT_CONTEXT (validation) on an empty list, one above PARTICIPANTS_MAX, a
 * zero or a duplicate. */
enum signer_error attempt_canonical_set(uint16_t *included, size_t count, struct failure *why);
void attempt_fingerprint(char out[FINGERPRINT_TEXT_BYTES + 1], const uint16_t *sorted, size_t count);
/* SHA-256 of the message: the transcript digest, which the attempt id hashes as text (roast 2). */
void attempt_message_digest(uint8_t out[32], const uint8_t *message, size_t message_len);
/* `attempt_number` is the 1-based one of the wire. */
void attempt_id(char out[ATTEMPT_ID_TEXT_BYTES + 1], const char *session_id, size_t session_id_len,
                const uint8_t message_digest[32], uint32_t attempt_number, uint16_t coordinator,
                const char fingerprint[FINGERPRINT_TEXT_BYTES]);
/* The RFC-21 digest: strips leading zero bytes, pads to 32; ERR_VALIDATION above 32 significant bytes. */
enum signer_error attempt_padded_message(uint8_t out[32], const uint8_t *message, size_t message_len,
                                         struct failure *why);
/* Seed of the first attempt (roast 3.4); attempt n adds n - 1, modulo 2^64. */
int64_t attempt_shuffle_seed(const char *key_group, size_t key_group_len, const char *session_id, size_t session_id_len,
                             const uint8_t padded_message[32]);
/* The elected coordinator: first of the Go-compatible shuffle (roast 4). `attempt_number` is 1-based.
 * 0: an empty set, one above PARTICIPANTS_MAX, or the generator failed its self-check. */
uint16_t attempt_coordinator(const char *key_group, size_t key_group_len, const char *session_id, size_t session_id_len,
                             const uint8_t padded_message[32], uint32_t attempt_number, const uint16_t *sorted,
                             size_t count);

struct attempt_inputs {
    const char *session_id;
    size_t session_id_len;
    const char *key_group;
    size_t key_group_len;
    const uint8_t *message;
    size_t message_len;
    uint16_t threshold;
};

/* Derives a whole context for a set, checks in the order of DE-1 (attempt number, threshold, set,
 * size, message), and validates the result again (DE-2). Sets nothing on failure. */
enum signer_error attempt_derive(struct attempt_context *out, const struct attempt_inputs *inputs,
                                 uint32_t attempt_number, const uint16_t *included, size_t count, struct failure *why);
/* Strict validation in the order of OPEN-12; brings `inout` to its canonical form. All failures have
 * the code validation_error; ERR_INTERNAL: the generator failed its self-check. */
enum signer_error attempt_validate(struct attempt_context *inout, const struct attempt_inputs *inputs,
                                   struct failure *why);

#endif
