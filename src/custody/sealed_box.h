/* A secret on its way from one node to another: libsodium's crypto_box from the sender's to the
 * recipient's sealing key, made from one custody handle and opened into another (D-018). Nothing in
 * between ever holds the secret in the clear.
 *
 *   sealed = nonce (24, random) || crypto_box( SHA-256(binding) || secret )
 *   binding = "tbtc-signer/sealed-package/v1" || 0 || sender key (32) || recipient key (32) || LP(context)
 *
 * crypto_box alone opens the same for both ends and for any purpose: the binding makes a package good
 * for one direction and one context (run, sender, recipient, kind) only. */
#ifndef SIGNER_CUSTODY_SEALED_BOX_H
#define SIGNER_CUSTODY_SEALED_BOX_H

#include "base/bytes.h"
#include "custody/node_keys.h"

#define SEALED_BOX_OVERHEAD_BYTES 72u
#define SEALED_BOX_SECRET_BYTES_MAX 32768u

/* Appends the sealed package to `out`. `secret` is a SECRET_BYTES handle and stays the caller's.
 * ERR_SEALED_PACKAGE: the recipient's key is no usable point; ERR_VALIDATION: a stale handle or a
 * secret that is too long; ERR_MEMORY_LOCK, ERR_OUT_OF_MEMORY, ERR_PROCESS_FORKED. */
enum signer_error sealed_box_seal(struct buffer *out, const struct node_keys *keys, vault_handle secret,
                                  const uint8_t recipient[NODE_PUBLIC_KEY_BYTES], struct bytes context,
                                  struct failure *why);
/* Opens into a new SECRET_BYTES handle, the caller's. ERR_SEALED_PACKAGE: not from this sender, not
 * for these keys, another context, cut or changed; and the errors above. */
enum signer_error sealed_box_open(vault_handle *out, const struct node_keys *keys, struct bytes sealed,
                                  const uint8_t sender[NODE_PUBLIC_KEY_BYTES], struct bytes context,
                                  struct failure *why);

#endif
