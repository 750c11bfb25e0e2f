/* State key providers `env` and `command` (sealed-store 4; D-085, D-138). The key goes from the
 * pipe or the environment straight into the vault. */
#ifndef SIGNER_STORE_KEY_PROVIDER_H
#define SIGNER_STORE_KEY_PROVIDER_H

#include "base/error.h"
#include "custody/vault.h"

enum key_provider_kind { KEY_PROVIDER_ENV, KEY_PROVIDER_COMMAND };

struct key_provider {
    enum key_provider_kind kind;
    const char *command;  /* for COMMAND: run by /bin/sh -c */
    uint32_t timeout_s;   /* 1..300 */
    const char *env_text; /* for ENV: the text of TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX; NULL: not set */
};

/* Fetches the 32-byte master key. Blocks up to the time-out: never called under the engine mutex.
 * ERR_STATE_KEY_UNAVAILABLE, ERR_MEMORY_LOCK. */
enum signer_error key_provider_fetch(const struct key_provider *provider, struct vault *vault, vault_handle *key,
                                     struct failure *why);

#endif
