/* Runs each secret operation on a stack and a heap of its own and then looks for the secrets in both: as
 * bytes, as limbs, and as the library's own representation of a scalar. Nothing that was freed is used again. Prints
 * what was found. The blind of the own check is in too many forms to be looked for: two runs that differ in it alone
 * must leave the same bytes behind.
 * Usage: residue KERNEL */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "curve/kernel.h"
#include "frost/dkg.h"
#include "frost/signing.h"

#define STACK_BYTES (256u * 1024)
#define HEAP_BYTES (16u << 20)

static uint8_t *stack;
static _Alignas(64) uint8_t heap[HEAP_BYTES];
static size_t heap_used;
static struct frost_key_package key;
static struct frost_nonces nonces;
static struct frost_signing_package package;
static uint8_t seed[32], hiding_random[32], binding_random[32], share[FROST_SHARE_BYTES];
static struct scalar secrets[8];
static size_t secret_count;
static uint8_t secret_package[1024];

/* -- a heap that forgets nothing -------------------------------------------------------------------- */

void *malloc(size_t len) {
    size_t at = heap_used + 64; /* the length lies in front */
    if (len > HEAP_BYTES || at + len > HEAP_BYTES) abort();
    memcpy(&heap[at - sizeof len], &len, sizeof len);
    heap_used = (at + len + 63) / 64 * 64;
    return &heap[at];
}

void free(void *memory) {
    (void)memory;
}

void *calloc(size_t count, size_t len) {
    uint8_t *memory = malloc(count * len);
    memset(memory, 0, count * len);
    return memory;
}

void *realloc(void *old, size_t len) {
    size_t old_len = 0;
    uint8_t *memory = malloc(len);
    if (old) memcpy(&old_len, (uint8_t *)old - sizeof old_len, sizeof old_len);
    if (old) memcpy(memory, old, old_len < len ? old_len : len);
    return memory;
}

/* -- operations ------------------------------------------------------------------------------------- */

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

/* The key belongs to another share than the verifying one: its share must not leave. */
static void sign_wrongly(void) {
    struct frost_nonces taken = nonces;
    struct frost_key_package other = key;
    other.signing_share.limb[1] ^= 1;
    if (frost_sign(share, &package, &taken, &other, NULL) != ERR_FROST_INVALID_SHARE) abort();
    sodium_memzero(&taken, sizeof taken);
    sodium_memzero(&other, sizeof other);
}

static void make_polynomial(void) {
    static struct dkg_round1_package public_part;
    static const struct frost_identifier one = {.bytes = {[31] = 1}};
    if (dkg_part1(&public_part, secret_package, dkg_round1_secret_bytes(2, 3), &one, 3, 2, seed) != SIGNER_OK) abort();
    dkg_round1_package_free(&public_part);
}

static size_t stack_used_to; /* above lies what belongs to the thread: the processor's number changes */

static void *run(void *operation) {
    stack_used_to = (size_t)((uint8_t *)__builtin_frame_address(0) - stack);
    (*(void (**)(void))operation)();
    return NULL;
}

static int found(const void *needle, size_t len) {
    return memmem(stack, STACK_BYTES, needle, len) != NULL || memmem(heap, heap_used, needle, len) != NULL;
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

static void run_alone(void (*operation)(void)) {
    pthread_t thread;
    pthread_attr_t attributes;
    memset(stack, 0, STACK_BYTES);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, STACK_BYTES);
    if (pthread_create(&thread, &attributes, run, &operation) != 0) abort();
    pthread_join(thread, NULL);
}

static int check(const char *name, void (*operation)(void)) {
    run_alone(operation);
    int count = find_secrets();
    printf("%s: %d\n", name, count);
    return count;
}

/* -- the blind of the own check ---------------------------------------------------------------------- */

static uint8_t random_byte;

static const char *name_of_source(void) {
    return "known";
}

static uint32_t draw_word(void) {
    return random_byte * 0x01010101u;
}

static void draw_known(void *out, size_t len) {
    memset(out, random_byte, len);
}

static struct randombytes_implementation source = {
    .implementation_name = name_of_source, .random = draw_word, .buf = draw_known};

/* What one run leaves behind: the stack, then its part of the heap. */
static uint8_t *leave(void (*operation)(void), uint8_t blind, size_t heap_from, size_t *len) {
    static uint8_t left[2][STACK_BYTES + HEAP_BYTES];
    uint8_t *out = left[blind % 2];
    heap_used = heap_from;
    memset(&heap[heap_from], 0, HEAP_BYTES - heap_from);
    random_byte = blind;
    run_alone(operation);
    *len = stack_used_to + heap_used - heap_from;
    memcpy(out, stack, stack_used_to);
    memcpy(out + stack_used_to, &heap[heap_from], heap_used - heap_from);
    return out;
}

/* Bytes that depend on the blind. */
static int depend_on_blind(const char *name, void (*operation)(void)) {
    size_t from, first_len, second_len;
    int count = 0;
    run_alone(operation); /* what is made once and kept */
    from = heap_used;
    const uint8_t *first = leave(operation, 8, from, &first_len), *second = leave(operation, 9, from, &second_len);
    if (first_len != second_len || first_len == stack_used_to) abort();
    for (size_t i = 0; i < first_len; i++)
        count += first[i] != second[i];
    printf("%s: %d\n", name, count);
    return count;
}

/* The same check with nothing wiped behind it. */
static void sign_rightly(void) {
    struct frost_nonces taken = nonces;
    if (frost_sign(share, &package, &taken, &key, NULL) != SIGNER_OK) abort();
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

int main(int argc, char **argv) {
    int count = 0;
    if (argc < 2 || sodium_init() < 0) return 2;
    if (!kernel_use(argv[1])) return 77; /* not on this processor */
    stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) abort();
    set_up();
    int left = check("left behind", leave_copy);
    count += check("multiply", multiply);
    count += check("nonces", draw_nonces);
    count += check("sign", sign);
    draw_nonces();
    count += check("wrong share", sign_wrongly);
    if (randombytes_set_implementation(&source) != 0) abort();
    count += depend_on_blind("blind of a wrong share", sign_wrongly);
    left = depend_on_blind("blind of a right share", sign_rightly) > 0 ? left : 0;
    make_polynomial();
    if (!scalar_decode(&secrets[0], secret_package + 33) || !scalar_decode(&secrets[1], secret_package + 65)) abort();
    memcpy(&secrets[2], seed, sizeof secrets[2]);
    secret_count = 2;
    count += check("part 1", make_polynomial);
    return count ? 1 : left ? 0 : 3;
}
