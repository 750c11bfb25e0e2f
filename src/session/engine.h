/* The engine: one signer with its settings, vault, store, durable state and live entries. An object
 * (D-173): only src/abi/ keeps the one of the process.
 *
 * Order of locks: Lua state, initialisation, engine, log; vault and policy states are leaves. The
 * engine mutex is never held across a sync, a key command, curve arithmetic, a script or a wait for
 * a Lua state. */
#ifndef SIGNER_SESSION_ENGINE_H
#define SIGNER_SESSION_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/notice.h"
#include "base/platform.h"
#include "base/short_wait.h"
#include "custody/vault.h"
#include "registry/state.h"
#include "session/settings.h"
#include "store/anchor_file.h"
#include "store/store.h"

#define SIGNER_VERSION "0.1.0" /* D-010 */

struct live_table;    /* session/live.h: live entries of seats */
struct budgets;       /* session/budget.h: rate buckets */
struct kept_packages; /* session/kept_packages.h: round-1 packages */
struct kept_rounds;   /* session/kept_rounds.h: what packages determined */

/* Counters of abi Appendix B that these calls touch; saturating. */
enum counter {
#define COUNTER(name) COUNTER_##name,
#include "session/counters.def"
#undef COUNTER
    COUNTER_COUNT
};

/* Sessions whose retirement no record holds yet (D-122): it rides in the next one. */
struct retirements {
    struct bytes *ids; /* owned copies */
    size_t count, capacity;
};

struct engine {
    const struct platform *platform;
    struct settings settings;
    struct vault *vault;
    pthread_mutex_t initialisation; /* covers the opening of the store; a failed one leaves it unset */
    atomic_bool opened;             /* store and state are set and stay */
    atomic_uint openers;            /* calls that are opening it, or wait for that */
    _Atomic uint64_t process;       /* mark of the one that opens or opened it (D-126) */
    struct short_wait looking;      /* for the mutex */
    pthread_mutex_t mutex;          /* everything below */
    uint64_t sections;              /* critical sections of calls so far */
    bool poisoned;                  /* a fault struck between append and the end of apply */
    struct store *store;
    struct state *state;
    uint64_t max_sessions; /* as read when the state opened, as are the next ones */
    struct witness_limits witness_limits;
    struct state_context sink_context;
    struct counter_anchor anchor; /* of state_store_anchor; its path NULL without one */
    struct live_table *live;
    struct budgets *budgets;
    struct retirements retirements;
    struct held_notices notices; /* of the critical section that runs */
    struct held_notices *outer;  /* where its thread kept lines before */
    uint64_t eviction_ticket;    /* newest record that removed a session or a wallet */
    _Atomic uint64_t counters[COUNTER_COUNT];
    struct kept_rounds *kept_rounds;     /* locks for itself; not in a forked process */
    struct kept_packages *kept_packages; /* likewise */
};

/* `platform` outlives the engine. Opens nothing. ERR_OUT_OF_MEMORY, ERR_INTERNAL. */
enum signer_error engine_create(struct engine **out, const struct platform *platform);
/* Wipes live entries; closes the store cleanly, or abandons it as a crash would. No call may be in
 * flight. In a forked child it closes and writes nothing. */
void engine_destroy(struct engine *engine, bool abandon);
/* Opens the state at first use, one thread at a time (CC-2). Not under the engine mutex. ERR_* of
 * the store's opening; a failed opening is tried again by the next call. */
enum signer_error engine_open(struct engine *engine, struct failure *why);
/* True in a process that is not the one which opened the state, or was opening it when this one was forked
 * (D-126). */
bool engine_is_forked(const struct engine *engine);
/* The engine mutex; what it forbids is asserted in test builds (base/section.h). Lines for
 * stderr are written when it is free again. */
void engine_lock(struct engine *engine);
void engine_unlock(struct engine *engine);
/* Any thread, no lock. */
void engine_count(struct engine *engine, enum counter counter);
uint64_t engine_counter(struct engine *engine, enum counter counter);

#endif
