/* store_tools: the offline tools of the store (sealed-store 35.13) over the settings of an engine whose
 * state is not open.
 *
 *   inspection = store_tools.inspect(engine)     shared lock, changes nothing
 *     inspection:facts()      -> { present, refusal = {reason_code, code, detail} | nil, store_id, seq, … }
 *     inspection:count()      -> files in the store directory
 *     inspection:check(i)     -> { name, bytes, records, on_path, fault = {…} | nil, torn_bytes }
 *     inspection:summary()    -> numbers of the state; nil when it could not be recovered
 *     inspection:protection() -> JSON text, nil as above
 *     inspection:floors()     -> list of { session_id, highest_attempt_number }, nil as above
 *     inspection:close()
 *   store_tools.is_present(engine) -> boolean
 *   result = store_tools.init(engine) | compact(engine) | rekey(engine, { command =, timeout_s = } | { variable = })
 *       | take_over(engine, lowest generation)
 *   adoption = store_tools.adopt(engine)
 *   counts = store_tools.import(engine, json)
 * Each raises the typed error of what failed. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "binding/binding.h"
#include "registry/export.h"
#include "session/store_tool.h"

#define METATABLE "signer.store_inspection"

struct inspection {
    struct verify verify;
    struct vault *vault; /* holds the key; may outlive the engine */
};

static void set_failure(lua_State *L, const char *name, const struct failure *failure) {
    if (failure->error == SIGNER_OK) return;
    const struct error_info *info = error_info(failure->error);
    lua_newtable(L);
    binding_set_text(L, "reason_code", info->reason_code ? info->reason_code : "internal_error");
    binding_set_text(L, "message", failure->detail[0] ? failure->detail : info->text);
    lua_setfield(L, -2, name);
}

/* -- looking ------------------------------------------------------------------------------------------ */

static struct inspection *check_inspection(lua_State *L) {
    struct inspection *inspection = binding_check_object(L, 1, METATABLE);
    luaL_argcheck(L, inspection->vault, 1, "closed");
    return inspection;
}

static int inspect(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    struct failure why = {0};
    struct inspection *inspection = binding_new_object(L, sizeof *inspection, 0, METATABLE);
    inspection->vault = engine->vault;
    vault_retain(inspection->vault);
    binding_check(L, store_tool_inspect(&inspection->verify, engine, &why), &why);
    return 1;
}

static int close_inspection(lua_State *L) {
    struct inspection *inspection = binding_check_object(L, 1, METATABLE);
    if (!inspection->vault) return 0;
    verify_close(&inspection->verify);
    vault_drop(inspection->vault);
    inspection->vault = NULL;
    return 0;
}

static int facts(lua_State *L) {
    const struct verify *verify = &check_inspection(L)->verify;
    const struct opening *opening = &verify->opening;
    const struct store *store = opening->store;
    lua_newtable(L);
    binding_set_flag(L, "present", verify->present);
    binding_set_flag(L, "old_file", opening->old.present);
    binding_set_flag(L, "recorded", store->lock.recorded);
    binding_set_text(L, "path", store->core.place.path);
    set_failure(L, "refusal", &verify->fate);
    if (!verify->present) return 1;
    binding_set_hex(L, "store_id", store->core.store_id, 32);
    binding_set_u64(L, "log_number", opening->head);
    binding_set_u64(L, "highest_number", names_highest_any(&opening->names));
    if (opening->marked) {
        lua_newtable(L);
        binding_set_u64(L, "log_number", opening->mark.log_number);
        binding_set_u64(L, "seq", opening->mark.seq);
        binding_set_hex(L, "chain", opening->mark.chain, 32);
        lua_setfield(L, -2, "mark");
    }
    if (opening->anchored) binding_set_u64(L, "anchor_seq", opening->anchor_mark.seq);
    if (!opening->replay.state) return 1;
    binding_set_u64(L, "seq", opening->replay.seq);
    binding_set_hex(L, "chain", opening->replay.chain, 32);
    binding_set_u64(L, "torn_bytes", opening->replay.tail.bytes);
    return 1;
}

static int count(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)verify_count(&check_inspection(L)->verify));
    return 1;
}

static int check(lua_State *L) {
    struct inspection *inspection = check_inspection(L);
    lua_Integer index = luaL_checkinteger(L, 2);
    struct verified_file file;
    struct failure why = {0};
    luaL_argcheck(L, index >= 1 && (lua_Unsigned)index <= verify_count(&inspection->verify), 2, "no such file");
    binding_check(L, verify_file(&inspection->verify, (size_t)index - 1, &file, &why), &why);
    lua_newtable(L);
    binding_set_text(L, "name", file.name);
    binding_set_u64(L, "bytes", file.bytes);
    binding_set_u64(L, "records", file.records);
    binding_set_flag(L, "on_path", file.on_path);
    binding_set_u64(L, "torn_bytes", file.tail.clean ? 0 : file.tail.bytes);
    set_failure(L, "fault", &file.fault);
    return 1;
}

static struct state *recovered(lua_State *L) {
    return check_inspection(L)->verify.opening.replay.state;
}

static int summary(lua_State *L) {
    struct state *state = recovered(L);
    struct state_summary numbers;
    struct canary canary;
    if (!state) return 0;
    state_summarise(&numbers, state);
    lua_newtable(L);
    binding_set_u64(L, "sessions", numbers.sessions);
    binding_set_u64(L, "wallets", numbers.wallets);
    binding_set_u64(L, "seats", numbers.seats);
    binding_set_u64(L, "set_entries", numbers.set_entries);
    binding_set_u64(L, "tombstones", numbers.tombstones);
    binding_set_u64(L, "rekey_events", numbers.rekey_events);
    binding_set_u64(L, "quarantined_operators", numbers.quarantined);
    binding_set_u64(L, "generation", numbers.generation);
    binding_set_u64(L, "open_number", numbers.open_number);
    if (state_canary(state, &canary)) binding_set_u64(L, "canary_percent", canary.current_percent);
    return 1;
}

static int protection(lua_State *L) {
    struct state *state = recovered(L);
    const struct opening *opening = &check_inspection(L)->verify.opening;
    struct buffer json;
    if (!state) return 0;
    buffer_init(&json);
    enum signer_error error = state_export_protection(&json, state, opening->store->core.store_id, opening->replay.seq,
                                                      opening->replay.chain);
    if (error == SIGNER_OK) lua_pushlstring(L, (const char *)json.data, json.len);
    buffer_free(&json);
    binding_check(L, error, NULL);
    return 1;
}

static int floors(lua_State *L) {
    struct state *state = recovered(L);
    lua_Integer index = 0;
    if (!state) return 0;
    lua_newtable(L);
    for (struct session *session = state_next(state, NULL); session; session = state_next(state, session)) {
        if (!session_has(session, FIELD_HIGHEST_ATTEMPT)) continue;
        lua_newtable(L);
        lua_pushlstring(L, (const char *)session->id.data, session->id.len);
        lua_setfield(L, -2, "session_id");
        binding_set_u64(L, "highest_attempt_number", session->highest_attempt_number);
        lua_rawseti(L, -2, ++index);
    }
    return 1;
}

/* -- acting --------------------------------------------------------------------------------------------- */

static int push_result(lua_State *L, const struct store_result *result) {
    lua_newtable(L);
    binding_set_hex(L, "store_id", result->store_id, 32);
    binding_set_u64(L, "seq", result->seq);
    binding_set_u64(L, "log_number", result->log_number);
    binding_set_u64(L, "open_number", result->open_number);
    binding_set_flag(L, "imported", result->imported);
    return 1;
}

static int is_present(lua_State *L) {
    struct failure why = {0};
    bool present = false;
    binding_check(L, store_tool_present(&present, binding_check_engine(L, 1), &why), &why);
    lua_pushboolean(L, present);
    return 1;
}

static int run_tool(lua_State *L,
                    enum signer_error (*tool)(struct store_result *out, struct engine *engine, struct failure *why)) {
    struct store_result result;
    struct failure why = {0};
    binding_check(L, tool(&result, binding_check_engine(L, 1), &why), &why);
    return push_result(L, &result);
}

static int init(lua_State *L) {
    return run_tool(L, store_tool_init);
}

static int take_over(lua_State *L) {
    struct store_result result;
    struct failure why = {0};
    const lua_Integer lowest = luaL_checkinteger(L, 2);
    luaL_argcheck(L, lowest >= 1, 2, "the generation is at least 1");
    binding_check(L, store_tool_take_over(&result, binding_check_engine(L, 1), (uint64_t)lowest, &why), &why);
    return push_result(L, &result);
}

static int compact(lua_State *L) {
    return run_tool(L, store_tool_compact);
}

/* The key itself goes from the environment or the command straight into the vault. */
static int rekey(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    struct store_result result;
    struct failure why = {0};
    struct key_provider provider = {.kind = KEY_PROVIDER_ENV};
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getfield(L, 2, "command");
    lua_getfield(L, 2, "variable");
    lua_getfield(L, 2, "timeout_s");
    if (lua_isstring(L, -3)) {
        provider.kind = KEY_PROVIDER_COMMAND;
        provider.command = lua_tostring(L, -3);
    } else {
        provider.env_text = engine->settings.environment(engine->settings.environment_context, luaL_checkstring(L, -2));
    }
    lua_Integer timeout = luaL_optinteger(L, -1, 30);
    luaL_argcheck(L, timeout >= 1 && timeout <= 300, 2, "timeout_s is 1 to 300");
    provider.timeout_s = (uint32_t)timeout;
    binding_check(L, store_tool_rekey(&result, engine, &provider, &why), &why);
    return push_result(L, &result);
}

static int adopt(lua_State *L) {
    struct adoption adoption;
    struct failure why = {0};
    binding_check(L, store_tool_adopt(&adoption, binding_check_engine(L, 1), &why), &why);
    lua_newtable(L);
    binding_set_hex(L, "store_id", adoption.store_id, 32);
    binding_set_u64(L, "seq", adoption.seq);
    binding_set_u64(L, "log_number", adoption.log_number);
    binding_set_flag(L, "needed", adoption.needed);
    return 1;
}

static int import(lua_State *L) {
    struct protection_counts counts;
    struct failure why = {0};
    size_t len;
    struct engine *engine = binding_check_engine(L, 1);
    const char *json = luaL_checklstring(L, 2, &len);
    binding_check(L, store_tool_import(&counts, engine, json, len, &why), &why);
    lua_newtable(L);
    binding_set_hex(L, "store_id", counts.store_id, 32);
    binding_set_u64(L, "seq", counts.seq);
    binding_set_u64(L, "sessions", counts.sessions);
    binding_set_u64(L, "entries", counts.entries);
    binding_set_u64(L, "tombstones", counts.tombstones);
    binding_set_u64(L, "rekey_events", counts.events);
    binding_set_u64(L, "operators", counts.operators);
    binding_set_flag(L, "canary_lowered", counts.canary);
    return 1;
}

static const luaL_Reg methods[] = {
    {"facts", facts},
    {"count", count},
    {"check", check},
    {"summary", summary},
    {"floors", floors},
    {"protection", protection},
    {"close", close_inspection},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"inspect", inspect},     {"is_present", is_present}, {"init", init},
    {"take_over", take_over}, {"compact", compact},       {"rekey", rekey},
    {"adopt", adopt},         {"import", import},         {NULL, NULL},
};

int luaopen_binding_store_tools(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", close_inspection}, {"__close", close_inspection}, {NULL, NULL}};
    binding_class(L, METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
