/* The three steps of the distributed key generation on custody handles (abi 3.5, frost 6): secrets go
 * in and come out as handles of the call; what is public as objects. No lock, no state. */
#ifndef SIGNER_SESSION_DKG_STEPS_H
#define SIGNER_SESSION_DKG_STEPS_H

#include "frost/dkg.h"
#include "session/call.h"

/* Who broke the protocol, where it is known (D-016). */
struct dkg_culprit {
    bool known;
    struct frost_identifier identifier;
};

/* ERR_FROST_MIN_SIGNERS, ERR_FROST_MAX_SIGNERS (D-042), ERR_MEMORY_LOCK. `package` is free-able in any
 * case; `secret` belongs to the call. */
enum signer_error dkg_step1(struct call *call, const struct frost_identifier *identifier, uint16_t max_signers,
                            uint16_t min_signers, struct dkg_round1_package *package, vault_handle *secret,
                            struct failure *why);

struct dkg_sealed_share {
    struct frost_identifier peer;
    vault_handle share; /* the encoded round-2 package */
};

/* What step 2 will give to how many: max_signers - 1. ERR_FROST_DESERIALIZATION and the like. */
enum signer_error dkg_step2_peers(struct call *call, vault_handle secret, size_t *count, struct failure *why);
/* `shares` has room for that many. Both secrets are bound to the map of round-1 packages (D-042):
 * with another map the round-1 secret gives ERR_FROST_INCORRECT_PACKAGE and no share. */
enum signer_error dkg_step2(struct call *call, vault_handle secret, const struct dkg_round1_entry *peers,
                            size_t peer_count, struct dkg_sealed_share *shares, vault_handle *round2_secret,
                            struct dkg_culprit *culprit, struct failure *why);

/* `key_package` is the encoded key package, a handle of the call. Where the secret is bound to a map,
 * another map is ERR_FROST_INCORRECT_PACKAGE. */
enum signer_error dkg_step3(struct call *call, vault_handle secret, const struct dkg_round1_entry *peers,
                            size_t peer_count, const struct dkg_sealed_share *shares, size_t share_count,
                            vault_handle *key_package, struct frost_public_package *keys, struct dkg_culprit *culprit,
                            struct failure *why);

#endif
