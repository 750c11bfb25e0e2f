/* A regular file at the state path: the reference's envelope, taken over once (sealed-store 5, 35.9 steps
 * 3 and 5; D-081, D-139). Schema 3 at any start; schema 4, which carries a generation, only where the
 * operator says the lowest one that is allowed. What the payload says is the sink's business. */
#ifndef SIGNER_STORE_IMPORT_H
#define SIGNER_STORE_IMPORT_H

#include "base/bytes.h"
#include "store/core.h"

#define IMPORT_PAYLOAD_BYTES_MAX 16777216u
#define IMPORT_SCHEMA 3u
#define IMPORT_SCHEMA_GENERATION 4u

struct old_file {
    bool present;
    uint8_t *data; /* as it lies there: ciphertext, no secret */
    size_t len;
    uint8_t sha256[32];
    uint16_t schema;     /* of the envelope, once it is opened */
    uint64_t generation; /* of schema 4, else 0 */
};

/* Reads the file at the state path, if one is there. ERR_STATE_PATH_UNSAFE for anything that is no
 * regular file of ours, ERR_STATE_CORRUPT for an empty or far too long one, ERR_STATE_IO,
 * ERR_OUT_OF_MEMORY. */
enum signer_error old_file_read(struct old_file *out, const struct place *place, struct failure *why);
void old_file_free(struct old_file *file);
/* Opens the envelope under the master key of `core`; the payload lies in the vault (SECRET_BYTES) and is
 * the caller's. `lowest` 0: schema 3 is read; else schema 4, with this generation at least.
 * ERR_STATE_CORRUPT: no envelope, damaged, or plaintext (D-025); ERR_STATE_VERSION: another schema or
 * algorithm; ERR_STATE_KEY_MISMATCH: another provider or key; ERR_STATE_ROLLBACK: a generation below
 * `lowest`; ERR_OUT_OF_MEMORY, ERR_MEMORY_LOCK. */
enum signer_error old_file_open(struct old_file *file, uint64_t lowest, enum key_provider_kind provider,
                                const struct core *core, vault_handle *payload, struct failure *why);
/* The last step: the file at the state path becomes `<name>.imported-<unix>`. */
enum signer_error old_file_retire(const struct core *core, struct failure *why);

/* The envelope of a payload, for test builds (35.13): schema 3, with a `generation` above 0 schema 4. */
#ifdef SIGNER_TEST
enum signer_error old_file_seal(struct buffer *out, const struct bytes *payload, const char *provider,
                                uint64_t generation, const uint8_t master[32], const uint8_t nonce[24]);
#endif

#endif
