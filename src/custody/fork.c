/* Handlers for forked children, and the mark of the process. */
#include "custody/fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t handlers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fork_handler *handlers;
static bool installed;

/* The lock is held across the fork, so that the child finds the list whole. */
static void before_fork(void) {
    pthread_mutex_lock(&handlers_lock);
}

static void in_parent(void) {
    pthread_mutex_unlock(&handlers_lock);
}

static void in_child(void) {
    for (struct fork_handler *handler = handlers; handler; handler = handler->next)
        handler->child(handler->argument);
    handlers = NULL;
    pthread_mutex_unlock(&handlers_lock);
}

enum signer_error fork_handler_add(struct fork_handler *handler) {
    enum signer_error error = SIGNER_OK;
    pthread_mutex_lock(&handlers_lock);
    if (!installed && pthread_atfork(before_fork, in_parent, in_child) != 0) {
        error = ERR_OUT_OF_MEMORY;
    } else {
        installed = true;
        handler->next = handlers;
        handlers = handler;
    }
    pthread_mutex_unlock(&handlers_lock);
    return error;
}

void fork_handler_remove(struct fork_handler *handler) {
    pthread_mutex_lock(&handlers_lock);
    for (struct fork_handler **link = &handlers; *link; link = &(*link)->next) {
        if (*link != handler) continue;
        *link = handler->next;
        break;
    }
    pthread_mutex_unlock(&handlers_lock);
}

void fork_hold(void) {
    pthread_mutex_lock(&handlers_lock);
}

void fork_release(void) {
    pthread_mutex_unlock(&handlers_lock);
}

struct mark_page {
    _Atomic uint64_t mark; /* reads as 0 in a child */
};

static pthread_mutex_t mark_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mark_page *_Atomic mark_page;
static _Atomic uint64_t marks_made; /* ordinary memory: a child goes on counting */
static _Atomic bool page_is_wiped;  /* false: no MADV_WIPEONFORK here, the process id decides */
static _Atomic pid_t marked_process;

static struct mark_page *map_mark_page(void) {
    size_t len = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return NULL;
    page_is_wiped = madvise(page, len, MADV_WIPEONFORK) == 0;
    return page;
}

static bool same_process(void) {
    return page_is_wiped || marked_process == getpid();
}

/* A child forked while another thread held the lock could not take it: a child that finds a page
 * marks it without the lock (it has one thread). */
enum signer_error process_mark(uint64_t *out) {
    enum signer_error error = SIGNER_OK;
    struct mark_page *page = mark_page;
    if (!page) {
        pthread_mutex_lock(&mark_lock);
        page = mark_page;
        if (!page) mark_page = page = map_mark_page();
        pthread_mutex_unlock(&mark_lock);
    }
    if (!page) return ERR_OUT_OF_MEMORY;
    if (!same_process()) page->mark = 0;
    uint64_t unmarked = 0;
    if (page->mark == 0 && atomic_compare_exchange_strong(&page->mark, &unmarked, ++marks_made))
        marked_process = getpid();
    *out = page->mark;
    return error;
}

bool process_mark_is_ours(uint64_t mark) {
    struct mark_page *page = mark_page;
    return page && page->mark == mark && same_process();
}
