/* Secrets looked for in memory images, and records of calls that come later (test build).
 *
 *   test_crash.signing_share(engine, session_id, member) -> 32 bytes
 *   test_crash.nonces(engine, session_id, member) -> hiding, binding    the live entry is gone afterwards
 *   test_crash.commit(engine, changes [, leave [, class]])    one CHANGE or NOTE, appended and waited for as a
 *       call does; with `leave` nobody waits for it. Class: "reserved" (default), "ordinary", "protecting",
 *       "finalizing", "rollback", "rekey"
 *   test_crash.digest(engine) -> 32 bytes over what records say: without the open number, the purge seq and
 *       the witness's digests, which differ from file to file
 *   test_crash.snapshot(engine) -> { op || payload, … } of the durable state, in the order of a snapshot
 *   test_crash.mutant(number)    0 none; sealed-store 35.14 in the order of store/mutant.h
 *   test_crash.search{ secrets = {32 bytes, …}, file = path | pid = process, hidden = boolean }
 *       -> { {secret = index, form =, at =, place =}, … }, bytes searched
 *       Each 8 bytes of a secret count, big-endian, little-endian (so limbs in any order), and as hexadecimal
 *       text. Of a process, every mapping that can be read; those that a core dump leaves out only with
 *       `hidden`. */
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "binding/test_engine.h"
#include "binding/test_registry.h"
#include "frost/keys.h"
#include "session/live.h"
#include "store/mutant.h"

/* -- secrets of an engine ------------------------------------------------------------------------------ */

static const char *check_text(lua_State *L, int index, size_t *len) {
    return luaL_checklstring(L, index, len);
}

static void push_scalar(lua_State *L, const struct scalar *scalar) {
    uint8_t raw[SCALAR_BYTES];
    scalar_encode(raw, scalar);
    lua_pushlstring(L, (const char *)raw, sizeof raw);
}

static int signing_share(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *id = check_text(L, 2, &len);
    const uint16_t member = (uint16_t)luaL_checkinteger(L, 3);
    struct scalar share = {{0}};
    test_engine_open(L, engine);
    pthread_mutex_lock(&engine->mutex);
    const struct session *session = state_session(engine->state, id, len);
    const struct seat_key *seat = session ? session_seat(session, member) : NULL;
    const struct frost_key_package *key =
        seat ? vault_borrow(engine->vault, seat->key_package, SECRET_KEY_PACKAGE, NULL) : NULL;
    if (key) share = key->signing_share;
    pthread_mutex_unlock(&engine->mutex);
    if (!key) return luaL_error(L, "no such seat");
    push_scalar(L, &share);
    return 1;
}

static int take_nonces(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    size_t len;
    const char *id = check_text(L, 2, &len);
    const uint16_t member = (uint16_t)luaL_checkinteger(L, 3);
    pthread_mutex_lock(&engine->mutex);
    struct live_entry *entry = live_find(engine->live, id, len, member);
    struct frost_nonces *nonces = entry && entry->nonces ? live_take(engine->live, entry) : NULL;
    pthread_mutex_unlock(&engine->mutex);
    if (!nonces) return luaL_error(L, "no such nonces");
    push_scalar(L, &nonces->hiding);
    push_scalar(L, &nonces->binding);
    vault_release_taken(engine->vault, nonces);
    return 2;
}

/* -- records -------------------------------------------------------------------------------------------- */

static int commit(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    struct changes *changes = luaL_checkudata(L, 2, TEST_CHANGES);
    static const char *const names[] = {"reserved", "ordinary", "protecting", "finalizing", "rollback", "rekey", NULL};
    static const enum record_class classes[] = {RECORD_RESERVED,   RECORD_ORDINARY, RECORD_PROTECTING,
                                                RECORD_FINALIZING, RECORD_ROLLBACK, RECORD_REKEY};
    const enum record_class class = classes[luaL_checkoption(L, 4, "reserved", names)];
    struct failure why = {0};
    enum signer_error error = test_engine_commit(engine, changes, class, !lua_toboolean(L, 3), &why);
    binding_check(L, error, &why);
    return 0;
}

static enum signer_error hash_op(void *argument, uint8_t op, const uint8_t *payload, size_t len) {
    crypto_hash_sha256_state *hash = argument;
    if (op == OP_WITNESS_BASE || op == OP_WITNESS_DIGESTS) return SIGNER_OK;
    if (op == OP_ENGINE_STATE && len > 8) len = 8; /* the generation */
    crypto_hash_sha256_update(hash, &op, 1);
    crypto_hash_sha256_update(hash, payload, len);
    return SIGNER_OK;
}

static int digest(lua_State *L) {
    return test_engine_digest(L, hash_op);
}

struct listing {
    lua_State *L;
    lua_Integer count;
};

static enum signer_error list_op(void *argument, uint8_t op, const uint8_t *payload, size_t len) {
    struct listing *listing = argument;
    luaL_Buffer buffer;
    luaL_buffinitsize(listing->L, &buffer, len + 1);
    luaL_addchar(&buffer, (char)op);
    luaL_addlstring(&buffer, (const char *)payload, len);
    luaL_pushresult(&buffer);
    lua_rawseti(listing->L, 2, ++listing->count);
    return SIGNER_OK;
}

static int snapshot(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    test_engine_open(L, engine);
    lua_settop(L, 1);
    lua_newtable(L);
    struct listing listing = {.L = L};
    pthread_mutex_lock(&engine->mutex);
    const struct store_sink sink = state_sink(&engine->sink_context);
    enum signer_error error = sink.snapshot(sink.context, engine->state, list_op, &listing);
    pthread_mutex_unlock(&engine->mutex);
    binding_check(L, error, NULL);
    return 1;
}

static int mutant(lua_State *L) {
    store_mutant = (enum store_mutant)luaL_checkinteger(L, 1);
    return 0;
}

/* -- the search ------------------------------------------------------------------------------------------ */

#define WINDOW_MAX 16
#define FORM_COUNT 4
#define PIECE_BYTES (1u << 20)
#define STARTS 65536u /* values of two bytes */
#define HITS_MAX 200

static const char *const forms[FORM_COUNT] = {"big-endian", "little-endian", "hex", "HEX"};

struct window {
    uint8_t bytes[WINDOW_MAX];
    size_t len;
    lua_Integer secret;
    int form;
};

struct search {
    lua_State *L;
    struct window *windows;
    size_t count;
    size_t from[STARTS + 1]; /* windows by their first two bytes, once they are sorted */
    const char *place;
    lua_Integer hits;
    uint64_t searched;
};

static void add_window(struct search *search, const uint8_t *bytes, size_t len, lua_Integer secret, int form) {
    struct window *window = &search->windows[search->count++];
    memcpy(window->bytes, bytes, len);
    window->len = len;
    window->secret = secret;
    window->form = form;
}

static unsigned start_of(const uint8_t *bytes) {
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static int by_start(const void *a, const void *b) {
    unsigned left = start_of(((const struct window *)a)->bytes), right = start_of(((const struct window *)b)->bytes);
    return (left > right) - (left < right);
}

static void sort_windows(struct search *search) {
    size_t k = 0;
    qsort(search->windows, search->count, sizeof *search->windows, by_start);
    for (unsigned start = 0; start <= STARTS; start++) {
        while (k < search->count && start_of(search->windows[k].bytes) < start)
            k++;
        search->from[start] = k;
    }
}

static void add_secret(struct search *search, const uint8_t raw[32], lua_Integer secret) {
    for (int word = 0; word < 4; word++) {
        uint8_t turned[8];
        char text[17];
        const uint8_t *bytes = raw + 8 * word;
        for (int i = 0; i < 8; i++)
            turned[i] = bytes[7 - i];
        add_window(search, bytes, 8, secret, 0);
        add_window(search, turned, 8, secret, 1);
        hex_encode(text, bytes, 8);
        add_window(search, (const uint8_t *)text, 16, secret, 2);
        for (int i = 0; i < 16; i++)
            if (text[i] >= 'a') text[i] = (char)(text[i] - 'a' + 'A');
        add_window(search, (const uint8_t *)text, 16, secret, 3);
    }
}

static void report(struct search *search, const struct window *window, uint64_t at) {
    if (++search->hits > HITS_MAX) return;
    lua_State *L = search->L;
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, window->secret);
    lua_setfield(L, -2, "secret");
    lua_pushstring(L, forms[window->form]);
    lua_setfield(L, -2, "form");
    lua_pushinteger(L, (lua_Integer)at);
    lua_setfield(L, -2, "at");
    lua_pushstring(L, search->place);
    lua_setfield(L, -2, "place");
    lua_rawseti(L, -2, search->hits);
}

static void search_piece(struct search *search, const uint8_t *piece, size_t len, uint64_t at, size_t starts) {
    for (size_t i = 0; i + 8 <= len && i < starts; i++) {
        unsigned start = start_of(piece + i);
        for (size_t k = search->from[start]; k < search->from[start + 1]; k++) {
            const struct window *window = &search->windows[k];
            if (window->len <= len - i && memcmp(piece + i, window->bytes, window->len) == 0)
                report(search, window, at + i);
        }
    }
}

/* From `at` to `end` of a file; what cannot be read is passed over. Pieces overlap by a window. */
static void search_range(struct search *search, int file, uint64_t at, uint64_t end) {
    uint8_t *piece = malloc(PIECE_BYTES + WINDOW_MAX);
    while (piece && at < end) {
        size_t want = end - at < PIECE_BYTES + WINDOW_MAX ? (size_t)(end - at) : PIECE_BYTES + WINDOW_MAX;
        ssize_t got = pread(file, piece, want, (off_t)at);
        if (got <= 0) break;
        search_piece(search, piece, (size_t)got, at, PIECE_BYTES);
        search->searched += (uint64_t)got < PIECE_BYTES ? (uint64_t)got : PIECE_BYTES;
        at += (uint64_t)got < PIECE_BYTES ? (uint64_t)got : PIECE_BYTES;
    }
    free(piece);
}

static bool is_mapping(const char *line, uint64_t *from, uint64_t *to, char rights[5], char name[256]) {
    unsigned long long first, last;
    name[0] = '\0';
    if (sscanf(line, "%llx-%llx %4s %*s %*s %*s %255s", &first, &last, rights, name) < 3) return false;
    *from = first;
    *to = last;
    return true;
}

static int search_process(struct search *search, lua_Integer pid, bool hidden) {
    char path[64], line[1024], rights[5] = "", name[256] = "";
    uint64_t from = 0, to = 0;
    snprintf(path, sizeof path, "/proc/%lld/mem", (long long)pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%lld/smaps", (long long)pid);
    FILE *maps = fopen(path, "re");
    if (memory < 0 || !maps) {
        if (memory >= 0) close(memory);
        if (maps) fclose(maps);
        return luaL_error(search->L, "process %d cannot be read", (int)pid);
    }
    while (fgets(line, sizeof line, maps)) {
        if (strncmp(line, "VmFlags:", 8) != 0) {
            uint64_t first, last;
            char seen[5], called[256];
            if (!is_mapping(line, &first, &last, seen, called)) continue;
            from = first, to = last;
            memcpy(rights, seen, sizeof seen);
            memcpy(name, called, sizeof called);
            continue;
        }
        bool left_out = strstr(line, " dd") || strstr(line, " io");
        if (rights[0] != 'r' || strncmp(name, "[vv", 3) == 0 || (left_out && !hidden)) continue;
        search->place = left_out ? "left out of dumps" : name[0] ? name : "anonymous";
        search_range(search, memory, from, to);
    }
    fclose(maps);
    close(memory);
    return 0;
}

static int search_file(struct search *search, const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return luaL_error(search->L, "%s cannot be read", path);
    search->place = "file";
    search_range(search, file, 0, UINT64_MAX);
    close(file);
    return 0;
}

static int search(lua_State *L) {
    struct search *search = lua_newuserdatauv(L, sizeof *search, 0);
    memset(search, 0, sizeof *search);
    search->L = L;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "secrets");
    size_t secrets = (size_t)luaL_len(L, -1);
    search->windows = lua_newuserdatauv(L, (secrets + 1) * 16 * sizeof *search->windows, 0);
    for (lua_Integer i = 1; i <= (lua_Integer)secrets; i++) {
        size_t len;
        lua_geti(L, 3, i);
        const char *raw = luaL_checklstring(L, -1, &len);
        if (len != 32) return luaL_error(L, "secrets are 32 bytes");
        add_secret(search, (const uint8_t *)raw, i);
        lua_pop(L, 1);
    }
    sort_windows(search);
    lua_getfield(L, 1, "hidden");
    bool hidden = lua_toboolean(L, -1);
    lua_getfield(L, 1, "pid");
    lua_getfield(L, 1, "file");
    const char *path = lua_tostring(L, -1);
    lua_Integer pid = lua_tointeger(L, -2);
    lua_newtable(L);
    if (path)
        search_file(search, path);
    else
        search_process(search, pid, hidden);
    lua_pushinteger(L, (lua_Integer)search->searched);
    return 2;
}

static const luaL_Reg functions[] = {
    {"signing_share", signing_share}, {"nonces", take_nonces}, {"commit", commit}, {"digest", digest},
    {"snapshot", snapshot},           {"mutant", mutant},      {"search", search}, {NULL, NULL},
};

int luaopen_binding_test_crash(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
