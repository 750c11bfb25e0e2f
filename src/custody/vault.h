/* The vault: all secrets of one engine in guarded, locked memory (custody/guarded.h), kept out of
 * core dumps, wiped on fork (MADV_WIPEONFORK) and on every release. Secrets share pages: slots of a
 * few size classes, so that 1024 live seats fit in a few MiB of locked memory and few mappings.
 * A handle names a slot and its generation; a stale handle finds nothing, and neither does one of
 * another vault. The vault's own mutex is a leaf. In a forked child every function answers
 * ERR_PROCESS_FORKED, NULL or nothing.
 * Rules: frost 16, interactive-session 18, D-071, D-126, D-127, D-142. */
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

/* Largest secret; a longer one is ERR_OUT_OF_MEMORY. */
#define VAULT_SECRET_BYTES_MAX 16777216u

/* 0 = no secret. */
typedef uint64_t vault_handle;

/* `must_lock`: production. Then every vault_new fails with ERR_MEMORY_LOCK where pages cannot be
 * locked, with a line on stderr that names the limit; otherwise one warning a process on stderr, and
 * the work goes on (D-127). Maps nothing yet. */
enum signer_error vault_create(struct vault **out, bool must_lock);
/* Wipes everything, also slots that were taken, and drops the creator's reference. */
void vault_destroy(struct vault *vault);
/* A further reference, for objects that may outlive the engine (handles in Lua): after vault_destroy
 * every handle is stale. vault_drop gives it back. */
void vault_retain(struct vault *vault);
void vault_drop(struct vault *vault);
void vault_set_must_lock(struct vault *vault, bool must_lock);
/* Whether a fresh slot would lie in locked memory now; maps nothing new unless needed.
 * ERR_MEMORY_LOCK only with must_lock. */
enum signer_error vault_check_lock(struct vault *vault);
/* ERR_PROCESS_FORKED in a child of the process that created the vault. */
enum signer_error vault_check_process(const struct vault *vault);

/* A zeroed slot of `len` bytes (0 is allowed), aligned to 64. The pointer stays valid until the slot
 * is released. ERR_MEMORY_LOCK, ERR_OUT_OF_MEMORY, ERR_PROCESS_FORKED. */
enum signer_error vault_new(struct vault *vault, enum secret_kind kind, size_t len, vault_handle *out, void **memory);
/* Borrows; NULL for a stale handle, a wrong kind, or SECRET_NONCES. `len` may be NULL. The owner of
 * the handle keeps the slot alive while it reads. */
void *vault_borrow(struct vault *vault, vault_handle handle, enum secret_kind kind, size_t *len);
/* Takes nonces out for good: the slot's handle is dead from now on, whatever the caller does, and
 * only the returned pointer still reaches the bytes. vault_release_taken wipes and frees them.
 * NULL when the handle is stale: then somebody else has taken them. */
void *vault_take(struct vault *vault, vault_handle handle, enum secret_kind kind);
void vault_release_taken(struct vault *vault, void *memory); /* NULL is a no-op */
/* Whether the handle still names a secret that was not taken. */
bool vault_holds(struct vault *vault, vault_handle handle);
/* Wipes and frees; a stale handle or 0 is a no-op. */
void vault_wipe(struct vault *vault, vault_handle handle);
/* 32 bytes of public context bound to a secret (D-042: hash of the round-1 map).
 * ERR_INTERNAL for a stale handle. */
enum signer_error vault_bind(struct vault *vault, vault_handle handle, const uint8_t context[32]);
/* What is bound to the copy from now on is bound to the secret it was made of, too. */
void vault_follow(struct vault *vault, vault_handle copy, vault_handle source);
/* False: nothing is bound, or the handle is stale. */
bool vault_bound(struct vault *vault, vault_handle handle, uint8_t context[32]);

struct vault_usage {
    size_t live_slots;     /* taken ones included */
    size_t locked_bytes;   /* without guard pages */
    size_t unlocked_bytes; /* mapped where no lock was to be had */
    size_t mappings;       /* stretches; the kernel counts three for each */
};
void vault_usage(struct vault *vault, struct vault_usage *out);

#endif
