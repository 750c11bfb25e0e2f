/* The texts of the interactive replay registries, and the heartbeat's digest (interactive-session 5,
 * policy-and-lifecycle 5.6). Pure: who writes and who looks up is decided by src/session/.
 *
 * Attempt ids and digests are 64 lower-case hex characters. A root is 32 bytes, NULL without one. */
#ifndef SIGNER_ROAST_MARKERS_H
#define SIGNER_ROAST_MARKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

#define MARKER_TEXT_MAX 194u /* aggregated: three times 64 characters and two of `@` */
#define HEARTBEAT_BYTES 16u

struct marker {
    char text[MARKER_TEXT_MAX + 1];
    size_t len;
};

/* Forms of a consumed marker. A seat is consumed when the registry holds any of them. */
enum consumed_form {
    CONSUMED_WRITTEN, /* m<member>@<attempt_id>: the one that we write */
    CONSUMED_V2,      /* m<member>@<attempt_id>@v2 */
    CONSUMED_BARE,    /* <attempt_id>: consumed for every member */
    CONSUMED_FORM_COUNT
};

/* Forms of an aggregated marker. An attempt is complete for this message and root when the registry
 * holds any of them. */
enum aggregated_form {
    AGGREGATED_WRITTEN, /* <attempt_id>@<digest>@<root hex, or `keypath`>: the one that we write */
    AGGREGATED_DIGEST,  /* <attempt_id>@<digest>: complete for every root */
    AGGREGATED_BARE,    /* <attempt_id>: complete for every message and root */
    AGGREGATED_FORM_COUNT
};

void marker_consumed(struct marker *out, enum consumed_form form, uint16_t member,
                     const char attempt_id[ATTEMPT_ID_TEXT_BYTES]);
/* `message_digest` is the SHA-256 of the message (roast 2, transcript digest). */
void marker_aggregated(struct marker *out, enum aggregated_form form, const char attempt_id[ATTEMPT_ID_TEXT_BYTES],
                       const uint8_t message_digest[32], const uint8_t *root);
/* Allows the aggregation of exactly this attempt, package and root. `package` is the canonical
 * serialisation of the decoded signing package, never the caller's bytes. */
void marker_authorization(struct marker *out, const char attempt_id[ATTEMPT_ID_TEXT_BYTES], const uint8_t *root,
                          const uint8_t *package, size_t package_len);
/* Takes the authorization's place once the package is aggregated (AGG-10). */
void marker_completion(struct marker *out, const uint8_t *root, const uint8_t *package, size_t package_len);

/* 16 bytes of which the first eight are ff. */
bool heartbeat_well_formed(const uint8_t *intent, size_t len);
/* What a heartbeat signs: SHA256(SHA256(intent)), natural byte order. */
void heartbeat_digest(uint8_t out[32], const uint8_t intent[HEARTBEAT_BYTES]);

#endif
