/* Live entries: what a seat holds between open and round 2 (interactive-session 1, 6, 13). In memory
 * only. One entry a session and seat; attempts of one session counted; expiry by one list in the
 * order of activity, so that a sweep costs what it removes. All calls under the engine mutex. */
#ifndef SIGNER_SESSION_LIVE_H
#define SIGNER_SESSION_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/platform.h"
#include "custody/vault.h"
#include "frost/frost.h"
#include "roast/attempt.h"
#include "session/gates.h"

struct live_session;

struct live_entry {
    /* Set by the opener. */
    uint16_t member;
    uint16_t threshold;
    uint16_t coordinator;
    uint32_t attempt_number;
    char attempt_id[ATTEMPT_ID_TEXT_BYTES + 1];
    char fingerprint[FINGERPRINT_TEXT_BYTES + 1]; /* of the open request */
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
    uint16_t *included; /* ascending */
    size_t included_count;
    uint8_t *message; /* wiped with the entry */
    size_t message_len;
    uint8_t message_digest[32]; /* SHA-256 of it */
    struct frost_root root;
    struct signing_intent intent;
    /* Round 1. 0: none yet. */
    vault_handle nonces;
    uint8_t commitments[FROST_COMMITMENTS_BYTES];
    /* Set by the table. */
    uint64_t serial; /* never used twice in one process */
    uint64_t active_ms;
    struct live_session *session;
    struct live_entry *bucket_next;
    struct live_entry *session_next, *session_previous;
    struct live_entry *idle_next, *idle_previous;
};

/* Attempts with a live seat in one session, with the number of their seats. */
struct live_attempt {
    char attempt_id[ATTEMPT_ID_TEXT_BYTES + 1];
    size_t seats;
};

struct live_session {
    char id[SESSION_ID_BYTES_MAX];
    size_t id_len;
    struct live_entry *first;
    size_t seats;
    struct live_attempt *attempts;
    size_t attempt_count, attempt_capacity;
    struct live_session *bucket_next;
};

struct live_table;

/* Told when a session loses its last live entry. */
typedef void (*live_emptied)(void *context, const char *session_id, size_t len);

enum signer_error live_table_create(struct live_table **out, const struct platform *platform, struct vault *vault,
                                    live_emptied emptied, void *context);
void live_table_destroy(struct live_table *table); /* wipes every entry; tells nobody */

size_t live_count(const struct live_table *table); /* (session, seat) pairs over all sessions (CAP-1) */
struct live_session *live_session_find(const struct live_table *table, const char *session_id, size_t len);
struct live_entry *live_find(const struct live_table *table, const char *session_id, size_t len, uint16_t member);
/* Seats of an attempt in a session; 0: no such attempt. */
size_t live_attempt_seats(const struct live_session *session, const char *attempt_id);

/* A fresh entry with copies of the two buffers, and room for it in the table: live_insert of it cannot
 * fail. ERR_OUT_OF_MEMORY. */
enum signer_error live_prepare(struct live_table *table, struct live_entry **out, const char *session_id, size_t len,
                               const uint16_t *included, size_t included_count, const uint8_t *message,
                               size_t message_len);
/* Wipes and frees an entry that is in no table. */
void live_discard(struct live_table *table, struct live_entry *entry);
/* Removes the seat's older entry, if any, and inserts; the session does not become empty between. */
void live_insert(struct live_table *table, struct live_entry *entry, uint64_t now_ms);
void live_touch(struct live_table *table, struct live_entry *entry, uint64_t now_ms);
/* Wipes nonces and message, frees. */
void live_remove(struct live_table *table, struct live_entry *entry);
/* Takes the nonces out for good and removes the entry; the memory belongs to the caller. */
void *live_take(struct live_table *table, struct live_entry *entry);
/* Removes entries idle for longer than the TTL (TTL-1: strictly). Number removed. */
size_t live_sweep(struct live_table *table, uint64_t now_ms, uint64_t ttl_ms);
/* Removes all entries of a session, or those of one attempt. Number removed. */
size_t live_remove_attempt(struct live_table *table, const char *session_id, size_t len, const char *attempt_id);
/* Removes all entries of a wallet (rekey, retire: D-062, D-013). Number removed. */
size_t live_remove_key_group(struct live_table *table, const char *key_group, size_t len);

#endif
