/* The process-wide libsecp256k1 context: made and randomised at first use, read-only afterwards. */
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "curve/point.h"

static secp256k1_context *context;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_context(void) {
    uint8_t seed[32];
    if (sodium_init() < 0) abort();
    context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    randombytes_buf(seed, sizeof seed);
    if (!context || !secp256k1_context_randomize(context, seed)) abort();
    sodium_memzero(seed, sizeof seed);
}

const secp256k1_context *curve_context(void) {
    pthread_once(&once, make_context);
    return context;
}
