/* What every file of an open store is read and written with. Unchanged once the store is open. */
#ifndef SIGNER_STORE_CORE_H
#define SIGNER_STORE_CORE_H

#include "store/place.h"
#include "store/store.h"

struct core {
    const struct platform *platform;
    struct vault *vault;
    struct place place;
    uint8_t store_id[STORE_ID_BYTES];
    vault_handle master_handle;
    const uint8_t *master; /* 32, in the vault */
    struct store_sink sink;
    char *writer;
    uint64_t audit_bytes_max;
};

#endif
