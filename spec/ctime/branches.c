/* Run under valgrind: secrets are marked undefined, so that every branch or index that depends on one
 * is reported. What is public is marked defined again before it is looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/memcheck.h>

#include "curve/hash.h"
#include "frost/draw.h"
#include "frost/signing.h"

#define SECRET(value) VALGRIND_MAKE_MEM_UNDEFINED(&(value), sizeof(value))
#define PUBLIC(value) VALGRIND_MAKE_MEM_DEFINED(&(value), sizeof(value))

static void fresh_scalar(struct scalar *out, uint8_t first) {
    uint8_t raw[SCALAR_BYTES];
    for (int i = 0; i < SCALAR_BYTES; i++)
        raw[i] = (uint8_t)(first + 7 * i);
    scalar_reduce(out, raw);
    SECRET(*out);
}

static void scalars(void) {
    struct scalar a, b, out;
    uint8_t raw[48] = {1};
    fresh_scalar(&a, 3);
    fresh_scalar(&b, 200);
    scalar_add(&out, &a, &b);
    scalar_sub(&out, &out, &b);
    scalar_mul(&out, &out, &a);
    scalar_negate(&out, &out);
    bool condition = true;
    SECRET(condition);
    scalar_negate_if(&out, condition);
    scalar_inverse(&out, &out);
    scalar_encode(raw, &out);
    SECRET(raw);
    scalar_reduce(&out, raw);
    scalar_reduce_wide(&out, raw);
    scalar_clear(&out);
}

static void hashes(void) {
    uint8_t random[32] = {1}, share[32] = {2};
    struct scalar nonce;
    SECRET(random);
    SECRET(share);
    const struct bytes parts[] = {{random, sizeof random}, {share, sizeof share}};
    hash_to_scalar(&nonce, "nonce", parts, 2);
}

static void draws(void) {
    uint8_t seed[DRAW_SEED_BYTES] = {9}, out[32];
    struct draw draw;
    SECRET(seed);
    draw_begin(&draw, seed);
    draw_bytes(&draw, out);
    draw_end(&draw);
}

/* The tweak and the parities are public, the share is not. */
static void adjustment(void) {
    struct frost_root root = {.present = true, .bytes = {5}};
    struct frost_adjustment adjusted;
    struct scalar share, key_secret;
    struct point key;
    scalar_set_u64(&key_secret, 12345);
    if (point_mul_base(&key, &key_secret) != SIGNER_OK) return;
    if (frost_adjustment_make(&adjusted, &key, &root) != SIGNER_OK) return;
    fresh_scalar(&share, 77);
    frost_adjust_secret(&share, &adjusted);
    frost_adjust_secret(&share, &adjusted);
}

/* The library's own part: the secret only reaches constant-time code, its result is public. */
static void commitments(void) {
    uint8_t raw[SCALAR_BYTES] = {1, 2, 3};
    secp256k1_pubkey key;
    SECRET(raw);
    int made = secp256k1_ec_pubkey_create(curve_context(), &key, raw);
    PUBLIC(made);
    PUBLIC(key);
    if (made) puts("commitment made");
}

/* Round 2 of one signer, with the right share and with one that is wrong, which must not leave. Only what was
 * multiplied by a random scalar is declassified on the way. */
static void sign(void) {
    static const uint8_t random[2][32] = {{8}, {9}};
    struct frost_key_package key = {.min_signers = 1};
    struct frost_signing_package package;
    uint8_t share[FROST_SHARE_BYTES];
    scalar_set_u64(&key.signing_share, 987654321);
    frost_identifier_from_member(&key.identifier, 1);
    if (point_mul_base(&key.verifying_share, &key.signing_share) != SIGNER_OK) return;
    key.verifying_key = key.verifying_share;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct frost_nonces nonces;
        if (frost_nonces_from_random(&nonces, &key, random[0], random[1]) != SIGNER_OK) return;
        struct frost_package_entry entry = {key.identifier, nonces.commitments};
        if (frost_signing_package_make(&package, &entry, 1, (const uint8_t *)"message", 7) != SIGNER_OK) return;
        if (wrong) key.signing_share.limb[1] ^= 1;
        SECRET(key.signing_share);
        SECRET(nonces.hiding);
        SECRET(nonces.binding);
        enum signer_error error = frost_sign(share, &package, &nonces, &key, NULL);
        PUBLIC(key.signing_share);
        frost_signing_package_free(&package);
        if (error != (wrong ? ERR_FROST_INVALID_SHARE : SIGNER_OK)) exit(3);
    }
}

/* A branch on a secret: the run must be able to fail. */
static void broken(void) {
    struct scalar a;
    fresh_scalar(&a, 1);
    if (a.limb[0] & 1) puts("odd");
}

int main(int argc, char **argv) {
    (void)argv;
    if (!RUNNING_ON_VALGRIND) return 2;
    scalars();
    hashes();
    draws();
    adjustment();
    commitments();
    sign();
    if (argc > 1) broken();
    return 0;
}
