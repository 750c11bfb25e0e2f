/* The sealed store for specs, with a state of its own that keeps ops as they are (test build).
 *
 *   store = test_store.open{ path =, key =, platform =, genesis = {{op, payload}, ...}, writer =,
 *                            reset_corrupt =, pinned =, backups =, audit_bytes =, fork = }
 *       key: 32 bytes, else the provider `env`; platform: a machine of test_platform or a test_disk
 *       fork: a child is forked in the middle of the opening and sleeps; its id is the second result
 *   store:append(type, body [, reserved]) -> ticket, seq, chain    also applies the body to the state
 *   store:wait(ticket)  store:make_ready([reserved])  store:is_ready([reserved [, len]])
 *   store:durable_ticket()  store:is_uncertain(ticket)  store:info()
 *   store:state() -> { generation, open_number, purge_seq, ops = {op || payload, ...},
 *                      passing = states made for a snapshot only,
 *                      moved = {"old>new", ...}, verdicts = {22 || payload, ...} }
 *   store:audit(number) -> { op || payload, ... }    an audit file of this store
 *   store:run_threads(threads, records, bytes [, purge]) -> durable, failed, met
 *       each appends and waits; with purge the third record of the first thread carries a PURGE, and `met` is
 *       how many records were durable when that one came back
 *   store:fork_idle() -> pid    a child that sleeps; test_store.kill(pid)
 *   store:close([abandon])
 *
 * The state: CHANGE and NOTE bodies are lists of ops; 21 sets purge_seq, 22 is kept apart, 238 is
 * unknown, 239 breaks a rule, 240 breaks the check of the whole; everything else is kept. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "binding/binding.h"
#include "binding/test_disk.h"
#include "binding/test_platform.h"
#include "binding/test_sink.h"
#include "store/internal.h"
#include "store/names.h"
#include "store/parts.h"

#define METATABLE "signer.test_store"
/* -- opening ------------------------------------------------------------------------------------------ */

static void read_genesis(lua_State *L, struct test_store *self) {
    if (lua_getfield(L, 1, "genesis") == LUA_TTABLE) {
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TTABLE; i++) {
            size_t len;
            lua_rawgeti(L, -1, 1);
            lua_rawgeti(L, -2, 2);
            const char *payload = luaL_checklstring(L, -1, &len);
            buffer_u8(&self->genesis, (uint8_t)luaL_checkinteger(L, -2));
            buffer_lp(&self->genesis, payload, len);
            lua_pop(L, 3);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static const char *text_option(lua_State *L, const char *name, const char *fallback) {
    lua_getfield(L, 1, name);
    return luaL_optstring(L, -1, fallback); /* stays on the stack */
}

static uint64_t number_option(lua_State *L, const char *name, lua_Integer fallback) {
    lua_getfield(L, 1, name);
    lua_Integer value = luaL_optinteger(L, -1, fallback);
    lua_pop(L, 1);
    return (uint64_t)value;
}

/* Answers whether the store left secrets in the vault. */
static bool shut(struct test_store *self, bool abandon) {
    struct vault_usage usage = {0};
    if (self->store) store_close(self->store, abandon);
    if (self->state) test_sink_free(self, self->state);
    if (self->vault) vault_usage(self->vault, &usage);
    if (self->vault) vault_destroy(self->vault);
    buffer_free(&self->genesis);
    self->store = NULL;
    self->state = NULL;
    self->vault = NULL;
    return usage.live_slots > 0;
}

static int lua_open(lua_State *L) {
    struct failure why = {0};
    void *state = NULL;
    size_t key_len = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct test_store *self = lua_newuserdatauv(L, sizeof *self, 1);
    memset(self, 0, sizeof *self);
    pthread_mutex_init(&self->mutex, NULL);
    luaL_setmetatable(L, METATABLE);
    read_genesis(L, self);
    lua_getfield(L, 1, "platform");
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 2, 1);
    const struct platform *disk = binding_test_disk(L, -1);
    struct store_options options = {.platform = disk ? disk : binding_opt_platform(L, -1), .sink = test_sink(self)};
    options.key_provider =
        (struct key_provider){.kind = KEY_PROVIDER_ENV, .env_text = getenv("TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX")};
    if (lua_getfield(L, 1, "key") != LUA_TNIL) options.master_key = (const uint8_t *)luaL_checklstring(L, -1, &key_len);
    luaL_argcheck(L, !options.master_key || key_len == 32, 1, "key of 32 bytes");
    options.state_path = text_option(L, "path", NULL);
    options.writer = text_option(L, "writer", "tbtc-signer/0.1.0");
    lua_getfield(L, 1, "reset_corrupt");
    options.reset_corrupt = lua_toboolean(L, -1);
    lua_getfield(L, 1, "pinned");
    options.pinned = lua_toboolean(L, -1);
    lua_getfield(L, 1, "fork");
    self->forks = lua_toboolean(L, -1);
    options.corrupt_backup_limit = (uint32_t)number_option(L, "backups", 5);
    options.audit_bytes_max = number_option(L, "audit_bytes", 67108864);
    enum signer_error error = vault_create(&self->vault, false);
    options.vault = self->vault;
    if (error == SIGNER_OK) error = store_open(&self->store, &state, &options, &why);
    self->state = state;
    if (error != SIGNER_OK && shut(self, true)) return luaL_error(L, "a refused opening left secrets in the vault");
    binding_check(L, error, &why);
    lua_settop(L, 2);
    lua_pushinteger(L, self->child);
    return 2;
}

static struct test_store *check_store(lua_State *L) {
    struct test_store *self = luaL_checkudata(L, 1, METATABLE);
    luaL_argcheck(L, self->store, 1, "the store is closed");
    return self;
}

/* -- methods ------------------------------------------------------------------------------------------- */

static enum signer_error append(struct test_store *self, enum record_type type, enum record_class class,
                                const char *body, size_t len, struct store_position *position, struct failure *why) {
    const uint8_t *bytes = (const uint8_t *)body;
    pthread_mutex_lock(&self->mutex);
    enum signer_error error = store_append(self->store, type, class, 0, bytes, len, position, why);
    if (error == SIGNER_OK) test_sink(self).apply(self, self->state, type, bytes, len, position->seq, position->chain);
    pthread_mutex_unlock(&self->mutex);
    return error;
}

static int lua_append(lua_State *L) {
    static const char *const types[] = {"open", "change", "note", "close", NULL};
    struct test_store *self = check_store(L);
    struct store_position position;
    struct failure why = {0};
    size_t len;
    int type = luaL_checkoption(L, 2, NULL, types) + 1;
    const char *body = luaL_checklstring(L, 3, &len);
    enum record_class class = lua_toboolean(L, 4) ? RECORD_RESERVED : RECORD_ORDINARY;
    enum signer_error error = append(self, (enum record_type)type, class, body, len, &position, &why);
    binding_check(L, error, &why);
    lua_pushinteger(L, (lua_Integer)position.ticket);
    lua_pushinteger(L, (lua_Integer)position.seq);
    lua_pushlstring(L, (const char *)position.chain, sizeof position.chain);
    return 3;
}

static int lua_wait(lua_State *L) {
    struct test_store *self = check_store(L);
    struct failure why = {0};
    enum signer_error error = store_wait(self->store, (uint64_t)luaL_checkinteger(L, 2), &why);
    binding_check(L, error, &why);
    return 0;
}

static int lua_make_ready(lua_State *L) {
    struct test_store *self = check_store(L);
    struct failure why = {0};
    enum record_class class = lua_toboolean(L, 2) ? RECORD_RESERVED : RECORD_ORDINARY;
    binding_check(L, store_make_ready(self->store, class, &why), &why);
    return 0;
}

static int lua_is_ready(lua_State *L) {
    struct test_store *self = check_store(L);
    enum record_class class = lua_toboolean(L, 2) ? RECORD_RESERVED : RECORD_ORDINARY;
    lua_pushboolean(L, store_is_ready(self->store, class, (size_t)luaL_optinteger(L, 3, 1)));
    return 1;
}

static int lua_durable_ticket(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)store_durable_ticket(check_store(L)->store));
    return 1;
}

static int lua_is_uncertain(lua_State *L) {
    lua_pushboolean(L, store_is_uncertain(check_store(L)->store, (uint64_t)luaL_checkinteger(L, 2)));
    return 1;
}

static int lua_info(lua_State *L) {
    struct store_info info;
    store_info(check_store(L)->store, &info);
    lua_newtable(L);
    binding_set_bytes(L, "store_id", info.store_id, sizeof info.store_id);
    binding_set_bytes(L, "chain", info.chain, sizeof info.chain);
    binding_set_u64(L, "seq", info.seq);
    binding_set_u64(L, "open_number", info.open_number);
    binding_set_u64(L, "log_number", info.log_number);
    binding_set_u64(L, "log_bytes_used", info.log_bytes_used);
    binding_set_u64(L, "torn_tail_bytes", info.torn_tail_bytes);
    binding_set_u64(L, "torn_tail_offset", info.torn_tail_offset);
    return 1;
}

static void push_ops(lua_State *L, const struct buffer *ops) {
    struct reader reader;
    lua_newtable(L);
    reader_init(&reader, ops->data, ops->len);
    for (lua_Integer i = 1; reader_left(&reader) > 0; i++) {
        luaL_Buffer text;
        char op = (char)reader_u8(&reader);
        struct bytes payload = reader_lp(&reader);
        luaL_buffinit(L, &text);
        luaL_addchar(&text, op);
        luaL_addlstring(&text, (const char *)payload.data, payload.len);
        luaL_pushresult(&text);
        lua_rawseti(L, -2, i);
    }
}

static enum signer_error keep_part(void *argument, const uint8_t *body, size_t len, uint64_t seq,
                                   const uint8_t chain[STORE_CHAIN_BYTES]) {
    (void)seq, (void)chain;
    buffer_append(argument, body, len);
    return SIGNER_OK;
}

static int lua_audit(lua_State *L) {
    const struct core *core = &check_store(L)->store->core;
    const uint64_t number = (uint64_t)luaL_checkinteger(L, 2);
    struct failure why = {0};
    struct buffer ops;
    char name[FILE_NAME_BYTES];
    uint64_t size;
    int file;
    buffer_init(&ops);
    file_name(name, KIND_AUDIT, number);
    enum signer_error error = place_file(&core->place, core->place.directory, name, O_RDONLY, &file, &why);
    if (error == SIGNER_OK && file < 0) error = fail(&why, ERR_STATE_CORRUPT, "no such audit file");
    if (error == SIGNER_OK) error = parts_read(file, KIND_AUDIT, number, NULL, &size, keep_part, &ops, core, &why);
    place_shut(&core->place, &file);
    binding_check(L, error, &why);
    push_ops(L, &ops);
    buffer_free(&ops);
    return 1;
}

static void push_moved(lua_State *L, const struct buffer *moved) {
    struct reader reader;
    lua_newtable(L);
    reader_init(&reader, moved->data, moved->len);
    for (lua_Integer i = 1; reader_left(&reader) > 0; i++) {
        lua_Integer from = (lua_Integer)reader_be64(&reader);
        lua_pushfstring(L, "%I>%I", (LUAI_UACINT)from, (LUAI_UACINT)reader_be64(&reader));
        lua_rawseti(L, -2, i);
    }
}

static int lua_state(lua_State *L) {
    struct test_store *self = check_store(L);
    lua_newtable(L);
    binding_set_u64(L, "generation", self->state->generation);
    binding_set_u64(L, "passing", self->passing);
    binding_set_u64(L, "open_number", self->state->open_number);
    binding_set_u64(L, "purge_seq", self->state->purge_seq);
    push_ops(L, &self->state->ops);
    lua_setfield(L, -2, "ops");
    push_ops(L, &self->state->verdicts);
    lua_setfield(L, -2, "verdicts");
    push_moved(L, &self->state->moved);
    lua_setfield(L, -2, "moved");
    return 1;
}

/* -- threads and processes ------------------------------------------------------------------------------ */

struct worker {
    struct test_store *self;
    pthread_t thread;
    size_t records, len;
    uint8_t number;
    bool purge;
    size_t met;
    atomic_size_t *durable;
    size_t failed;
};

/* One ordinary record as a call would write it: append, or make ready and try again; then wait. */
static bool write_one(struct worker *worker, const char *body, size_t len) {
    struct store_position position;
    struct failure why = {0};
    enum signer_error error;
    do {
        error = append(worker->self, RECORD_CHANGE, RECORD_ORDINARY, body, len, &position, &why);
        if (error == ERR_AGAIN && store_make_ready(worker->self->store, RECORD_ORDINARY, &why) != SIGNER_OK)
            return false;
    } while (error == ERR_AGAIN);
    return error == SIGNER_OK && store_wait(worker->self->store, position.ticket, &why) == SIGNER_OK;
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct buffer body;
    for (size_t i = 0; i < worker->records; i++) {
        buffer_init(&body);
        buffer_u8(&body, 5);
        buffer_be32(&body, (uint32_t)worker->len);
        buffer_u8(&body, worker->number);
        buffer_be16(&body, (uint16_t)i);
        buffer_zeros(&body, worker->len - 3);
        const bool purges = worker->purge && i == 2;
        if (purges) {
            buffer_u8(&body, OP_PURGE);
            buffer_be32(&body, 0);
        }
        if (write_one(worker, (const char *)body.data, body.len))
            atomic_fetch_add(worker->durable, 1);
        else
            worker->failed++;
        if (purges) worker->met = atomic_load(worker->durable);
        buffer_free(&body);
    }
    return NULL;
}

static int lua_run_threads(lua_State *L) {
    struct test_store *self = check_store(L);
    struct worker workers[32] = {0};
    size_t count = (size_t)luaL_checkinteger(L, 2), failed = 0;
    atomic_size_t durable = 0;
    luaL_argcheck(L, count >= 1 && count <= 32, 2, "1 to 32 threads");
    for (size_t i = 0; i < count; i++) {
        workers[i] = (struct worker){.self = self,
                                     .records = (size_t)luaL_checkinteger(L, 3),
                                     .len = (size_t)luaL_checkinteger(L, 4),
                                     .number = (uint8_t)i,
                                     .purge = i == 0 && lua_toboolean(L, 5),
                                     .durable = &durable};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) return luaL_error(L, "no thread");
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        failed += workers[i].failed;
    }
    lua_pushinteger(L, (lua_Integer)atomic_load(&durable));
    lua_pushinteger(L, (lua_Integer)failed);
    lua_pushinteger(L, (lua_Integer)workers[0].met);
    return 3;
}

static int lua_fork_idle(lua_State *L) {
    check_store(L);
    lua_pushinteger(L, test_fork_sleeper());
    return 1;
}

static int lua_kill(lua_State *L) {
    pid_t child = (pid_t)luaL_checkinteger(L, 1);
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return 0;
}

static int lua_shut(lua_State *L) {
    if (shut(check_store(L), lua_toboolean(L, 2))) return luaL_error(L, "the store left secrets in the vault");
    return 0;
}

static int lua_collect(lua_State *L) {
    struct test_store *self = luaL_checkudata(L, 1, METATABLE);
    shut(self, true);
    pthread_mutex_destroy(&self->mutex);
    return 0;
}

static const luaL_Reg methods[] = {
    {"append", lua_append},
    {"wait", lua_wait},
    {"make_ready", lua_make_ready},
    {"is_ready", lua_is_ready},
    {"durable_ticket", lua_durable_ticket},
    {"is_uncertain", lua_is_uncertain},
    {"info", lua_info},
    {"state", lua_state},
    {"run_threads", lua_run_threads},
    {"audit", lua_audit},
    {"fork_idle", lua_fork_idle},
    {"close", lua_shut},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {{"open", lua_open}, {"kill", lua_kill}, {NULL, NULL}};

int luaopen_binding_test_store(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", lua_collect}, {NULL, NULL}};
    binding_class(L, METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
