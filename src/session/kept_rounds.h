/* What signing packages determined, kept for the shares that follow: the entries with their points decoded,
 * and the open round (binding factors, group commitment, challenge). PUBLIC values only, and not the message,
 * which goes with its live entry (NC-4). A kept round serves the very same session, package, root and group
 * key, never another; the decoded entries serve whoever brings the same bytes. Bounded in number and in
 * bytes: what was used longest ago goes first; what a session left goes with the session.
 *
 * Any thread; its mutex is a leaf. A reference outlives the table. */
#ifndef SIGNER_SESSION_KEPT_ROUNDS_H
#define SIGNER_SESSION_KEPT_ROUNDS_H

#include "frost/signing.h"

#define KEPT_ROUNDS_MAX 256
#define KEPT_ROUNDS_BYTES_MAX (8u << 20)

struct kept_rounds;

struct kept_round {
    struct frost_package_entry *entries;
    size_t count, message_len;
    struct frost_round round;
};

/* What a round belongs to. Everything is the caller's. */
struct kept_key {
    const char *session_id;
    size_t session_id_len;
    const uint8_t *digest; /* SHA-256 of the encoded package */
    const struct frost_root *root;
    const struct point *verifying_key;
};

enum signer_error kept_rounds_create(struct kept_rounds **out); /* ERR_OUT_OF_MEMORY */
void kept_rounds_destroy(struct kept_rounds *table);            /* takes no lock */

/* A reference, or NULL: not kept. */
struct kept_round *kept_rounds_find(struct kept_rounds *table, const struct kept_key *key);
/* Of any session: for its entries. */
struct kept_round *kept_rounds_find_package(struct kept_rounds *table, const uint8_t digest[HASH_BYTES]);
void kept_round_release(struct kept_round *reference); /* NULL: no-op */
/* Keeps a copy of the entries, and the round, which is empty afterwards. Where that cannot be, because
 * somebody else was first or there is no memory, the round stays with the caller. */
void kept_rounds_put(struct kept_rounds *table, const struct kept_key *key, const struct frost_signing_package *package,
                     struct frost_round *round);
/* The session is gone. */
void kept_rounds_forget_session(struct kept_rounds *table, const char *session_id, size_t len);

/* One use: begin, let whoever needs the round open it where it is empty (count 0), end. */
struct round_use {
    struct kept_rounds *table;
    struct kept_key key;
    struct kept_round *kept;  /* NULL: there was none */
    struct frost_round round; /* a view of the kept one, or the caller's own */
};
void round_use_begin(struct round_use *use, struct kept_rounds *table, const struct kept_key *key);
/* A round that was opened meanwhile is kept from now on. */
void round_use_end(struct round_use *use, const struct frost_signing_package *package);

struct kept_rounds_info {
    size_t count, bytes;
    uint64_t found, missed; /* by kept_rounds_find */
    uint64_t packages;      /* found by kept_rounds_find_package */
};
void kept_rounds_info(struct kept_rounds *table, struct kept_rounds_info *out);

#endif
