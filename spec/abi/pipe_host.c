/* A host whose stderr is a pipe that nobody reads any more, and that leaves SIGPIPE as it was; then one that is
 * full, whose reader stands still. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "host.h"

static int pending(void) {
    sigset_t waiting;
    return sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE);
}

int main(int count, char **arguments) {
    if (count < 2) return 2;
    int ends[2];
    if (pipe(ends) != 0) return 2;
    host_open(arguments[1]);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);

    /* Each says something: an unknown pointer, the start of an engine, an error that is internal. */
    uint8_t foreign[8] = {0};
    host_free((TbtcBuffer){foreign, sizeof foreign});
    setenv("TBTC_SIGNER_MAX_SESSIONS", "many", 1);
    setenv("TBTC_SIGNER_PROFILE", "development", 1);
    host_tell("frost_tbtc_retire_distributed_dkg_key_packages",
              "{\"key_group\":\"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\"}");
    printf("waiting %d\n", pending());

    /* A signal that waited before stays. */
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, NULL);
    raise(SIGPIPE);
    host_free((TbtcBuffer){foreign, sizeof foreign});
    printf("waiting %d\n", pending());

    char block[4096] = {0};
    if (pipe(ends) != 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) return 2;
    while (write(ends[1], block, sizeof block) > 0) {
    }
    fcntl(ends[1], F_SETFL, 0);
    dup2(ends[1], STDERR_FILENO);
    alarm(20); /* a call that waits for the reader */
    host_free((TbtcBuffer){foreign, sizeof foreign});
    puts("full passed");
    return 0;
}
