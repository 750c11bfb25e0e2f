/* Uniting what the text of protection data says with the state (src/registry/import_protection.c reads it). */
#ifndef SIGNER_REGISTRY_IMPORT_UNION_H
#define SIGNER_REGISTRY_IMPORT_UNION_H

#include "registry/import_forms.h"
#include "registry/import_protection.h"
#include "registry/internal.h"

/* What has a number by the digest of its session id: sessions of the store, and what the sessions of the text
 * became, a session with a rekey event or a tombstone. */
struct numbered {
    uint8_t digest[32];
    const struct session *session;            /* of the store, else NULL */
    struct buffer id;                         /* of a session that the text brought, else empty */
    char key_group[KEY_GROUP_TEXT_BYTES + 1]; /* of a tombstone that the text brought */
    uint32_t highest;
};

struct protection {
    struct form_input in;
    struct state *state;
    struct changes changes;
    struct protection_counts *counts;
    enum signer_error (*commit)(void *argument, struct changes *changes, struct failure *why); /* NULL: dry */
    void *argument;
    struct numbered *known; /* ascending by digest once the tombstones are read */
    size_t known_count, known_capacity;
    enum signer_error error; /* of a commit */
};

/* One session of the text. */
struct given_session {
    struct buffer id, key_group, rekey;
    struct given_entry {
        enum session_set set;
        struct buffer text;
    } * entries;
    size_t count, capacity;
    uint64_t highest;
    bool has_highest, has_rekey, has_sets;
};

bool import_out_of_memory(struct protection *import); /* false, with the error noted */
/* A session of the text, whose id is there: united with the one that the store has; else a session with its
 * rekey event, else a tombstone. False: out of memory. */
bool union_put_session(struct protection *import, const struct given_session *given);
/* Behind the last session of the text, before the first tombstone. False: out of memory. */
bool union_know_sessions(struct protection *import);
/* A number for the session that the digest stands for: of the session, else of the tombstone; never lowered. */
void union_raise(struct protection *import, const uint8_t digest[32], uint32_t highest);
void union_free(struct protection *import);

#endif
