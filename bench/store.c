/* What a consumption record costs (the CHANGE of round 2: a marker, an authorisation, the highest attempt)
 * in a store of its own, and what opening costs. Writes lines that bench/store reads:
 *   records PRESENT lone_us lone_cpu_us lone_bytes open_ms open_cpu_ms
 *   callers COUNT record_us record_cpu_us record_bytes record_syncs
 * Usage: store FOLDER MOST */
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "registry/change.h"

#define MARKERS_A_SESSION 120u
#define LONE_RECORDS 200u
#define CALLER_RECORDS 100u
#define CALLERS_MAX 8u

static const char key_group[] = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

struct subject {
    struct vault *vault;
    struct store *store;
    struct state *state;
    struct state_context context;
    uint64_t max_sessions;
    char path[512];
    pthread_mutex_t mutex; /* the engine's, as it were */
    uint64_t records;
};

static void check(enum signer_error error, const struct failure *why) {
    if (error == SIGNER_OK) return;
    fprintf(stderr, "bench/store: %s\n", why && why->detail[0] ? why->detail : error_info(error)->text);
    exit(1);
}

static double clock_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double now_us(void) {
    return clock_us(CLOCK_MONOTONIC);
}

static double cpu_us(void) {
    return clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

/* The machine, with its data syncs counted. */
static struct platform platform;
static atomic_uint_fast64_t syncs;

static int counted_sync(void *context, int descriptor) {
    atomic_fetch_add(&syncs, 1);
    return platform_system()->files.fdatasync(context, descriptor);
}

static void lock(void *context) {
    pthread_mutex_lock(&((struct subject *)context)->mutex);
}

static void unlock(void *context) {
    pthread_mutex_unlock(&((struct subject *)context)->mutex);
}

static void open_store(struct subject *subject) {
    static const uint8_t key[32] = {0x11};
    struct failure why = {0};
    void *state;
    struct store_options options = {.platform = &platform,
                                    .vault = subject->vault,
                                    .state_path = subject->path,
                                    .writer = "tbtc-signer/bench",
                                    .master_key = key};
    subject->context = (struct state_context){subject->vault, &subject->max_sessions};
    options.sink = state_sink(&subject->context);
    options.sink.lock = lock;
    options.sink.unlock = unlock;
    options.sink.lock_context = subject;
    check(store_open(&subject->store, &state, &options, &why), &why);
    subject->state = state;
}

static void close_store(struct subject *subject) {
    store_close(subject->store, false);
    state_free(subject->state);
}

/* The ops of record `number`: what round 2 writes, and a new session where one is full. */
static void build(struct changes *changes, uint64_t number) {
    char session[32], digest[65], marker[80];
    uint8_t hash[32];
    int len = snprintf(session, sizeof session, "session-%08llu", (unsigned long long)(number / MARKERS_A_SESSION));
    crypto_hash_sha256(hash, (const uint8_t *)&number, sizeof number);
    sodium_bin2hex(digest, sizeof digest, hash, sizeof hash);
    int marker_len = snprintf(marker, sizeof marker, "m1@%s", digest);
    changes_init(changes);
    if (number % MARKERS_A_SESSION == 0) {
        change_session_create(changes, session, (size_t)len);
        change_field_text(changes, session, (size_t)len, FIELD_BOUND_KEY_GROUP, key_group, strlen(key_group));
    }
    change_set_add(changes, session, (size_t)len, SET_CONSUMED_MARKERS, marker, (size_t)marker_len);
    change_set_add(changes, session, (size_t)len, SET_AUTHORIZED_MARKERS, digest, 64);
    change_field_u32(changes, session, (size_t)len, FIELD_HIGHEST_ATTEMPT, (uint32_t)(number % MARKERS_A_SESSION) + 1);
}

static uint64_t append(struct subject *subject) {
    struct store_position position;
    struct changes changes;
    struct failure why = {0};
    for (;;) {
        pthread_mutex_lock(&subject->mutex);
        build(&changes, subject->records);
        check(changes_check(subject->state, &changes, &why), &why);
        enum signer_error error = store_append(subject->store, RECORD_CHANGE, RECORD_RESERVED, 0, changes.body.data,
                                               changes.body.len, &position, &why);
        if (error == SIGNER_OK) {
            changes_apply(subject->state, &changes, &position);
            subject->records++;
        }
        pthread_mutex_unlock(&subject->mutex);
        changes_free(&changes);
        if (error == SIGNER_OK) return position.ticket;
        if (error != ERR_AGAIN) check(error, &why);
        check(store_make_ready(subject->store, RECORD_RESERVED, &why), &why);
    }
}

static void wait_for(struct subject *subject, uint64_t ticket) {
    struct failure why = {0};
    check(store_wait(subject->store, ticket, &why), &why);
}

static void fill(struct subject *subject, uint64_t present) {
    uint64_t ticket = 0;
    while (subject->records < present) {
        ticket = append(subject);
        if (subject->records % 512 == 0) wait_for(subject, ticket);
    }
    if (ticket) wait_for(subject, ticket);
}

/* Bytes of the log per record; 0 when it was rotated meanwhile. */
static double bytes_since(struct subject *subject, const struct store_info *before, uint64_t records) {
    struct store_info after;
    store_info(subject->store, &after);
    if (after.log_number != before->log_number) return 0;
    return (double)(after.log_bytes_used - before->log_bytes_used) / (double)records;
}

static void level(struct subject *subject, uint64_t present) {
    struct store_info before;
    fill(subject, present);
    store_info(subject->store, &before);
    double start = now_us(), cpu = cpu_us();
    for (unsigned i = 0; i < LONE_RECORDS; i++)
        wait_for(subject, append(subject));
    double lone = (now_us() - start) / LONE_RECORDS, lone_cpu = (cpu_us() - cpu) / LONE_RECORDS;
    double bytes = bytes_since(subject, &before, LONE_RECORDS);
    close_store(subject);
    start = now_us();
    cpu = cpu_us();
    open_store(subject);
    printf("records %llu %.1f %.1f %.0f %.1f %.1f\n", (unsigned long long)present, lone, lone_cpu, bytes,
           (now_us() - start) / 1e3, (cpu_us() - cpu) / 1e3);
    fflush(stdout);
}

static void *call(void *argument) {
    struct subject *subject = argument;
    for (unsigned i = 0; i < CALLER_RECORDS; i++)
        wait_for(subject, append(subject));
    return NULL;
}

#define PASSES 5

struct group {
    unsigned count;
    double us[PASSES], cpu_us[PASSES], bytes[PASSES], syncs[PASSES];
};

static void pass(struct subject *subject, struct group *group, int number) {
    pthread_t threads[CALLERS_MAX];
    struct store_info before;
    store_info(subject->store, &before);
    const uint64_t synced = atomic_load(&syncs);
    double start = now_us(), cpu = cpu_us();
    for (unsigned i = 0; i < group->count; i++)
        if (pthread_create(&threads[i], NULL, call, subject) != 0) exit(1);
    for (unsigned i = 0; i < group->count; i++)
        pthread_join(threads[i], NULL);
    uint64_t records = (uint64_t)group->count * CALLER_RECORDS;
    group->us[number] = (now_us() - start) / (double)records;
    group->cpu_us[number] = (cpu_us() - cpu) / (double)records;
    group->syncs[number] = (double)(atomic_load(&syncs) - synced) / (double)records;
    group->bytes[number] = bytes_since(subject, &before, records);
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values) {
    qsort(values, PASSES, sizeof *values, ascending);
    return values[PASSES / 2];
}

/* In alternating passes, so that a disk that is busy for a while hits all of them. */
static void callers(struct subject *subject) {
    static struct group groups[] = {{.count = 1}, {.count = 2}, {.count = CALLERS_MAX}};
    const size_t count = sizeof groups / sizeof *groups;
    for (int number = 0; number < PASSES; number++)
        for (size_t i = 0; i < count; i++)
            pass(subject, &groups[i], number);
    for (size_t i = 0; i < count; i++)
        printf("callers %u %.1f %.1f %.0f %.3f\n", groups[i].count, median(groups[i].us), median(groups[i].cpu_us),
               median(groups[i].bytes), median(groups[i].syncs));
}

int main(int count, char **arguments) {
    static struct subject subject = {.max_sessions = 1000000, .mutex = PTHREAD_MUTEX_INITIALIZER};
    if (count != 3 || sodium_init() < 0) return 2;
    platform = *platform_system();
    platform.files.fdatasync = counted_sync;
    const uint64_t most = strtoull(arguments[2], NULL, 10);
    snprintf(subject.path, sizeof subject.path, "%s/state", arguments[1]);
    check(vault_create(&subject.vault, false), NULL);
    open_store(&subject);
    for (uint64_t present = 100; present <= most; present *= 10)
        level(&subject, present);
    callers(&subject);
    close_store(&subject);
    vault_destroy(subject.vault);
    return 0;
}
