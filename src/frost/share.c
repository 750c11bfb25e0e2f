/* One signer's share (frost 11.4). */
#include "frost/signing.h"

#include <string.h>

/* z = d + e * rho + weight * s, with d and e negated where R has odd Y; weight = lambda * c. */
static void compute_share(struct scalar *out, const struct frost_round *round, const struct scalar *binding_factor,
                          const struct scalar *weight, const struct frost_nonces *nonces,
                          const struct frost_key_package *key) {
    struct scalar secret = key->signing_share, nonce;
    scalar_mul(&nonce, &nonces->binding, binding_factor);
    scalar_add(&nonce, &nonce, &nonces->hiding);
    scalar_negate_if(&nonce, round->commitment_odd);
    frost_adjust_secret(&secret, &round->adjustment);
    scalar_mul(out, &secret, weight);
    scalar_add(out, out, &nonce);
    scalar_clear(&secret);
    scalar_clear(&nonce);
}

static enum signer_error check_preconditions(const struct frost_package_entry **own,
                                             const struct frost_signing_package *package,
                                             const struct frost_nonces *nonces, const struct frost_key_package *key) {
    if (package->count < key->min_signers || package->count == 0) return ERR_FROST_COMMITMENT_COUNT;
    *own = frost_package_find(package, &key->identifier);
    if (!*own) return ERR_FROST_MISSING_COMMITMENT;
    if (memcmp((*own)->commitments.encoded, nonces->commitments.encoded, FROST_COMMITMENTS_BYTES) != 0)
        return ERR_FROST_INCORRECT_COMMITMENT;
    return SIGNER_OK;
}

enum signer_error frost_sign_with(uint8_t share[FROST_SHARE_BYTES], const struct frost_signing_package *package,
                                  struct frost_nonces *nonces, const struct frost_key_package *key,
                                  const struct frost_root *root, struct frost_round *round) {
    struct frost_nonces spent = *nonces;
    frost_nonces_clear(nonces);
    memset(share, 0, FROST_SHARE_BYTES);
    const struct frost_package_entry *own = NULL;
    struct scalar value = {{0}}, weight;
    enum signer_error error = check_preconditions(&own, package, &spent, key);
    if (error != SIGNER_OK) goto cleanup;
    error = frost_round_open(round, package, &key->verifying_key, root);
    if (error != SIGNER_OK) goto cleanup;
    size_t index = (size_t)(own - package->entries);
    error = frost_lagrange_factor(&weight, package, index);
    if (error != SIGNER_OK) goto cleanup;
    scalar_mul(&weight, &weight, &round->challenge);
    compute_share(&value, round, &round->binding_factors[index], &weight, &spent, key);
    frost_nonces_clear(&spent);
    error = frost_round_check_own_share(round, package, own, &value, &weight, &key->verifying_share);
    if (error == SIGNER_OK) scalar_encode(share, &value);
cleanup:
    frost_nonces_clear(&spent);
    scalar_clear(&value);
    scalar_scrub_stack();
    return error;
}

enum signer_error frost_sign(uint8_t share[FROST_SHARE_BYTES], const struct frost_signing_package *package,
                             struct frost_nonces *nonces, const struct frost_key_package *key,
                             const struct frost_root *root) {
    struct frost_round round = {.count = 0};
    enum signer_error error = frost_sign_with(share, package, nonces, key, root, &round);
    frost_round_free(&round);
    return error;
}
