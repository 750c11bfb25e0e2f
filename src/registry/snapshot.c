/* The state as the ops of a snapshot, in the order of 35.6, and the sink through which the store
 * replays and snapshots. */
#include <sodium.h>
#include <string.h>

#include "registry/change_records.h"
#include "registry/draft.h"
#include "registry/import.h"
#include "registry/internal.h"

#define GENESIS_CANARY_PERCENT 10

typedef enum signer_error (*emit_op)(void *argument, uint8_t op, const uint8_t *payload, size_t len);

struct writer {
    struct state *state;
    emit_op emit;
    void *argument;
    struct buffer payload; /* may hold shares: wiped after each op */
    size_t prefix;         /* of the payload, for all ops on one session: its id */
    enum signer_error error;
};

static void put(struct writer *writer, enum state_op op) {
    struct buffer *payload = &writer->payload;
    if (writer->error == SIGNER_OK) writer->error = buffer_status(payload);
    if (writer->error == SIGNER_OK)
        writer->error = writer->emit(writer->argument, (uint8_t)op, payload->data, payload->len);
    if (payload->failed) return;
    if (payload->len > writer->prefix) sodium_memzero(payload->data + writer->prefix, payload->len - writer->prefix);
    payload->len = writer->prefix;
}

static void put_witness(struct writer *writer) {
    struct witness_point point;
    uint64_t base = state_witness_base(writer->state);
    uint64_t tip = state_generation(writer->state);
    if (!state_witness_at(writer->state, base, &point)) {
        writer->error = ERR_INTERNAL;
        return;
    }
    buffer_be64(&writer->payload, base);
    buffer_append(&writer->payload, point.previous_commitment, 32);
    buffer_append(&writer->payload, point.image_digest, 32);
    put(writer, OP_WITNESS_BASE);
    for (uint64_t generation = base + 1; generation <= tip;) {
        const uint64_t left = tip - generation + 1;
        const size_t count = left < WITNESS_DIGESTS_PER_OP ? (size_t)left : WITNESS_DIGESTS_PER_OP;
        witness_put_digests(&writer->state->witness, generation, count, &writer->payload);
        put(writer, OP_WITNESS_DIGESTS);
        generation += count;
    }
}

static void put_engine(struct writer *writer) {
    const struct globals *globals = &writer->state->globals;
    struct buffer *payload = &writer->payload;
    uint64_t open_number = 0;
    uint64_t purge_seq = 0;
    witness_counters(&writer->state->witness, &open_number, &purge_seq);
    buffer_be64(payload, state_generation(writer->state));
    buffer_be64(payload, open_number);
    buffer_be64(payload, purge_seq);
    put(writer, OP_ENGINE_STATE);
    put_witness(writer);
    if (globals->has_canary) {
        buffer_u8(payload, globals->canary.current_percent);
        buffer_u8(payload, globals->canary.previous_percent);
        buffer_be64(payload, globals->canary.version);
        buffer_be64(payload, globals->canary.last_action_unix);
        put(writer, OP_CANARY_SET);
    }
    if (globals->refresh_epoch) {
        buffer_be64(payload, globals->refresh_epoch);
        put(writer, OP_REFRESH_EPOCH_SET);
    }
    if (globals->imported) {
        buffer_be16(payload, globals->import_schema);
        buffer_append(payload, globals->import_sha256, 32);
        buffer_be64(payload, globals->imported_at_unix);
        put(writer, OP_IMPORTED);
    }
}

/* By operator: its score, then its quarantine. */
static void put_operators(struct writer *writer, const struct tree_node *node) {
    if (!node) return;
    put_operators(writer, node->left);
    const struct operator_entry *entry = TREE_OBJECT(node, const struct operator_entry, node);
    if (entry->score) {
        buffer_be16(&writer->payload, entry->id);
        buffer_be64(&writer->payload, entry->score);
        put(writer, OP_SCORE_SET);
    }
    if (entry->quarantined) {
        buffer_be16(&writer->payload, entry->id);
        buffer_u8(&writer->payload, 1);
        put(writer, OP_QUARANTINE_SET);
    }
    put_operators(writer, node->right);
}

static void put_tombstones(struct writer *writer) {
    const struct tombstone *stone = NULL;
    for (size_t bucket = 0; bucket < TOMBSTONE_BUCKETS; bucket++) {
        for (size_t at = 0; (stone = tombstones_at(&writer->state->tombstones, bucket, at)); at++) {
            buffer_append(&writer->payload, stone->digest, 32);
            buffer_lp(&writer->payload, stone->group ? stone->group->text : "",
                      stone->group ? KEY_GROUP_TEXT_BYTES : 0);
            buffer_be32(&writer->payload, stone->highest);
            put(writer, OP_TOMBSTONE);
        }
    }
}

static void put_entries(struct writer *writer, enum state_op op, int part, const struct text_set *entries) {
    for (size_t i = 0; i < entries->count; i++) {
        const struct bytes entry = entries->entries[i];
        buffer_u8(&writer->payload, (uint8_t)part);
        if (op == OP_SET_ADD) buffer_be32(&writer->payload, (uint32_t)entry.len);
        buffer_append(&writer->payload, entry.data, entry.len);
        put(writer, op);
    }
}

static void put_session(struct writer *writer, const struct session *session) {
    buffer_lp(&writer->payload, session->id.data, session->id.len);
    writer->prefix = writer->payload.len;
    put(writer, OP_SESSION_CREATE);
    for (int field = 1; field < FIELD_COUNT && writer->error == SIGNER_OK; field++) {
        if (!session_has(session, (enum session_field)field)) continue;
        buffer_u8(&writer->payload, (uint8_t)field);
        writer->error = session_field_encode(&writer->payload, session, (enum session_field)field);
        put(writer, OP_FIELD_SET);
    }
    for (int set = 1; set < SET_COUNT; set++)
        put_entries(writer, OP_SET_ADD, set, &session->sets[set]);
    for (int list = 1; list < LIST_COUNT; list++)
        put_entries(writer, OP_LIST_APPEND, list, &session->lists[list]);
    writer->prefix = writer->payload.len = 0;
}

static void put_anchor(struct writer *writer) {
    const struct globals *globals = &writer->state->globals;
    if (globals->anchor_confirmed) {
        buffer_be64(&writer->payload, globals->anchor_seq);
        buffer_append(&writer->payload, globals->anchor_chain, 32);
        put(writer, OP_ANCHOR_CONFIRMED);
    }
    for (uint8_t kind = 1; kind <= 2; kind++) {
        if (!globals->has_checkpoint[kind]) continue;
        buffer_u8(&writer->payload, kind);
        buffer_append(&writer->payload, writer->state->checkpoint[kind], CHECKPOINT_BYTES);
        put(writer, OP_CHECKPOINT_SET);
    }
    const struct text_set *certificates = &writer->state->certificates;
    for (size_t i = 0; i < certificates->count; i++) {
        buffer_lp(&writer->payload, certificates->entries[i].data, certificates->entries[i].len);
        put(writer, OP_TRUST_APPEND);
    }
    if (globals->intent.count) {
        buffer_lp(&writer->payload, globals->intent.entries[0].data, globals->intent.entries[0].len);
        put(writer, OP_TRUST_INTENT);
    }
}

static void put_parked(struct writer *writer, const struct parked_session *session) {
    struct reader ops;
    reader_init(&ops, session->ops.data, session->ops.len);
    while (reader_left(&ops) > 0 && writer->error == SIGNER_OK) {
        const uint8_t op = reader_u8(&ops);
        const struct bytes payload = reader_lp(&ops);
        writer->error = writer->emit(writer->argument, op, payload.data, payload.len);
    }
}

/* By id, those that are parked among the others. */
static void put_sessions(struct writer *writer) {
    const struct parked *parked = &writer->state->parked;
    struct tree_walk walk;
    struct tree_node *node = tree_begin(&walk, &writer->state->sessions);
    size_t at = 0;
    while ((node || at < parked->count) && writer->error == SIGNER_OK) {
        const struct session *session = node ? TREE_OBJECT(node, const struct session, by_id) : NULL;
        const struct parked_session *waiting = at < parked->count ? &parked->items[at] : NULL;
        /* 0: it was taken, and is the other one now */
        if (waiting &&
            (!session || bytes_compare(waiting->id.data, waiting->id.len, session->id.data, session->id.len) <= 0)) {
            put_parked(writer, waiting);
            at++;
        } else {
            put_session(writer, session);
            node = tree_step(&walk);
        }
    }
}

static enum signer_error write_snapshot(struct state *state, emit_op emit, void *argument) {
    struct writer writer = {.state = state, .emit = emit, .argument = argument};
    buffer_init(&writer.payload);
    put_engine(&writer);
    put_operators(&writer, state->operators.root);
    put_tombstones(&writer);
    put_sessions(&writer);
    put_anchor(&writer);
    buffer_free(&writer.payload);
    return writer.error;
}

static enum signer_error hash_op(void *argument, uint8_t op, const uint8_t *payload, size_t len) {
    uint8_t head[5] = {op};
    store_be32(head + 1, (uint32_t)len);
    crypto_hash_sha256_update(argument, head, sizeof head);
    crypto_hash_sha256_update(argument, payload, len);
    return SIGNER_OK;
}

enum signer_error state_digest(struct state *state, uint8_t out[32]) {
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    enum signer_error error = write_snapshot(state, hash_op, &hash);
    crypto_hash_sha256_final(&hash, out);
    sodium_memzero(&hash, sizeof hash);
    return error;
}

/* -- sink -------------------------------------------------------------------------------------- */

static void *sink_new(void *context, bool passing) {
    const struct state_context *of = context;
    return state_new(of->vault, of->max_sessions, passing);
}

static void sink_free(void *context, void *state) {
    (void)context;
    state_free(state);
}

static void sink_begin(void *context, void *state_pointer, const uint8_t store_id[32], uint64_t created_unix_ms) {
    (void)context;
    struct state *state = state_pointer;
    witness_set_store(&state->witness, store_id);
    if (created_unix_ms == 0 || witness_genesis(&state->witness) != SIGNER_OK) return;
    state->globals.has_canary = true;
    state->globals.canary = (struct canary){.current_percent = GENESIS_CANARY_PERCENT,
                                            .previous_percent = GENESIS_CANARY_PERCENT,
                                            .version = 1,
                                            .last_action_unix = created_unix_ms / 1000};
}

static enum signer_error sink_apply(void *context, void *state, enum record_type type, const uint8_t *body, size_t len,
                                    uint64_t seq, const uint8_t chain[32]) {
    (void)context;
    enum signer_error error = draft_check(state, type, body, len, NULL, NULL);
    if (error == SIGNER_OK) draft_apply(state, seq, chain, 0);
    return error;
}

static void sink_opened(void *context, void *state_pointer, uint64_t open_number) {
    (void)context;
    struct state *state = state_pointer;
    witness_set_counters(&state->witness, open_number, NULL);
    inputs_forget(&state->inputs, UINT64_MAX); /* another log */
}

static uint64_t sink_open_number(void *context, void *state) {
    (void)context;
    return state_open_number(state);
}

static enum signer_error sink_check(void *context, void *state_pointer) {
    const struct state_context *of = context;
    struct state *state = state_pointer;
    if (!state_history_complete(state)) return ERR_STATE_CORRUPT;
    if (of->max_sessions && state_session_count(state) > *of->max_sessions) return ERR_CONFIGURATION;
    return SIGNER_OK;
}

static enum signer_error sink_snapshot(void *context, void *state, emit_op emit, void *argument) {
    (void)context;
    return write_snapshot(state, emit, argument);
}

static void sink_rechained(void *context, void *state_pointer, enum record_type type, uint64_t old_seq, uint64_t seq,
                           const uint8_t chain[32]) {
    (void)context;
    struct state *state = state_pointer;
    if (type == RECORD_CHANGE) witness_rechain(&state->witness, old_seq, seq, chain);
    inputs_rechain(&state->inputs, old_seq, seq);
}

static enum signer_error sink_import(void *context, void *state, const uint8_t *payload, size_t len, uint64_t random,
                                     struct failure *why) {
    (void)context;
    return state_import(state, payload, len, random, why);
}

static void sink_import_body(void *context, struct buffer *body, uint16_t schema, const uint8_t sha256[32],
                             uint64_t unix_seconds) {
    (void)context;
    struct changes changes;
    changes_init(&changes);
    change_imported(&changes, schema, sha256, unix_seconds);
    buffer_append(body, changes.body.data, changes.body.len);
    if (changes.error != SIGNER_OK) body->failed = true;
    changes_free(&changes);
}

static bool sink_imported(void *context, void *state_pointer, uint8_t sha256[32]) {
    (void)context;
    const struct state *state = state_pointer;
    if (state->globals.imported) memcpy(sha256, state->globals.import_sha256, 32);
    return state->globals.imported;
}

static bool sink_anchor_confirmed(void *context, void *state) {
    (void)context;
    return ((const struct state *)state)->globals.anchor_confirmed;
}

static uint64_t sink_purge_seq(void *context, void *state) {
    (void)context;
    return state_purge_seq(state);
}

struct store_sink state_sink(struct state_context *context) {
    return (struct store_sink){.context = context,
                               .state_new = sink_new,
                               .begin = sink_begin,
                               .state_free = sink_free,
                               .apply = sink_apply,
                               .opened = sink_opened,
                               .open_number = sink_open_number,
                               .check = sink_check,
                               .snapshot = sink_snapshot,
                               .rechained = sink_rechained,
                               .purge_seq = sink_purge_seq,
                               .import = sink_import,
                               .import_body = sink_import_body,
                               .imported = sink_imported,
                               .anchor_confirmed = sink_anchor_confirmed};
}
