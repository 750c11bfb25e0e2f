/* libFuzzer: requests against the codec (abi 1.7, 3.0). The first byte names the endpoint, the rest is the
 * body. Whatever its schema accepts is written by that schema to a text that reads back to the same value.
 * `make fuzz` builds and runs it. */
#include <lauxlib.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/decode.h"
#include "runtime/encode.h"
#include "runtime/pool.h"

#define COLLECT_EVERY 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* seeds.lua reads this list. */
static const char *const endpoints[] = {
    "build_taproot_tx",
    "derive_interactive_attempt_context",
    "dkg_part1",
    "dkg_part2",
    "dkg_part3",
    "init_signer_config",
    "interactive_aggregate",
    "interactive_round1",
    "interactive_round2",
    "interactive_session_abort",
    "interactive_session_open",
    "new_signing_package",
    "persist_distributed_dkg_key_package",
    "retire_distributed_dkg_key_packages",
    "verify_signature_share",
};

struct attempt {
    struct lua_slot *slot;
    const char *endpoint;
    struct bytes body;
    struct buffer first, second;
    bool written; /* from here on nothing may be refused */
};

static void read_body(lua_State *L, struct attempt *attempt, const struct schema_type *schema, struct bytes body) {
    const struct decode_input input = {.reader = &attempt->slot->reader,
                                       .hash_key = 7,
                                       .body = body.data,
                                       .body_len = body.len,
                                       .call = &attempt->slot->call};
    decode_request(L, &input, schema);
}

static void write_value(lua_State *L, struct buffer *out, const struct schema_type *schema) {
    const struct encode_output output = {.out = out};
    encode_value(L, -1, schema, &output);
}

/* (attempt) */
static int try(lua_State *L) {
    struct attempt *attempt = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushfstring(L, "tbtc_signer.endpoints.%s", attempt->endpoint);
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "request");
    const struct schema_type *schema = schema_compile(L, -1);
    read_body(L, attempt, schema, attempt->body);
    write_value(L, &attempt->first, schema); /* raises where a member has no written form */
    attempt->written = true;
    read_body(L, attempt, schema, (struct bytes){attempt->first.data, attempt->first.len});
    write_value(L, &attempt->second, schema);
    if (attempt->first.len != attempt->second.len ||
        memcmp(attempt->first.data, attempt->second.data, attempt->first.len) != 0)
        abort();
    return 0;
}

static struct engine *engine;
static struct runtime *runtime;

static struct lua_slot *open_slot(void) {
    setenv("TBTC_SIGNER_PROFILE", "development", 1);
    if (engine_create(&engine, platform_system()) != SIGNER_OK) abort();
    if (runtime_create(&runtime, engine) != SIGNER_OK) abort();
    struct lua_slot *slot = pool_take(runtime);
    if (!slot) abort();
    return slot;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static struct lua_slot *slot;
    static unsigned runs;
    if (!slot) slot = open_slot();
    if (len == 0) return 0;
    struct attempt attempt = {.slot = slot,
                              .endpoint = endpoints[data[0] % (sizeof endpoints / sizeof *endpoints)],
                              .body = {data + 1, len - 1}};
    buffer_init(&attempt.first);
    buffer_init(&attempt.second);
    call_begin(&slot->call, engine);
    lua_pushcfunction(slot->L, try);
    lua_pushlightuserdata(slot->L, &attempt);
    if (lua_pcall(slot->L, 1, 0, 0) != LUA_OK && attempt.written) abort();
    lua_settop(slot->L, 0);
    call_end(&slot->call);
    buffer_free(&attempt.first);
    buffer_free(&attempt.second);
    if (++runs % COLLECT_EVERY == 0) lua_gc(slot->L, LUA_GCCOLLECT);
    return 0;
}
