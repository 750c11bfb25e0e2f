/* The C interface in small: the contract, a transaction under the signing policy, a refusal.
 *     cc -Iinclude scripts/examples/transaction.c -Lbuild -lfrost_tbtc -o /tmp/transaction
 *     LD_LIBRARY_PATH=build /tmp/transaction
 * Every call gives a result by value: status 0 and a reply, or status 1 and an error envelope; both are
 * JSON text without a NUL, and go back with frost_tbtc_free_buffer. */
#define _GNU_SOURCE
#include <frost_tbtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int show(const char *what, TbtcSignerResult result) {
    printf("%s: %s %.*s\n", what, result.status_code == 0 ? "ok" : "error", (int)result.buffer.len,
           (const char *)result.buffer.ptr);
    frost_tbtc_free_buffer(result.buffer.ptr, result.buffer.len);
    return result.status_code;
}

static int build(const char *session_id, unsigned long value_sats) {
    char request[1024];
    int len = snprintf(request, sizeof request,
                       "{\"session_id\":\"%s\",\"inputs\":[{\"txid_hex\":"
                       "\"1f9f1f6f3a1b8f3b7c0d2f6a5e4c3b2a19080716253443526170819203a4b5c6\",\"vout\":0,"
                       "\"value_sats\":100000,\"script_pubkey_hex\":"
                       "\"5120cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115\"}],"
                       "\"outputs\":[{\"script_pubkey_hex\":\"0014d85c2b71d0060b09c9886aeb815e50991dda124d\","
                       "\"value_sats\":%lu}]}",
                       session_id, value_sats);
    return show("build_taproot_tx", frost_tbtc_build_taproot_tx((const uint8_t *)request, (size_t)len));
}

int main(void) {
    /* A host has these in its environment; they are read at each use. The store must lie in a folder
     * of mode 0700. The zero key is for an example only. */
    char folder[] = "/tmp/frost-tbtc-example-XXXXXX", path[64], command[64];
    if (!mkdtemp(folder)) return 2;
    snprintf(path, sizeof path, "%s/state", folder);
    setenv("TBTC_SIGNER_PROFILE", "development", 1);
    setenv("TBTC_SIGNER_STATE_PATH", path, 1);
    setenv("TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX", "0000000000000000000000000000000000000000000000000000000000000000",
           1);
    setenv("TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL", "true", 1);
    setenv("TBTC_SIGNER_POLICY_MAX_FEE_SATS", "5000", 1);

    show("version", frost_tbtc_version());
    int failed = show("abi_version", frost_tbtc_abi_version()) != 0;
    failed |= build("example-1", 99000) != 0; /* a fee of 1000 */
    failed |= build("example-2", 50000) != 1; /* refused: signing_policy_rejected / fee_exceeds_policy_limit */
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) failed = 1;
    return failed;
}
