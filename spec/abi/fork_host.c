/* A host that forks after its first call, while other threads are in calls: the child is answered, and
 * the parent goes on (D-126).
 *
 * Usage: fork_host <library> <folder> */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wallet.h"

static atomic_int stop;

static void *keep_calling(void *argument) {
    (void)argument;
    while (!stop)
        host_free(host_call_bare("frost_tbtc_roast_liveness_policy").buffer);
    return NULL;
}

int main(int count, char **arguments) {
    if (count < 3) return 2;
    static struct wallet wallet;
    pthread_t threads[3];
    wallet_environment(arguments[2]);
    host_open(arguments[1]);
    wallet_make(&wallet);
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, keep_calling, NULL) != 0) return 1;
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            TbtcSignerResult state = host_call("frost_tbtc_interactive_session_abort", "{\"session_id\":\"x\"}", 18);
            TbtcSignerResult bare = host_call_bare("frost_tbtc_abi_version");
            int good = state.status_code == 1 && state.buffer.ptr && bare.status_code == 0 &&
                       memmem(state.buffer.ptr, state.buffer.len, "\"process_forked\"", 16) != NULL;
            if (i == 0) host_print("child", state);
            _exit(good ? 0 : 1);
        }
        int status;
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "child %d: status %x\n", i, (unsigned)status);
            return 1;
        }
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    wallet_sign(&wallet, "after", 1, 1, 1, 2);
    puts("parent signs");
    return 0;
}
