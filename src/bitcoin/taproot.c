/* Taproot output keys (BIP-341, taproot_tweak_pubkey). */
#include "bitcoin/taproot.h"

#include <string.h>

#include "curve/hash.h"
#include "curve/point.h"
#include "curve/scalar.h"

enum signer_error taproot_output_key(uint8_t out[32], bool *odd, const uint8_t internal_x[32], bool has_root,
                                     const uint8_t root[32]) {
    const struct bytes parts[] = {{internal_x, 32}, {root, 32}};
    uint8_t hash[HASH_BYTES], encoded[POINT_BYTES];
    struct scalar tweak;
    struct point internal, output;
    enum signer_error error = point_lift_x(&internal, internal_x);
    if (error != SIGNER_OK) return error;
    tagged_hash(hash, "TapTweak", parts, has_root ? 2 : 1);
    if (!scalar_decode(&tweak, hash)) return ERR_FROST_GROUP;
    error = point_mul_base(&output, &tweak);
    if (error != SIGNER_OK) return error;
    point_add(&output, &output, &internal);
    error = point_encode(encoded, &output);
    if (error != SIGNER_OK) return error;
    memcpy(out, encoded + 1, 32);
    if (odd) *odd = point_has_odd_y(&output);
    return SIGNER_OK;
}
