/* The state of the store's specs: CHANGE and NOTE bodies are lists of ops, kept as they are (test build). */
#include "binding/test_sink.h"

#include <stdlib.h>
#include <unistd.h>

#define OP_VERDICT 22
#define OP_ENGINE_STATE 33
#define OP_UNKNOWN 238
#define OP_RULE 239
#define OP_CHECK 240

pid_t test_fork_sleeper(void) {
    pid_t child = fork();
    while (child == 0)
        pause();
    return child;
}

static void *sink_new(void *context, bool passing) {
    struct test_store *self = context;
    if (passing) self->passing++;
    if (self->forks && !self->child) self->child = test_fork_sleeper();
    struct kept_state *state = calloc(1, sizeof *state);
    if (state) state->generation = 1;
    return state;
}

void test_sink_free(void *context, void *argument) {
    struct kept_state *state = argument;
    (void)context;
    buffer_free(&state->ops);
    buffer_free(&state->moved);
    buffer_free(&state->verdicts);
    free(state);
}

static void sink_begin(void *context, void *argument, const uint8_t store_id[32], uint64_t created_unix_ms) {
    const struct test_store *self = context;
    struct kept_state *state = argument;
    (void)store_id;
    if (created_unix_ms > 0) buffer_append(&state->ops, self->genesis.data, self->genesis.len);
}

static enum signer_error keep_op(struct kept_state *state, uint8_t op, struct bytes payload, uint64_t seq) {
    struct reader fields;
    if (op == OP_UNKNOWN) return ERR_STATE_VERSION;
    if (op == OP_RULE) return ERR_STATE_CORRUPT;
    if (op == OP_CHECK) state->unfit = true;
    if (op == OP_PURGE) state->purge_seq = seq;
    if (op == OP_PURGE) return SIGNER_OK;
    if (op == OP_ENGINE_STATE) {
        reader_init(&fields, payload.data, payload.len);
        state->generation = reader_be64(&fields);
        state->open_number = reader_be64(&fields);
        state->purge_seq = reader_be64(&fields);
        return reader_done(&fields) ? SIGNER_OK : ERR_STATE_CORRUPT;
    }
    struct buffer *kept = op == OP_VERDICT ? &state->verdicts : &state->ops;
    buffer_u8(kept, op);
    buffer_lp(kept, payload.data, payload.len);
    return buffer_status(kept);
}

static enum signer_error sink_apply(void *context, void *argument, enum record_type type, const uint8_t *body,
                                    size_t len, uint64_t seq, const uint8_t chain[32]) {
    struct kept_state *state = argument;
    struct reader reader;
    (void)context, (void)chain;
    reader_init(&reader, body, len);
    while (reader_left(&reader) > 0) {
        uint8_t op = reader_u8(&reader);
        struct bytes payload = reader_lp(&reader);
        enum signer_error error = reader.failed ? ERR_STATE_CORRUPT : keep_op(state, op, payload, seq);
        if (error != SIGNER_OK) return error;
    }
    if (type == RECORD_CHANGE) state->generation++;
    return SIGNER_OK;
}

static void sink_opened(void *context, void *argument, uint64_t open_number) {
    (void)context;
    ((struct kept_state *)argument)->open_number = open_number;
}

static uint64_t sink_open_number(void *context, void *argument) {
    (void)context;
    return ((struct kept_state *)argument)->open_number;
}

static enum signer_error sink_check(void *context, void *argument) {
    (void)context;
    return ((struct kept_state *)argument)->unfit ? ERR_CONFIGURATION : SIGNER_OK;
}

static enum signer_error sink_snapshot(void *context, void *argument,
                                       enum signer_error (*emit)(void *, uint8_t, const uint8_t *, size_t),
                                       void *emit_argument) {
    const struct kept_state *state = argument;
    struct reader reader;
    uint8_t engine_state[24];
    (void)context;
    store_be64(engine_state, state->generation);
    store_be64(engine_state + 8, state->open_number);
    store_be64(engine_state + 16, state->purge_seq);
    enum signer_error error = emit(emit_argument, OP_ENGINE_STATE, engine_state, sizeof engine_state);
    reader_init(&reader, state->ops.data, state->ops.len);
    while (error == SIGNER_OK && reader_left(&reader) > 0) {
        uint8_t op = reader_u8(&reader);
        struct bytes payload = reader_lp(&reader);
        error = emit(emit_argument, op, payload.data, payload.len);
    }
    return error;
}

static void sink_rechained(void *context, void *argument, enum record_type type, uint64_t old_seq, uint64_t seq,
                           const uint8_t chain[32]) {
    struct kept_state *state = argument;
    (void)context, (void)type, (void)chain;
    if (state->purge_seq == old_seq) state->purge_seq = seq;
    buffer_be64(&state->moved, old_seq);
    buffer_be64(&state->moved, seq);
}

static uint64_t sink_purge_seq(void *context, void *argument) {
    (void)context;
    return ((struct kept_state *)argument)->purge_seq;
}

static void sink_lock(void *context) {
    pthread_mutex_lock(&((struct test_store *)context)->mutex);
}

static void sink_unlock(void *context) {
    pthread_mutex_unlock(&((struct test_store *)context)->mutex);
}

struct store_sink test_sink(struct test_store *self) {
    return (struct store_sink){
        .context = self,
        .state_new = sink_new,
        .begin = sink_begin,
        .state_free = test_sink_free,
        .apply = sink_apply,
        .opened = sink_opened,
        .open_number = sink_open_number,
        .check = sink_check,
        .snapshot = sink_snapshot,
        .rechained = sink_rechained,
        .purge_seq = sink_purge_seq,
        .lock = sink_lock,
        .unlock = sink_unlock,
        .lock_context = self,
    };
}
