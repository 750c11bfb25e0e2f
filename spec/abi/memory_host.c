/* Lets the k-th allocation of the process fail, for k from 1 on, in each of a few calls: every answer
 * has a status, a text and a buffer that can be given back.
 *
 * Usage: memory_host <library>; linked with -rdynamic, so that its allocator serves the library. */
#include <errno.h>

#include "host.h"

static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t), *(*real_realloc)(void *, size_t);
static long countdown;   /* 0: nothing fails */
static char early[4096]; /* for dlsym itself */

static void resolve(void) {
    if (real_malloc) return;
    void *found = dlsym(RTLD_NEXT, "malloc");
    memcpy(&real_malloc, &found, sizeof found);
    found = dlsym(RTLD_NEXT, "realloc");
    memcpy(&real_realloc, &found, sizeof found);
    found = dlsym(RTLD_NEXT, "calloc");
    memcpy(&real_calloc, &found, sizeof found);
}

static int strikes(void) {
    if (countdown == 0 || --countdown > 0) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t len) {
    resolve();
    return strikes() ? NULL : real_malloc(len);
}

void *calloc(size_t number, size_t len) {
    if (!real_calloc) return number * len <= sizeof early ? early : NULL;
    return strikes() ? NULL : real_calloc(number, len);
}

void *realloc(void *old, size_t len) {
    resolve();
    return strikes() ? NULL : real_realloc(old, len);
}

static long failures, successes;

static void judge(TbtcSignerResult result) {
    countdown = 0;
    int good = result.buffer.ptr && result.buffer.len > 0 && (result.status_code == 0 || result.status_code == 1);
    if (good && result.status_code == 1)
        good = memmem(result.buffer.ptr, result.buffer.len, "{\"code\":\"", 9) == (void *)result.buffer.ptr;
    if (!good) {
        fprintf(stderr, "status %d, %zu bytes: %.*s\n", (int)result.status_code, result.buffer.len,
                (int)result.buffer.len, (const char *)result.buffer.ptr);
        exit(1);
    }
    if (result.status_code == 0)
        successes++;
    else
        failures++;
    memset(result.buffer.ptr, 0, result.buffer.len);
    host_free(result.buffer);
}

int main(int count, char **arguments) {
    static const char body[] =
        "{\"participant_identifier\":\"0000000000000000000000000000000000000000000000000000000000000001\","
        "\"max_signers\":3,\"min_signers\":2}";
    if (count < 2) return 2;
    setenv("TBTC_SIGNER_PROFILE", "development", 1);
    host_open(arguments[1]);
    for (long k = 1; k <= 1500; k++) {
        countdown = k;
        judge(host_call_bare("frost_tbtc_roast_liveness_policy"));
        countdown = k;
        judge(host_call_bare("frost_tbtc_version"));
        countdown = k;
        judge(host_call("frost_tbtc_dkg_part1", body, strlen(body)));
        countdown = k;
        judge(host_call("frost_tbtc_dkg_part1", "{\"x\":1", 6));
        countdown = k;
        judge(host_call("frost_tbtc_dkg_part1", NULL, 5));
    }
    printf("failures %ld successes %ld\n", failures, successes);
    return 0;
}
