/* Fees of key-path spends (D-144, policy-and-lifecycle 5.3 rule 5b). */
#include "bitcoin/fee.h"

#define WITNESS_SCALE 4u
#define MARKER_WEIGHT 2u
#define KEY_PATH_WITNESS_WEIGHT 66u
#define WEIGHT_PER_KVB 4000u

__extension__ typedef unsigned __int128 uint128;

uint64_t fee_signed_weight(size_t serialized_bytes, size_t input_count) {
    return WITNESS_SCALE * (uint64_t)serialized_bytes + MARKER_WEIGHT + KEY_PATH_WITNESS_WEIGHT * (uint64_t)input_count;
}

uint64_t fee_virtual_bytes(uint64_t weight) {
    return weight / WITNESS_SCALE + (weight % WITNESS_SCALE != 0);
}

bool fee_rate_exceeds(uint64_t fee_sats, uint64_t limit_sat_per_kvb, uint64_t weight) {
    return (uint128)fee_sats * WEIGHT_PER_KVB > (uint128)limit_sat_per_kvb * weight;
}

uint64_t fee_rate_sat_per_kvb(uint64_t fee_sats, uint64_t weight) {
    uint128 rate = ((uint128)fee_sats * WEIGHT_PER_KVB + weight - 1) / weight;
    return rate > UINT64_MAX ? UINT64_MAX : (uint64_t)rate;
}
