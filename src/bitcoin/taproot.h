/* Taproot output keys (BIP-341). Pure; public values only. */
#ifndef SIGNER_BITCOIN_TAPROOT_H
#define SIGNER_BITCOIN_TAPROOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* x-only output key of an internal key: P + H_TapTweak(x || root) G. `has_root` false: tweaked with
 * the key alone (`root` may be NULL). `odd` (may be NULL): whether the output point has odd Y.
 * ERR_FROST_GROUP: `internal_x` is no x of a point, or the tweak is not below n. */
enum signer_error taproot_output_key(uint8_t out[32], bool *odd, const uint8_t internal_x[32], bool has_root,
                                     const uint8_t root[32]);

#endif
