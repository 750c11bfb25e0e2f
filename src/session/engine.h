/* The engine: one signer with its settings, vault, store, durable state and live entries. An object
 * (D-173): only src/abi/ keeps the one of the process.
 *
 * Order of locks: Lua state, initialisation, engine, log; vault and policy states are leaves. The
 * engine mutex is never held across a sync, a key command, curve arithmetic, a script or a wait for
 * a Lua state. */
#ifndef SIGNER_SESSION_ENGINE_H
#define SIGNER_SESSION_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/platform.h"
#include "custody/vault.h"
#include "registry/state.h"
#include "session/settings.h"
#include "store/store.h"

struct live_table; /* session/live.h: live entries of seats */
struct budgets;    /* session/budget.h: rate buckets */

/* Counters of abi Appendix B that these calls touch; saturating. */
enum counter {
#define COUNTER(name) COUNTER_##name,
#include "session/counters.def"
#undef COUNTER
    COUNTER_COUNT
};

struct engine {
    const struct platform *platform;
    struct settings settings;
    struct vault *vault;
    pthread_mutex_t initialisation; /* covers the opening of the store; a failed one leaves it unset */
    pthread_mutex_t mutex;          /* everything below */
    bool poisoned;                  /* a fault struck between append and the end of apply */
    pid_t process;                  /* noted when the state opens (D-126) */
    struct store *store;
    struct state *state;
    uint64_t max_sessions;
    struct live_table *live;
    struct budgets *budgets;
    uint64_t counters[COUNTER_COUNT];
};

/* `platform` outlives the engine. Opens nothing. */
enum signer_error engine_create(struct engine **out, const struct platform *platform);
/* Wipes live entries; closes the store cleanly, or abandons it as a crash would. */
void engine_destroy(struct engine *engine, bool abandon);
void engine_count(struct engine *engine, enum counter counter);

#endif
