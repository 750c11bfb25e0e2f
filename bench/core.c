/* Times the core and, where it was built, the Rust crate in alternating passes. Writes lines that
 * scripts/bench reads; times are processor time, so that other work on the machine counts little: `size t n`, `pass
 * operation ours theirs` (nanoseconds of one operation; theirs 0 without a peer), `path kernel sha256`, `library file`.
 * Usage: core PASSES [PEER [t/n …]]
 *        core workers PASSES [t/n …]     key generation on one thread and on more, by the wall clock: `workers
 *                                        operation t/n one more` (nanoseconds of one), more being the processors */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/workers.h"
#include "curve/kernel.h"
#include "signing.h"

#define SLICE_NS 4e6 /* one side of one pass takes about this long, or one operation */

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

static double processor_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double time_ours(const struct operation *operation, void *subject, uint64_t count) {
    double start = processor_time();
    operation->run(subject, count);
    return (processor_time() - start) / (double)count;
}

/* So that every package, and with that both parities of R, counts alike. */
static uint64_t repetitions(double one, uint64_t cases) {
    uint64_t count = (uint64_t)(SLICE_NS / one) / cases * cases;
    return count < cases ? cases : count > 8192 ? 8192 : count;
}

static void run_passes(struct operation *operations, size_t count, void *subject, uint64_t cases, struct peer *peer,
                       int passes) {
    for (size_t i = 0; i < count; i++) {
        operations[i].ours = repetitions(time_ours(&operations[i], subject, 2), cases);
        if (peer) operations[i].theirs = repetitions(peer_time(peer, operations[i].peer_name, 2), cases);
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
    run_passes(signing, sizeof signing / sizeof *signing, &group, (uint64_t)group.case_count, peer, passes);
    group_free(&group);
    if (members > PARTICIPANTS_MAX) return;
    ceremony_make(&ceremony, threshold, members);
    if (peer) ceremony_give(&ceremony, peer);
    run_passes(ceremonies, sizeof ceremonies / sizeof *ceremonies, &ceremony, 1, peer, passes);
    ceremony_free(&ceremony);
}

/* -- worker threads --------------------------------------------------------------------------------- */

#define CALM_MULTIPLES 100

static double wall_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void multiply(void *context, size_t index) {
    struct scalar factor;
    struct point out;
    (void)context;
    scalar_set_u64(&factor, index + 2);
    for (int i = 0; i < CALM_MULTIPLES; i++)
        must(point_mul_base(&out, &factor) == SIGNER_OK, "multiple");
}

static unsigned calm_workers;

/* What splitting could give at this moment: multiples of G, which share nothing. */
static void run_calm(void *subject, uint64_t count) {
    (void)subject;
    for (uint64_t i = 0; i < count; i++)
        workers_run(calm_workers, workers_online(), multiply, NULL);
}

static double time_workers(const struct operation *operation, void *subject, unsigned workers) {
    ceremony_use_workers(workers);
    calm_workers = workers;
    double start = wall_time();
    operation->run(subject, operation->ours);
    return (wall_time() - start) / (double)operation->ours;
}

static void compare_workers(uint16_t threshold, uint16_t members, int passes) {
    static struct operation operations[] = {{"parse_all", NULL, run_parse_all, 0, 0},
                                            {"part2", NULL, run_part2, 0, 0},
                                            {"part3", NULL, run_part3, 0, 0},
                                            {"calm", NULL, run_calm, 0, 0}};
    unsigned more = workers_online() < 2 ? 2 : workers_online();
    struct ceremony ceremony;
    ceremony_make(&ceremony, threshold, members);
    ceremony_encode(&ceremony);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        struct operation *operation = &operations[i];
        operation->ours = 1;
        operation->ours = repetitions(time_workers(operation, &ceremony, 1), 1);
        for (int pass = 0; pass < passes; pass++) {
            double one = time_workers(operation, &ceremony, 1), split = time_workers(operation, &ceremony, more);
            printf("workers %s %u/%u %.0f %.0f\n", operation->name, threshold, members, one, split);
        }
        fflush(stdout);
    }
    ceremony_use_workers(1);
    ceremony_free(&ceremony);
}

/* The file that the curve library was loaded from: its name carries the version of its interface. */
static void tell_library(void) {
    Dl_info info;
    void *address;
    secp256k1_context *(*function)(unsigned) = secp256k1_context_create;
    memcpy(&address, &function, sizeof address);
    const char *name = dladdr(address, &info) != 0 ? strrchr(info.dli_fname, '/') : NULL;
    char *real = name ? realpath(info.dli_fname, NULL) : NULL;
    printf("library %s\n", real ? strrchr(real, '/') + 1 : "linked");
    free(real);
}

static void read_size(const char *text, unsigned *threshold, unsigned *members) {
    must(sscanf(text, "%u/%u", threshold, members) == 2, "a size is t/n");
}

static int main_workers(int argc, char **argv) {
    static const char *const all[] = {"67/100", "100/150", "128/255"};
    int passes = argc > 2 ? atoi(argv[2]) : 11;
    must(sodium_init() >= 0, "libsodium");
    for (int i = 0; i < (argc > 3 ? argc - 3 : 3); i++) {
        unsigned threshold, members;
        read_size(argc > 3 ? argv[i + 3] : all[i], &threshold, &members);
        compare_workers((uint16_t)threshold, (uint16_t)members, passes);
    }
    return 0;
}

int main(int argc, char **argv) {
    static const char *const all[] = {"2/3", "7/10", "51/100", "67/100", "667/1000"};
    struct peer peer, *with = NULL;
    if (argc > 1 && strcmp(argv[1], "workers") == 0) return main_workers(argc, argv);
    int passes = argc > 1 ? atoi(argv[1]) : 11;
    printf("path %s %s\n", kernel_name(), sha256_name());
    tell_library();
    must(sodium_init() >= 0, "libsodium");
    if (argc > 2 && strcmp(argv[2], "-") != 0) {
        peer_start(&peer, argv[2]);
        with = &peer;
    }
    for (int i = 0; i < (argc > 3 ? argc - 3 : 5); i++) {
        unsigned threshold, members;
        read_size(argc > 3 ? argv[i + 3] : all[i], &threshold, &members);
        run_size(with, (uint16_t)threshold, (uint16_t)members, passes);
    }
    if (with) peer_stop(with);
    return 0;
}
