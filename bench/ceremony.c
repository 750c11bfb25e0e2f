/* Key generation in the bench. */
#include <stdlib.h>
#include <string.h>

#include "base/workers.h"
#include "signing.h"

static struct dkg_means means = {.workers = 1};

/* How many halves of a weight are left depends on it. */
static const struct dkg_means *fresh_means(void) {
    randombytes_buf(means.random, sizeof means.random);
    return &means;
}

void ceremony_use_workers(unsigned workers) {
    means.workers = workers;
}

/* One other participant: its package, and its share for the last. */
struct other {
    uint8_t *secret;
    struct dkg_round1_package package;
};

static void make_other(struct other *out, const struct ceremony *ceremony, uint16_t member) {
    struct frost_identifier identifier;
    uint8_t seed[32];
    out->secret = calloc(ceremony->secret_len, 1);
    must(out->secret != NULL, "memory");
    randombytes_buf(seed, sizeof seed);
    frost_identifier_from_member(&identifier, member);
    must(dkg_part1(&out->package, out->secret, ceremony->secret_len, &identifier, ceremony->members,
                   ceremony->threshold, seed) == SIGNER_OK,
         "part 1");
}

/* f(x) of the own x; the coefficients lie behind the identifier and a count. */
static void share_for_own(struct dkg_round2_entry *out, const struct other *other, const struct ceremony *ceremony) {
    const uint8_t *at = other->secret + FROST_IDENTIFIER_BYTES + (ceremony->threshold < 128 ? 1 : 2);
    struct scalar x;
    scalar_set_u64(&x, ceremony->member);
    scalar_set_u64(&out->share, 0);
    for (uint16_t k = ceremony->threshold; k-- > 0;) {
        struct scalar coefficient;
        must(scalar_decode(&coefficient, at + (size_t)k * SCALAR_BYTES), "coefficient");
        scalar_mul(&out->share, &out->share, &x);
        scalar_add(&out->share, &out->share, &coefficient);
    }
}

void ceremony_make(struct ceremony *out, uint16_t threshold, uint16_t members) {
    struct other own;
    bool has_culprit;
    struct frost_identifier culprit;
    memset(out, 0, sizeof *out);
    out->threshold = threshold;
    out->members = out->member = members;
    out->secret_len = dkg_round1_secret_bytes(threshold, members);
    out->round2_secret_len = dkg_round2_secret_bytes(threshold, members);
    out->round2_secret = calloc(out->round2_secret_len, 1);
    out->peers = calloc(members, sizeof *out->peers);
    out->received = calloc(members, sizeof *out->received);
    out->sent = calloc(members, sizeof *out->sent);
    must(out->round2_secret && out->peers && out->received && out->sent, "memory");
    make_other(&own, out, out->member);
    out->secret = own.secret;
    buffer_init(&out->raw);
    must(dkg_round1_package_encode(&out->raw, &own.package) == SIGNER_OK, "encode");
    dkg_round1_package_free(&own.package);
    for (uint16_t i = 0; i + 1 < members; i++) {
        struct other other;
        uint16_t sender = (uint16_t)(i + 1);
        make_other(&other, out, sender);
        frost_identifier_from_member(&out->peers[i].sender, sender);
        out->peers[i].package = other.package;
        out->received[i].peer = out->peers[i].sender;
        share_for_own(&out->received[i], &other, out);
        free(other.secret);
    }
    must(dkg_part2(out->sent, out->round2_secret, out->round2_secret_len, out->secret, out->secret_len, out->peers,
                   members - 1u, fresh_means(), &culprit, &has_culprit) == SIGNER_OK,
         "part 2");
}

/* What the participant is sent, so that all of it can be decoded. */
void ceremony_encode(struct ceremony *inout) {
    inout->encoded = calloc(inout->members, sizeof *inout->encoded);
    must(inout->encoded != NULL, "memory");
    for (uint16_t i = 0; i + 1 < inout->members; i++)
        must(dkg_round1_package_encode(&inout->encoded[i], &inout->peers[i].package) == SIGNER_OK, "encode");
}

void ceremony_free(struct ceremony *inout) {
    for (uint16_t i = 0; i + 1 < inout->members; i++)
        dkg_round1_package_free(&inout->peers[i].package);
    for (uint16_t i = 0; inout->encoded && i + 1 < inout->members; i++)
        buffer_free(&inout->encoded[i]);
    buffer_free(&inout->raw);
    free(inout->encoded);
    free(inout->secret);
    free(inout->round2_secret);
    free(inout->peers);
    free(inout->received);
    free(inout->sent);
}

void ceremony_give(const struct ceremony *ceremony, struct peer *peer) {
    struct buffer raw;
    buffer_init(&raw);
    peer_say(peer, "ceremony %u %u %u", ceremony->member, ceremony->members, ceremony->threshold);
    peer_ask(peer);
    for (uint16_t i = 0; i + 1 < ceremony->members; i++) {
        peer_say(peer, "peer %u", i + 1u);
        buffer_clear(&raw);
        must(dkg_round1_package_encode(&raw, &ceremony->peers[i].package) == SIGNER_OK, "encode");
        peer_say_hex(peer, raw.data, raw.len);
        buffer_clear(&raw);
        must(dkg_round2_share_encode(&raw, &ceremony->received[i].share) == SIGNER_OK, "encode");
        peer_say_hex(peer, raw.data, raw.len);
        peer_ask(peer);
    }
    buffer_free(&raw);
}

/* -- operations ------------------------------------------------------------------------------------ */

void run_part1(void *ceremony, uint64_t count) {
    struct ceremony *own = ceremony;
    for (uint64_t i = 0; i < count; i++) {
        struct other made;
        make_other(&made, own, own->member);
        free(made.secret);
        dkg_round1_package_free(&made.package);
    }
}

void run_part2(void *ceremony, uint64_t count) {
    struct ceremony *own = ceremony;
    bool has_culprit;
    struct frost_identifier culprit;
    for (uint64_t i = 0; i < count; i++)
        must(dkg_part2(own->sent, own->round2_secret, own->round2_secret_len, own->secret, own->secret_len, own->peers,
                       own->members - 1u, fresh_means(), &culprit, &has_culprit) == SIGNER_OK,
             "part 2");
}

void run_part3(void *ceremony, uint64_t count) {
    struct ceremony *own = ceremony;
    bool has_culprit;
    struct frost_identifier culprit;
    for (uint64_t i = 0; i < count; i++) {
        struct frost_key_package key;
        struct frost_public_package keys;
        must(dkg_part3(&key, &keys, own->round2_secret, own->round2_secret_len, own->peers, own->members - 1u,
                       own->received, own->members - 1u, fresh_means(), &culprit, &has_culprit) == SIGNER_OK,
             "part 3");
        frost_key_package_clear(&key);
        frost_public_package_free(&keys);
    }
}

static void parse_one(void *context, size_t index) {
    const struct ceremony *own = context;
    const struct buffer *raw = &own->encoded[index];
    struct dkg_round1_package package;
    must(dkg_round1_package_decode(&package, raw->data, raw->len) == SIGNER_OK, "parse");
    dkg_round1_package_free(&package);
}

void run_parse_all(void *ceremony, uint64_t count) {
    const struct ceremony *own = ceremony;
    for (uint64_t i = 0; i < count; i++)
        workers_run(means.workers, own->members - 1u, parse_one, ceremony);
}

void run_parse_dkg(void *ceremony, uint64_t count) {
    const struct ceremony *own = ceremony;
    for (uint64_t i = 0; i < count; i++) {
        struct dkg_round1_package package;
        must(dkg_round1_package_decode(&package, own->raw.data, own->raw.len) == SIGNER_OK, "parse");
        dkg_round1_package_free(&package);
    }
}
