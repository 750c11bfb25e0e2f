/* Under thread sanitizer (scripts/check-threads): key generations that split their work over threads, several at
 * once, and threads that share a table of kept rounds, or of kept packages. Prints nothing and exits 0. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "frost/dkg.h"
#include "session/kept_packages.h"
#include "session/kept_rounds.h"

#define MEMBERS 70
#define THRESHOLD 16
#define PACKAGES 300 /* more than are kept */
#define ROUNDS 4000

static void must(bool good) {
    if (!good) abort();
}

struct generation {
    struct dkg_round1_entry peers[MEMBERS];
    struct dkg_round2_entry received[MEMBERS];
    uint8_t *secret, *second;
};

/* f(1) of a polynomial whose coefficients lie behind the identifier and a count of one byte. */
static void share_for_first(struct scalar *out, const uint8_t *secret) {
    struct scalar coefficient;
    scalar_set_u64(out, 0);
    for (size_t k = 0; k < THRESHOLD; k++) {
        must(scalar_decode(&coefficient, secret + FROST_IDENTIFIER_BYTES + 1 + k * SCALAR_BYTES));
        scalar_add(out, out, &coefficient);
    }
}

static void make(struct generation *out) {
    size_t len = dkg_round1_secret_bytes(THRESHOLD, MEMBERS);
    out->secret = calloc(len, 1);
    out->second = calloc(dkg_round2_secret_bytes(THRESHOLD, MEMBERS), 1);
    uint8_t *other = calloc(len, 1), seed[32];
    must(out->secret && out->second && other);
    for (uint16_t member = 1; member <= MEMBERS; member++) {
        struct dkg_round1_entry *entry = &out->peers[member - 1];
        memset(seed, member, sizeof seed);
        frost_identifier_from_member(&entry->sender, member);
        must(dkg_part1(&entry->package, member == 1 ? out->secret : other, len, &entry->sender, MEMBERS, THRESHOLD,
                       seed) == SIGNER_OK);
        out->received[member - 1].peer = entry->sender;
        share_for_first(&out->received[member - 1].share, member == 1 ? out->secret : other);
    }
    free(other);
}

static void *generate(void *argument) {
    const struct generation *made = argument;
    const struct dkg_means means = {.workers = 4};
    size_t len = dkg_round1_secret_bytes(THRESHOLD, MEMBERS), second_len = dkg_round2_secret_bytes(THRESHOLD, MEMBERS);
    uint8_t *second = calloc(second_len, 1);
    struct dkg_round2_entry *sent = calloc(MEMBERS, sizeof *sent);
    struct frost_identifier culprit;
    bool has_culprit;
    must(second && sent);
    for (int i = 0; i < 3; i++) {
        struct frost_key_package key;
        struct frost_public_package keys;
        must(dkg_part2(sent, second, second_len, made->secret, len, &made->peers[1], MEMBERS - 1, &means, &culprit,
                       &has_culprit) == SIGNER_OK);
        must(dkg_part3(&key, &keys, second, second_len, &made->peers[1], MEMBERS - 1, &made->received[1], MEMBERS - 1,
                       &means, &culprit, &has_culprit) == SIGNER_OK);
        frost_public_package_free(&keys);
    }
    free(second);
    free(sent);
    return NULL;
}

struct keeping {
    struct kept_rounds *table;
    struct frost_signing_package package;
    struct point key;
};

/* Rounds of numbered packages; what is in them is not looked at. */
static void *keep(void *argument) {
    struct keeping *keeping = argument;
    static const struct frost_root root;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t digest[HASH_BYTES] = {(uint8_t)(i % PACKAGES), (uint8_t)(i % PACKAGES >> 8)};
        const struct kept_key key = {i % 2 ? "odd" : "even", i % 2 ? 3 : 4, digest, &root, &keeping->key};
        struct round_use use;
        round_use_begin(&use, keeping->table, &key);
        if (!use.kept) must(frost_round_open(&use.round, &keeping->package, &keeping->key, &root) == SIGNER_OK);
        must(use.round.count == keeping->package.count);
        round_use_end(&use, &keeping->package);
        struct kept_round *kept = kept_rounds_find_package(keeping->table, digest);
        must(!kept || kept->count == keeping->package.count);
        kept_round_release(kept);
        if (i % 500 == 499) kept_rounds_forget_session(keeping->table, "odd", 3);
    }
    return NULL;
}

struct decoding {
    struct kept_packages *table;
    struct buffer encoded[MEMBERS];
};

/* All decode the same packages. */
static void *decode(void *argument) {
    struct decoding *decoding = argument;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < MEMBERS; i++) {
            struct dkg_round1_package package;
            const struct buffer *raw = &decoding->encoded[i];
            must(kept_packages_decode(decoding->table, &package, raw->data, raw->len) == SIGNER_OK);
            must(package.count == THRESHOLD);
            dkg_round1_package_free(&package);
        }
    }
    return NULL;
}

static void in_threads(void *(*work)(void *), void *argument) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, work, argument) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(void) {
    static struct generation made;
    static struct decoding decoding;
    struct keeping keeping;
    struct frost_package_entry entries[2];
    make(&made);
    in_threads(generate, &made);
    memset(entries, 0, sizeof entries);
    for (uint16_t i = 0; i < 2; i++) {
        frost_identifier_from_member(&entries[i].identifier, (uint16_t)(i + 1));
        entries[i].commitments.hiding = made.peers[i].package.commitments[0];
        entries[i].commitments.binding = made.peers[i].package.commitments[1];
    }
    keeping.key = made.peers[0].package.commitments[0];
    must(frost_signing_package_make(&keeping.package, entries, 2, (const uint8_t *)"m", 1) == SIGNER_OK);
    must(kept_rounds_create(&keeping.table) == SIGNER_OK);
    in_threads(keep, &keeping);
    kept_rounds_destroy(keeping.table);
    frost_signing_package_free(&keeping.package);
    must(kept_packages_create(&decoding.table) == SIGNER_OK);
    for (size_t i = 0; i < MEMBERS; i++) {
        buffer_init(&decoding.encoded[i]);
        must(dkg_round1_package_encode(&decoding.encoded[i], &made.peers[i].package) == SIGNER_OK);
    }
    in_threads(decode, &decoding);
    kept_packages_destroy(decoding.table);
    for (size_t i = 0; i < MEMBERS; i++)
        buffer_free(&decoding.encoded[i]);
    for (size_t i = 0; i < MEMBERS; i++)
        dkg_round1_package_free(&made.peers[i].package);
    free(made.secret);
    free(made.second);
    return 0;
}
