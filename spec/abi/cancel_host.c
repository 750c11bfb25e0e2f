/* A host that cancels a thread while it waits in a round 2 for the disk: the call ends first, and others
 * are served after it. So does the giving back of a buffer with a wrong length, which writes to stderr.
 *
 * Usage: cancel_host <library> <folder>; linked with -rdynamic, so that its fdatasync serves the library. */
#include <pthread.h>
#include <unistd.h>

#include "wallet.h"

static int armed;

int fdatasync(int file) {
    if (armed) {
        armed = 0;
        pthread_cancel(pthread_self());
        pthread_testcancel(); /* as the system's own would */
    }
    return fsync(file);
}

static struct wallet wallet;
static struct attempt attempt;
static char package[4096], answer[WALLET_TEXT_MAX];

static void *sign(void *argument) {
    (void)argument;
    armed = 1;
    attempt_round2(answer, &attempt, 1, package);
    pthread_testcancel();
    return "not cancelled";
}

static int given_back;

static void *give_back(void *argument) {
    TbtcBuffer buffer = *(TbtcBuffer *)argument;
    buffer.len++;
    pthread_cancel(pthread_self());
    host_free(buffer);
    given_back = 1;
    pthread_testcancel();
    return NULL;
}

int main(int count, char **arguments) {
    char reply[WALLET_TEXT_MAX], commitments[2][512];
    pthread_t thread;
    void *result;
    if (count < 3) return 2;
    wallet_environment(arguments[2]);
    host_open(arguments[1]);
    wallet_make(&wallet);
    attempt_derive(&attempt, &wallet, "cancelled", 1, 1);
    for (int i = 0; i < 2; i++) {
        wallet_must(attempt_open(reply, &attempt, &wallet, i + 1), "open", reply);
        wallet_must(attempt_round1(reply, &attempt, i + 1), "round 1", reply);
        json_value(commitments[i], sizeof commitments[i], reply, "commitments_hex");
    }
    wallet_must(attempt_package(reply, &attempt, &wallet, 1, commitments[0], 2, commitments[1]), "package", reply);
    json_value(package, sizeof package, reply, "signing_package_hex");
    alarm(20); /* a lock that is never left */
    if (pthread_create(&thread, NULL, sign, NULL) != 0 || pthread_join(thread, &result) != 0) return 1;
    printf("%s, share %s\n", result == PTHREAD_CANCELED ? "cancelled" : "not cancelled",
           strstr(answer, "signature_share_hex") ? "given" : "lost");
    wallet_sign(&wallet, "after", 2, 1, 1, 2);
    puts("others are served");
    TbtcSignerResult version = host_call_bare("frost_tbtc_version");
    if (pthread_create(&thread, NULL, give_back, &version.buffer) != 0 || pthread_join(thread, NULL) != 0) return 1;
    printf("buffer %s\n", given_back ? "given back" : "lost");
    return 0;
}
