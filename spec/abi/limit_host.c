/* A host whose files may not grow, and whose stderr is a file that has its size: what does not fit is lost or an
 * answer, never the signal that ends programs; nor does that signal wait for a host that holds it back meanwhile.
 *
 * Usage: limit_host <library> <folder> <bytes> <1: holds it back>; linked with nothing special. Prints how the
 * wallet came out. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "wallet.h"

int main(int count, char **arguments) {
    static char reply[WALLET_TEXT_MAX];
    if (count < 5) return 2;
    unsetenv("SIGNER_DRIVEN"); /* the test build's own record of errors, a file like any other */
    struct rlimit limit = {(rlim_t)atol(arguments[3]), (rlim_t)atol(arguments[3])};
    wallet_environment(arguments[2]);
    host_open(arguments[1]);
    char path[512];
    snprintf(path, sizeof path, "%s/stderr", arguments[2]);
    if (!freopen(path, "w", stderr) || ftruncate(fileno(stderr), atol(arguments[3])) != 0 ||
        fseek(stderr, 0, SEEK_END) != 0)
        return 2;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    sigset_t size_only, before;
    sigemptyset(&size_only);
    sigaddset(&size_only, SIGXFSZ);
    if (atoi(arguments[4])) pthread_sigmask(SIG_BLOCK, &size_only, &before);
    int status = wallet_call(reply, "interactive_session_abort", "{\"session_id\":\"x\"}");
    printf("abort %d\n", status);
    status = wallet_call(reply, "interactive_round1",
                         "{\"session_id\":\"x\",\"attempt_id\":\"%064d\",\"member_identifier\":1}", 0);
    if (atoi(arguments[4])) pthread_sigmask(SIG_SETMASK, &before, NULL);
    printf("round1 %d %s\n", status, reply);
    return 0;
}
