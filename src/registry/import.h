/* State of the reference's envelope (schemas 3 and 4), once it is decrypted: strict reading, back-fill
 * (sealed-store 6, 8.1, 10; D-081, D-123, D-125). */
#ifndef SIGNER_REGISTRY_IMPORT_H
#define SIGNER_REGISTRY_IMPORT_H

#include "registry/state.h"

/* Fills a state in its genesis form (store_sink.begin with a creation time). `hash_key` is random.
 * ERR_STATE_CORRUPT names the member, never its content; ERR_STATE_VERSION for an inner schema other
 * than 1; ERR_OUT_OF_MEMORY, ERR_MEMORY_LOCK. After a failure the state is good for nothing. */
enum signer_error state_import(struct state *state, const uint8_t *payload, size_t len, uint64_t hash_key,
                               struct failure *why);

#endif
