/* Module `persist`: results of a distributed key generation, stored and taken back (abi 3.5).
 *
 *   plan(call, request) -> plan              no lock; raises for the public package and the count
 *   plan:admission_input() -> json           plan:members() -> { 1, 2, … }
 *   commit(call, plan) -> { session_id =, key_group =, participant_count =, threshold =, created_at_unix = }
 *   key_group_is_valid(text) -> boolean      no lock
 *   retire(call, key_group) -> boolean, seats */
#include <string.h>

#include "binding/call_object.h"
#include "session/identifier_text.h"
#include "session/persist.h"
#include "session/retire.h"

#define PLAN_METATABLE "signer.persist_plan"

static int plan_gc(lua_State *L) {
    persist_plan_free(binding_check_object(L, 1, PLAN_METATABLE));
    return 0;
}

static uint16_t u16_field(lua_State *L, int index, const char *name) {
    lua_getfield(L, index, name);
    lua_Integer value = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return (uint16_t)value;
}

/* The entries of verifying_shares (table at the top) in scratch memory that stays on the stack. */
static void read_shares(lua_State *L, struct persist_request *request) {
    size_t count = 0;
    int map = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, map); lua_pop(L, 1))
        count++;
    struct frost_verifying_share *shares = lua_newuserdatauv(L, (count + 1) * sizeof *shares, 0);
    size_t used = 0;
    for (lua_pushnil(L); lua_next(L, map); lua_pop(L, 1)) {
        size_t len, share_len = 0;
        const char *text = lua_tolstring(L, -2, &len);
        const char *share = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &share_len) : NULL;
        if (!identifier_text_read(&shares[used].identifier, text, len))
            binding_raise_error(L, ERR_VALIDATION, "public_key_package: a key of verifying_shares is no identifier");
        if (share_len != POINT_BYTES || point_decode(&shares[used].share, (const uint8_t *)share) != SIGNER_OK)
            binding_raise_error(L, ERR_VALIDATION, "public_key_package: a verifying share is no compressed point");
        used++;
    }
    request->shares = shares;
    request->share_count = used;
}

static void read_public_package(lua_State *L, struct persist_request *request) {
    size_t len = 0;
    lua_getfield(L, 2, "public_key_package");
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_getfield(L, -1, "verifying_key");
    const char *key = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    if (len != sizeof request->verifying_key_x)
        binding_raise_error(L, ERR_VALIDATION, "public_key_package: verifying_key is not 32 bytes of hex");
    memcpy(request->verifying_key_x, key, sizeof request->verifying_key_x);
    lua_pop(L, 1);
    lua_getfield(L, -1, "verifying_shares");
    read_shares(L, request); /* leaves its scratch memory on the stack */
}

static void read_key_package(lua_State *L, struct persist_request *request) {
    size_t len;
    lua_getfield(L, 2, "key_package");
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_getfield(L, -1, "identifier");
    const char *text = luaL_checklstring(L, -1, &len);
    request->has_identifier = identifier_text_read(&request->identifier, text, len);
    lua_getfield(L, -2, "data_hex");
    if (lua_isuserdata(L, -1)) request->key_package = binding_check_secret(L, -1)->handle;
    lua_pop(L, 3);
}

static int plan(lua_State *L) {
    struct failure why = {0};
    struct persist_request request = {0};
    struct call *call = binding_check_call(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    struct persist_plan *object = binding_new_object(L, sizeof *object, 0, PLAN_METATABLE);
    lua_getfield(L, 2, "session_id");
    request.session_id = luaL_checklstring(L, -1, &request.session_id_len);
    request.participant = u16_field(L, 2, "participant_identifier");
    request.threshold = u16_field(L, 2, "threshold");
    request.participant_count = u16_field(L, 2, "participant_count");
    read_key_package(L, &request);
    read_public_package(L, &request);
    binding_check(L, persist_plan_make(call, object, &request, &why), &why);
    lua_settop(L, 3);
    return 1;
}

static int admission_input(lua_State *L) {
    struct admission_facts facts;
    struct buffer *json = binding_new_buffer(L);
    persist_facts(&facts, binding_check_object(L, 1, PLAN_METATABLE));
    policy_input_admission(json, &facts);
    return binding_push_buffer(L, json, SIGNER_OK, NULL);
}

static int members(lua_State *L) {
    const struct persist_plan *object = binding_check_object(L, 1, PLAN_METATABLE);
    lua_createtable(L, (int)object->member_count, 0);
    for (size_t i = 0; i < object->member_count; i++) {
        lua_pushinteger(L, object->members[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int commit(lua_State *L) {
    struct failure why = {0};
    struct persist_result result;
    struct call *call = binding_check_locked_call(L, 1);
    const struct persist_plan *object = binding_check_object(L, 2, PLAN_METATABLE);
    binding_check(L, persist_commit(call, object, &result, &why), &why);
    lua_createtable(L, 0, 5);
    lua_pushlstring(L, object->session_id, object->session_id_len);
    lua_setfield(L, -2, "session_id");
    lua_pushstring(L, result.key_group);
    lua_setfield(L, -2, "key_group");
    lua_pushinteger(L, result.participant_count);
    lua_setfield(L, -2, "participant_count");
    lua_pushinteger(L, result.threshold);
    lua_setfield(L, -2, "threshold");
    lua_pushinteger(L, (lua_Integer)result.created_at_unix);
    lua_setfield(L, -2, "created_at_unix");
    return 1;
}

static int is_valid(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, key_group_is_valid(text, len));
    return 1;
}

static int retire(lua_State *L) {
    struct failure why = {0};
    struct retire_result result;
    size_t len;
    struct call *call = binding_check_locked_call(L, 1);
    const char *key_group = luaL_checklstring(L, 2, &len);
    if (len != KEY_GROUP_TEXT_BYTES) return binding_raise_error(L, ERR_VALIDATION, "key_group is no group key");
    binding_check(L, retire_wallet(call, key_group, &result, &why), &why);
    lua_pushboolean(L, result.retired);
    lua_pushinteger(L, result.seats);
    return 2;
}

static const luaL_Reg functions[] = {
    {"plan", plan}, {"commit", commit}, {"key_group_is_valid", is_valid}, {"retire", retire}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", plan_gc}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"admission_input", admission_input}, {"members", members}, {NULL, NULL}};

int luaopen_binding_persist(lua_State *L) {
    binding_class(L, PLAN_METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
