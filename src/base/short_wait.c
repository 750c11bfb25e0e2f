/* One looks, the others sleep (base/short_wait.h). */
#include "base/short_wait.h"

#include <sched.h>
#include <stdbool.h>

#include "base/platform.h"
#include "base/workers.h"

/* About a third of a microsecond: seldom enough that the holder keeps its cache line. */
#define PAUSES 16

static void pause_shortly(void) {
    for (int i = 0; i < PAUSES; i++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#else
        atomic_signal_fence(memory_order_seq_cst);
#endif
    }
    sched_yield(); /* to whoever is waited for, where it shares the processor */
}

void short_wait_init(struct short_wait *wait) {
    atomic_init(&wait->busy, workers_online() < 2);
}

static bool may_look(struct short_wait *wait) {
    return !atomic_exchange_explicit(&wait->busy, true, memory_order_relaxed);
}

static void looked(struct short_wait *wait) {
    atomic_store_explicit(&wait->busy, false, memory_order_relaxed);
}

static bool look_for_mutex(pthread_mutex_t *mutex) {
    const uint64_t began_us = platform_elapsed_us();
    bool locked;
    do {
        pause_shortly();
        locked = pthread_mutex_trylock(mutex) == 0;
    } while (!locked && platform_elapsed_us() - began_us < SHORT_WAIT_MUTEX_US);
    return locked;
}

void short_wait_lock(struct short_wait *wait, pthread_mutex_t *mutex) {
    bool locked = pthread_mutex_trylock(mutex) == 0;
    if (!locked && may_look(wait)) {
        locked = look_for_mutex(mutex);
        looked(wait);
    }
    if (!locked) pthread_mutex_lock(mutex);
}

enum short_wait_result short_wait_change(struct short_wait *wait, pthread_mutex_t *mutex, atomic_uint *count,
                                         uint64_t us) {
    if (us > SHORT_WAIT_CHANGE_US || !may_look(wait)) return SHORT_WAIT_NOT;
    const unsigned before = atomic_load(count);
    const uint64_t began_us = platform_elapsed_us();
    pthread_mutex_unlock(mutex);
    while (atomic_load(count) == before && platform_elapsed_us() - began_us < us)
        pause_shortly();
    looked(wait);
    pthread_mutex_lock(mutex);
    return atomic_load(count) == before ? SHORT_WAIT_OVER : SHORT_WAIT_CHANGED;
}
