/* Lazy creation of the one engine and its runtime, and what a fork does to them. */
#include "abi/process.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "abi/buffers.h"
#include "runtime/lua_origin.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct engine *engine;
static struct runtime *runtime;
static bool watches_forks;
static bool forked;

static void in_child(void) {
    pthread_mutex_init(&mutex, NULL);
    buffers_after_fork();
    forked = runtime != NULL;
}

static enum signer_error create(struct failure *why) {
    enum signer_error error = host_lua_check(why);
    if (error != SIGNER_OK) return error;
    if (!watches_forks && pthread_atfork(NULL, NULL, in_child) != 0) return fail_plain(why, ERR_OUT_OF_MEMORY);
    watches_forks = true;
    if (!engine) error = engine_create(&engine, platform_system());
    if (error == SIGNER_OK) error = runtime_create(&runtime, engine);
    return error == SIGNER_OK ? error : fail_plain(why, error);
}

enum signer_error process_runtime(struct runtime **out, struct failure *why) {
    pthread_mutex_lock(&mutex);
    enum signer_error error = SIGNER_OK;
    if (forked)
        error = fail_plain(why, ERR_PROCESS_FORKED);
    else if (!runtime)
        error = create(why);
    *out = runtime;
    pthread_mutex_unlock(&mutex);
    return error;
}

bool process_is_development(void) {
    const char *text = getenv("TBTC_SIGNER_PROFILE");
    if (!text) return false;
    static const char blanks[] = " \t\n\v\f\r";
    text += strspn(text, blanks);
    size_t len = strlen(text);
    while (len > 0 && strchr(blanks, text[len - 1]))
        len--;
    return len == 11 && strncasecmp(text, "development", len) == 0;
}
