/* One request through one endpoint file (design 4). The only place that runs protected calls,
 * leaves the mutex, waits for records, encodes and wipes: a Lua error ends here, whatever it is.
 *
 *   decode -> gates -> [enter -> state -> leave -> wait] -> finish -> encode -> end
 *
 * A stage that is missing is skipped. The outcome of the last stage is the reply. */
#include <lauxlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/notice.h"
#include "base/probe.h"
#include "binding/binding.h"
#include "binding/call_object.h"
#include "runtime/decode.h"
#include "runtime/encode.h"
#include "runtime/modules.h"
#include "runtime/pool.h"

/* The reply of an endpoint that commits is never longer than its request plus this, so nothing is
 * allocated for it after the append (design 4). */
#define REPLY_RESERVE 16384
/* Rounds of ERR_AGAIN before the store counts as failing. */
#define AGAIN_MAX 8
/* How often a moved state may ask the operator's policy again (D-135). */
#define ASK_POLICY_MAX 3

/* Stack of the state outside protected calls, filled by `prepare`. */
enum { STACK_GATES = 1, STACK_STATE, STACK_FINISH, STACK_CALL, STACK_REQUEST, STACK_OUTCOME };

struct dispatch {
    struct runtime *runtime;
    struct lua_slot *slot;
    lua_State *L;
    struct call *call;
    const struct request *request;
    struct buffer *reply;
    const struct schema_type *response;
    enum signer_error policy_failed; /* what a policy that never settles is answered with */
    const char *session_id;          /* of the request, for envelopes; the request on the stack keeps it */
    size_t session_id_len;
};

/* -- failures ----------------------------------------------------------------------------------------- */

static enum signer_error failed(struct dispatch *dispatch, enum signer_error error, const struct failure *why) {
    struct failure plain = {error, ""};
    envelope_from_failure(&dispatch->slot->envelope, why && why->error == error ? why : &plain);
    return error;
}

/* A protected call of what lies on the stack. One result, or an envelope and the stack as before. */
static enum signer_error run(struct dispatch *dispatch, int arguments) {
    int status = lua_pcall(dispatch->L, arguments, 1, 0);
    if (status == LUA_OK) return SIGNER_OK;
    envelope_from_lua(dispatch->L, &dispatch->slot->envelope, status);
    if (dispatch->slot->envelope.error == ERR_CONTAINED_FAULT) dispatch->slot->spoiled = true;
    return dispatch->slot->envelope.error;
}

/* -- stages ------------------------------------------------------------------------------------------- */

static void push_function(lua_State *L, int endpoint, const char *name) {
    int type = lua_getfield(L, endpoint, name);
    if (type != LUA_TNIL && type != LUA_TFUNCTION) luaL_error(L, "'%s' of an endpoint is no function", name);
}

static void push_request(lua_State *L, struct dispatch *dispatch, int endpoint) {
    const struct request *request = dispatch->request;
    if (lua_getfield(L, endpoint, "request") == LUA_TNIL) {
        if (request->body) binding_raise_error(L, ERR_VALIDATION, "this call takes no request");
        lua_pop(L, 1);
        lua_newtable(L);
        return;
    }
    const struct schema_type *schema = schema_compile(L, -1);
    struct decode_input input = {
        .reader = &dispatch->slot->reader,
        .hash_key = dispatch->runtime->hash_key,
        .body = request->body ? request->body : (const uint8_t *)"",
        .body_len = request->body_len,
        .call = dispatch->call,
        .handles = request->secrets_out != NULL,
        .secrets = request->secrets_in,
        .secrets_count = request->secrets_in_count,
    };
    decode_request(L, &input, schema);
    lua_remove(L, -2);
}

/* Pushes the table of an endpoint file. */
static void push_endpoint(lua_State *L, const char *name) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "signer.endpoints");
    if (lua_getfield(L, -1, name) != LUA_TTABLE) {
        lua_getglobal(L, "require");
        lua_pushfstring(L, "tbtc_signer.endpoints.%s", name);
        lua_call(L, 1, 1);
        luaL_checktype(L, -1, LUA_TTABLE);
        lua_pushvalue(L, -1);
        lua_setfield(L, -4, name);
    }
}

static void note_session_id(lua_State *L, struct dispatch *dispatch) {
    if (lua_getfield(L, -1, "session_id") == LUA_TSTRING)
        dispatch->session_id = lua_tolstring(L, -1, &dispatch->session_id_len);
    lua_pop(L, 1);
}

/* (dispatch) -> gates, state, finish, call, request */
static int prepare(lua_State *L) {
    struct dispatch *dispatch = lua_touserdata(L, 1);
    push_endpoint(L, dispatch->request->endpoint);
    int endpoint = lua_absindex(L, -1);
    lua_getfield(L, endpoint, "response");
    dispatch->response = schema_compile(L, -1);
    if (lua_getfield(L, endpoint, "policy_failed") == LUA_TSTRING)
        dispatch->policy_failed = error_by_name(lua_tostring(L, -1));
    push_function(L, endpoint, "gates");
    push_function(L, endpoint, "state");
    push_function(L, endpoint, "finish");
    binding_push_call(L, dispatch->call);
    push_request(L, dispatch, endpoint);
    note_session_id(L, dispatch);
    return 5;
}

static enum signer_error run_prepare(struct dispatch *dispatch) {
    lua_State *L = dispatch->L;
    probe_switch(PROBE_CODEC);
    lua_pushcfunction(L, prepare);
    lua_pushlightuserdata(L, dispatch);
    int status = lua_pcall(L, 1, 5, 0);
    if (status != LUA_OK) {
        envelope_from_lua(L, &dispatch->slot->envelope, status);
        if (dispatch->slot->envelope.error == ERR_CONTAINED_FAULT) dispatch->slot->spoiled = true;
        return dispatch->slot->envelope.error;
    }
    lua_pushnil(L); /* STACK_OUTCOME */
    return SIGNER_OK;
}

/* Runs the function at `stage` as stage(call, request) or stage(call, outcome, request); its result
 * becomes the outcome. Only the state stage may hold the engine at its end. Nothing here allocates
 * outside the protected call. */
static enum signer_error run_stage(struct dispatch *dispatch, int stage) {
    lua_State *L = dispatch->L;
    if (lua_isnil(L, stage)) return SIGNER_OK;
    probe_switch(stage == STACK_FINISH ? PROBE_CRYPTO : PROBE_GATES);
    lua_pushvalue(L, stage);
    lua_pushvalue(L, STACK_CALL);
    if (stage == STACK_FINISH) lua_pushvalue(L, STACK_OUTCOME);
    lua_pushvalue(L, STACK_REQUEST);
    enum signer_error error = run(dispatch, stage == STACK_FINISH ? 3 : 2);
    if (error == SIGNER_OK) lua_replace(L, STACK_OUTCOME);
    if (stage != STACK_STATE && dispatch->call->locked) {
        call_leave(dispatch->call);
        if (error == SIGNER_OK) error = failed(dispatch, ERR_INTERNAL, NULL);
    }
    return error;
}

/* The state stage under the mutex, once. */
static enum signer_error run_locked(struct dispatch *dispatch) {
    struct failure why = {SIGNER_OK, ""};
    enum signer_error error = call_enter(dispatch->call, &why);
    if (error != SIGNER_OK) {
        failed(dispatch, error, &why);
    } else {
        error = run_stage(dispatch, STACK_STATE);
    }
    if (dispatch->call->locked) call_leave(dispatch->call);
    return error;
}

/* A refusal passes through the wait too: nobody may learn from it what disk does not hold (D-120). */
static enum signer_error run_state(struct dispatch *dispatch) {
    if (lua_isnil(dispatch->L, STACK_STATE)) return SIGNER_OK;
    struct failure why = {SIGNER_OK, ""};
    enum signer_error error = run_locked(dispatch);
    for (int round = 0; error == ERR_AGAIN; round++) {
        enum signer_error ready = round < AGAIN_MAX ? call_make_ready(dispatch->call, &why) : ERR_STATE_IO;
        if (ready != SIGNER_OK) {
            error = failed(dispatch, ready, &why);
            break;
        }
        error = run_locked(dispatch);
    }
    if (error == ERR_ASK_POLICY) return error;
    probe_switch(PROBE_RECORD);
    enum signer_error waited = call_wait(dispatch->call, &why);
    return waited == SIGNER_OK ? error : failed(dispatch, waited, &why);
}

/* (dispatch, reply value): writes the reply. */
static int encode(lua_State *L) {
    struct dispatch *dispatch = lua_touserdata(L, 1);
    struct encode_output output = {
        .out = dispatch->reply,
        .call = dispatch->call,
        .secrets = dispatch->request->secrets_out,
        .secrets_count = dispatch->request->secrets_out_count,
    };
    encode_value(L, 2, dispatch->response, &output);
    binding_check(L, buffer_status(dispatch->reply), NULL);
    return 0;
}

static enum signer_error run_encode(struct dispatch *dispatch) {
    lua_State *L = dispatch->L;
    probe_switch(PROBE_CODEC);
    lua_pushcfunction(L, encode);
    lua_pushlightuserdata(L, dispatch);
    lua_pushvalue(L, STACK_OUTCOME);
    return run(dispatch, 2);
}

static enum signer_error run_request(struct dispatch *dispatch) {
    if (buffer_reserve(dispatch->reply, dispatch->request->body_len + REPLY_RESERVE) != SIGNER_OK)
        return failed(dispatch, ERR_OUT_OF_MEMORY, NULL);
    enum signer_error error = run_prepare(dispatch);
    if (error != SIGNER_OK) return error;
    for (int asked = 0;; asked++) {
        error = run_stage(dispatch, STACK_GATES);
        if (error == SIGNER_OK) error = run_state(dispatch);
        if (error != ERR_ASK_POLICY) break;
        if (asked == ASK_POLICY_MAX) {
            struct failure why;
            fail(&why, dispatch->policy_failed, "the state moved at every question to the policy");
            return failed(dispatch, why.error, &why);
        }
    }
    if (error == SIGNER_OK) error = run_stage(dispatch, STACK_FINISH);
    if (error == SIGNER_OK) error = run_encode(dispatch);
    return error;
}

/* -- the outermost function ------------------------------------------------------------------------------ */

/* The host sees internal errors redacted; the operator finds them here. Of a contained fault only the
 * place is named, since its text may hold anything. */
static void log_internal(const struct dispatch *dispatch, const struct envelope *envelope) {
    const struct error_info *info = error_info(envelope->error);
    if (info->code != CODE_INTERNAL) return;
    char detail[256];
    size_t len = 0;
    bool place = envelope->error == ERR_CONTAINED_FAULT;
    int colons = 0;
    for (const char *at = envelope->detail; *at && len < sizeof detail - 1; at++) {
        if (place && *at == ':' && ++colons == 2) break;
        detail[len++] = *at >= 0x20 && *at < 0x7f ? *at : '?';
    }
    if (place && colons < 2) len = 0;
    detail[len] = 0;
    notice_plain("signer_error call=%s error=%s reason_code=%s detail=%s%s", dispatch->request->endpoint, info->name,
                 info->reason_code ? info->reason_code : "none", detail, place ? " (payload redacted)" : "");
}

static bool answer_without_lua(struct runtime *runtime, struct buffer *reply) {
    struct failure why = {ERR_OUT_OF_MEMORY, ""};
    runtime_envelope(reply, &why, !settings_is_production(&runtime->engine->settings));
    return false;
}

bool runtime_call(struct runtime *runtime, const struct request *request, struct buffer *reply) {
    struct lua_slot *slot = pool_take(runtime);
    if (!slot) return answer_without_lua(runtime, reply);
    struct dispatch dispatch = {
        .runtime = runtime,
        .slot = slot,
        .L = slot->L,
        .call = &slot->call,
        .request = request,
        .reply = reply,
        .policy_failed = ERR_OPERATOR_FAILED,
    };
    call_begin(dispatch.call, runtime->engine);
    enum signer_error error = run_request(&dispatch);
    probe_switch(PROBE_OTHER);
    if (lua_gettop(slot->L) >= STACK_CALL) binding_end_call(slot->L, STACK_CALL);
    call_end(dispatch.call);
    if (error != SIGNER_OK) {
        bool development = !settings_is_production(&runtime->engine->settings);
        if (!development) log_internal(&dispatch, &slot->envelope);
        /* A fake endpoint of a spec drives nothing. */
        if (!runtime->extra) driven_error((int)slot->envelope.error, error_info(slot->envelope.error)->name);
        if (request->secrets_out_count) {
            for (size_t i = 0; i < *request->secrets_out_count; i++)
                vault_wipe(runtime->engine->vault, request->secrets_out[i]);
            *request->secrets_out_count = 0;
        }
        envelope_write(reply, &slot->envelope, dispatch.session_id, dispatch.session_id_len, development);
    }
    lua_settop(slot->L, 0);
    pool_give(runtime, slot);
    return error == SIGNER_OK;
}
