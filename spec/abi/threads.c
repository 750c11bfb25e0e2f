/* Threads against the entry points: each signs in sessions of its own, and all fight over the same
 * sessions. No thread may see a double share, an unexpected code or a lock that is never left; races
 * are the sanitizer's to see.
 *
 * Usage: threads <library> <folder> <seconds> [threads] */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "wallet.h"

#ifdef __SANITIZE_THREAD__
#include <setjmp.h>

/* Lua leaves by this one, which the sanitizer does not know: it would take the frames that were left for
 * live ones, and the stacks that it keeps would grow with every error. It knows longjmp. */
void __longjmp_chk(struct __jmp_buf_tag *place, int value);
void __longjmp_chk(struct __jmp_buf_tag *place, int value) {
    longjmp(place, value);
}
#endif

#define SHARED_MAX 100000

static struct wallet wallet;
static time_t end_time;
static int thread_count = 8;
/* Shares that round 2 gave out, by shared session and seat. */
static atomic_uchar shares_given[SHARED_MAX][WALLET_SEATS + 1];
static atomic_uint shared_round;
static atomic_ulong calls, signatures, shared_shares, refusals;

static int is_code(const char *reply, const char *code) {
    char wanted[96];
    snprintf(wanted, sizeof wanted, "{\"code\":\"%s\"", code);
    return strncmp(reply, wanted, strlen(wanted)) == 0;
}

/* A refusal that competition explains. */
static void expect_refusal(const char *what, const char *reply) {
    static const char *const codes[] = {
        "consumed_nonce_replay", "session_not_found",      "interactive_attempt_already_aggregated",
        "validation_error",      "sign_round_not_started", "session_conflict"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (is_code(reply, codes[i])) {
            atomic_fetch_add(&refusals, 1);
            return;
        }
    fprintf(stderr, "%s: unexpected %s\n", what, reply);
    exit(1);
}

/* Everybody opens, commits and signs with the seats 1 and 2 of the session of this round. */
static void fight(unsigned round, unsigned thread) {
    char reply[WALLET_TEXT_MAX], session_id[64], commitments[2][512], package[4096];
    if (round >= SHARED_MAX) return;
    struct attempt attempt;
    snprintf(session_id, sizeof session_id, "shared-%u", round);
    attempt_derive(&attempt, &wallet, session_id, round, 1);
    for (int i = 0; i < 2; i++) {
        if (attempt_open(reply, &attempt, &wallet, i + 1) != 0) return expect_refusal("open", reply);
        if (attempt_round1(reply, &attempt, i + 1) != 0) return expect_refusal("round 1", reply);
        json_value(commitments[i], sizeof commitments[i], reply, "commitments_hex");
    }
    attempt_package(reply, &attempt, &wallet, 1, commitments[0], 2, commitments[1]);
    if (!json_value(package, sizeof package, reply, "signing_package_hex")) return expect_refusal("package", reply);
    for (int seat = 1; seat <= 2; seat++) {
        if (attempt_round2(reply, &attempt, seat, package) != 0) {
            expect_refusal("round 2", reply);
            continue;
        }
        atomic_fetch_add(&shared_shares, 1);
        if (atomic_fetch_add(&shares_given[round][seat], 1) != 0) {
            fprintf(stderr, "seat %d gave two shares in %s\n", seat, session_id);
            exit(1);
        }
    }
    if (thread % 4 == 0)
        wallet_must(wallet_call(reply, "interactive_session_abort", "{\"session_id\":\"%s\"}", session_id), "abort",
                    reply);
}

static void *run(void *argument) {
    unsigned thread = (unsigned)(size_t)argument;
    char session_id[64], reply[WALLET_TEXT_MAX];
    for (unsigned i = 0; time(NULL) < end_time; i++) {
        snprintf(session_id, sizeof session_id, "own-%u-%u", thread, i);
        wallet_sign(&wallet, session_id, thread * 100000 + i, 1, 1 + (int)(i % 2), 3);
        atomic_fetch_add(&signatures, 1);
        fight(atomic_load(&shared_round), thread);
        if (thread == 0) atomic_fetch_add(&shared_round, 1);
        if (wallet_call(reply, "interactive_round1", "{\"broken") != 1) abort();
        host_free(host_call_bare("frost_tbtc_abi_version").buffer);
        host_free(host_call_bare("frost_tbtc_roast_liveness_policy").buffer);
        atomic_fetch_add(&calls, 1);
    }
    return NULL;
}

int main(int count, char **arguments) {
    if (count < 4) return 2;
    if (count > 4) thread_count = atoi(arguments[4]);
    wallet_environment(arguments[2]);
    setenv("TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS", "4096", 1);
    host_open(arguments[1]);
    wallet_make(&wallet);
    end_time = time(NULL) + atoi(arguments[3]);
    pthread_t threads[64];
    for (int i = 0; i < thread_count && i < 64; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)(size_t)i) != 0) return 1;
    for (int i = 0; i < thread_count && i < 64; i++)
        pthread_join(threads[i], NULL);
    printf("threads %d signatures %lu shared_shares %lu refusals %lu rounds %u\n", thread_count, signatures,
           shared_shares, refusals, shared_round);
    return signatures > 0 && shared_shares > 0 ? 0 : 1;
}
