/* A host whose files may not grow, and whose stderr is a file that has its size: what does not fit is lost or an
 * answer, never the signal that ends programs.
 *
 * Usage: limit_host <library> <folder> <bytes>; linked with nothing special. Prints how the wallet came out. */
#include <sys/resource.h>
#include <unistd.h>

#include "wallet.h"

int main(int count, char **arguments) {
    static char reply[WALLET_TEXT_MAX];
    if (count < 4) return 2;
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
    int status = wallet_call(reply, "interactive_session_abort", "{\"session_id\":\"x\"}");
    printf("abort %d\n", status);
    status = wallet_call(reply, "interactive_round1",
                         "{\"session_id\":\"x\",\"attempt_id\":\"%064d\",\"member_identifier\":1}", 0);
    printf("round1 %d %s\n", status, reply);
    return 0;
}
