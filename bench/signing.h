/* Our side of the bench. A group has one set of keys by a dealer and signing packages with even and odd R by
 * turns, since the crate takes longer for an odd one. Small packages are many: a processor learns the branches
 * that one package takes, which is a fifth of the time at 67 signers. A ceremony is a key generation as its
 * last participant sees it: the first one's values cost us next to nothing. Every operation runs `count` times and the
 * bench ends when one fails. */
#ifndef BENCH_SIGNING_H
#define BENCH_SIGNING_H

#include "frost/dkg.h"
#include "frost/signing.h"
#include "peer.h"

#define CASES_MAX 32

struct bench_case {
    struct buffer raw;
    struct frost_signing_package package;
    struct frost_nonces nonces; /* of the first signer */
    struct frost_signature_share *shares;
    struct frost_signature_share *bad; /* the same with one bad share in the middle */
    struct frost_round round;          /* kept, as a signing session keeps it */
};

struct group {
    uint16_t threshold, members;
    struct frost_key_package *packages;
    struct frost_public_package keys;
    struct bench_case cases[CASES_MAX];
    int case_count; /* even */
};

struct ceremony {
    uint16_t threshold, members, member;
    uint8_t *secret;
    size_t secret_len;
    uint8_t *round2_secret;
    size_t round2_secret_len;
    struct buffer raw;      /* the own round-1 package */
    struct buffer *encoded; /* the peers' packages, after ceremony_encode */
    struct dkg_round1_entry *peers;
    struct dkg_round2_entry *received;
    struct dkg_round2_entry *sent;
};

void group_make(struct group *out, uint16_t threshold, uint16_t members);
void group_free(struct group *inout);
/* Hands the keys and cases over and compares the peer's shares and signatures with ours. */
void group_give(const struct group *group, struct peer *peer);
void ceremony_make(struct ceremony *out, uint16_t threshold, uint16_t members);
void ceremony_free(struct ceremony *inout);
void ceremony_encode(struct ceremony *inout);
/* Threads that the operations below may use from now on; 1 at first. */
void ceremony_use_workers(unsigned workers);
void ceremony_give(const struct ceremony *ceremony, struct peer *peer);

void run_round1(void *group, uint64_t count);
void run_round2(void *group, uint64_t count);
void run_aggregate(void *group, uint64_t count);
void run_aggregate_bad(void *group, uint64_t count);
void run_verify(void *group, uint64_t count);
void run_verify_open(void *group, uint64_t count);
void run_parse_signing(void *group, uint64_t count);
void run_part1(void *ceremony, uint64_t count);
void run_part2(void *ceremony, uint64_t count);
void run_part3(void *ceremony, uint64_t count);
void run_parse_all(void *ceremony, uint64_t count);
void run_parse_dkg(void *ceremony, uint64_t count);

/* Ends the bench when `good` is false. */
void must(bool good, const char *what);

#endif
