/* The entry points: sizes and pointers are checked, the process engine answers, the reply is handed
 * out. No decision is taken here. Contract: include/frost_tbtc.h, abi 1 to 5. */
#include "frost_tbtc.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "abi/buffers.h"
#include "abi/process.h"
#include "abi/registers.h"

#define EXPORT __attribute__((visibility("default")))

/* D-001. Additions that are ours are named in `extensions`. */
#define ABI_VERSION_JSON "{\"abi_major\":4,\"abi_minor\":4,\"extensions\":[]}"
#define VERSION_TEXT "tbtc-signer/" SIGNER_VERSION "-bootstrap" /* D-010 */

static TbtcSignerResult give(struct live_buffer *place, struct buffer *reply, bool ok) {
    if (place && reply->len > 0) return (TbtcSignerResult){ok ? 0 : 1, buffers_publish(place, reply)};
    buffers_cancel(place);
    buffer_free(reply);
    return (TbtcSignerResult){1, buffers_fallback()};
}

static TbtcSignerResult give_failure(struct live_buffer *place, struct buffer *reply, const struct failure *why) {
    runtime_envelope(reply, why, process_is_development());
    return give(place, reply, false);
}

static TbtcSignerResult give_text(const char *text) {
    struct live_buffer *place = buffers_reserve();
    struct buffer reply;
    buffer_init(&reply);
    buffer_text(&reply, text);
    return give(place, &reply, true);
}

static TbtcSignerResult run_whole(const char *endpoint, const uint8_t *body, size_t body_len) {
    struct failure why = {SIGNER_OK, ""};
    struct runtime *runtime;
    struct live_buffer *place = buffers_reserve();
    struct buffer reply;
    buffer_init(&reply);
    if (!place) return give(place, &reply, false);
    if (process_runtime(&runtime, &why) != SIGNER_OK) return give_failure(place, &reply, &why);
    struct request request = {.endpoint = endpoint, .body = body, .body_len = body_len};
    bool ok = runtime_call(runtime, &request, &reply);
    return give(place, &reply, ok);
}

/* A thread that was cancelled in a call would leave locks behind; it is cancelled after it. */
static TbtcSignerResult run(const char *endpoint, const uint8_t *body, size_t body_len) {
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    TbtcSignerResult result = run_whole(endpoint, body, body_len);
    pthread_setcancelstate(before, NULL);
    registers_clear();
    return result;
}

/* abi 1.3: the length first, without touching the pointer; then the pointer. */
static TbtcSignerResult call(const char *endpoint, const uint8_t *request_ptr, size_t request_len) {
    struct failure why = {SIGNER_OK, ""};
    if (request_len > REQUEST_BYTES_MAX)
        fail(&why, ERR_VALIDATION, "request of %zu bytes is longer than the maximum of %u", request_len,
             REQUEST_BYTES_MAX);
    else if (!request_ptr)
        fail(&why, ERR_VALIDATION, "request pointer is null");
    else
        return run(endpoint, request_ptr, request_len);
    struct buffer reply;
    buffer_init(&reply);
    return give_failure(buffers_reserve(), &reply, &why);
}

EXPORT TbtcSignerResult frost_tbtc_version(void) {
    return give_text(VERSION_TEXT);
}

EXPORT TbtcSignerResult frost_tbtc_abi_version(void) {
    return give_text(ABI_VERSION_JSON);
}

/* Not cancelled where it writes to stderr either: the buffer is out of the table by then. */
EXPORT void frost_tbtc_free_buffer(uint8_t *ptr, size_t len) {
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    buffers_free(ptr, len);
    pthread_setcancelstate(before, NULL);
}

EXPORT TbtcSignerResult frost_tbtc_roast_liveness_policy(void) {
    return run("roast_liveness_policy", NULL, 0);
}

#define ENTRY_POINT(name)                                                                                              \
    EXPORT TbtcSignerResult frost_tbtc_##name(const uint8_t *request_ptr, size_t request_len) {                        \
        return call(#name, request_ptr, request_len);                                                                  \
    }

ENTRY_POINT(init_signer_config)
ENTRY_POINT(dkg_part1)
ENTRY_POINT(dkg_part2)
ENTRY_POINT(dkg_part3)
ENTRY_POINT(persist_distributed_dkg_key_package)
ENTRY_POINT(retire_distributed_dkg_key_packages)
ENTRY_POINT(derive_interactive_attempt_context)
ENTRY_POINT(interactive_session_open)
ENTRY_POINT(interactive_round1)
ENTRY_POINT(new_signing_package)
ENTRY_POINT(interactive_round2)
ENTRY_POINT(verify_signature_share)
ENTRY_POINT(interactive_aggregate)
ENTRY_POINT(interactive_session_abort)
ENTRY_POINT(build_taproot_tx)
