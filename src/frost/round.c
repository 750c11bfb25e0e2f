/* What a signing package and a key determine: binding factors, group commitment, challenge, and the
 * equation of one share (frost 11.2, 11.3, 11.6). Public data throughout. */
#include <stdlib.h>
#include <string.h>

#include "base/declassify.h"
#include "base/fault.h"
#include "frost/draw.h"
#include "frost/signing.h"
#include "frost/suite.h"

/* H4(message) */
static void hash_message(uint8_t out[HASH_BYTES], const struct frost_signing_package *package) {
    static const char prefix[] = FROST_CONTEXT "msg";
    const struct bytes parts[] = {{(const uint8_t *)prefix, sizeof prefix - 1},
                                  {package->message, package->message_len}};
    sha256_parts(out, parts, 2);
}

/* H5 over (identifier, D, E) of every signer; the commitments go in without their header. */
static void hash_commitments(uint8_t out[HASH_BYTES], const struct frost_signing_package *package) {
    static const char prefix[] = FROST_CONTEXT "com";
    crypto_hash_sha256_state state;
    sha256_begin(&state);
    sha256_update(&state, (const uint8_t *)prefix, sizeof prefix - 1);
    for (size_t i = 0; i < package->count; i++) {
        const struct frost_package_entry *entry = &package->entries[i];
        sha256_update(&state, entry->identifier.bytes, FROST_IDENTIFIER_BYTES);
        sha256_update(&state, entry->commitments.encoded + FROST_HEADER_BYTES,
                      FROST_COMMITMENTS_BYTES - FROST_HEADER_BYTES);
    }
    sha256_finish(&state, out);
}

static enum signer_error compute_binding_factors(struct frost_round *round,
                                                 const struct frost_signing_package *package) {
    uint8_t prefix[POINT_BYTES + 2 * HASH_BYTES];
    struct scalar_hasher hasher;
    enum signer_error error = point_encode(prefix, &round->adjustment.key);
    if (error != SIGNER_OK) return error;
    hash_message(prefix + POINT_BYTES, package);
    hash_commitments(prefix + POINT_BYTES + HASH_BYTES, package);
    const struct bytes prefix_part = {prefix, sizeof prefix};
    scalar_hasher_begin(&hasher, FROST_CONTEXT "rho", &prefix_part, 1);
    for (size_t i = 0; i < package->count; i++) {
        const struct bytes identifier = {package->entries[i].identifier.bytes, FROST_IDENTIFIER_BYTES};
        scalar_hasher_finish(&round->binding_factors[i], &hasher, &identifier, 1);
        if (scalar_is_zero(&round->binding_factors[i])) return ERR_FROST_FIELD;
    }
    return SIGNER_OK;
}

/* R = sum of D_i + rho_i * E_i, then the challenge over x(R). */
static enum signer_error compute_challenge(struct frost_round *round, const struct frost_signing_package *package) {
    struct point commitment;
    uint8_t encoded[POINT_BYTES], key[POINT_BYTES], hash[HASH_BYTES];
    struct point_term *terms = signer_calloc(2 * package->count, sizeof *terms);
    if (!terms) return ERR_OUT_OF_MEMORY;
    for (size_t i = 0; i < package->count; i++) {
        terms[2 * i] = (struct point_term){NULL, &package->entries[i].commitments.hiding};
        terms[2 * i + 1] = (struct point_term){&round->binding_factors[i], &package->entries[i].commitments.binding};
    }
    point_multi_mul(&commitment, terms, 2 * package->count);
    free(terms);
    if (point_encode(encoded, &commitment) != SIGNER_OK) return ERR_FROST_IDENTITY_COMMITMENT;
    enum signer_error error = point_encode(key, &round->adjustment.key);
    if (error != SIGNER_OK) return error;
    round->commitment_odd = encoded[0] == 3;
    memcpy(round->commitment_x, encoded + 1, XONLY_BYTES);
    const struct bytes parts[] = {
        {encoded + 1, XONLY_BYTES}, {key + 1, XONLY_BYTES}, {package->message, package->message_len}};
    tagged_hash(hash, "BIP0340/challenge", parts, 3);
    scalar_reduce(&round->challenge, hash);
    return scalar_is_zero(&round->challenge) ? ERR_FROST_FIELD : SIGNER_OK;
}

enum signer_error frost_round_open(struct frost_round *out, const struct frost_signing_package *package,
                                   const struct point *verifying_key, const struct frost_root *root) {
    memset(out, 0, sizeof *out);
    if (package->count == 0) return ERR_FROST_IDENTITY_COMMITMENT;
    out->binding_factors = signer_calloc(package->count, sizeof *out->binding_factors);
    if (!out->binding_factors) return ERR_OUT_OF_MEMORY;
    out->count = package->count;
    enum signer_error error = frost_adjustment_make(&out->adjustment, verifying_key, root);
    if (error == SIGNER_OK) error = compute_binding_factors(out, package);
    if (error == SIGNER_OK) error = compute_challenge(out, package);
    if (error != SIGNER_OK) frost_round_free(out);
    return error;
}

void frost_round_free(struct frost_round *inout) {
    free(inout->binding_factors);
    memset(inout, 0, sizeof *inout);
}

/* blind * (D + rho * E + c * lambda * Y - z * G), every part with its sign. The blind and what it hides, a wrong
 * share, stay nowhere. */
static enum signer_error check_equation(const struct frost_round *round, const struct frost_signing_package *package,
                                        const struct frost_package_entry *entry, const struct scalar *share,
                                        const struct scalar *weight, const struct point *verifying_share,
                                        const struct scalar *blind) {
    struct scalar hiding = *blind, binding, key, base;
    struct point adjusted = *verifying_share;
    scalar_negate_if(&hiding, round->commitment_odd);
    scalar_mul(&binding, &hiding, &round->binding_factors[entry - package->entries]);
    scalar_mul(&key, blind, weight);
    scalar_mul(&base, blind, share);
    scalar_negate(&base, &base);
    DECLASSIFY(base);
    frost_adjust_point(&adjusted, &round->adjustment);
    const struct point_term terms[] = {
        {&hiding, &entry->commitments.hiding},
        {&binding, &entry->commitments.binding},
        {&key, &adjusted},
        {&base, NULL},
    };
    enum signer_error error = point_terms_cancel(terms, 4) ? SIGNER_OK : ERR_FROST_INVALID_SHARE;
    scalar_clear(&hiding);
    scalar_clear(&binding);
    scalar_clear(&key);
    scalar_clear(&base);
    return error;
}

enum signer_error frost_round_check_share(const struct frost_round *round, const struct frost_signing_package *package,
                                          const struct frost_package_entry *entry, const struct scalar *share,
                                          const struct point *verifying_share) {
    static const struct scalar one = {{1, 0, 0, 0}};
    struct scalar weight;
    enum signer_error error = frost_lagrange_factor(&weight, package, (size_t)(entry - package->entries));
    if (error != SIGNER_OK) return error;
    scalar_mul(&weight, &weight, &round->challenge);
    return check_equation(round, package, entry, share, &weight, verifying_share, &one);
}

enum signer_error frost_round_check_own_share(const struct frost_round *round,
                                              const struct frost_signing_package *package,
                                              const struct frost_package_entry *entry, const struct scalar *share,
                                              const struct scalar *weight, const struct point *verifying_share) {
    struct draw draw;
    struct scalar blind;
    draw_begin_fresh(&draw);
    draw_nonzero_scalar(&draw, &blind);
    enum signer_error error = check_equation(round, package, entry, share, weight, verifying_share, &blind);
    draw_end(&draw);
    scalar_clear(&blind);
    return error;
}
