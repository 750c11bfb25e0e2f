/* test_changes: lists of changes by op and through the builders, and the ordered index alone (test
 * build). Bytes are strings, ids and texts too; u64 values are Lua integers.
 *
 *   changes = test_changes.new()
 *   changes:op(number, payload)  changes:body()  changes:count()  changes:counted()  changes:join(changes)
 *   the builders of change.h under their short names: create, field, text, add, key_packages, …
 *   test_changes.index({inserted, …}, {removed, …}) -> depth, count, {value, …} in order */
#include <stdlib.h>
#include <string.h>

#include "binding/frost_objects.h"
#include "binding/test_registry.h"
#include "frost/keys.h"

static struct changes *check_changes(lua_State *L, int index) {
    return luaL_checkudata(L, index, TEST_CHANGES);
}

static uint64_t check_u64(lua_State *L, int index) {
    return (uint64_t)luaL_checkinteger(L, index);
}

static struct test_state *check_test(lua_State *L, int index) {
    struct test_state *test = luaL_checkudata(L, index, TEST_STATE);
    luaL_argcheck(L, test->state, index, "closed");
    return test;
}

static struct session *check_session(lua_State *L, struct test_state *test, int index) {
    size_t len = 0;
    const char *id = luaL_checklstring(L, index, &len);
    struct session *session = state_session(test->state, id, len);
    if (!session) luaL_argerror(L, index, "no such session");
    return session;
}

static int new_changes(lua_State *L) {
    struct test_changes *test = lua_newuserdatauv(L, sizeof *test, 1);
    changes_init(&test->changes);
    test->held = NULL;
    luaL_setmetatable(L, TEST_CHANGES);
    return 1;
}

void test_changes_hold(lua_State *L, int index, struct vault *vault) {
    struct test_changes *test = luaL_checkudata(L, index, TEST_CHANGES);
    luaL_argcheck(L, !test->held || test->held == vault, index, "changes of one engine");
    if (!test->held) vault_retain(vault);
    test->held = vault;
}

static int free_changes(lua_State *L) {
    struct test_changes *test = luaL_checkudata(L, 1, TEST_CHANGES);
    changes_free(&test->changes);
    vault_drop(test->held);
    test->held = NULL;
    return 0;
}

static int changes_body(lua_State *L) {
    struct changes *changes = check_changes(L, 1);
    if (changes->error != SIGNER_OK) return binding_raise_error(L, changes->error, NULL);
    lua_pushlstring(L, (const char *)changes->body.data, changes->body.len);
    return 1;
}

static int changes_count(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_changes(L, 1)->count);
    return 1;
}

static int changes_counted(lua_State *L) {
    lua_pushboolean(L, check_changes(L, 1)->counted);
    return 1;
}

static int changes_add(lua_State *L) {
    struct test_changes *more = luaL_checkudata(L, 2, TEST_CHANGES);
    if (more->held) test_changes_hold(L, 1, more->held);
    changes_join(check_changes(L, 1), &more->changes);
    return 0;
}

static int build_op(lua_State *L) {
    size_t len = 0;
    const char *payload = luaL_optlstring(L, 3, "", &len);
    change_op(check_changes(L, 1), (enum state_op)luaL_checkinteger(L, 2), payload, len);
    return 0;
}

#define BUILDER(name)                                                                                                  \
    struct changes *changes = check_changes(L, 1);                                                                     \
    size_t len = 0;                                                                                                    \
    const char *id = luaL_checklstring(L, 2, &len);

static int build_create(lua_State *L) {
    BUILDER(create)
    change_session_create(changes, id, len);
    return 0;
}

static int build_delete(lua_State *L) {
    BUILDER(delete)
    change_session_delete(changes, id, len);
    return 0;
}

static int build_field(lua_State *L) {
    BUILDER(field)
    size_t value_len = 0;
    const char *value = luaL_checklstring(L, 4, &value_len);
    change_field_set(changes, id, len, (enum session_field)luaL_checkinteger(L, 3), value, value_len);
    return 0;
}

static int build_text(lua_State *L) {
    BUILDER(text)
    size_t text_len = 0;
    const char *text = luaL_checklstring(L, 4, &text_len);
    change_field_text(changes, id, len, (enum session_field)luaL_checkinteger(L, 3), text, text_len);
    return 0;
}

static int build_u64(lua_State *L) {
    BUILDER(u64)
    change_field_u64(changes, id, len, (enum session_field)luaL_checkinteger(L, 3), check_u64(L, 4));
    return 0;
}

static int build_u32(lua_State *L) {
    BUILDER(u32)
    change_field_u32(changes, id, len, (enum session_field)luaL_checkinteger(L, 3), (uint32_t)check_u64(L, 4));
    return 0;
}

static int build_u8(lua_State *L) {
    BUILDER(u8)
    change_field_u8(changes, id, len, (enum session_field)luaL_checkinteger(L, 3), (uint8_t)check_u64(L, 4));
    return 0;
}

static int build_clear(lua_State *L) {
    BUILDER(clear)
    change_field_clear(changes, id, len, (enum session_field)luaL_checkinteger(L, 3));
    return 0;
}

static int build_add(lua_State *L) {
    BUILDER(add)
    size_t entry_len = 0;
    const char *entry = luaL_checklstring(L, 4, &entry_len);
    change_set_add(changes, id, len, (enum session_set)luaL_checkinteger(L, 3), entry, entry_len);
    return 0;
}

static int build_remove(lua_State *L) {
    BUILDER(remove)
    size_t entry_len = 0;
    const char *entry = luaL_checklstring(L, 4, &entry_len);
    change_set_remove(changes, id, len, (enum session_set)luaL_checkinteger(L, 3), entry, entry_len);
    return 0;
}

static int build_append(lua_State *L) {
    BUILDER(append)
    size_t item_len = 0;
    const char *item = luaL_checklstring(L, 4, &item_len);
    change_list_append(changes, id, len, (enum session_list)luaL_checkinteger(L, 3), item, item_len);
    return 0;
}

/* tombstone(state, id), evict(state, id) */
static int build_tombstone(lua_State *L) {
    struct test_state *test = check_test(L, 2);
    change_tombstone(check_changes(L, 1), check_session(L, test, 3));
    return 0;
}

static int build_evict(lua_State *L) {
    struct test_state *test = check_test(L, 2);
    change_evict(check_changes(L, 1), check_session(L, test, 3));
    return 0;
}

static int build_score(lua_State *L) {
    change_score(check_changes(L, 1), (uint16_t)luaL_checkinteger(L, 2), check_u64(L, 3));
    return 0;
}

static int build_quarantine(lua_State *L) {
    change_quarantine(check_changes(L, 1), (uint16_t)luaL_checkinteger(L, 2), lua_toboolean(L, 3));
    return 0;
}

static int build_canary(lua_State *L) {
    struct canary canary = {.current_percent = (uint8_t)luaL_checkinteger(L, 2),
                            .previous_percent = (uint8_t)luaL_checkinteger(L, 3),
                            .version = check_u64(L, 4),
                            .last_action_unix = check_u64(L, 5)};
    change_canary(check_changes(L, 1), &canary);
    return 0;
}

static int build_refresh_epoch(lua_State *L) {
    change_refresh_epoch(check_changes(L, 1), check_u64(L, 2));
    return 0;
}

static int build_purge(lua_State *L) {
    change_purge(check_changes(L, 1));
    return 0;
}

static int build_rebase(lua_State *L) {
    change_witness_rebase(check_changes(L, 1), check_u64(L, 2));
    return 0;
}

/* key_packages(id, state or engine, {{member, encoded}, …}): into its vault, then the builder */
static int build_key_packages(lua_State *L) {
    BUILDER(key_packages)
    struct vault *vault =
        luaL_testudata(L, 3, TEST_STATE) ? check_test(L, 3)->vault : binding_check_engine(L, 3)->vault;
    lua_Integer count = luaL_len(L, 4);
    struct seat_key seats[PARTICIPANTS_MAX];
    luaL_argcheck(L, count <= (lua_Integer)PARTICIPANTS_MAX, 4, "too many");
    test_changes_hold(L, 1, vault);
    for (lua_Integer i = 0; i < count; i++) {
        lua_geti(L, 4, i + 1);
        lua_geti(L, -1, 1);
        lua_geti(L, -2, 2);
        size_t encoded_len = 0;
        const char *encoded = luaL_checklstring(L, -1, &encoded_len);
        void *memory = NULL;
        seats[i].member = (uint16_t)luaL_checkinteger(L, -2);
        binding_check(
            L, vault_new(vault, SECRET_KEY_PACKAGE, sizeof(struct frost_key_package), &seats[i].key_package, &memory),
            NULL);
        binding_check(L, frost_key_package_decode(memory, (const uint8_t *)encoded, encoded_len), NULL);
        lua_pop(L, 3);
    }
    change_key_packages(changes, vault, id, len, seats, (size_t)count);
    for (lua_Integer i = 0; i < count; i++)
        vault_wipe(vault, seats[i].key_package);
    return 0;
}

static int build_public_package(lua_State *L) {
    BUILDER(public_package)
    size_t encoded_len = 0;
    const char *encoded = luaL_checklstring(L, 3, &encoded_len);
    struct frost_public_package keys = {0};
    binding_check(L, frost_public_package_decode(&keys, (const uint8_t *)encoded, encoded_len), NULL);
    change_public_package(changes, id, len, &keys);
    frost_public_package_free(&keys);
    return 0;
}

static void check_key_group(lua_State *L, int index, char out[KEY_GROUP_TEXT_BYTES + 1]) {
    size_t len = 0;
    const char *text = luaL_optlstring(L, index, "", &len);
    luaL_argcheck(L, len == 0 || len == KEY_GROUP_TEXT_BYTES, index, "key group");
    memcpy(out, text, len + 1);
}

/* dkg_result(id, key group, participants, threshold, created) */
static int build_dkg_result(lua_State *L) {
    BUILDER(dkg_result)
    struct dkg_result result = {.session_id = (char *)(uintptr_t)id,
                                .participant_count = (uint16_t)luaL_checkinteger(L, 4),
                                .threshold = (uint16_t)luaL_checkinteger(L, 5),
                                .created_at_unix = check_u64(L, 6)};
    check_key_group(L, 3, result.key_group);
    change_dkg_result(changes, id, len, &result);
    return 0;
}

/* rekey(id, reason, time, key group or nil) */
static int build_rekey(lua_State *L) {
    BUILDER(rekey)
    struct rekey_event event = {.reason = (char *)(uintptr_t)luaL_checkstring(L, 3),
                                .triggered_at_unix = check_u64(L, 4)};
    check_key_group(L, 5, event.key_group);
    change_rekey_event(changes, id, len, &event);
    return 0;
}

/* transaction(id, tx, {sighash, …}, {{value, script}, …}) */
static int build_transaction(lua_State *L) {
    BUILDER(transaction)
    struct built_transaction tx = {.session_id = (char *)(uintptr_t)id};
    tx.tx.data = (const uint8_t *)luaL_checklstring(L, 3, &tx.tx.len);
    tx.sighash_count = (size_t)luaL_len(L, 4);
    tx.prevout_count = (size_t)luaL_len(L, 5);
    tx.sighashes = lua_newuserdatauv(L, 32 * tx.sighash_count + 1, 0);
    tx.prevouts = lua_newuserdatauv(L, tx.prevout_count * sizeof *tx.prevouts + 1, 0);
    for (size_t i = 0; i < tx.sighash_count; i++) {
        lua_geti(L, 4, (lua_Integer)i + 1);
        memcpy(tx.sighashes[i], binding_check_raw(L, -1, 32), 32);
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < tx.prevout_count; i++) {
        lua_geti(L, 5, (lua_Integer)i + 1);
        lua_geti(L, -1, 1);
        lua_geti(L, -2, 2);
        tx.prevouts[i].value_sats = (uint64_t)luaL_checkinteger(L, -2);
        tx.prevouts[i].script.data = (const uint8_t *)luaL_checklstring(L, -1, &tx.prevouts[i].script.len);
        lua_pop(L, 3);
    }
    change_built_transaction(changes, id, len, &tx);
    return 0;
}

/* verdict{allow, policy, version, source_sha256, rule, reason, session_id, unix_ms, input_digest, input_json} */
static int build_verdict(lua_State *L) {
    struct verdict_record verdict = {0};
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getfield(L, 2, "allow");
    verdict.allow = lua_toboolean(L, -1);
    lua_getfield(L, 2, "unix_ms");
    verdict.unix_ms = check_u64(L, -1);
    lua_getfield(L, 2, "source_sha256");
    memcpy(verdict.source_sha256, binding_check_raw(L, -1, 32), 32);
    lua_getfield(L, 2, "input_digest");
    memcpy(verdict.input_digest, binding_check_raw(L, -1, 32), 32);
    lua_getfield(L, 2, "policy");
    verdict.policy = luaL_checkstring(L, -1);
    lua_getfield(L, 2, "version");
    verdict.version = luaL_checkstring(L, -1);
    lua_getfield(L, 2, "rule");
    verdict.rule = luaL_checkstring(L, -1);
    lua_getfield(L, 2, "reason");
    verdict.reason = luaL_checkstring(L, -1);
    lua_getfield(L, 2, "session_id");
    verdict.session_id = luaL_optlstring(L, -1, "", &verdict.session_id_len);
    lua_getfield(L, 2, "input_json");
    verdict.input_json.data = (const uint8_t *)luaL_optlstring(L, -1, "", &verdict.input_json.len);
    change_verdict(check_changes(L, 1), &verdict);
    return 0;
}

/* -- the ordered index alone --------------------------------------------------------------------- */

struct number {
    struct tree_node node;
    lua_Integer value;
};

static int compare_numbers(const struct tree_node *a, const struct tree_node *b) {
    lua_Integer left = TREE_OBJECT(a, const struct number, node)->value;
    lua_Integer right = TREE_OBJECT(b, const struct number, node)->value;
    return left < right ? -1 : left > right;
}

static int probe_number(const void *key, const struct tree_node *node) {
    lua_Integer left = *(const lua_Integer *)key;
    lua_Integer right = TREE_OBJECT(node, const struct number, node)->value;
    return left < right ? -1 : left > right;
}

static int depth_of(const struct tree_node *node) {
    if (!node) return 0;
    int left = depth_of(node->left);
    int right = depth_of(node->right);
    return 1 + (left > right ? left : right);
}

static int ordered_index(lua_State *L) {
    struct tree tree = {.compare = compare_numbers};
    lua_Integer count = luaL_len(L, 1);
    struct number *numbers = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *numbers, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_geti(L, 1, i + 1);
        numbers[i] = (struct number){.value = luaL_checkinteger(L, -1)};
        lua_pop(L, 1);
        tree_insert(&tree, &numbers[i].node);
    }
    for (lua_Integer i = 1; i <= luaL_len(L, 2); i++) {
        lua_geti(L, 2, i);
        lua_Integer key = luaL_checkinteger(L, -1);
        lua_pop(L, 1);
        struct tree_node *node = tree_find(&tree, &key, probe_number);
        if (node) tree_remove(&tree, node);
    }
    lua_pushinteger(L, depth_of(tree.root));
    lua_pushinteger(L, (lua_Integer)tree.count);
    lua_newtable(L);
    lua_Integer at = 1;
    struct tree_walk walk;
    struct tree_node *walked = tree_begin(&walk, &tree);
    for (struct tree_node *node = tree_first(&tree); node; walked = tree_step(&walk)) {
        lua_Integer key = TREE_OBJECT(node, struct number, node)->value;
        struct tree_node *next = tree_at(&tree, &key, probe_number, true);
        lua_Integer behind = key + 1;
        if (walked != node || tree_is_behind(&tree, &key, probe_number) ||
            tree_is_behind(&tree, &behind, probe_number) != !next)
            return luaL_error(L, "the walk or the end is wrong at %d", (int)key);
        lua_pushinteger(L, key);
        lua_rawseti(L, -2, at++);
        node = next;
    }
    if (walked) return luaL_error(L, "the walk goes on behind the end");
    return 3;
}

static const luaL_Reg changes_methods[] = {
    {"free", free_changes},
    {"body", changes_body},
    {"count", changes_count},
    {"counted", changes_counted},
    {"join", changes_add},
    {"op", build_op},
    {"create", build_create},
    {"delete", build_delete},
    {"field", build_field},
    {"text", build_text},
    {"u64", build_u64},
    {"u32", build_u32},
    {"u8", build_u8},
    {"clear", build_clear},
    {"add", build_add},
    {"remove", build_remove},
    {"append", build_append},
    {"tombstone", build_tombstone},
    {"evict", build_evict},
    {"score", build_score},
    {"quarantine", build_quarantine},
    {"canary", build_canary},
    {"refresh_epoch", build_refresh_epoch},
    {"purge", build_purge},
    {"rebase", build_rebase},
    {"key_packages", build_key_packages},
    {"public_package", build_public_package},
    {"dkg_result", build_dkg_result},
    {"rekey", build_rekey},
    {"transaction", build_transaction},
    {"verdict", build_verdict},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {{"new", new_changes}, {"index", ordered_index}, {NULL, NULL}};

int luaopen_binding_test_changes(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", free_changes}, {NULL, NULL}};
    binding_class(L, TEST_CHANGES, metamethods, changes_methods);
    luaL_newlib(L, functions);
    return 1;
}
