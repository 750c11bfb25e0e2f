/* The vault: all secrets of one engine in guarded, locked memory (libsodium), kept out of core
 * dumps, wiped on fork (MADV_WIPEONFORK) and on every release. Secrets share pages: one arena with
 * slots of a few size classes, so that 1024 live seats fit in a few MiB of locked memory.
 * A handle names a slot and its generation; a stale handle finds nothing. The vault's own mutex is
 * a leaf. Rules: frost 16, interactive-session 18, D-071, D-126, D-127, D-142. */
#ifndef SIGNER_CUSTODY_VAULT_H
#define SIGNER_CUSTODY_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/platform.h"

struct vault;

enum secret_kind {
    SECRET_KEY_PACKAGE = 1, /* struct frost_key_package */
    SECRET_NONCES,          /* struct frost_nonces; single use: only vault_take gives it out */
    SECRET_BYTES,           /* opaque encoded secret: DKG secret packages, shares on their way */
    SECRET_STATE_KEY,       /* 32 bytes: master key of the store */
    SECRET_FILE_KEY,        /* 32 bytes: one per open store file */
    SECRET_NODE_KEYS        /* keys of a `node` member (D-156) */
};

/* 0 = no secret. */
typedef uint64_t vault_handle;

/* `must_lock`: production. Then every vault_new fails with ERR_MEMORY_LOCK where pages cannot be
 * locked; otherwise one warning on stderr and the work goes on (D-127). */
enum signer_error vault_create(struct vault **out, bool must_lock);
void vault_destroy(struct vault *vault); /* wipes everything */
void vault_set_must_lock(struct vault *vault, bool must_lock);
/* Whether a fresh slot would lie in locked memory now; maps nothing new unless needed. */
enum signer_error vault_check_lock(struct vault *vault);

/* A zeroed slot of `len` bytes. The pointer stays valid until the slot is released. */
enum signer_error vault_new(struct vault *vault, enum secret_kind kind, size_t len, vault_handle *out, void **memory);
/* Borrows; NULL for a stale handle, a wrong kind, or SECRET_NONCES. `len` may be NULL. The owner of
 * the handle keeps the slot alive while it reads. */
void *vault_borrow(struct vault *vault, vault_handle handle, enum secret_kind kind, size_t *len);
/* Takes nonces out for good: the slot's handle is dead from now on, whatever the caller does, and
 * only the returned pointer still reaches the bytes. vault_return_taken wipes and frees them.
 * NULL when the handle is stale: then somebody else has taken them. */
void *vault_take(struct vault *vault, vault_handle handle, enum secret_kind kind);
void vault_release_taken(struct vault *vault, void *memory);
/* Wipes and frees; a stale handle or 0 is a no-op. */
void vault_wipe(struct vault *vault, vault_handle handle);
/* 32 bytes of public context bound to a secret (D-042: hash of the round-1 map). */
enum signer_error vault_bind(struct vault *vault, vault_handle handle, const uint8_t context[32]);
bool vault_bound(struct vault *vault, vault_handle handle, uint8_t context[32]);

struct vault_usage {
    size_t live_slots;
    size_t locked_bytes;
    size_t mappings;
};
void vault_usage(struct vault *vault, struct vault_usage *out);

#endif
