/* Module `build_tx`: a transaction from the claims of a request (policy-and-lifecycle 6.3).
 *
 *   input_cap(call, session_id) -> integer
 *   plan(call, inputs, outputs) -> plan           no lock; keeps the lists alive
 *   plan:policy_input(session_id) -> json | nil   nil: the claims are refused, no script is asked
 *   commit(call, session_id, fingerprint | nil, plan)
 *     -> { tx = bytes, sighashes = { bytes, … }, replayed = boolean } */
#include <string.h>

#include "binding/call_object.h"
#include "session/build_tx.h"

#define PLAN_METATABLE "signer.build_plan"

static int plan_gc(lua_State *L) {
    build_plan_free(binding_check_object(L, 1, PLAN_METATABLE));
    return 0;
}

static int input_cap(lua_State *L) {
    struct failure why = {0};
    uint64_t cap;
    size_t len;
    struct call *call = binding_check_call(L, 1);
    const char *session_id = luaL_checklstring(L, 2, &len);
    binding_check(L, build_input_cap(call, session_id, len, &cap, &why), &why);
    lua_pushinteger(L, cap > LUA_MAXINTEGER ? LUA_MAXINTEGER : (lua_Integer)cap);
    return 1;
}

/* The member `name` of the table at the top: false when it is not a string (undecodable). The string
 * stays in the request's table, so the view lives as long as that. */
static bool bytes_field(lua_State *L, const char *name, struct bytes *out) {
    lua_getfield(L, -1, name);
    bool decoded = lua_type(L, -1) == LUA_TSTRING;
    if (decoded) out->data = (const uint8_t *)lua_tolstring(L, -1, &out->len);
    lua_pop(L, 1);
    return decoded;
}

static uint64_t integer_field(lua_State *L, const char *name) {
    lua_getfield(L, -1, name);
    lua_Integer value = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return (uint64_t)value;
}

static struct build_input *read_inputs(lua_State *L, int index, size_t count) {
    struct build_input *inputs = lua_newuserdatauv(L, (count + 1) * sizeof *inputs, 0);
    memset(inputs, 0, (count + 1) * sizeof *inputs);
    for (size_t i = 0; i < count; i++) {
        struct bytes txid = {0};
        lua_geti(L, index, (lua_Integer)i + 1);
        inputs[i].txid_decoded = bytes_field(L, "txid_hex", &txid) && txid.len == TXID_BYTES;
        if (inputs[i].txid_decoded) memcpy(inputs[i].txid, txid.data, TXID_BYTES);
        inputs[i].vout = (uint32_t)integer_field(L, "vout");
        inputs[i].value_sats = integer_field(L, "value_sats");
        inputs[i].script_decoded = bytes_field(L, "script_pubkey_hex", &inputs[i].script);
        lua_pop(L, 1);
    }
    return inputs;
}

static struct build_output *read_outputs(lua_State *L, int index, size_t count) {
    struct build_output *outputs = lua_newuserdatauv(L, (count + 1) * sizeof *outputs, 0);
    memset(outputs, 0, (count + 1) * sizeof *outputs);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, index, (lua_Integer)i + 1);
        outputs[i].value_sats = integer_field(L, "value_sats");
        outputs[i].script_decoded = bytes_field(L, "script_pubkey_hex", &outputs[i].script);
        lua_pop(L, 1);
    }
    return outputs;
}

static int plan(lua_State *L) {
    struct failure why = {0};
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    binding_check_call(L, 1);
    size_t input_count = (size_t)luaL_len(L, 2), output_count = (size_t)luaL_len(L, 3);
    struct build_plan *object = binding_new_object(L, sizeof *object, 2, PLAN_METATABLE);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, -2, 2);
    const struct build_input *inputs = read_inputs(L, 2, input_count);
    const struct build_output *outputs = read_outputs(L, 3, output_count);
    binding_check(L, build_plan_make(object, inputs, input_count, outputs, output_count, &why), &why);
    lua_settop(L, 4);
    return 1;
}

static int policy_input(lua_State *L) {
    const struct build_plan *object = binding_check_object(L, 1, PLAN_METATABLE);
    size_t len;
    const char *session_id = luaL_checklstring(L, 2, &len);
    if (object->refusal.error) return 0;
    struct buffer *json = binding_new_buffer(L);
    build_policy_input(json, session_id, len, object);
    return binding_push_buffer(L, json, SIGNER_OK, NULL);
}

static void push_result(lua_State *L, const struct build_result *result) {
    lua_createtable(L, 0, 3);
    lua_pushlstring(L, (const char *)result->tx.data, result->tx.len);
    lua_setfield(L, -2, "tx");
    lua_createtable(L, (int)result->sighash_count, 0);
    for (size_t i = 0; i < result->sighash_count; i++) {
        lua_pushlstring(L, (const char *)result->sighashes[i], SIGHASH_BYTES);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "sighashes");
    lua_pushboolean(L, result->replayed);
    lua_setfield(L, -2, "replayed");
}

static int commit(lua_State *L) {
    struct failure why = {0};
    struct build_result result;
    size_t len;
    struct call *call = binding_check_locked_call(L, 1);
    const char *session_id = luaL_checklstring(L, 2, &len);
    const char *fingerprint = luaL_optstring(L, 3, "");
    const struct build_plan *object = binding_check_object(L, 4, PLAN_METATABLE);
    enum signer_error error = build_transaction(call, session_id, len, fingerprint, object, &result, &why);
    if (!error) push_result(L, &result);
    build_result_free(&result);
    binding_check(L, error, &why);
    return 1;
}

static const luaL_Reg functions[] = {{"input_cap", input_cap}, {"plan", plan}, {"commit", commit}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", plan_gc}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"policy_input", policy_input}, {NULL, NULL}};

int luaopen_binding_build_tx(lua_State *L) {
    binding_class(L, PLAN_METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
