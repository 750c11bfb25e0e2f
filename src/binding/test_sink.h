/* A state for the store of the specs that keeps ops as they are, and the sink over it (test build). */
#ifndef SIGNER_BINDING_TEST_SINK_H
#define SIGNER_BINDING_TEST_SINK_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "store/internal.h"

struct kept_state {
    struct buffer ops; /* op || LP(payload), one after another */
    struct buffer moved;
    struct buffer verdicts; /* as ops */
    uint64_t generation, open_number, purge_seq;
    bool unfit;
};

struct test_store {
    struct store *store;
    struct vault *vault;
    struct kept_state *state;
    struct buffer genesis;
    pthread_mutex_t mutex; /* the engine's, as it were */
    bool forks;
    pid_t child;         /* forked by the next state_new */
    atomic_uint passing; /* states made only to be given out again */
};

#define OP_PURGE 21

pid_t test_fork_sleeper(void);
struct store_sink test_sink(struct test_store *self);
void test_sink_free(void *context, void *state);

#endif
