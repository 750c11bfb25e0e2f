/* Key packages and public key packages: bytes, even-Y, tweak (frost 3, 4). */
#ifndef SIGNER_FROST_KEYS_H
#define SIGNER_FROST_KEYS_H

#include "frost/frost.h"

/* Strict decoding (D-040); s*G = V is checked as well (D-041). ERR_FROST_DESERIALIZATION,
 * ERR_FROST_FIELD or ERR_FROST_GROUP. */
enum signer_error frost_key_package_decode(struct frost_key_package *out, const uint8_t *in, size_t len);
enum signer_error frost_key_package_encode(struct buffer *out, const struct frost_key_package *in);
void frost_key_package_clear(struct frost_key_package *inout);
void frost_key_package_even_y(struct frost_key_package *inout);
/* Tweak (on the even form) with the root, or with no root where it is absent (frost 4.2). */
enum signer_error frost_key_package_tweak(struct frost_key_package *inout, const struct frost_root *root);

enum signer_error frost_public_package_decode(struct frost_public_package *out, const uint8_t *in, size_t len);
enum signer_error frost_public_package_encode(struct buffer *out, const struct frost_public_package *in);
enum signer_error frost_public_package_copy(struct frost_public_package *out, const struct frost_public_package *in);
void frost_public_package_free(struct frost_public_package *inout);
void frost_public_package_even_y(struct frost_public_package *inout);
enum signer_error frost_public_package_tweak(struct frost_public_package *inout, const struct frost_root *root);
const struct point *frost_verifying_share(const struct frost_public_package *package,
                                          const struct frost_identifier *identifier); /* NULL: none */
/* All verifying shares lie on one polynomial of degree min_signers-1 through the group key: one
 * random word of the dual code (D-140). `threshold` counts. Else ERR_FROST_INCORRECT_PACKAGE. */
enum signer_error frost_public_package_check_degree(const struct frost_public_package *package,
                                                    uint16_t threshold, const uint8_t seed[32]);

#endif
