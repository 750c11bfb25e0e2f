/* Run under valgrind: secrets are marked undefined, so that every branch or index that depends on one
 * is reported. What is public is marked defined again before it is looked at: here, or by public.c, which
 * names each place where something made of a secret becomes public.
 * Without valgrind it still shows that no secret reaches the kernel of that name.
 * Usage: branches FOLDER KERNEL [branch|kernel|entry] */
#include <stdlib.h>

#include "curve/hash.h"
#include "curve/kernel.h"
#include "custody/sealed_box.h"
#include "frost/draw.h"
#include "public.h"

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

/* -- whole operations ---------------------------------------------------------------------------------- */

#define THRESHOLD 2
#define MEMBERS 3
#define SECRET_ROOM 512

static void must(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "%s\n", what);
    exit(2);
}

struct member {
    struct frost_identifier identifier;
    uint8_t first[SECRET_ROOM], second[SECRET_ROOM];
    struct dkg_round1_package package;
    struct dkg_round2_entry sent[MEMBERS - 1];
    struct frost_key_package key;
    struct frost_public_package keys;
};

static struct member members[MEMBERS];

/* Coefficients lie behind the identifier and a count. */
static void part1(struct member *member, uint8_t number) {
    uint8_t seed[DRAW_SEED_BYTES] = {number};
    SECRET(seed);
    frost_identifier_from_member(&member->identifier, number);
    must(dkg_part1(&member->package, member->first, dkg_round1_secret_bytes(THRESHOLD, MEMBERS), &member->identifier,
                   MEMBERS, THRESHOLD, seed) == SIGNER_OK,
         "part 1");
    must(is_secret(member->first + FROST_IDENTIFIER_BYTES + 1, THRESHOLD * SCALAR_BYTES),
         "the polynomial is no secret");
    PUBLIC(member->package.proof);
}

static size_t list_peers(struct dkg_round1_entry *out, const struct member *own) {
    size_t count = 0;
    for (int i = 0; i < MEMBERS; i++)
        if (&members[i] != own) out[count++] = (struct dkg_round1_entry){members[i].identifier, members[i].package};
    return count;
}

static void part2(struct member *member) {
    struct dkg_round1_entry peers[MEMBERS];
    struct frost_identifier culprit;
    bool has_culprit;
    const struct dkg_means means = {{4}, 1};
    size_t count = list_peers(peers, member);
    must(dkg_part2(member->sent, member->second, dkg_round2_secret_bytes(THRESHOLD, MEMBERS), member->first,
                   dkg_round1_secret_bytes(THRESHOLD, MEMBERS), peers, count, &means, &culprit,
                   &has_culprit) == SIGNER_OK,
         "part 2");
    must(is_secret(&member->sent[0].share, sizeof(struct scalar)), "a share is no secret");
}

static void receive(struct dkg_round2_entry *out, const struct member *from, const struct member *to) {
    for (int i = 0; i < MEMBERS - 1; i++)
        if (frost_identifier_compare(&from->sent[i].peer, &to->identifier) == 0)
            *out = (struct dkg_round2_entry){from->identifier, from->sent[i].share};
}

static void part3(struct member *member) {
    struct dkg_round1_entry peers[MEMBERS];
    struct dkg_round2_entry shares[MEMBERS];
    struct frost_identifier culprit;
    bool has_culprit;
    const struct dkg_means means = {{5}, 1};
    size_t count = list_peers(peers, member), received = 0;
    for (int i = 0; i < MEMBERS; i++)
        if (&members[i] != member) receive(&shares[received++], &members[i], member);
    must(dkg_part3(&member->key, &member->keys, member->second, dkg_round2_secret_bytes(THRESHOLD, MEMBERS), peers,
                   count, shares, received, &means, &culprit, &has_culprit) == SIGNER_OK,
         "part 3");
    must(is_secret(&member->key.signing_share, sizeof(struct scalar)), "the key share is no secret");
    public_forbids(&member->key.signing_share);
}

static void key_generation(void) {
    for (int i = 0; i < MEMBERS; i++)
        part1(&members[i], (uint8_t)(i + 1));
    for (int i = 0; i < MEMBERS; i++)
        part2(&members[i]);
    for (int i = 0; i < MEMBERS; i++)
        part3(&members[i]);
}

static void draw_nonces(struct frost_nonces *out, const struct member *member, uint8_t number) {
    uint8_t random[2][32] = {{7}, {number}};
    SECRET(random);
    must(frost_nonces_from_random(out, &member->key, random[0], random[1]) == SIGNER_OK, "round 1");
    must(is_secret(&out->hiding, sizeof(struct scalar)), "a nonce is no secret");
    public_forbids(&out->hiding);
    public_forbids(&out->binding);
}

/* Rounds 1 and 2, the own share checked on the way: the right one, and a wrong one, which must not leave. */
static void signing(bool wrong) {
    struct frost_nonces nonces[THRESHOLD];
    struct frost_package_entry entries[THRESHOLD];
    struct frost_signing_package package;
    struct frost_root root = {.present = true, .bytes = {6}};
    uint8_t share[FROST_SHARE_BYTES];
    for (int i = 0; i < THRESHOLD; i++) {
        draw_nonces(&nonces[i], &members[i], (uint8_t)(8 + i + 2 * wrong));
        entries[i] = (struct frost_package_entry){members[i].identifier, nonces[i].commitments};
    }
    must(frost_signing_package_make(&package, entries, THRESHOLD, (const uint8_t *)"message", 7) == SIGNER_OK,
         "package");
    for (int i = 0; i < THRESHOLD; i++) {
        struct frost_key_package key = members[i].key;
        if (wrong) key.signing_share.limb[1] ^= 1;
        enum signer_error error = frost_sign(share, &package, &nonces[i], &key, &root);
        must(error == (wrong ? ERR_FROST_INVALID_SHARE : SIGNER_OK), "round 2");
        must(wrong || is_secret(share, sizeof share), "the share depends on no secret");
    }
    frost_signing_package_free(&package);
}

static void key_packages(void) {
    uint8_t raw[SECRET_ROOM];
    struct frost_key_package read;
    size_t len = frost_key_package_bytes(&members[0].key);
    must(len <= sizeof raw && frost_key_package_write(raw, len, &members[0].key) == SIGNER_OK, "key package");
    must(frost_key_package_decode(&read, raw, len) == SIGNER_OK, "key package");
    must(is_secret(&read.signing_share, sizeof(struct scalar)), "the key share that was read is no secret");
    frost_key_package_clear(&read);
}

static void open_keys(struct node_keys *out, struct vault *vault, const char *folder, const char *name) {
    char path[512];
    struct failure why = {SIGNER_OK, ""};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    must(node_keys_create(out, vault, platform_system(), path, &why) == SIGNER_OK, why.detail);
    const uint8_t *key = node_keys_sealing_secret(out);
    VALGRIND_MAKE_MEM_UNDEFINED(key, NODE_PUBLIC_KEY_BYTES);
}

static void sealed_boxes(const char *folder) {
    static const uint8_t context_bytes[] = "context";
    const struct bytes context = {context_bytes, sizeof context_bytes};
    struct vault *vault;
    struct node_keys from, to;
    struct buffer sealed;
    vault_handle secret, opened;
    void *memory;
    buffer_init(&sealed);
    must(vault_create(&vault, false) == SIGNER_OK, "vault");
    open_keys(&from, vault, folder, "from");
    open_keys(&to, vault, folder, "to");
    must(vault_new(vault, SECRET_BYTES, 100, &secret, &memory) == SIGNER_OK, "vault");
    VALGRIND_MAKE_MEM_UNDEFINED(memory, 100);
    must(sealed_box_seal(&sealed, &from, secret, to.sealing_public, context, NULL) == SIGNER_OK, "seal");
    const struct bytes box = {sealed.data, sealed.len};
    must(sealed_box_open(&opened, &to, box, from.sealing_public, context, NULL) == SIGNER_OK, "open");
    node_keys_close(&from);
    node_keys_close(&to);
    vault_destroy(vault);
    buffer_free(&sealed);
}

/* A branch on a secret, a secret handed to the kernel, and one that nobody would know there: the run must be able to
 * fail. */
static void broken(const char *how) {
    struct scalar a;
    struct point out;
    fresh_scalar(&a, 1);
    if (strcmp(how, "entry") == 0) {
        const struct point_term unknown = {&a, &members[0].keys.verifying_key};
        point_multi_mul(&out, &unknown, 1);
        return;
    }
    if (strcmp(how, "branch") == 0) {
        if (a.limb[0] & 1) puts("odd");
        return;
    }
    const struct point_term term = {&members[0].key.signing_share, NULL};
    point_multi_mul(&out, &term, 1);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    if (!kernel_use(argv[2])) return 77; /* not on this processor, or not on valgrind's */
    scalars();
    hashes();
    draws();
    adjustment();
    commitments();
    key_generation();
    signing(false);
    signing(true);
    key_packages();
    sealed_boxes(argv[1]);
    if (argc > 3) broken(argv[3]);
    return 0;
}
