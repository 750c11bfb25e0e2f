/* Keys of a `node` member: an X25519 key that opens what is sealed to it, and a BIP-340 key that
 * signs its messages. They lie in a 0600 file of their own beside the store and, once read, in the
 * vault only (D-156, D-160).
 *
 * The file, text of NODE_KEY_FILE_BYTES bytes:
 *   tbtc-signer node keys 1\n   sealing <64 hex>\n   signing <64 hex>\n   sha256 <64 hex>\n
 * the last line over everything before it. */
#ifndef SIGNER_CUSTODY_NODE_KEYS_H
#define SIGNER_CUSTODY_NODE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/platform.h"
#include "custody/vault.h"

#define NODE_PUBLIC_KEY_BYTES 32
#define NODE_SIGNATURE_BYTES 64
#define NODE_KEY_FILE_BYTES 242

struct node_keys {
    struct vault *vault;
    const struct platform *platform;
    vault_handle secrets;                          /* SECRET_NODE_KEYS, owned */
    uint8_t sealing_public[NODE_PUBLIC_KEY_BYTES]; /* X25519 */
    uint8_t signing_public[NODE_PUBLIC_KEY_BYTES]; /* x-only */
};

/* Draws both keys and writes the file, which must not exist: no link is followed, file and directory
 * are synced. On failure no file is left where one could be removed.
 * ERR_NODE_KEY_FILE, ERR_MEMORY_LOCK, ERR_OUT_OF_MEMORY, ERR_PROCESS_FORKED. */
enum signer_error node_keys_create(struct node_keys *out, struct vault *vault, const struct platform *platform,
                                   const char *path, struct failure *why);
/* Reads the file. Refused unless it is a regular file with one name, owned by the effective user,
 * without rights for group and others. Errors as above. */
enum signer_error node_keys_load(struct node_keys *out, struct vault *vault, const struct platform *platform,
                                 const char *path, struct failure *why);
void node_keys_close(struct node_keys *keys); /* wipes; closed already: no-op */

/* BIP-340 over 32 bytes (D-103: SHA-256 of tag and body), with fresh auxiliary randomness, verified
 * before it leaves. ERR_INTERNAL; ERR_PROCESS_FORKED. */
enum signer_error node_keys_sign(const struct node_keys *keys, const uint8_t digest[32],
                                 uint8_t signature[NODE_SIGNATURE_BYTES]);

/* The X25519 key while the keys are open, for custody/sealed_box.c; NULL in a forked child. */
const uint8_t *node_keys_sealing_secret(const struct node_keys *keys);

#endif
