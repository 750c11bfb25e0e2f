/* Sealing and opening of packages between nodes, from and to custody handles. */
#include "custody/sealed_box.h"

#include <sodium.h>
#include <string.h>

#include "curve/hash.h"

#define BINDING_BYTES HASH_BYTES
#define LIBRARY_STACK_BYTES 8192 /* what a multiplication may leave below us on the stack */

_Static_assert(SEALED_BOX_OVERHEAD_BYTES == crypto_box_NONCEBYTES + crypto_box_MACBYTES + BINDING_BYTES, "layout");
_Static_assert(crypto_box_PUBLICKEYBYTES == NODE_PUBLIC_KEY_BYTES, "an X25519 key");

static void hash_binding(uint8_t out[BINDING_BYTES], const uint8_t *sender, const uint8_t *recipient,
                         struct bytes context) {
    static const char label[] = "tbtc-signer/sealed-package/v1"; /* its closing zero is part of it */
    uint8_t len[4];
    store_be32(len, (uint32_t)context.len);
    const struct bytes parts[] = {
        {(const uint8_t *)label, sizeof label},
        {sender, NODE_PUBLIC_KEY_BYTES},
        {recipient, NODE_PUBLIC_KEY_BYTES},
        {len, sizeof len},
        context,
    };
    sha256_parts(out, parts, sizeof parts / sizeof parts[0]);
}

/* Why a handle finds nothing: a forked child, or it is stale. */
static enum signer_error missing(const struct node_keys *keys, struct failure *why) {
    if (vault_check_process(keys->vault)) return fail_plain(why, ERR_PROCESS_FORKED);
    return fail(why, ERR_VALIDATION, "the secret or the node keys are closed");
}

enum signer_error sealed_box_seal(struct buffer *out, const struct node_keys *keys, vault_handle secret,
                                  const uint8_t recipient[NODE_PUBLIC_KEY_BYTES], struct bytes context,
                                  struct failure *why) {
    size_t len = 0;
    vault_handle clear = 0;
    void *memory = NULL;
    const uint8_t *own = node_keys_sealing_secret(keys);
    const uint8_t *bytes = vault_borrow(keys->vault, secret, SECRET_BYTES, &len);
    if (!own || !bytes) return missing(keys, why);
    if (len > SEALED_BOX_SECRET_BYTES_MAX) return fail(why, ERR_VALIDATION, "the secret is too long to be sealed");
    if (buffer_reserve(out, len + SEALED_BOX_OVERHEAD_BYTES)) return fail_plain(why, ERR_OUT_OF_MEMORY);
    enum signer_error error = vault_new(keys->vault, SECRET_BYTES, BINDING_BYTES + len, &clear, &memory);
    if (error) return fail_plain(why, error);
    hash_binding(memory, keys->sealing_public, recipient, context);
    if (len) memcpy((uint8_t *)memory + BINDING_BYTES, bytes, len);

    uint8_t *nonce = out->data + out->len;
    uint8_t *box = nonce + crypto_box_NONCEBYTES;
    platform_random(keys->platform, nonce, crypto_box_NONCEBYTES);
    if (crypto_box_easy(box, memory, BINDING_BYTES + len, nonce, recipient, own) == 0)
        out->len += len + SEALED_BOX_OVERHEAD_BYTES;
    else
        error = fail(why, ERR_SEALED_PACKAGE, "the recipient's sealing key is not usable");
    sodium_stackzero(LIBRARY_STACK_BYTES);
    vault_wipe(keys->vault, clear);
    return error;
}

enum signer_error sealed_box_open(vault_handle *out, const struct node_keys *keys, struct bytes sealed,
                                  const uint8_t sender[NODE_PUBLIC_KEY_BYTES], struct bytes context,
                                  struct failure *why) {
    uint8_t binding[BINDING_BYTES];
    vault_handle clear = 0;
    void *memory = NULL, *opened = NULL;
    *out = 0;
    const uint8_t *own = node_keys_sealing_secret(keys);
    if (!own) return missing(keys, why);
    if (sealed.len < SEALED_BOX_OVERHEAD_BYTES || sealed.len > SEALED_BOX_SECRET_BYTES_MAX + SEALED_BOX_OVERHEAD_BYTES)
        return fail_plain(why, ERR_SEALED_PACKAGE);
    size_t len = sealed.len - SEALED_BOX_OVERHEAD_BYTES;
    enum signer_error error = vault_new(keys->vault, SECRET_BYTES, BINDING_BYTES + len, &clear, &memory);
    if (error) return fail_plain(why, error);

    hash_binding(binding, sender, keys->sealing_public, context);
    const uint8_t *box = sealed.data + crypto_box_NONCEBYTES;
    bool good = crypto_box_open_easy(memory, box, sealed.len - crypto_box_NONCEBYTES, sealed.data, sender, own) == 0 &&
                sodium_memcmp(memory, binding, sizeof binding) == 0;
    sodium_stackzero(LIBRARY_STACK_BYTES);
    if (good)
        error = vault_new(keys->vault, SECRET_BYTES, len, out, &opened);
    else
        error = ERR_SEALED_PACKAGE;
    if (error)
        fail_plain(why, error);
    else if (len)
        memcpy(opened, (const uint8_t *)memory + BINDING_BYTES, len);
    vault_wipe(keys->vault, clear);
    return error;
}
