/* A host that knows nothing of Lua. */
#include "host.h"

int main(int count, char **arguments) {
    if (count < 2) return 2;
    setenv("TBTC_SIGNER_PROFILE", "development", 1);
    host_open(arguments[1]);
    host_print("version", host_call_bare("frost_tbtc_version"));
    host_print("abi_version", host_call_bare("frost_tbtc_abi_version"));
    host_print("liveness", host_call_bare("frost_tbtc_roast_liveness_policy"));
    host_tell("frost_tbtc_dkg_part1", "{\"participant_identifier\":"
                                      "\"0000000000000000000000000000000000000000000000000000000000000001\","
                                      "\"max_signers\":3,\"min_signers\":2}");
    host_tell("frost_tbtc_dkg_part1", "{");
    return 0;
}
