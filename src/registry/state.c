/* The state: sessions and the indexes over them. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "curve/hash.h"
#include "registry/draft.h"
#include "registry/internal.h"

#define SESSION_OF(node, member) TREE_OBJECT(node, struct session, member)
#define CONST_SESSION_OF(node, member) TREE_OBJECT(node, const struct session, member)

/* -- orders ------------------------------------------------------------------------------------ */

static int compare_ids(const struct session *a, const struct session *b) {
    return bytes_compare(a->id.data, a->id.len, b->id.data, b->id.len);
}

static int compare_by_id(const struct tree_node *a, const struct tree_node *b) {
    return compare_ids(CONST_SESSION_OF(a, by_id), CONST_SESSION_OF(b, by_id));
}

static int probe_id(const void *key, const struct tree_node *node) {
    const struct bytes *id = key;
    const struct session *session = CONST_SESSION_OF(node, by_id);
    return bytes_compare(id->data, id->len, session->id.data, session->id.len);
}

static bool owns_distributed(const struct session *session) {
    return session->dkg_origin == DKG_ORIGIN_DISTRIBUTED;
}

static int compare_by_wallet(const struct tree_node *a, const struct tree_node *b) {
    const struct session *left = CONST_SESSION_OF(a, by_wallet);
    const struct session *right = CONST_SESSION_OF(b, by_wallet);
    int order = memcmp(left->dkg.key_group, right->dkg.key_group, KEY_GROUP_TEXT_BYTES);
    if (order) return order;
    if (owns_distributed(left) != owns_distributed(right)) return owns_distributed(left) ? -1 : 1;
    return compare_ids(left, right);
}

/* The sought place lies before every session of the key group. */
static int probe_wallet(const void *key, const struct tree_node *node) {
    int order = memcmp(key, CONST_SESSION_OF(node, by_wallet)->dkg.key_group, KEY_GROUP_TEXT_BYTES);
    return order ? order : -1;
}

static int compare_by_age(const struct tree_node *a, const struct tree_node *b) {
    const struct session *left = CONST_SESSION_OF(a, by_age);
    const struct session *right = CONST_SESSION_OF(b, by_age);
    if (left->age_unix != right->age_unix) return left->age_unix < right->age_unix ? -1 : 1;
    if (left->age_order != right->age_order) return left->age_order < right->age_order ? -1 : 1;
    return compare_ids(left, right);
}

static int probe_age(const void *key, const struct tree_node *node) {
    return compare_by_age(&((const struct session *)key)->by_age, node);
}

static int compare_operators(const struct tree_node *a, const struct tree_node *b) {
    return (int)TREE_OBJECT(a, const struct operator_entry, node)->id -
           (int)TREE_OBJECT(b, const struct operator_entry, node)->id;
}

static int probe_operator(const void *key, const struct tree_node *node) {
    return (int)*(const uint16_t *)key - (int)TREE_OBJECT(node, const struct operator_entry, node)->id;
}

/* -- indexes ----------------------------------------------------------------------------------- */

static bool idle_transaction(const struct session *session) {
    return !session->live && session_holds_transaction_at_most(session);
}

static uint64_t age_of(const struct state *state, const struct session *session) {
    if (!session_is_retired(session)) return session->build_tx_at_unix;
    if (session->idle_since_unix) return session->idle_since_unix;
    return session_has(session, FIELD_RETIRED_AT) ? session->retired_at_unix : state->loaded_at_unix;
}

static struct key_group *group_of(const struct state *state, const char *text) {
    return text && *text ? groups_find(&state->groups, text, strlen(text)) : NULL;
}

/* Key groups that the session's consumed or completed attempts belong to (one counts twice if both are
 * the same). */
static void count_used(const struct state *state, const struct session *session, bool more) {
    struct key_group *bound = group_of(state, session->bound_key_group);
    struct key_group *own = group_of(state, session->dkg.key_group);
    if (bound) bound->used = more ? bound->used + 1 : bound->used - 1;
    if (own) own->used = more ? own->used + 1 : own->used - 1;
}

void state_unindex(struct state *state, struct session *session) {
    if (!session->indexed) return;
    session->indexed = false;
    if (session->by_wallet.level) tree_remove(&state->wallets, &session->by_wallet);
    if (state->passing) return;
    if (session->by_age.level) tree_remove(&state->ages, &session->by_age);
    struct key_group *rekeyed = group_of(state, session->rekey->key_group);
    if (rekeyed) rekeyed->rekeys--;
    if (session->counted_used) count_used(state, session, false);
    if (session->counted_active) state->active--;
    session->counted_used = session->counted_active = false;
}

void state_index(struct state *state, struct session *session) {
    session->indexed = true;
    if (session_has(session, FIELD_DKG_RESULT)) tree_insert(&state->wallets, &session->by_wallet);
    if (state->passing) return;
    bool idle = idle_transaction(session);
    bool retired = session_is_retired(session);
    if (idle || (retired && session_may_be_deleted(session))) {
        uint64_t age_unix = age_of(state, session);
        if (age_unix != session->age_unix) session->age_order = ++state->ages_given;
        session->age_unix = age_unix;
        tree_insert(&state->ages, &session->by_age);
    }
    struct key_group *rekeyed = group_of(state, session->rekey->key_group);
    if (rekeyed) rekeyed->rekeys++;
    session->counted_used =
        session_has(session, FIELD_HIGHEST_ATTEMPT) || session_holds_entries(session, 1, SET_COUNT - 1);
    if (session->counted_used) count_used(state, session, true);
    session->counted_active = !idle && !retired;
    if (session->counted_active) state->active++;
}

static bool need_group(struct state *state, const char *text) {
    return !text || !*text || groups_need(&state->groups, text, strlen(text)) != NULL;
}

enum signer_error state_need_groups(struct state *state, const struct session *session) {
    bool all = need_group(state, session->bound_key_group) && need_group(state, session->dkg.key_group) &&
               need_group(state, session->rekey->key_group);
    return all ? SIGNER_OK : ERR_OUT_OF_MEMORY;
}

void state_add_session(struct state *state, struct session *session) {
    tree_insert(&state->sessions, &session->by_id);
    state_index(state, session);
}

void state_remove_session(struct state *state, struct session *session) {
    state_unindex(state, session);
    tree_remove(&state->sessions, &session->by_id);
    session_free(session);
}

void session_set_live(struct state *state, struct session *session, bool live, uint64_t now_unix) {
    if (session->live == live) return;
    state_unindex(state, session);
    session->live = live;
    session->age_unix = 0;
    session->idle_since_unix = live ? 0 : now_unix ? now_unix : 1;
    state_index(state, session);
}

void state_loaded(struct state *state, uint64_t now_unix) {
    struct tree_walk walk;
    state->loaded_at_unix = now_unix ? now_unix : 1;
    for (struct tree_node *node = tree_begin(&walk, &state->ages); node; node = tree_step(&walk))
        node->level = 0;
    state->ages = (struct tree){.compare = compare_by_age};
    for (struct tree_node *node = tree_begin(&walk, &state->sessions); node; node = tree_step(&walk)) {
        struct session *session = SESSION_OF(node, by_id);
        state_unindex(state, session);
        session->age_unix = 0;
        state_index(state, session);
    }
}

/* -- the whole --------------------------------------------------------------------------------- */

struct state *state_new(struct vault *vault, const uint64_t *max_sessions, bool passing) {
    struct state *state = signer_calloc(1, sizeof *state);
    if (!state) return NULL;
    if (tombstones_init(&state->tombstones) != SIGNER_OK) {
        free(state);
        return NULL;
    }
    if (witness_init(&state->witness, passing) != SIGNER_OK) {
        tombstones_free(&state->tombstones);
        free(state);
        return NULL;
    }
    state->passing = passing;
    state->vault = vault;
    state->max_sessions = max_sessions;
    state->sessions.compare = compare_by_id;
    state->wallets.compare = compare_by_wallet;
    state->ages.compare = compare_by_age;
    state->operators.compare = compare_operators;
    groups_init(&state->groups);
    inputs_init(&state->inputs);
    return state;
}

void state_free(struct state *state) {
    if (!state) return;
    struct tree_walk walk;
    draft_discard(state);
    for (struct tree_node *node = tree_begin(&walk, &state->sessions); node; node = tree_step(&walk))
        session_free(SESSION_OF(node, by_id));
    for (struct tree_node *node = tree_begin(&walk, &state->operators); node; node = tree_step(&walk))
        free(TREE_OBJECT(node, struct operator_entry, node));
    parked_free(&state->parked);
    texts_release(&state->certificates);
    texts_release(&state->globals.intent);
    groups_free(&state->groups);
    inputs_free(&state->inputs);
    tombstones_free(&state->tombstones);
    witness_free(&state->witness);
    free(state);
}

struct session *state_session(struct state *state, const char *id, size_t len) {
    struct bytes key = {(const uint8_t *)id, len};
    if (tree_is_behind(&state->sessions, &key, probe_id)) return NULL;
    struct tree_node *node = tree_find(&state->sessions, &key, probe_id);
    return node ? SESSION_OF(node, by_id) : NULL;
}

struct session *state_next(struct state *state, const struct session *after) {
    struct tree_node *node =
        after ? tree_at(&state->sessions, &after->id, probe_id, true) : tree_first(&state->sessions);
    return node ? SESSION_OF(node, by_id) : NULL;
}

static bool holds_wallet(const struct session *session, const char *key_group) {
    return session_has(session, FIELD_DKG_RESULT) &&
           memcmp(session->dkg.key_group, key_group, KEY_GROUP_TEXT_BYTES) == 0;
}

struct session *state_wallet(struct state *state, const char *key_group, size_t len, const struct session *own) {
    if (len != KEY_GROUP_TEXT_BYTES) return NULL;
    if (own && holds_wallet(own, key_group)) return state_session(state, (const char *)own->id.data, own->id.len);
    struct tree_node *node = tree_at(&state->wallets, key_group, probe_wallet, false);
    struct session *session = node ? SESSION_OF(node, by_wallet) : NULL;
    return session && holds_wallet(session, key_group) ? session : NULL;
}

size_t state_session_count(const struct state *state) {
    return state->sessions.count + state->parked.left;
}

size_t state_active_count(const struct state *state) {
    return state->active;
}

static bool tombstone_possible(const struct state *state, const struct session *session) {
    if (!session_needs_tombstone(session)) return true;
    uint8_t digest[32];
    session_digest(digest, session->id.data, session->id.len);
    const struct tombstone *old = tombstones_find(&state->tombstones, digest);
    if (!old) return state->tombstones.count < TOMBSTONES_MAX;
    uint32_t highest =
        session_has(session, FIELD_HIGHEST_ATTEMPT) ? session->highest_attempt_number : HIGHEST_ATTEMPT_UNKNOWN;
    return highest > old->highest && old->group == group_of(state, session->bound_key_group);
}

struct session *state_oldest_evictable(struct state *state, const struct session *skip) {
    struct tree_node *node = tree_first(&state->ages);
    while (node) {
        struct session *session = SESSION_OF(node, by_age);
        if (session != skip && session->pins == 0 && tombstone_possible(state, session)) return session;
        node = tree_at(&state->ages, session, probe_age, true);
    }
    return NULL;
}

bool state_tombstone(const struct state *state, const char *session_id, size_t len, uint32_t *highest,
                     char key_group[KEY_GROUP_TEXT_BYTES + 1]) {
    uint8_t digest[32];
    session_digest(digest, session_id, len);
    const struct tombstone *tombstone = tombstones_find(&state->tombstones, digest);
    if (!tombstone) return false;
    if (highest) *highest = tombstone->highest;
    if (key_group) {
        key_group[0] = 0;
        if (tombstone->group) memcpy(key_group, tombstone->group->text, KEY_GROUP_TEXT_BYTES + 1);
    }
    return true;
}

size_t state_tombstone_count(const struct state *state) {
    return state->tombstones.count;
}

bool state_key_group_rekeyed(const struct state *state, const char *key_group, size_t len) {
    const struct key_group *group = groups_find(&state->groups, key_group, len);
    return group && group->rekeys;
}

bool state_key_group_used(const struct state *state, const char *key_group, size_t len) {
    const struct key_group *group = groups_find(&state->groups, key_group, len);
    return group && (group->used || group->tombstones);
}

struct operator_entry *state_operator(const struct state *state, uint16_t id) {
    struct tree_node *node = tree_find(&state->operators, &id, probe_operator);
    return node ? TREE_OBJECT(node, struct operator_entry, node) : NULL;
}

bool state_operator_quarantined(const struct state *state, uint16_t operator_id) {
    const struct operator_entry *entry = state_operator(state, operator_id);
    return entry && entry->quarantined;
}

uint64_t state_operator_score(const struct state *state, uint16_t operator_id) {
    const struct operator_entry *entry = state_operator(state, operator_id);
    return entry ? entry->score : 0;
}

bool state_canary(const struct state *state, struct canary *out) {
    if (state->globals.has_canary) *out = state->globals.canary;
    return state->globals.has_canary;
}

uint64_t state_refresh_epoch(const struct state *state) {
    return state->globals.refresh_epoch;
}

const uint8_t *state_checkpoint(const struct state *state, uint8_t kind) {
    return kind >= 1 && kind <= 2 && state->globals.has_checkpoint[kind] ? state->checkpoint[kind] : NULL;
}

uint64_t state_checkpoint_generation(const struct state *state, uint8_t kind) {
    const uint8_t *checkpoint = state_checkpoint(state, kind);
    return checkpoint ? load_be64(checkpoint + CHECKPOINT_GENERATION_AT) : 0;
}

bool state_anchor_confirmed(const struct state *state, uint64_t *seq, uint8_t chain[32]) {
    if (!state->globals.anchor_confirmed) return false;
    *seq = state->globals.anchor_seq;
    memcpy(chain, state->globals.anchor_chain, 32);
    return true;
}

const struct text_set *state_trust_certificates(const struct state *state) {
    return &state->certificates;
}

bool state_trust_intent(const struct state *state, struct bytes *request_json) {
    if (state->globals.intent.count == 0) return false;
    *request_json = state->globals.intent.entries[0];
    return true;
}

/* The witness locks for itself; a reader of the state changes nothing else in it. */
static struct witness *witness_of(const struct state *state) {
    return &((struct state *)(uintptr_t)state)->witness;
}

uint64_t state_generation(const struct state *state) {
    return witness_tip(witness_of(state));
}

uint64_t state_witness_base(const struct state *state) {
    return witness_base(witness_of(state));
}

bool state_witness_at(const struct state *state, uint64_t generation, struct witness_point *out) {
    return witness_at(witness_of(state), generation, out);
}

uint64_t state_open_number(const struct state *state) {
    uint64_t open_number = 0;
    uint64_t purge_seq = 0;
    witness_counters(witness_of(state), &open_number, &purge_seq);
    return open_number;
}

uint64_t state_purge_seq(const struct state *state) {
    uint64_t open_number = 0;
    uint64_t purge_seq = 0;
    witness_counters(witness_of(state), &open_number, &purge_seq);
    return purge_seq;
}

void state_log_begins(struct state *state, uint64_t base_seq) {
    inputs_forget(&state->inputs, base_seq);
}

bool state_history_complete(struct state *state) {
    if (!state->witness.has_base) return false;
    if (state->snapshot_over || !state->globals.has_engine_state) return true;
    return state_generation(state) == state->globals.engine_generation;
}

bool state_rebase_due(const struct state *state, uint64_t maximum_records, uint64_t *generation) {
    uint64_t next = state_generation(state) + 1;
    if (2 * (next - state_witness_base(state) + 1) <= maximum_records) return false;
    *generation = next - maximum_records / 4;
    return *generation > state_witness_base(state);
}
