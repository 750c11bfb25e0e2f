/* Key generation by a trusted dealer (frost 7): development profile and tests only. */
#ifndef SIGNER_FROST_DEALER_H
#define SIGNER_FROST_DEALER_H

#include "frost/keys.h"

/* One key package a member (`packages` has room for `count`, guarded memory, filled ascending) and the
 * public package with min_signers, from a 32-byte seed. The stored key keeps its parity and is not
 * tweaked. ERR_FROST_MIN_SIGNERS, ERR_FROST_MAX_SIGNERS; ERR_FROST_FIELD: member 0;
 * ERR_FROST_DUPLICATED_IDENTIFIER. On failure `packages` is wiped and `keys` empty. */
enum signer_error frost_deal(struct frost_key_package *packages, struct frost_public_package *keys,
                             const uint16_t *members, size_t count, uint16_t threshold, const uint8_t seed[32]);

#endif
