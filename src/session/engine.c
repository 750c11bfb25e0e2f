/* Birth and end of an engine, its counters, and what a forked child finds of it (D-126). */
#include "session/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/section.h"
#include "custody/fork.h"
#include "session/budget.h"
#include "session/gates.h"
#include "session/kept_packages.h"
#include "session/kept_rounds.h"
#include "session/live.h"

bool engine_is_forked(const struct engine *engine) {
    const bool theirs = atomic_load(&engine->opened) || atomic_load(&engine->openers) > 0;
    return theirs && !process_mark_is_ours(atomic_load(&engine->process));
}

/* A session lost its last live seat: it is idle from now on, and its retirement waits for the next
 * record. Where there is no memory to note it, the load after a restart retires it. */
static void session_emptied(void *context, const char *session_id, size_t len) {
    struct engine *engine = context;
    struct session *session = engine->state ? state_session(engine->state, session_id, len) : NULL;
    if (!session) return;
    uint64_t now_ms = 0;
    if (platform_wall_ms(engine->platform, &now_ms) != SIGNER_OK) now_ms = 0;
    session_set_live(engine->state, session, false, now_ms / 1000 > 0 ? now_ms / 1000 : 1);
    if (!session_is_per_message(session) || session->retirement_waits) return;
    struct retirements *waiting = &engine->retirements;
    if (waiting->count == waiting->capacity) {
        size_t capacity = waiting->capacity ? waiting->capacity * 2 : 16;
        struct bytes *ids = signer_realloc(waiting->ids, capacity * sizeof *ids);
        if (!ids) return;
        waiting->ids = ids;
        waiting->capacity = capacity;
    }
    uint8_t *copy = signer_malloc(len);
    if (!copy) return;
    memcpy(copy, session_id, len);
    waiting->ids[waiting->count++] = (struct bytes){copy, len};
    session->retirement_waits = true;
}

enum signer_error engine_create(struct engine **out, const struct platform *platform) {
    struct engine *engine = signer_calloc(1, sizeof *engine);
    if (!engine) return ERR_OUT_OF_MEMORY;
    engine->platform = platform;
    pthread_mutex_init(&engine->initialisation, NULL);
    pthread_mutex_init(&engine->mutex, NULL);
    short_wait_init(&engine->looking);
    settings_init(&engine->settings);
    enum signer_error error = vault_create(&engine->vault, false);
    if (error == SIGNER_OK) error = live_table_create(&engine->live, platform, engine->vault, session_emptied, engine);
    if (error == SIGNER_OK) error = budgets_create(&engine->budgets);
    if (error == SIGNER_OK) error = kept_rounds_create(&engine->kept_rounds);
    if (error == SIGNER_OK) error = kept_packages_create(&engine->kept_packages);
    if (error != SIGNER_OK) {
        engine_destroy(engine, true);
        return error;
    }
    *out = engine;
    return SIGNER_OK;
}

void engine_destroy(struct engine *engine, bool abandon) {
    if (!engine) return;
    bool forked = engine_is_forked(engine);
    live_table_destroy(engine->live);
    engine->live = NULL;
    if (atomic_load(&engine->opened) && !forked) {
        store_close(engine->store, abandon);
        state_free(engine->state);
    }
    for (size_t i = 0; i < engine->retirements.count; i++)
        free((void *)engine->retirements.ids[i].data);
    free(engine->retirements.ids);
    counter_anchor_free(&engine->anchor);
    budgets_destroy(engine->budgets);
    kept_rounds_destroy(engine->kept_rounds);
    kept_packages_destroy(engine->kept_packages);
    if (engine->vault) vault_destroy(engine->vault);
    settings_free(&engine->settings);
    pthread_mutex_destroy(&engine->mutex);
    pthread_mutex_destroy(&engine->initialisation);
    free(engine);
}

void engine_lock(struct engine *engine) {
    short_wait_lock(&engine->looking, &engine->mutex);
    section_begin();
    engine->outer = notice_hold(&engine->notices);
}

void engine_unlock(struct engine *engine) {
    char lines[sizeof engine->notices.text];
    const size_t len = engine->notices.len;
    if (len > 0) memcpy(lines, engine->notices.text, len);
    engine->notices.len = 0;
    notice_hold(engine->outer);
    section_end();
    pthread_mutex_unlock(&engine->mutex);
    if (len > 0) notice_write(lines, len);
}

void engine_count(struct engine *engine, enum counter counter) {
    uint64_t value = atomic_load_explicit(&engine->counters[counter], memory_order_relaxed);
    while (value != UINT64_MAX && !atomic_compare_exchange_weak_explicit(&engine->counters[counter], &value, value + 1,
                                                                         memory_order_relaxed, memory_order_relaxed)) {
    }
}

uint64_t engine_counter(struct engine *engine, enum counter counter) {
    return atomic_load_explicit(&engine->counters[counter], memory_order_relaxed);
}
