/* The draft of a body: copies of what it touches, found by id. */
#include "registry/draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define DRAFT_OF(node) TREE_OBJECT(node, struct session_draft, node)
#define TOMBSTONE_OF(node) TREE_OBJECT(node, struct tombstone_draft, node)
#define DELETION_OF(node) TREE_OBJECT(node, struct deletion, node)
#define OPERATOR_OF(node) TREE_OBJECT(node, struct operator_entry, node)

static int compare_sessions(const struct tree_node *a, const struct tree_node *b) {
    const struct session_draft *left = TREE_OBJECT(a, const struct session_draft, node);
    const struct session_draft *right = TREE_OBJECT(b, const struct session_draft, node);
    return bytes_compare(left->id.data, left->id.len, right->id.data, right->id.len);
}

static int probe_session(const void *key, const struct tree_node *node) {
    const struct bytes *id = key;
    const struct session_draft *draft = TREE_OBJECT(node, const struct session_draft, node);
    return bytes_compare(id->data, id->len, draft->id.data, draft->id.len);
}

static int compare_tombstones(const struct tree_node *a, const struct tree_node *b) {
    return memcmp(TREE_OBJECT(a, const struct tombstone_draft, node)->tombstone.digest,
                  TREE_OBJECT(b, const struct tombstone_draft, node)->tombstone.digest, 32);
}

static int probe_tombstone(const void *key, const struct tree_node *node) {
    return memcmp(key, TREE_OBJECT(node, const struct tombstone_draft, node)->tombstone.digest, 32);
}

static int compare_deletions(const struct tree_node *a, const struct tree_node *b) {
    int order = memcmp(TREE_OBJECT(a, const struct deletion, node)->digest,
                       TREE_OBJECT(b, const struct deletion, node)->digest, 32);
    return order ? order : 1;
}

static int compare_operators(const struct tree_node *a, const struct tree_node *b) {
    return (int)TREE_OBJECT(a, const struct operator_entry, node)->id -
           (int)TREE_OBJECT(b, const struct operator_entry, node)->id;
}

static int probe_operator(const void *key, const struct tree_node *node) {
    return (int)*(const uint16_t *)key - (int)TREE_OBJECT(node, const struct operator_entry, node)->id;
}

struct draft *draft_new(struct state *state) {
    struct draft *draft = signer_calloc(1, sizeof *draft);
    if (!draft) return NULL;
    draft->state = state;
    draft->sessions.compare = compare_sessions;
    draft->tombstones.compare = compare_tombstones;
    draft->deletions.compare = compare_deletions;
    draft->operators.compare = compare_operators;
    inputs_init(&draft->inputs);
    draft->session_count = state_session_count(state);
    draft->globals = state->globals;
    texts_share(&draft->globals.intent, &state->globals.intent);
    return draft;
}

void draft_free(struct draft *draft) {
    struct tree_walk walk;
    for (struct session_draft *entry = draft_begin(&walk, draft), *next; entry; entry = next) {
        next = draft_step(&walk);
        if (entry->work != entry->base) session_free(entry->work);
        free(entry);
    }
    for (struct tree_node *node = tree_begin(&walk, &draft->tombstones); node; node = tree_step(&walk))
        free(TOMBSTONE_OF(node));
    for (struct tree_node *node = tree_begin(&walk, &draft->deletions); node; node = tree_step(&walk))
        free(DELETION_OF(node));
    for (struct tree_node *node = tree_begin(&walk, &draft->operators); node; node = tree_step(&walk))
        free(OPERATOR_OF(node));
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++)
        free(draft->checkpoint[kind]);
    texts_release(&draft->certificates);
    inputs_free(&draft->inputs);
    texts_release(&draft->globals.intent);
    free(draft);
}

void draft_discard(struct state *state) {
    if (state->draft) draft_free(state->draft);
    state->draft = NULL;
}

static struct session_draft *add_session(struct draft *draft, struct bytes id) {
    struct session_draft *entry = signer_calloc(1, sizeof *entry + id.len);
    if (!entry) return NULL;
    memcpy(entry->id_bytes, id.data, id.len);
    entry->id = (struct bytes){entry->id_bytes, id.len};
    tree_insert(&draft->sessions, &entry->node);
    draft->last = entry;
    return entry;
}

/* Ops on one session follow each other. */
static struct session_draft *find_session(struct draft *draft, struct bytes id) {
    struct session_draft *last = draft->last;
    if (last && last->id.len == id.len && memcmp(last->id.data, id.data, id.len) == 0) return last;
    if (tree_is_behind(&draft->sessions, &id, probe_session)) return NULL;
    struct tree_node *node = tree_find(&draft->sessions, &id, probe_session);
    if (node) draft->last = DRAFT_OF(node);
    return node ? draft->last : NULL;
}

struct session_draft *draft_session(struct draft *draft, struct bytes id, enum signer_error *error) {
    *error = SIGNER_OK;
    struct session_draft *found = find_session(draft, id);
    if (found) return found->work ? found : NULL;
    struct session *base = state_session(draft->state, (const char *)id.data, id.len);
    if (!base && draft->state->parked.left) *error = draft_unpark(&base, draft->state, id);
    if (!base) return NULL;
    struct session *work = draft->live ? session_copy(base) : base;
    struct session_draft *entry = work ? add_session(draft, base->id) : NULL;
    if (!entry) {
        if (work != base) session_free(work);
        *error = ERR_OUT_OF_MEMORY;
        return NULL;
    }
    if (work == base) state_unindex(draft->state, base);
    entry->base = base;
    entry->work = work;
    return entry;
}

struct session_draft *draft_new_session(struct draft *draft, struct bytes id) {
    struct session *work = session_new(id.data, id.len);
    if (!work) return NULL;
    struct session_draft *entry = find_session(draft, id);
    if (!entry) entry = add_session(draft, id);
    if (!entry) {
        session_free(work);
        return NULL;
    }
    entry->work = work;
    return entry;
}

struct session_draft *draft_begin(struct tree_walk *walk, const struct draft *draft) {
    struct tree_node *node = tree_begin(walk, &draft->sessions);
    return node ? DRAFT_OF(node) : NULL;
}

struct session_draft *draft_step(struct tree_walk *walk) {
    struct tree_node *node = tree_step(walk);
    return node ? DRAFT_OF(node) : NULL;
}

bool draft_touches(const struct draft *draft, struct bytes id) {
    return tree_find(&draft->sessions, &id, probe_session) != NULL;
}

struct operator_entry *draft_operator(struct draft *draft, uint16_t id) {
    struct tree_node *node = tree_find(&draft->operators, &id, probe_operator);
    if (node) return OPERATOR_OF(node);
    const struct operator_entry *old = state_operator(draft->state, id);
    struct operator_entry *entry = signer_calloc(1, sizeof *entry);
    if (!entry) return NULL;
    entry->id = id;
    entry->score = old ? old->score : 0;
    entry->quarantined = old && old->quarantined;
    tree_insert(&draft->operators, &entry->node);
    return entry;
}

struct tombstone_draft *draft_tombstone(struct draft *draft, const uint8_t digest[32]) {
    struct tree_node *node = tree_find(&draft->tombstones, digest, probe_tombstone);
    return node ? TOMBSTONE_OF(node) : NULL;
}

enum signer_error draft_add_tombstone(struct draft *draft, const struct tombstone *tombstone, bool is_new) {
    struct tombstone_draft *entry = draft_tombstone(draft, tombstone->digest);
    if (entry) {
        entry->tombstone.highest = tombstone->highest;
        return SIGNER_OK;
    }
    entry = signer_calloc(1, sizeof *entry);
    if (!entry) return ERR_OUT_OF_MEMORY;
    entry->tombstone = *tombstone;
    entry->is_new = is_new;
    draft->new_tombstones += is_new ? 1 : 0;
    tree_insert(&draft->tombstones, &entry->node);
    return SIGNER_OK;
}

/* Ascending order: those of one bucket follow each other. */
enum signer_error draft_reserve_tombstones(struct draft *draft) {
    const uint8_t *last = NULL;
    uint32_t in_bucket = 0;
    struct tree_walk walk;
    for (struct tree_node *node = tree_begin(&walk, &draft->tombstones); node; node = tree_step(&walk)) {
        if (!TOMBSTONE_OF(node)->is_new) continue;
        const uint8_t *digest = TOMBSTONE_OF(node)->tombstone.digest;
        in_bucket = last && tombstones_same_bucket(last, digest) ? in_bucket + 1 : 1;
        last = digest;
        enum signer_error error = tombstones_reserve(&draft->state->tombstones, digest, in_bucket);
        if (error != SIGNER_OK) return error;
    }
    return SIGNER_OK;
}

void draft_put_tombstones(struct draft *draft) {
    struct tree_walk walk;
    for (struct tree_node *node = tree_begin(&walk, &draft->tombstones); node; node = tree_step(&walk))
        tombstones_put(&draft->state->tombstones, &TOMBSTONE_OF(node)->tombstone);
}

enum signer_error draft_add_deletion(struct draft *draft, const struct session *session) {
    const char *bound = session->bound_key_group;
    struct deletion *deletion = signer_calloc(1, sizeof *deletion);
    if (!deletion) return ERR_OUT_OF_MEMORY;
    session_digest(deletion->digest, session->id.data, session->id.len);
    deletion->highest =
        session_has(session, FIELD_HIGHEST_ATTEMPT) ? session->highest_attempt_number : HIGHEST_ATTEMPT_UNKNOWN;
    deletion->group = bound ? groups_need(&draft->state->groups, bound, strlen(bound)) : NULL;
    if (bound && !deletion->group) {
        free(deletion);
        return ERR_OUT_OF_MEMORY;
    }
    tree_insert(&draft->deletions, &deletion->node);
    return SIGNER_OK;
}
