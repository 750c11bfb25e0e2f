/* SHA-256, tagged hashes (BIP-340) and hash_to_scalar (RFC 9380 expand_message_xmd; frost 2). */
#ifndef SIGNER_CURVE_HASH_H
#define SIGNER_CURVE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "curve/scalar.h"
#include "curve/sha256.h"

#define HASH_BYTES 32
#define HASH_WIDE_BYTES 48 /* what expand_message_xmd gives for one scalar */
#define HASH_DST_BYTES_MAX 254

void sha256(uint8_t out[HASH_BYTES], const void *data, size_t len);
/* SHA-256 over the parts one after another. */
void sha256_parts(uint8_t out[HASH_BYTES], const struct bytes *parts, size_t count);
/* SHA256(SHA256(tag) || SHA256(tag) || parts…). */
void tagged_hash(uint8_t out[HASH_BYTES], const char *tag, const struct bytes *parts, size_t count);

/* expand_message_xmd(parts…, dst, 48) with SHA-256. `dst` has at most HASH_DST_BYTES_MAX characters. */
void hash_expand_48(uint8_t out[HASH_WIDE_BYTES], const char *dst, const struct bytes *parts, size_t count);
/* hash_to_scalar(dst, parts…): 48 bytes of expand_message_xmd modulo n. */
void hash_to_scalar(struct scalar *out, const char *dst, const struct bytes *parts, size_t count);

/* hash_to_scalar over many messages with one prefix: the prefix is hashed once. */
struct scalar_hasher {
    crypto_hash_sha256_state prefix;
    const char *dst; /* the caller keeps it */
};
void scalar_hasher_begin(struct scalar_hasher *hasher, const char *dst, const struct bytes *prefix, size_t count);
void scalar_hasher_finish(struct scalar *out, const struct scalar_hasher *hasher, const struct bytes *rest,
                          size_t count);

#endif
