/* A host and a machine that try to get two shares for one nonce pair: threads that show one seat different
 * packages at once, amid aborts, new opens and forks, while allocations, writes and syncs fail and the clocks
 * jump.
 *
 * Usage: hostile_host <library> <folder> <seconds> <seed>; linked with -rdynamic, so that its allocator, file
 * calls and clock serve the library. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wallet.h"

#define THREADS 4

static atomic_int hostile; /* 0: everything works */
static _Thread_local unsigned dice;
static _Thread_local int judging; /* nothing fails under the host's own feet */

static unsigned roll(unsigned sides) {
    dice = dice * 1103515245u + 12345u;
    return (dice >> 16) % sides;
}

static int strikes(unsigned sides) {
    return hostile && dice && !judging && roll(sides) == 0;
}

#define REAL(name)                                                                                                     \
    static __typeof__(name) *real;                                                                                     \
    if (!real) {                                                                                                       \
        void *found = dlsym(RTLD_NEXT, #name);                                                                         \
        memcpy(&real, &found, sizeof real);                                                                            \
    }

void *malloc(size_t len) {
    REAL(malloc)
    if (!strikes(400)) return real(len);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *old, size_t len) {
    REAL(realloc)
    if (!strikes(400)) return real(old, len);
    errno = ENOMEM;
    return NULL;
}

ssize_t pwrite(int file, const void *data, size_t len, off_t offset) {
    REAL(pwrite)
    if (strikes(40)) {
        errno = roll(2) ? ENOSPC : EIO;
        return -1;
    }
    return real(file, data, strikes(40) && len > 1 ? len / 2 : len, offset);
}

int fdatasync(int file) {
    REAL(fdatasync)
    if (!strikes(40)) return real(file);
    errno = EIO;
    return -1;
}

/* Wall time is set, and time that counts sleep jumps ahead; CLOCK_MONOTONIC does neither. */
int clock_gettime(clockid_t clock, struct timespec *out) {
    REAL(clock_gettime)
    int result = real(clock, out);
    if (result == 0 && clock != CLOCK_MONOTONIC && strikes(10))
        out->tv_sec += (time_t)roll(200000) - (clock == CLOCK_REALTIME ? 100000 : 0);
    return result;
}

/* -- what left, by the commitments that it was made for --------------------------------------------------- */

#define GIVEN_MAX 65536

static struct {
    char commitments[512];
    char share[128];
} given[GIVEN_MAX];
static size_t given_count;
static unsigned long answers_of_many;
static pthread_mutex_t given_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep(const char *commitments, const char *share) {
    pthread_mutex_lock(&given_lock);
    for (size_t i = 0; i < given_count; i++) {
        if (strcmp(given[i].commitments, commitments) != 0) continue;
        fprintf(stderr, "two shares for %s: %s %s\n", commitments, given[i].share, share);
        _exit(3);
    }
    if (given_count == GIVEN_MAX) _exit(4);
    snprintf(given[given_count].commitments, sizeof given[0].commitments, "%s", commitments);
    snprintf(given[given_count++].share, sizeof given[0].share, "%s", share);
    pthread_mutex_unlock(&given_lock);
}

/* -- the fight --------------------------------------------------------------------------------------------- */

static struct wallet wallet;
static time_t end_time;

struct fight {
    struct attempt attempt;
    char commitments[WALLET_SEATS + 1][512];
    char package[2][4096]; /* of seats 1 and 2, and of seats 1 and 3 */
    pthread_barrier_t start;
};
static struct fight fight;

static void try_share(unsigned which) {
    char reply[WALLET_TEXT_MAX], share[128];
    if (attempt_round2(reply, &fight.attempt, 1, fight.package[which]) == 0) {
        judging = 1;
        if (json_value(share, sizeof share, reply, "signature_share_hex")) keep(fight.commitments[1], share);
        judging = 0;
    } else {
        __sync_fetch_and_add(&answers_of_many, 1);
    }
}

static void fork_and_try(void) {
    pid_t child = fork();
    if (child == 0) {
        char reply[WALLET_TEXT_MAX];
        hostile = 0;
        alarm(20);
        for (int which = 0; which < 2; which++)
            if (attempt_round2(reply, &fight.attempt, 1, fight.package[which]) == 0) _exit(1);
        _exit(0);
    }
    int status;
    if (child < 0) return;
    if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    fprintf(stderr, "a forked child ended with %x\n", (unsigned)status);
    _exit(3);
}

static void *run(void *argument) {
    unsigned thread = (unsigned)(size_t)argument & 255;
    char reply[WALLET_TEXT_MAX];
    dice = (unsigned)(size_t)argument | 1;
    pthread_barrier_wait(&fight.start);
    for (int i = 0; i < 3; i++) {
        try_share((thread + roll(2)) % 2);
        if (roll(8) == 0)
            wallet_call(reply, "interactive_session_abort", "{\"session_id\":\"%s\"}", fight.attempt.session_id);
        if (roll(4) == 0) attempt_open(reply, &fight.attempt, &wallet, 1);
        if (roll(4) == 0) attempt_round1(reply, &fight.attempt, 1);
        if (thread == 0 && roll(6) == 0) fork_and_try();
    }
    return NULL;
}

static void prepare(unsigned number) {
    char reply[WALLET_TEXT_MAX], session_id[64];
    snprintf(session_id, sizeof session_id, "fight-%u", number);
    attempt_derive(&fight.attempt, &wallet, session_id, number, 1);
    for (int seat = 1; seat <= WALLET_SEATS; seat++) {
        wallet_must(attempt_open(reply, &fight.attempt, &wallet, seat), "open", reply);
        wallet_must(attempt_round1(reply, &fight.attempt, seat), "round 1", reply);
        json_value(fight.commitments[seat], sizeof fight.commitments[0], reply, "commitments_hex");
    }
    for (int i = 0; i < 2; i++) {
        wallet_must(
            attempt_package(reply, &fight.attempt, &wallet, 1, fight.commitments[1], 2 + i, fight.commitments[2 + i]),
            "package", reply);
        json_value(fight.package[i], sizeof fight.package[i], reply, "signing_package_hex");
    }
}

int main(int count, char **arguments) {
    if (count < 5) return 2;
    unsigned seed = (unsigned)strtoul(arguments[4], NULL, 10), fights = 0;
    wallet_environment(arguments[2]);
    host_open(arguments[1]);
    wallet_make(&wallet);
    pthread_barrier_init(&fight.start, NULL, THREADS);
    end_time = time(NULL) + atoi(arguments[3]);
    while (time(NULL) < end_time) {
        pthread_t threads[THREADS];
        prepare(fights++);
        hostile = 1;
        for (size_t i = 0; i < THREADS; i++)
            if (pthread_create(&threads[i], NULL, run, (void *)((size_t)(seed + fights * 7919u) << 8 | i)) != 0)
                return 1;
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        hostile = 0;
        static char reply[WALLET_TEXT_MAX];
        wallet_call(reply, "interactive_session_abort", "{\"session_id\":\"%s\"}", fight.attempt.session_id);
    }
    wallet_sign(&wallet, "after", 1, 1, 1, 2);
    printf("fights %u shares %zu refusals %lu\n", fights, given_count, answers_of_many);
    return 0;
}
