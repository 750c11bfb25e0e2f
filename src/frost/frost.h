/* FROST(secp256k1, SHA-256, Taproot): objects and sizes shared by the files of this folder.
 * Sources: frost 1 to 12. Everything here is pure: no file, no clock, no global. Secret objects
 * are marked SECRET; their owner keeps them in custody and wipes them. */
#ifndef SIGNER_FROST_FROST_H
#define SIGNER_FROST_FROST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"
#include "curve/hash.h"
#include "curve/point.h"
#include "curve/scalar.h"

#define FROST_IDENTIFIER_BYTES 32
#define FROST_HEADER_BYTES 5
#define FROST_COMMITMENTS_BYTES 71
#define FROST_SHARE_BYTES 32
#define FROST_SIGNATURE_BYTES 64
#define FROST_NONCES_BYTES 140
#define FROST_KEY_PACKAGE_BYTES_MAX 138
#define FROST_SIGNERS_MAX 1024 /* of the core; the ABI ends at PARTICIPANTS_MAX */

/* A nonzero scalar, as its 32 big-endian bytes: numeric order is byte order. */
struct frost_identifier {
    uint8_t bytes[FROST_IDENTIFIER_BYTES];
};

void frost_identifier_from_member(struct frost_identifier *out, uint16_t member); /* member >= 1 */
/* False when the identifier is no u16 ("non-canonical"). */
bool frost_identifier_to_member(uint16_t *out, const struct frost_identifier *in);
/* Nonzero and below n, else ERR_FROST_FIELD. */
enum signer_error frost_identifier_check(const struct frost_identifier *in);
int frost_identifier_compare(const struct frost_identifier *a, const struct frost_identifier *b);

/* SECRET. One seat's share of a group key. */
struct frost_key_package {
    struct frost_identifier identifier;
    struct scalar signing_share;
    struct point verifying_share;
    struct point verifying_key;
    uint16_t min_signers;
};

struct frost_verifying_share {
    struct frost_identifier identifier;
    struct point share;
};

/* Public. `shares` ascend by identifier; min_signers 0 = absent. */
struct frost_public_package {
    struct frost_verifying_share *shares;
    size_t count;
    struct point verifying_key;
    uint16_t min_signers;
};

/* Public nonce commitments, with the encoding that travelled. */
struct frost_commitments {
    struct point hiding;
    struct point binding;
    uint8_t encoded[FROST_COMMITMENTS_BYTES];
};

/* SECRET. A nonce pair: signs once. */
struct frost_nonces {
    struct scalar hiding;
    struct scalar binding;
    struct frost_commitments commitments;
};

struct frost_package_entry {
    struct frost_identifier identifier;
    struct frost_commitments commitments;
};

/* Public. `entries` ascend by identifier. */
struct frost_signing_package {
    struct frost_package_entry *entries;
    size_t count;
    uint8_t *message;
    size_t message_len;
};

/* Optional Taproot tweak of a signing operation: absent, or 32 bytes. */
struct frost_root {
    bool present;
    uint8_t bytes[32];
};

static inline bool frost_root_equal(const struct frost_root *a, const struct frost_root *b) {
    return a->present == b->present && (!a->present || memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0);
}

#endif
