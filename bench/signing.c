/* Signing operations of the bench. */
#include "signing.h"

#include <stdlib.h>
#include <string.h>

#include "frost/dealer.h"

void must(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void sign_shares(struct bench_case *sample, struct group *group, struct frost_nonces *nonces) {
    for (uint16_t i = 0; i < group->threshold; i++) {
        uint8_t share[FROST_SHARE_BYTES];
        must(frost_sign(share, &sample->package, &nonces[i], &group->packages[i], NULL) == SIGNER_OK, "sign");
        sample->shares[i].identifier = group->packages[i].identifier;
        scalar_decode(&sample->shares[i].share, share);
        sample->bad[i] = sample->shares[i];
    }
    struct scalar *middle = &sample->bad[group->threshold / 2].share, one;
    scalar_set_u64(&one, 1);
    scalar_add(middle, middle, &one);
}

static void draw_package(struct bench_case *sample, const struct group *group, struct frost_nonces *nonces) {
    struct frost_package_entry *entries = calloc(group->threshold, sizeof *entries);
    uint8_t message[32], random[2][32];
    must(entries != NULL, "memory");
    for (uint16_t i = 0; i < group->threshold; i++) {
        randombytes_buf(random, sizeof random);
        must(frost_nonces_from_random(&nonces[i], &group->packages[i], random[0], random[1]) == SIGNER_OK, "nonces");
        entries[i].identifier = group->packages[i].identifier;
        entries[i].commitments = nonces[i].commitments;
    }
    randombytes_buf(message, sizeof message);
    must(frost_signing_package_make(&sample->package, entries, group->threshold, message, sizeof message) == SIGNER_OK,
         "package");
    free(entries);
}

/* Packages until R has the wanted parity. */
static void make_case(struct bench_case *sample, struct group *group, bool odd) {
    struct frost_nonces *nonces = calloc(group->threshold, sizeof *nonces);
    sample->shares = calloc(group->threshold, sizeof *sample->shares);
    sample->bad = calloc(group->threshold, sizeof *sample->bad);
    must(nonces && sample->shares && sample->bad, "memory");
    for (bool found = false; !found;) {
        draw_package(sample, group, nonces);
        must(frost_round_open(&sample->round, &sample->package, &group->keys.verifying_key, NULL) == SIGNER_OK, "R");
        found = sample->round.commitment_odd == odd;
        if (found) continue;
        frost_round_free(&sample->round);
        frost_signing_package_free(&sample->package);
    }
    sample->nonces = nonces[0];
    buffer_init(&sample->raw);
    must(frost_signing_package_encode(&sample->raw, &sample->package) == SIGNER_OK, "encode");
    sign_shares(sample, group, nonces);
    free(nonces);
}

void group_make(struct group *out, uint16_t threshold, uint16_t members) {
    uint8_t seed[32];
    uint16_t *list = calloc(members, sizeof *list);
    memset(out, 0, sizeof *out);
    out->threshold = threshold;
    out->members = members;
    out->packages = calloc(members, sizeof *out->packages);
    must(list && out->packages, "memory");
    for (uint16_t i = 0; i < members; i++)
        list[i] = (uint16_t)(i + 1);
    randombytes_buf(seed, sizeof seed);
    must(frost_deal(out->packages, &out->keys, list, members, threshold, seed) == SIGNER_OK, "deal");
    free(list);
    out->case_count = threshold > PARTICIPANTS_MAX ? 2 : CASES_MAX;
    for (int i = 0; i < out->case_count; i++)
        make_case(&out->cases[i], out, i % 2 != 0);
}

void group_free(struct group *inout) {
    for (int i = 0; i < inout->case_count; i++) {
        struct bench_case *sample = &inout->cases[i];
        buffer_free(&sample->raw);
        frost_signing_package_free(&sample->package);
        frost_round_free(&sample->round);
        free(sample->shares);
        free(sample->bad);
    }
    frost_public_package_free(&inout->keys);
    free(inout->packages);
}

static void give_shares(struct peer *peer, const struct frost_signature_share *shares, uint16_t count) {
    for (uint16_t i = 0; i < count; i++) {
        uint8_t raw[SCALAR_BYTES];
        uint16_t member = 0;
        frost_identifier_to_member(&member, &shares[i].identifier);
        scalar_encode(raw, &shares[i].share);
        peer_say(peer, " %u", member);
        peer_say_hex(peer, raw, sizeof raw);
    }
}

static void aggregate_case(uint8_t signature[FROST_SIGNATURE_BYTES], const struct group *group,
                           const struct bench_case *sample, bool bad) {
    struct frost_identifier culprits[FROST_SIGNERS_MAX];
    size_t culprit_count = 0;
    enum signer_error error =
        frost_aggregate(signature, &sample->package, bad ? sample->bad : sample->shares, group->threshold, &group->keys,
                        group->threshold, NULL, culprits, &culprit_count);
    must(error == (bad ? ERR_FROST_INVALID_SHARE : SIGNER_OK) && culprit_count == (bad ? 1 : 0), "aggregate");
}

static void give_case(const struct group *group, const struct bench_case *sample, struct peer *peer) {
    struct buffer nonces;
    uint8_t share[FROST_SHARE_BYTES], signature[FROST_SIGNATURE_BYTES];
    char ours[2 * (FROST_SHARE_BYTES + FROST_SIGNATURE_BYTES) + 2];
    buffer_init(&nonces);
    must(frost_nonces_encode(&nonces, &sample->nonces) == SIGNER_OK, "nonces");
    peer_say(peer, "case");
    peer_say_hex(peer, sample->raw.data, sample->raw.len);
    peer_say_hex(peer, nonces.data, nonces.len);
    peer_say(peer, " %u", group->threshold);
    give_shares(peer, sample->shares, group->threshold);
    give_shares(peer, sample->bad, group->threshold);
    const char *theirs = peer_ask(peer);
    scalar_encode(share, &sample->shares[0].share);
    aggregate_case(signature, group, sample, false);
    sodium_bin2hex(ours, sizeof ours, share, sizeof share);
    ours[2 * FROST_SHARE_BYTES] = ' ';
    sodium_bin2hex(ours + 2 * FROST_SHARE_BYTES + 1, 2 * FROST_SIGNATURE_BYTES + 1, signature, sizeof signature);
    must(strcmp(ours, theirs) == 0, "the peer's share or signature differs");
    buffer_free(&nonces);
}

void group_give(const struct group *group, struct peer *peer) {
    struct buffer raw;
    buffer_init(&raw);
    must(frost_public_package_encode(&raw, &group->keys) == SIGNER_OK, "keys");
    peer_say(peer, "keys");
    peer_say_hex(peer, raw.data, raw.len);
    buffer_clear(&raw);
    must(frost_key_package_encode(&raw, &group->packages[0]) == SIGNER_OK, "keys");
    peer_say_hex(peer, raw.data, raw.len);
    peer_ask(peer);
    buffer_free(&raw);
    for (int i = 0; i < group->case_count; i++)
        give_case(group, &group->cases[i], peer);
}

/* -- operations ------------------------------------------------------------------------------------ */

static struct bench_case *case_of(struct group *group, uint64_t i) {
    return &group->cases[i % (uint64_t)group->case_count];
}

void run_round1(void *group, uint64_t count) {
    struct group *own = group;
    uint8_t random[2][32];
    struct frost_nonces nonces;
    for (uint64_t i = 0; i < count; i++) {
        randombytes_buf(random, sizeof random);
        must(frost_nonces_from_random(&nonces, &own->packages[0], random[0], random[1]) == SIGNER_OK, "round 1");
    }
}

void run_round2(void *group, uint64_t count) {
    struct group *own = group;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t share[FROST_SHARE_BYTES];
        struct frost_nonces nonces = case_of(own, i)->nonces;
        must(frost_sign(share, &case_of(own, i)->package, &nonces, &own->packages[0], NULL) == SIGNER_OK, "round 2");
    }
}

void run_aggregate(void *group, uint64_t count) {
    uint8_t signature[FROST_SIGNATURE_BYTES];
    for (uint64_t i = 0; i < count; i++)
        aggregate_case(signature, group, case_of(group, i), false);
}

void run_aggregate_bad(void *group, uint64_t count) {
    uint8_t signature[FROST_SIGNATURE_BYTES];
    for (uint64_t i = 0; i < count; i++)
        aggregate_case(signature, group, case_of(group, i), true);
}

void run_verify(void *group, uint64_t count) {
    struct group *own = group;
    for (uint64_t i = 0; i < count; i++) {
        const struct bench_case *sample = case_of(own, i);
        must(frost_verify_share(&sample->package, &sample->shares[0].identifier, &sample->shares[0].share, &own->keys,
                                NULL) == SIGNER_OK,
             "verify");
    }
}

void run_verify_open(void *group, uint64_t count) {
    struct group *own = group;
    for (uint64_t i = 0; i < count; i++) {
        const struct bench_case *sample = case_of(own, i);
        must(frost_round_check_share(&sample->round, &sample->package, &sample->package.entries[0],
                                     &sample->shares[0].share, &own->keys.shares[0].share) == SIGNER_OK,
             "verify in a session");
    }
}

void run_parse_signing(void *group, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        const struct buffer *raw = &case_of(group, i)->raw;
        struct frost_signing_package package;
        must(frost_signing_package_decode(&package, raw->data, raw->len) == SIGNER_OK, "parse");
        frost_signing_package_free(&package);
    }
}
