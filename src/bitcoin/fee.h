/* Fees of key-path spends, estimated before a signature exists (D-144). Pure. */
#ifndef SIGNER_BITCOIN_FEE_H
#define SIGNER_BITCOIN_FEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Weight units of the signed transaction: 4 × bytes without witness, 2 for marker and flag, 66 (one
 * item of 64 bytes) for each input. */
uint64_t fee_signed_weight(size_t serialized_bytes, size_t input_count);
/* Virtual bytes, rounded up. */
uint64_t fee_virtual_bytes(uint64_t weight);
/* fee × 4000 > limit × weight, in 128 bits: above `limit` satoshis a kilo virtual byte. */
bool fee_rate_exceeds(uint64_t fee_sats, uint64_t limit_sat_per_kvb, uint64_t weight);
/* Satoshis a kilo virtual byte, rounded up, for people to read; saturating. `weight` above 0. */
uint64_t fee_rate_sat_per_kvb(uint64_t fee_sats, uint64_t weight);

#endif
