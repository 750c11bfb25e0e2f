/* All calls on a thread of 256 KiB; prints the most stack that any of them used, the host's own frames
 * included (D-146).
 *
 * Usage: stack_host <library> <folder> */
#include <pthread.h>
#include <sys/mman.h>

#include "wallet.h"

#define STACK_BYTES (256 * 1024)
#define PATTERN 0xa5

static struct wallet wallet;
static const char *transaction =
    "{\"session_id\":\"tx\",\"inputs\":[{\"txid_hex\":"
    "\"1111111111111111111111111111111111111111111111111111111111111111\",\"vout\":0,\"value_sats\":"
    "100000,\"script_pubkey_hex\":"
    "\"512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\"}],\"outputs\":[{"
    "\"script_pubkey_hex\":\"512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\","
    "\"value_sats\":90000}]}";

/* A share that does not hold: the first one's again. */
static void aggregate_wrongly(void) {
    static char reply[WALLET_TEXT_MAX], commitments[2][512], package[4096], shares[2][128];
    static struct attempt attempt;
    attempt_derive(&attempt, &wallet, "b", 2, 1);
    for (int i = 0; i < 2; i++) {
        wallet_must(attempt_open(reply, &attempt, &wallet, i + 1), "open", reply);
        wallet_must(attempt_round1(reply, &attempt, i + 1), "round 1", reply);
        json_value(commitments[i], sizeof commitments[i], reply, "commitments_hex");
    }
    wallet_must(attempt_package(reply, &attempt, &wallet, 1, commitments[0], 2, commitments[1]), "package", reply);
    json_value(package, sizeof package, reply, "signing_package_hex");
    for (int i = 0; i < 2; i++) {
        wallet_must(attempt_round2(reply, &attempt, i + 1, package), "round 2", reply);
        json_value(shares[i], sizeof shares[i], reply, "signature_share_hex");
    }
    attempt_aggregate(reply, &attempt, &wallet, package, 1, shares[0], 2, shares[0]);
    if (!strstr(reply, "aggregate_share_verification_failed")) abort();
}

static void *run(void *argument) {
    static char reply[WALLET_TEXT_MAX];
    (void)argument;
    wallet_make(&wallet);
    wallet_sign(&wallet, "a", 1, 1, 1, 2);
    aggregate_wrongly();
    wallet_must(wallet_call(reply, "build_taproot_tx", "%s", transaction), "build", reply);
    wallet_call(reply, "init_signer_config", "{\"nothing\":1}");
    wallet_call(reply, "interactive_round1", "{\"x\":%s", "[[[[[[[[");
    wallet_call(reply, "retire_distributed_dkg_key_packages", "{\"key_group\":%s}", wallet.key_group);
    host_free(host_call_bare("frost_tbtc_roast_liveness_policy").buffer);
    return NULL;
}

int main(int count, char **arguments) {
    if (count < 3) return 2;
    wallet_environment(arguments[2]);
    host_open(arguments[1]);
    unsigned char *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return 1;
    memset(stack, PATTERN, STACK_BYTES);
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, STACK_BYTES) != 0) return 1;
    if (pthread_create(&thread, &attributes, run, NULL) != 0) return 1;
    pthread_join(thread, NULL);
    size_t untouched = 0;
    while (untouched < STACK_BYTES && stack[untouched] == PATTERN)
        untouched++;
    printf("stack %zu\n", STACK_BYTES - untouched);
    return 0;
}
