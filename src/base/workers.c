/* Threads for one call (base/workers.h). */
#include "base/workers.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/fault.h"

#define STACK_BYTES (512u << 10)

struct work {
    void (*job)(void *context, size_t index);
    void *context;
    size_t count;
    atomic_size_t next;
};

static void *run(void *argument) {
    struct work *work = argument;
    for (size_t index; (index = atomic_fetch_add(&work->next, 1)) < work->count;)
        work->job(work->context, index);
    return NULL;
}

/* Number of threads made; they inherit a mask that blocks every signal. */
static size_t start(pthread_t *threads, size_t wanted, struct work *work) {
    pthread_attr_t attributes;
    sigset_t all, before;
    size_t made = 0;
    if (pthread_attr_init(&attributes) != 0) return 0;
    sigfillset(&all);
    if (pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 && pthread_sigmask(SIG_SETMASK, &all, &before) == 0) {
        while (made < wanted && fault_hit(FAULT_THREAD) == FAULT_NONE &&
               pthread_create(&threads[made], &attributes, run, work) == 0)
            made++;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    return made;
}

void workers_run(unsigned workers, size_t count, void (*job)(void *context, size_t index), void *context) {
    pthread_t threads[WORKERS_MAX];
    struct work work = {.job = job, .context = context, .count = count};
    size_t wanted = workers < WORKERS_MAX ? workers : WORKERS_MAX;
    if (wanted > count) wanted = count;
    size_t made = wanted > 1 ? start(threads, wanted - 1, &work) : 0;
    run(&work);
    for (size_t i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
}

unsigned workers_online(void) {
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : (unsigned)count;
}
