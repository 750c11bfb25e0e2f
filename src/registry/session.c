/* One session: what it holds, and what follows from that. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "curve/hash.h"
#include "registry/internal.h"

#define FIELD_BIT(field) ((uint32_t)1 << (field))
#define DKG_FIELDS                                                                                                     \
    (FIELD_BIT(FIELD_DKG_FINGERPRINT) | FIELD_BIT(FIELD_KEY_PACKAGES) | FIELD_BIT(FIELD_PUBLIC_PACKAGE) |              \
     FIELD_BIT(FIELD_DKG_RESULT))
#define TRANSACTION_FIELDS                                                                                             \
    (FIELD_BIT(FIELD_BUILD_TX_FINGERPRINT) | FIELD_BIT(FIELD_TX_RESULT) | FIELD_BIT(FIELD_BUILD_TX_AT))

struct session *session_new(const void *id, size_t len) {
    struct session *session = signer_calloc(1, sizeof *session + len);
    if (!session) return NULL;
    memcpy(session->id_bytes, id, len);
    session->id = (struct bytes){session->id_bytes, len};
    field_value_show(session, FIELD_TX_RESULT);
    field_value_show(session, FIELD_REKEY_EVENT);
    return session;
}

/* Takes the lowest field out of a set of bits. */
static enum session_field next_field(uint32_t *fields) {
    const int field = __builtin_ctz(*fields);
    *fields &= *fields - 1;
    return (enum session_field)field;
}

/* Releases fields, sets and lists, whose places are of no more use then. */
static void drop_content(struct session *session) {
    for (uint32_t left = session->present; left;)
        field_value_release(session->values[next_field(&left)]);
    for (int set = 1; set < SET_COUNT; set++)
        texts_release(&session->sets[set]);
    for (int list = 1; list < LIST_COUNT; list++)
        texts_release(&session->lists[list]);
}

void session_free(struct session *session) {
    if (!session) return;
    drop_content(session);
    free(session);
}

struct session *session_copy(const struct session *session) {
    struct session *copy = session_new(session->id.data, session->id.len);
    if (!copy) return NULL;
    for (uint32_t left = session->present; left;) {
        const enum session_field field = next_field(&left);
        copy->values[field] = field_value_share(session->values[field]);
        field_value_show(copy, field);
    }
    for (int set = 1; set < SET_COUNT; set++)
        texts_share(&copy->sets[set], &session->sets[set]);
    for (int list = 1; list < LIST_COUNT; list++)
        texts_share(&copy->lists[list], &session->lists[list]);
    return copy;
}

void session_move_content(struct session *to, struct session *from) {
    drop_content(to);
    for (uint32_t left = to->present | from->present; left;) {
        const enum session_field field = next_field(&left);
        to->values[field] = from->values[field];
        from->values[field] = NULL;
        field_value_show(to, field);
        field_value_show(from, field);
    }
    memcpy(to->sets, from->sets, sizeof to->sets);
    memcpy(to->lists, from->lists, sizeof to->lists);
    memset(from->sets, 0, sizeof from->sets);
    memset(from->lists, 0, sizeof from->lists);
}

bool session_has(const struct session *session, enum session_field field) {
    return (session->present & FIELD_BIT(field)) != 0;
}

bool session_is_per_message(const struct session *session) {
    return session_has(session, FIELD_BOUND_KEY_GROUP) && (session->present & DKG_FIELDS) == 0;
}

bool session_is_retired(const struct session *session) {
    return session_is_per_message(session) && !session->live;
}

bool session_holds_entries(const struct session *session, int first_set, int last_set) {
    for (int set = first_set; set <= last_set; set++)
        if (session->sets[set].count) return true;
    return false;
}

static bool holds_lists(const struct session *session) {
    for (int list = 1; list < LIST_COUNT; list++)
        if (session->lists[list].count) return true;
    return false;
}

bool session_needs_tombstone(const struct session *session) {
    return session_has(session, FIELD_HIGHEST_ATTEMPT) ||
           session_holds_entries(session, SET_CONSUMED_MARKERS, SET_AUTHORIZED_MARKERS);
}

static bool session_holds_nothing(const struct session *session, uint32_t allowed_fields) {
    return (session->present & ~allowed_fields) == 0 && !session_holds_entries(session, 1, SET_COUNT - 1) &&
           !holds_lists(session);
}

bool session_holds_transaction_at_most(const struct session *session) {
    return session_holds_nothing(session, TRANSACTION_FIELDS);
}

bool session_may_be_deleted(const struct session *session) {
    if (session_holds_transaction_at_most(session)) return true;
    return session_is_per_message(session) && !session_has(session, FIELD_REKEY_EVENT) && !holds_lists(session) &&
           !session_holds_entries(session, SET_CONSUMED_ATTEMPTS, SET_CONSUMED_FINALIZE_FINGERPRINTS);
}

bool session_set_holds(const struct session *session, enum session_set set, const char *entry, size_t len) {
    return texts_find(&session->sets[set], entry, len, NULL);
}

const struct seat_key *session_seat(const struct session *session, uint16_t member) {
    size_t low = 0;
    size_t high = session->seat_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (session->seats[middle].member == member) return &session->seats[middle];
        if (session->seats[middle].member < member)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

enum signer_error session_field_encode(struct buffer *out, const struct session *session, enum session_field field) {
    return session_has(session, field) ? field_value_encode(out, session->values[field]) : SIGNER_OK;
}

void session_digest(uint8_t out[32], const void *id, size_t len) {
    sha256(out, id, len);
}
