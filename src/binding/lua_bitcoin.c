/* Bitcoin transactions of key-path spends for scripts and commands.
 *
 *   bitcoin.serialize(tx) -> bytes                bitcoin.parse(bytes) -> tx
 *   bitcoin.serialize_signed(tx, {signature, …}) -> bytes
 *   bitcoin.parse_signed(bytes) -> tx, {signature, …}
 *   bitcoin.txid(bytes without witness) -> text in display order
 *   bitcoin.sighashes(tx) -> {32 bytes, …}        BIP-341 key path, SIGHASH_DEFAULT
 *   bitcoin.script_parses(script) -> boolean      bitcoin.script_class(script) -> text
 *   bitcoin.output_key(x [, root]) -> x, odd      bitcoin.p2tr_script(x) -> script
 *   bitcoin.signed_weight(bytes, inputs) -> n     bitcoin.virtual_bytes(weight) -> n
 *   bitcoin.fee_rate(fee, weight) -> sat/kvB      bitcoin.fee_rate_exceeds(fee, limit, weight) -> boolean
 *
 * tx = { version = 1, lock_time = 0, inputs = {{ txid (text, display order), vout, sequence =
 * 0xffffffff, value_sats, script }, …}, outputs = {{ value_sats, script }, …} }; `script` of an input
 * is that of the output which it spends, and with `value_sats` only sighashes needs it. Scripts,
 * keys, roots, signatures: byte strings. */
#include <stdlib.h>
#include <string.h>

#include "binding/binding.h"
#include "bitcoin/fee.h"
#include "bitcoin/transaction.h"

#define HOLDER_METATABLE "signer.bitcoin.memory"

/* C memory in the care of the collector, since any Lua call between may raise. */
struct holder {
    struct buffer buffer;
    struct transaction tx;
    uint8_t (*signatures)[TX_SIGNATURE_BYTES];
};

static int holder_collect(lua_State *L) {
    struct holder *holder = binding_check_object(L, 1, HOLDER_METATABLE);
    buffer_free(&holder->buffer);
    tx_free(&holder->tx);
    free(holder->signatures);
    holder->signatures = NULL;
    return 0;
}

static struct holder *new_holder(lua_State *L) {
    struct holder *holder = binding_new_object(L, sizeof *holder, 0, HOLDER_METATABLE);
    return holder;
}

/* Zeroed memory that lives as long as its place on the stack. */
static void *stack_memory(lua_State *L, size_t count, size_t each) {
    size_t len = count ? count * each : 1;
    void *memory = lua_newuserdatauv(L, len, 0);
    memset(memory, 0, len);
    return memory;
}

static uint64_t field_integer(lua_State *L, int table, const char *name, uint64_t most, lua_Integer fallback) {
    int exact = 1;
    lua_Integer value = fallback;
    if (lua_getfield(L, table, name) != LUA_TNIL) value = lua_tointegerx(L, -1, &exact);
    if (!exact || value < 0 || (uint64_t)value > most) luaL_error(L, "%s must be an integer of its range", name);
    lua_pop(L, 1);
    return (uint64_t)value;
}

/* The bytes stay where their table keeps them. */
static struct bytes field_bytes(lua_State *L, int table, const char *name) {
    size_t len = 0;
    const char *data = "";
    if (lua_getfield(L, table, name) != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s must be a string", name);
        data = lua_tolstring(L, -1, &len);
    }
    lua_pop(L, 1);
    return (struct bytes){(const uint8_t *)data, len};
}

static void read_input(lua_State *L, int table, struct tx_input *out) {
    struct bytes text = field_bytes(L, table, "txid");
    uint8_t displayed[TXID_BYTES];
    if (text.len != 2 * TXID_BYTES || !hex_decode(displayed, (const char *)text.data, text.len))
        luaL_error(L, "txid must be 64 hex characters");
    txid_reverse(out->txid, displayed);
    out->vout = (uint32_t)field_integer(L, table, "vout", UINT32_MAX, -1);
    out->sequence = (uint32_t)field_integer(L, table, "sequence", UINT32_MAX, TX_SEQUENCE_FINAL);
    out->value_sats = field_integer(L, table, "value_sats", INT64_MAX, 0);
    out->prevout_script = field_bytes(L, table, "script");
}

static void read_output(lua_State *L, int table, struct tx_output *out) {
    out->value_sats = field_integer(L, table, "value_sats", INT64_MAX, -1);
    out->script = field_bytes(L, table, "script");
}

/* Pushes the list `name` of the table and answers its length. */
static size_t push_list(lua_State *L, int table, const char *name) {
    if (lua_getfield(L, table, name) != LUA_TTABLE) luaL_error(L, "%s must be a list", name);
    return (size_t)lua_rawlen(L, -1);
}

/* Leaves the arrays of `out` on the stack. */
static void read_transaction(lua_State *L, int table, struct transaction *out) {
    luaL_checktype(L, table, LUA_TTABLE);
    out->version = (uint32_t)field_integer(L, table, "version", UINT32_MAX, TX_VERSION);
    out->lock_time = (uint32_t)field_integer(L, table, "lock_time", UINT32_MAX, 0);
    out->input_count = push_list(L, table, "inputs");
    out->inputs = stack_memory(L, out->input_count, sizeof *out->inputs);
    for (size_t i = 0; i < out->input_count; i++) {
        if (lua_rawgeti(L, -2, (lua_Integer)i + 1) != LUA_TTABLE) luaL_error(L, "an input must be a table");
        read_input(L, lua_gettop(L), &out->inputs[i]);
        lua_pop(L, 1);
    }
    out->output_count = push_list(L, table, "outputs");
    out->outputs = stack_memory(L, out->output_count, sizeof *out->outputs);
    for (size_t i = 0; i < out->output_count; i++) {
        if (lua_rawgeti(L, -2, (lua_Integer)i + 1) != LUA_TTABLE) luaL_error(L, "an output must be a table");
        read_output(L, lua_gettop(L), &out->outputs[i]);
        lua_pop(L, 1);
    }
}

static void push_txid(lua_State *L, const uint8_t internal[TXID_BYTES]) {
    uint8_t displayed[TXID_BYTES];
    char text[2 * TXID_BYTES];
    txid_reverse(displayed, internal);
    hex_encode(text, displayed, sizeof displayed);
    lua_pushlstring(L, text, sizeof text);
}

static void push_transaction(lua_State *L, const struct transaction *tx) {
    lua_createtable(L, 0, 4);
    binding_set_u64(L, "version", tx->version);
    binding_set_u64(L, "lock_time", tx->lock_time);
    lua_createtable(L, (int)tx->input_count, 0);
    for (size_t i = 0; i < tx->input_count; i++) {
        lua_createtable(L, 0, 3);
        push_txid(L, tx->inputs[i].txid);
        lua_setfield(L, -2, "txid");
        binding_set_u64(L, "vout", tx->inputs[i].vout);
        binding_set_u64(L, "sequence", tx->inputs[i].sequence);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "inputs");
    lua_createtable(L, (int)tx->output_count, 0);
    for (size_t i = 0; i < tx->output_count; i++) {
        lua_createtable(L, 0, 2);
        binding_set_u64(L, "value_sats", tx->outputs[i].value_sats);
        lua_pushlstring(L, (const char *)tx->outputs[i].script.data, tx->outputs[i].script.len);
        lua_setfield(L, -2, "script");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "outputs");
}

static const uint8_t *check_sized(lua_State *L, int index, size_t want, const char *what) {
    size_t len;
    const char *bytes = luaL_checklstring(L, index, &len);
    if (len != want) luaL_error(L, "%s must have %d bytes", what, (int)want);
    return (const uint8_t *)bytes;
}

static int lua_serialize(lua_State *L) {
    struct transaction tx;
    struct holder *holder = new_holder(L);
    read_transaction(L, 1, &tx);
    binding_check(L, tx_serialize(&holder->buffer, &tx), NULL);
    lua_pushlstring(L, (const char *)holder->buffer.data, holder->buffer.len);
    return 1;
}

static int lua_serialize_signed(lua_State *L) {
    struct transaction tx;
    luaL_checktype(L, 2, LUA_TTABLE);
    struct holder *holder = new_holder(L);
    read_transaction(L, 1, &tx);
    if (lua_rawlen(L, 2) != tx.input_count) return luaL_error(L, "one signature an input is needed");
    uint8_t(*signatures)[TX_SIGNATURE_BYTES] = stack_memory(L, tx.input_count, TX_SIGNATURE_BYTES);
    for (size_t i = 0; i < tx.input_count; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        memcpy(signatures[i], check_sized(L, -1, TX_SIGNATURE_BYTES, "signature"), TX_SIGNATURE_BYTES);
        lua_pop(L, 1);
    }
    binding_check(L, tx_serialize_signed(&holder->buffer, &tx, (const uint8_t(*)[TX_SIGNATURE_BYTES])signatures), NULL);
    lua_pushlstring(L, (const char *)holder->buffer.data, holder->buffer.len);
    return 1;
}

static int lua_parse(lua_State *L) {
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    struct holder *holder = new_holder(L);
    binding_check(L, tx_parse(&holder->tx, (const uint8_t *)bytes, len), NULL);
    push_transaction(L, &holder->tx);
    return 1;
}

static int lua_parse_signed(lua_State *L) {
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    struct holder *holder = new_holder(L);
    binding_check(L, tx_parse_signed(&holder->tx, &holder->signatures, (const uint8_t *)bytes, len), NULL);
    push_transaction(L, &holder->tx);
    lua_createtable(L, (int)holder->tx.input_count, 0);
    for (size_t i = 0; i < holder->tx.input_count; i++) {
        lua_pushlstring(L, (const char *)holder->signatures[i], TX_SIGNATURE_BYTES);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

static int lua_txid(lua_State *L) {
    size_t len;
    uint8_t id[TXID_BYTES];
    const char *bytes = luaL_checklstring(L, 1, &len);
    tx_id(id, (const uint8_t *)bytes, len);
    push_txid(L, id);
    return 1;
}

static int lua_sighashes(lua_State *L) {
    struct transaction tx;
    read_transaction(L, 1, &tx);
    uint8_t(*digests)[SIGHASH_BYTES] = stack_memory(L, tx.input_count, SIGHASH_BYTES);
    binding_check(L, tx_key_path_sighashes(digests, &tx), NULL);
    lua_createtable(L, (int)tx.input_count, 0);
    for (size_t i = 0; i < tx.input_count; i++) {
        lua_pushlstring(L, (const char *)digests[i], SIGHASH_BYTES);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int lua_script_parses(lua_State *L) {
    size_t len;
    const char *script = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, script_parses((const uint8_t *)script, len));
    return 1;
}

static int lua_script_class(lua_State *L) {
    size_t len;
    const char *script = luaL_checklstring(L, 1, &len);
    lua_pushstring(L, script_class_text(script_classify((const uint8_t *)script, len)));
    return 1;
}

static int lua_output_key(lua_State *L) {
    uint8_t key[32];
    bool odd;
    const uint8_t *internal = check_sized(L, 1, 32, "key");
    const uint8_t *root = lua_isnoneornil(L, 2) ? NULL : check_sized(L, 2, 32, "root");
    binding_check(L, taproot_output_key(key, &odd, internal, root != NULL, root), NULL);
    lua_pushlstring(L, (const char *)key, sizeof key);
    lua_pushboolean(L, odd);
    return 2;
}

static int lua_p2tr_script(lua_State *L) {
    uint8_t script[P2TR_SCRIPT_BYTES];
    script_p2tr(script, check_sized(L, 1, 32, "key"));
    lua_pushlstring(L, (const char *)script, sizeof script);
    return 1;
}

static uint64_t check_amount(lua_State *L, int index) {
    lua_Integer value = luaL_checkinteger(L, index);
    luaL_argcheck(L, value >= 0, index, "must not be negative");
    return (uint64_t)value;
}

static int lua_signed_weight(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)fee_signed_weight((size_t)check_amount(L, 1), (size_t)check_amount(L, 2)));
    return 1;
}

static int lua_virtual_bytes(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)fee_virtual_bytes(check_amount(L, 1)));
    return 1;
}

static int lua_fee_rate(lua_State *L) {
    uint64_t weight = check_amount(L, 2);
    luaL_argcheck(L, weight > 0, 2, "must not be 0");
    lua_pushinteger(L, (lua_Integer)fee_rate_sat_per_kvb(check_amount(L, 1), weight));
    return 1;
}

static int lua_fee_rate_exceeds(lua_State *L) {
    lua_pushboolean(L, fee_rate_exceeds(check_amount(L, 1), check_amount(L, 2), check_amount(L, 3)));
    return 1;
}

static const luaL_Reg functions[] = {
    {"serialize", lua_serialize},
    {"serialize_signed", lua_serialize_signed},
    {"parse", lua_parse},
    {"parse_signed", lua_parse_signed},
    {"txid", lua_txid},
    {"sighashes", lua_sighashes},
    {"script_parses", lua_script_parses},
    {"script_class", lua_script_class},
    {"output_key", lua_output_key},
    {"p2tr_script", lua_p2tr_script},
    {"signed_weight", lua_signed_weight},
    {"virtual_bytes", lua_virtual_bytes},
    {"fee_rate", lua_fee_rate},
    {"fee_rate_exceeds", lua_fee_rate_exceeds},
    {NULL, NULL},
};

int luaopen_binding_bitcoin(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", holder_collect}, {NULL, NULL}};
    binding_class(L, HOLDER_METATABLE, metamethods, NULL);
    luaL_newlib(L, functions);
    return 1;
}
