/* Module `interactive`: what interactive signing has beside opening, rounds and aggregation (interactive-session
 * 12; src/session/interactive.h says what each does).
 *
 *   interactive.session_id_is_valid(text), interactive.attempt_id(text) -> lower-case text or nil
 *   interactive.verify_keys(call, session_id) -> public package or nil
 *   interactive.verify_share(call, session_id, package, keys, member, share or nil, root or nil) -> verdict
 *   interactive.abort(call, session_id, attempt_id or nil) -> whether anything was live */
#include <string.h>

#include "binding/call_object.h"
#include "binding/frost_objects.h"
#include "session/interactive.h"

static int is_session_id(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, session_id_is_valid(text, len));
    return 1;
}

static int read_attempt_id(lua_State *L) {
    size_t len;
    char out[ATTEMPT_ID_TEXT_BYTES + 1];
    const char *text = luaL_checklstring(L, 1, &len);
    if (attempt_id_read(out, text, len))
        lua_pushstring(L, out);
    else
        lua_pushnil(L);
    return 1;
}

static int verify_keys(lua_State *L) {
    size_t len;
    struct call *call = binding_check_locked_call(L, 1);
    const char *session_id = luaL_checklstring(L, 2, &len);
    struct frost_public_package *keys = binding_push_public_package(L);
    if (!verify_copy_keys(call, session_id, len, keys)) lua_pushnil(L);
    return 1;
}

static int verify(lua_State *L) {
    static const char *const texts[] = {
        [SHARE_VALID] = "valid", [SHARE_INVALID] = "invalid", [SHARE_INDETERMINATE] = "indeterminate"};
    struct call *call = binding_check_call(L, 1);
    struct frost_root root;
    struct verify_request request = {.root = &root};
    size_t len = 0;
    request.session_id = luaL_checklstring(L, 2, &request.session_id_len);
    request.package = binding_check_signing_package(L, 3);
    binding_signing_package_digest(L, 3, request.package_digest);
    request.keys = binding_check_public_package(L, 4);
    lua_Integer member = luaL_checkinteger(L, 5);
    luaL_argcheck(L, member >= 0 && member <= UINT16_MAX, 5, "no u16");
    request.member = (uint16_t)member;
    const uint8_t *share = (const uint8_t *)luaL_optlstring(L, 6, NULL, &len);
    request.share = len == FROST_SHARE_BYTES ? share : NULL;
    binding_check_root(L, 7, &root);
    lua_pushstring(L, texts[verify_share(call, &request)]);
    return 1;
}

static int abort_session(lua_State *L) {
    size_t len;
    struct call *call = binding_check_locked_call(L, 1);
    const char *session_id = luaL_checklstring(L, 2, &len);
    const char *attempt_id = luaL_optstring(L, 3, NULL);
    lua_pushboolean(L, interactive_abort(call, session_id, len, attempt_id));
    return 1;
}

static const luaL_Reg functions[] = {
    {"session_id_is_valid", is_session_id},
    {"attempt_id", read_attempt_id},
    {"verify_keys", verify_keys},
    {"verify_share", verify},
    {"abort", abort_session},
    {NULL, NULL},
};

int luaopen_binding_interactive(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
