/* Fault points of the test build, and the allocation calls that pass one. */
#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

#ifdef SIGNER_TEST
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

struct armed_point {
    enum fault_kind kind;
    uint64_t countdown; /* hits left until it strikes; 0 = not armed */
    bool sticky;
    uint64_t hits;
};

static struct armed_point points[FAULT_POINT_COUNT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static uint64_t releases;

/* A child of a process with threads: nobody there would ever give the lock back. */
static void renew_in_child(void) {
    pthread_mutex_init(&lock, NULL);
}

__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(NULL, NULL, renew_in_child);
}

static const char *const names[FAULT_POINT_COUNT] = {
    [FAULT_OPEN] = "open",
    [FAULT_READ] = "read",
    [FAULT_WRITE] = "write",
    [FAULT_SYNC] = "sync",
    [FAULT_RENAME] = "rename",
    [FAULT_UNLINK] = "unlink",
    [FAULT_ALLOCATION] = "allocation",
    [FAULT_MEMORY_LOCK] = "memory_lock",
    [FAULT_KEY_PROVIDER] = "key_provider",
    [FAULT_CLOCK] = "clock",
    [FAULT_RANDOM] = "random",
    [FAULT_THREAD] = "thread",
    [FAULT_BEFORE_DRAW] = "before_draw",
    [FAULT_AFTER_APPEND] = "after_append",
    [FAULT_AFTER_SYNC] = "after_sync",
    [FAULT_AFTER_SHARE] = "after_share",
};

const char *fault_point_name(enum fault_point point) {
    return names[point];
}

void fault_arm(enum fault_point point, enum fault_kind kind, uint64_t nth, bool sticky) {
    pthread_mutex_lock(&lock);
    points[point] = (struct armed_point){kind, nth, sticky, 0};
    pthread_mutex_unlock(&lock);
}

void fault_clear_all(void) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FAULT_POINT_COUNT; i++)
        points[i] = (struct armed_point){FAULT_NONE, 0, false, 0};
    pthread_mutex_unlock(&lock);
    fault_release();
}

uint64_t fault_hits(enum fault_point point) {
    pthread_mutex_lock(&lock);
    uint64_t hits = points[point].hits;
    pthread_mutex_unlock(&lock);
    return hits;
}

void fault_release(void) {
    pthread_mutex_lock(&lock);
    releases++;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&lock);
}

void driven_error(int error, const char *name) {
    static atomic_bool seen[1024];
    const char *path = getenv("SIGNER_DRIVEN");
    if (!path || error < 0 || error >= 1024 || atomic_exchange(&seen[error], true)) return;
    FILE *file = fopen(path, "ae");
    if (!file) return;
    fprintf(file, "%s\n", name);
    fclose(file);
}

enum fault_kind fault_hit(enum fault_point point) {
    pthread_mutex_lock(&lock);
    struct armed_point *armed = &points[point];
    armed->hits++;
    enum fault_kind kind = FAULT_NONE;
    if (armed->countdown == 1) {
        kind = armed->kind;
        if (!armed->sticky) armed->countdown = 0;
    } else if (armed->countdown > 1) {
        armed->countdown--;
    }
    if (kind == FAULT_PAUSE) {
        uint64_t seen = releases;
        while (releases == seen)
            pthread_cond_wait(&released, &lock);
        kind = FAULT_NONE;
    }
    pthread_mutex_unlock(&lock);
    if (kind == FAULT_CRASH) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
    return kind;
}
#endif

void *signer_malloc(size_t len) {
    return fault_hit(FAULT_ALLOCATION) == FAULT_NONE ? malloc(len) : NULL;
}

void *signer_calloc(size_t count, size_t len) {
    return fault_hit(FAULT_ALLOCATION) == FAULT_NONE ? calloc(count, len) : NULL;
}

void *signer_realloc(void *old, size_t len) {
    return fault_hit(FAULT_ALLOCATION) == FAULT_NONE ? realloc(old, len) : NULL;
}

char *signer_strdup(const char *text) {
    return fault_hit(FAULT_ALLOCATION) == FAULT_NONE ? strdup(text) : NULL;
}
