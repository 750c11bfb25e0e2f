/* Runs each secret operation on a stack of its own and then looks for the secrets in that stack: as
 * bytes, as limbs, and as the library's own representation of a scalar. Prints what was found. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "frost/dkg.h"
#include "frost/signing.h"

#define STACK_BYTES (256u * 1024)

static uint8_t *stack;
static struct frost_key_package key;
static struct frost_nonces nonces;
static struct frost_signing_package package;
static uint8_t seed[32], hiding_random[32], binding_random[32], share[FROST_SHARE_BYTES];
static struct scalar secrets[8];
static size_t secret_count;
static uint8_t secret_package[1024];

static void multiply(void) {
    static struct point out;
    if (point_mul_base(&out, &secrets[0]) != SIGNER_OK) abort();
}

/* A copy that nobody wipes: the search has to find it. */
static void leave_copy(void) {
    volatile uint8_t raw[SCALAR_BYTES];
    uint8_t encoded[SCALAR_BYTES];
    scalar_encode(encoded, &secrets[0]);
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = encoded[i];
}

static void draw_nonces(void) {
    if (frost_nonces_from_random(&nonces, &key, hiding_random, binding_random) != SIGNER_OK) abort();
}

static void sign(void) {
    if (frost_sign(share, &package, &nonces, &key, NULL) != SIGNER_OK) abort();
}

static void make_polynomial(void) {
    static struct dkg_round1_package public_part;
    static const struct frost_identifier one = {.bytes = {[31] = 1}};
    if (dkg_part1(&public_part, secret_package, dkg_round1_secret_bytes(2, 3), &one, 3, 2, seed) != SIGNER_OK) abort();
    dkg_round1_package_free(&public_part);
}

static void *run(void *operation) {
    (*(void (**)(void))operation)();
    return NULL;
}

static int found(const void *needle, size_t len) {
    return memmem(stack, STACK_BYTES, needle, len) != NULL;
}

/* Any limb of a secret counts: eight bytes do not come up by chance. */
static int find_secrets(void) {
    int count = 0;
    for (size_t i = 0; i < secret_count; i++) {
        uint8_t raw[SCALAR_BYTES];
        scalar_encode(raw, &secrets[i]);
        for (int k = 0; k < 4; k++)
            count += found(&secrets[i].limb[k], 8) + found(raw + 8 * k, 8);
    }
    return count;
}

static int check(const char *name, void (*operation)(void)) {
    pthread_t thread;
    pthread_attr_t attributes;
    memset(stack, 0, STACK_BYTES);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, STACK_BYTES);
    if (pthread_create(&thread, &attributes, run, &operation) != 0) abort();
    pthread_join(thread, NULL);
    int count = find_secrets();
    printf("%s: %d\n", name, count);
    return count;
}

static void set_up(void) {
    memset(seed, 7, sizeof seed);
    memset(hiding_random, 8, sizeof hiding_random);
    memset(binding_random, 9, sizeof binding_random);
    scalar_reduce(&key.signing_share, seed);
    frost_identifier_from_member(&key.identifier, 1);
    key.min_signers = 1;
    if (point_mul_base(&key.verifying_share, &key.signing_share) != SIGNER_OK) abort();
    key.verifying_key = key.verifying_share;
    draw_nonces();
    struct frost_package_entry entry = {key.identifier, nonces.commitments};
    if (frost_signing_package_make(&package, &entry, 1, (const uint8_t *)"message", 7) != SIGNER_OK) abort();
    secrets[0] = key.signing_share;
    secrets[1] = nonces.hiding;
    secrets[2] = nonces.binding;
    secrets[3] = key.signing_share;
    scalar_negate(&secrets[3], &secrets[3]);
    secret_count = 4;
}

int main(void) {
    int count = 0;
    stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) abort();
    set_up();
    int left = check("left behind", leave_copy);
    count += check("multiply", multiply);
    count += check("nonces", draw_nonces);
    count += check("sign", sign);
    make_polynomial();
    if (!scalar_decode(&secrets[0], secret_package + 33) || !scalar_decode(&secrets[1], secret_package + 65)) abort();
    memcpy(&secrets[2], seed, sizeof secrets[2]);
    secret_count = 2;
    count += check("part 1", make_polynomial);
    return count ? 1 : left ? 0 : 3;
}
