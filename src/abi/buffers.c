/* Live buffers by address, in a small hash table of chains. */
#include "abi/buffers.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/notice.h"
#include "runtime/runtime.h"

#define CHAINS 256
#define FALLBACKS 64

struct live_buffer {
    struct live_buffer *next;
    uint8_t *data;
    size_t len;
    size_t capacity;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct live_buffer *chains[CHAINS];
/* Writable, since hosts scrub what they were given. */
static struct {
    bool taken;
    uint8_t text[sizeof ENVELOPE_LAST_RESORT];
} fallbacks[FALLBACKS];

static struct live_buffer **chain_of(const uint8_t *data) {
    uintptr_t address = (uintptr_t)data;
    return &chains[(address >> 4 ^ address >> 12) % CHAINS];
}

struct live_buffer *buffers_reserve(void) {
    return signer_calloc(1, sizeof(struct live_buffer));
}

void buffers_cancel(struct live_buffer *place) {
    free(place);
}

TbtcBuffer buffers_publish(struct live_buffer *place, struct buffer *reply) {
    place->data = reply->data;
    place->len = reply->len;
    place->capacity = reply->capacity;
    buffer_init(reply);
    pthread_mutex_lock(&mutex);
    struct live_buffer **chain = chain_of(place->data);
    place->next = *chain;
    *chain = place;
    pthread_mutex_unlock(&mutex);
    return (TbtcBuffer){place->data, place->len};
}

TbtcBuffer buffers_fallback(void) {
    TbtcBuffer out = {NULL, 0};
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < FALLBACKS && !out.ptr; i++) {
        if (fallbacks[i].taken) continue;
        fallbacks[i].taken = true;
        memcpy(fallbacks[i].text, ENVELOPE_LAST_RESORT, sizeof ENVELOPE_LAST_RESORT);
        out = (TbtcBuffer){fallbacks[i].text, sizeof ENVELOPE_LAST_RESORT - 1};
    }
    pthread_mutex_unlock(&mutex);
    return out;
}

/* Takes a buffer out of the table; NULL when it is not there. */
static struct live_buffer *take(const uint8_t *ptr) {
    for (struct live_buffer **at = chain_of(ptr); *at; at = &(*at)->next) {
        if ((*at)->data != ptr) continue;
        struct live_buffer *found = *at;
        *at = found->next;
        return found;
    }
    return NULL;
}

static bool give_fallback(const uint8_t *ptr) {
    for (size_t i = 0; i < FALLBACKS; i++) {
        if (fallbacks[i].text != ptr || !fallbacks[i].taken) continue;
        fallbacks[i].taken = false;
        return true;
    }
    return false;
}

void buffers_free(uint8_t *ptr, size_t len) {
    if (!ptr || len == 0) return;
    pthread_mutex_lock(&mutex);
    struct live_buffer *found = take(ptr);
    bool fallback = !found && give_fallback(ptr);
    pthread_mutex_unlock(&mutex);
    if (!found) {
        if (!fallback) notice_plain("frost_tbtc_free_buffer: unknown or freed pointer, left alone");
        return;
    }
    if (found->len != len)
        notice_plain("frost_tbtc_free_buffer: length %zu given for a buffer of %zu bytes; wiped and freed whole", len,
                     found->len);
    sodium_memzero(found->data, found->capacity);
    free(found->data);
    free(found);
}

void buffers_after_fork(void) {
    pthread_mutex_init(&mutex, NULL);
}
