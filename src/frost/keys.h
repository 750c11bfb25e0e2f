/* Key packages and public key packages: bytes, even-Y, tweak (frost 3, 4). */
#ifndef SIGNER_FROST_KEYS_H
#define SIGNER_FROST_KEYS_H

#include "frost/frost.h"

/* Strict decoding of the bytes (D-040): ERR_FROST_DESERIALIZATION, ERR_FROST_FIELD, ERR_FROST_GROUP. */
enum signer_error frost_key_package_parse(struct frost_key_package *out, const uint8_t *in, size_t len);
/* share * G = verifying share (D-041), else ERR_FROST_INCORRECT_PACKAGE. */
enum signer_error frost_key_package_check(const struct frost_key_package *in);
/* Both: what every load of a stored package uses. On failure `out` is wiped. */
enum signer_error frost_key_package_decode(struct frost_key_package *out, const uint8_t *in, size_t len);
size_t frost_key_package_bytes(const struct frost_key_package *in); /* size of the encoding */
enum signer_error frost_key_package_encode(struct buffer *out, const struct frost_key_package *in);
/* The same into memory of exactly frost_key_package_bytes (custody). */
enum signer_error frost_key_package_write(uint8_t *out, size_t len, const struct frost_key_package *in);
void frost_key_package_clear(struct frost_key_package *inout);
void frost_key_package_even_y(struct frost_key_package *inout);
/* Tweak (on the even form) with the root, or with no root where it is absent (frost 4.2).
 * ERR_FROST_GROUP: the tweaked key is the identity. */
enum signer_error frost_key_package_tweak(struct frost_key_package *inout, const struct frost_root *root);

/* Strict decoding; at most FROST_SIGNERS_MAX shares, at least one. On failure nothing is left to free. */
enum signer_error frost_public_package_decode(struct frost_public_package *out, const uint8_t *in, size_t len);
enum signer_error frost_public_package_encode(struct buffer *out, const struct frost_public_package *in);
/* Assembles a package; `shares` are copied and sorted. ERR_FROST_DUPLICATED_IDENTIFIER; empty or too
 * many: ERR_FROST_IDENTIFIER_COUNT. The native JSON form has x(key) only and no min_signers: lift the
 * key, pass 0. */
enum signer_error frost_public_package_make(struct frost_public_package *out,
                                            const struct frost_verifying_share *shares, size_t count,
                                            const struct point *verifying_key, uint16_t min_signers);
enum signer_error frost_public_package_copy(struct frost_public_package *out, const struct frost_public_package *in);
void frost_public_package_free(struct frost_public_package *inout);
void frost_public_package_even_y(struct frost_public_package *inout);
enum signer_error frost_public_package_tweak(struct frost_public_package *inout, const struct frost_root *root);
/* Both packages of one key at once; ERR_FROST_INCORRECT_PACKAGE: their group keys differ. */
enum signer_error frost_packages_tweak(struct frost_key_package *key, struct frost_public_package *keys,
                                       const struct frost_root *root);
bool frost_public_package_equal(const struct frost_public_package *a, const struct frost_public_package *b);
const struct point *frost_verifying_share(const struct frost_public_package *package,
                                          const struct frost_identifier *identifier); /* NULL: none */

/* What a signing operation makes of a package (frost 4.1, 4.2): every value that is linear in the
 * secret becomes (negate_out)(±value + tweak * G), with tweak 0 where there is no root. */
struct frost_adjustment {
    bool negate_in;      /* stored key has odd Y */
    bool negate_out;     /* tweaked key has odd Y */
    struct scalar tweak; /* public */
    struct point tweak_point;
    struct point key; /* the effective key, even Y */
};
/* For signing: `root` absent means no tweak at all. ERR_FROST_GROUP: the key becomes the identity. */
enum signer_error frost_adjustment_make(struct frost_adjustment *out, const struct point *verifying_key,
                                        const struct frost_root *root);
void frost_adjust_point(struct point *inout, const struct frost_adjustment *adjustment);
void frost_adjust_secret(struct scalar *inout,
                         const struct frost_adjustment *adjustment); /* constant time in the secret */

/* All verifying shares lie on one polynomial of degree min_signers-1 through the group key: one
 * random word of the dual code (D-140). `threshold` counts; `seed` is fresh randomness. Else
 * ERR_FROST_INCORRECT_PACKAGE; a threshold outside 1..count: ERR_FROST_MIN_SIGNERS. */
enum signer_error frost_public_package_check_degree(const struct frost_public_package *package, uint16_t threshold,
                                                    const uint8_t seed[32]);

#endif
