/* SHA-256 by the processor's SHA instructions where it has them, else by libsodium. Both are constant
 * time in the data. The state is libsodium's, so that either can go on where the other stopped. */
#ifndef SIGNER_CURVE_SHA256_H
#define SIGNER_CURVE_SHA256_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

void sha256_begin(crypto_hash_sha256_state *state);
void sha256_update(crypto_hash_sha256_state *state, const void *data, size_t len);
void sha256_finish(crypto_hash_sha256_state *state, uint8_t out[crypto_hash_sha256_BYTES]);
/* "instructions" or "libsodium". */
const char *sha256_name(void);

#endif
