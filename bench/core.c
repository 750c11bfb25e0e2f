/* Times the core and, where it was built, the Rust crate in alternating passes. Writes lines that
 * scripts/bench reads; times are processor time, so that other work on the machine counts little: `size t n`, `pass
 * operation ours theirs` (nanoseconds of one operation; theirs 0 without a peer), `threads one two` (nanoseconds of the
 * same work), `path kernel sha256`. Usage: core PASSES [PEER [t/n …]] */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "curve/kernel.h"
#include "signing.h"

#define SLICE_NS 4e6 /* one side of one pass takes about this long, or one operation */
#define THREADS 2

struct operation {
    const char *name;
    const char *peer_name;
    void (*run)(void *subject, uint64_t count);
    uint64_t ours, theirs; /* repetitions in a pass */
};

static struct operation signing[] = {
    {"round1", "round1", run_round1, 0, 0},
    {"round2", "round2", run_round2, 0, 0},
    {"aggregate", "aggregate", run_aggregate, 0, 0},
    {"aggregate_one", "aggregate_one", run_aggregate_bad, 0, 0},
    {"aggregate_all", "aggregate_all", run_aggregate_bad, 0, 0},
    {"verify", "verify", run_verify, 0, 0},
    {"verify_open", "verify", run_verify_open, 0, 0},
    {"parse_signing", "parse_signing", run_parse_signing, 0, 0},
};
static struct operation ceremonies[] = {
    {"part1", "part1", run_part1, 0, 0},
    {"part2", "part2", run_part2, 0, 0},
    {"part3", "part3", run_part3, 0, 0},
    {"parse_dkg", "parse_dkg", run_parse_dkg, 0, 0},
};

static double read_clock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double now(void) {
    return read_clock(CLOCK_MONOTONIC);
}

static double time_ours(const struct operation *operation, void *subject, uint64_t count) {
    double start = read_clock(CLOCK_THREAD_CPUTIME_ID);
    operation->run(subject, count);
    return (read_clock(CLOCK_THREAD_CPUTIME_ID) - start) / (double)count;
}

/* An even number, so that both parities of R count alike. */
static uint64_t repetitions(double one) {
    uint64_t count = (uint64_t)(SLICE_NS / one) & ~1ull;
    return count < 2 ? 2 : count > 10000 ? 10000 : count;
}

static void run_passes(struct operation *operations, size_t count, void *subject, struct peer *peer, int passes) {
    for (size_t i = 0; i < count; i++) {
        operations[i].ours = repetitions(time_ours(&operations[i], subject, 2));
        if (peer) operations[i].theirs = repetitions(peer_time(peer, operations[i].peer_name, 2));
    }
    for (int pass = 0; pass < passes; pass++) {
        for (size_t i = 0; i < count; i++) {
            double theirs = peer ? peer_time(peer, operations[i].peer_name, operations[i].theirs) : 0;
            double ours = time_ours(&operations[i], subject, operations[i].ours);
            printf("pass %s %.0f %.0f\n", operations[i].name, ours, theirs);
        }
        fflush(stdout);
    }
}

static void run_size(struct peer *peer, uint16_t threshold, uint16_t members, int passes) {
    struct group group;
    struct ceremony ceremony;
    printf("size %u %u\n", threshold, members);
    group_make(&group, threshold, members);
    if (peer) group_give(&group, peer);
    run_passes(signing, sizeof signing / sizeof *signing, &group, peer, passes);
    group_free(&group);
    if (members > PARTICIPANTS_MAX) return;
    ceremony_make(&ceremony, threshold, members);
    if (peer) ceremony_give(&ceremony, peer);
    run_passes(ceremonies, sizeof ceremonies / sizeof *ceremonies, &ceremony, peer, passes);
    ceremony_free(&ceremony);
}

/* -- two seats on two threads ---------------------------------------------------------------------- */

struct seat {
    struct group group;
    uint64_t count;
};

static void *sign_for_seat(void *seat) {
    struct seat *own = seat;
    run_round2(&own->group, own->count);
    return NULL;
}

static void run_threads(int passes) {
    struct seat seats[THREADS];
    for (int i = 0; i < THREADS; i++) {
        group_make(&seats[i].group, 51, 100);
        seats[i].count = 200;
    }
    for (int pass = 0; pass < passes; pass++) {
        pthread_t threads[THREADS];
        double start = now(), start_work = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        for (int i = 0; i < THREADS; i++)
            sign_for_seat(&seats[i]);
        double one = now() - start, work = read_clock(CLOCK_PROCESS_CPUTIME_ID) - start_work;
        start = now();
        start_work = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        for (int i = 0; i < THREADS; i++)
            must(pthread_create(&threads[i], NULL, sign_for_seat, &seats[i]) == 0, "thread");
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        printf("threads %.0f %.0f %.4f\n", one, now() - start,
               (read_clock(CLOCK_PROCESS_CPUTIME_ID) - start_work) / work);
    }
    for (int i = 0; i < THREADS; i++)
        group_free(&seats[i].group);
}

int main(int argc, char **argv) {
    static const char *const all[] = {"2/3", "7/10", "51/100", "67/100", "667/1000"};
    struct peer peer, *with = NULL;
    int passes = argc > 1 ? atoi(argv[1]) : 11;
    printf("path %s %s\n", kernel_name(), sha256_name());
    must(sodium_init() >= 0, "libsodium");
    if (argc > 2 && strcmp(argv[2], "-") != 0) {
        peer_start(&peer, argv[2]);
        with = &peer;
    }
    for (int i = 0; i < (argc > 3 ? argc - 3 : 5); i++) {
        unsigned threshold, members;
        must(sscanf(argc > 3 ? argv[i + 3] : all[i], "%u/%u", &threshold, &members) == 2, "a size is t/n");
        run_size(with, (uint16_t)threshold, (uint16_t)members, passes);
    }
    if (argc <= 3) run_threads(passes);
    if (with) peer_stop(with);
    return 0;
}
