/* Damage to a small store, one place after the other, as the reader of `store verify` meets it (test build).
 *
 *   test_damage.put(disk, path, bytes)    a file of "/" or of a directory in it, synced
 *   test_damage.bytes(disk, path) -> text or nil    test_damage.names(disk, path) -> list
 *   test_damage.read(engine, disk [, file]) -> outcome, judgement
 *       engine: over the disk, its state not open. outcome: SHA-256 of the ops of the state as recovered (32
 *       bytes, as test_crash.snapshot lists them), or the reason code of the refusal; a reader that wrote
 *       raises. judgement of a numbered file of the store: "whole", "torn" or the reason code
 *   count, wrong = test_damage.flips(engine, disk, path, from, to, expected [, file, judgement])
 *       each bit of the bytes [from, to), then put back
 *   count, wrong = test_damage.cuts(engine, disk, path, from, to, expected [, file, judgement])
 *       cut to each size in [from, to)
 *       wrong: nil, or { at =, bit =, outcome =, judgement = } of the first that was not as expected */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "binding/binding.h"
#include "binding/test_disk.h"
#include "session/store_tool.h"
#include "store/names.h"

#define REASON_BYTES 48

struct outcome {
    size_t len;
    char text[REASON_BYTES]; /* 32 bytes of a digest, or a reason code */
    const char *judgement;   /* NULL: not asked */
};

/* -- files --------------------------------------------------------------------------------------------- */

static const struct platform *check_platform(lua_State *L, int index) {
    const struct platform *platform = binding_test_disk(L, index);
    luaL_argcheck(L, platform, index, "a disk of test_disk");
    return platform;
}

static int put(lua_State *L) {
    const struct platform *platform = check_platform(L, 1);
    const struct file_calls *files = &platform->files;
    char folder[256] = "/";
    size_t len;
    const char *path = luaL_checkstring(L, 2), *bytes = luaL_checklstring(L, 3, &len);
    const char *name = strrchr(path, '/');
    luaL_argcheck(L, name && (size_t)(name - path) < sizeof folder, 2, "an absolute path");
    if (name != path) {
        snprintf(folder, sizeof folder, "%.*s", (int)(name - path), path);
        if (files->mkdir_at(platform->context, AT_FDCWD, folder, 0700) != 0 && errno != EEXIST)
            return luaL_error(L, "mkdir of %s", folder);
    }
    int directory = files->open_at(platform->context, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
    int file = files->open_at(platform->context, directory, name + 1, O_RDWR | O_CREAT, 0600);
    bool good = file >= 0 && files->pwrite(platform->context, file, bytes, len, 0) == (ssize_t)len &&
                files->ftruncate(platform->context, file, (off_t)len) == 0 &&
                files->fsync(platform->context, file) == 0 && files->fsync(platform->context, directory) == 0;
    files->close(platform->context, file);
    files->close(platform->context, directory);
    return good ? 0 : luaL_error(L, "writing %s", path);
}

static int bytes_of(lua_State *L) {
    struct disk_file file;
    if (!test_disk_file(binding_check_disk(L, 1), luaL_checkstring(L, 2), &file)) return 0;
    lua_pushlstring(L, *file.size > 0 ? (const char *)file.bytes : "", *file.size);
    return 1;
}

static int add_name(void *argument, const char *name) {
    lua_State *L = argument;
    lua_pushstring(L, name);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

static int names_of(lua_State *L) {
    const struct platform *platform = check_platform(L, 1);
    const char *path = luaL_checkstring(L, 2);
    int directory = platform->files.open_at(platform->context, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    lua_newtable(L);
    if (directory < 0) return 1;
    platform->files.list(platform->context, directory, add_name, L);
    platform->files.close(platform->context, directory);
    return 1;
}

/* -- one reading ------------------------------------------------------------------------------------------ */

static enum signer_error hash_op(void *argument, uint8_t op, const uint8_t *payload, size_t len) {
    crypto_hash_sha256_update(argument, &op, 1);
    crypto_hash_sha256_update(argument, payload, len);
    return SIGNER_OK;
}

static enum signer_error digest_state(uint8_t out[32], const struct opening *opening) {
    crypto_hash_sha256_state hash;
    const struct store_sink *sink = &opening->store->core.sink;
    crypto_hash_sha256_init(&hash);
    enum signer_error error = sink->snapshot(sink->context, opening->replay.state, hash_op, &hash);
    crypto_hash_sha256_final(&hash, out);
    return error;
}

static const char *reason_of(enum signer_error error) {
    const struct error_info *info = error_info(error);
    return info->reason_code ? info->reason_code : info->text;
}

static void say(struct outcome *out, const char *reason) {
    out->len = (size_t)snprintf(out->text, sizeof out->text, "%s", reason);
}

static const char *judge(struct verify *verify, const char *name) {
    const struct names *names = &verify->opening.names;
    for (size_t i = 0; i < verify_count(verify); i++) {
        struct verified_file file;
        char each[FILE_NAME_BYTES];
        file_name(each, names->files[i].kind, names->files[i].number);
        if (strcmp(each, name) != 0) continue;
        enum signer_error error = verify_file(verify, i, &file, NULL);
        if (error != SIGNER_OK) return reason_of(error);
        if (file.fault.error != SIGNER_OK) return reason_of(file.fault.error);
        return file.tail.bytes > 0 ? "torn" : "whole";
    }
    return "missing";
}

/* `name`: the file to judge as well, or NULL. */
static void look(struct outcome *out, struct engine *engine, const char *name) {
    struct verify verify;
    struct failure why = {0};
    uint8_t digest[32];
    *out = (struct outcome){0};
    enum signer_error error = store_tool_inspect(&verify, engine, &why);
    if (error == SIGNER_OK) error = verify.fate.error;
    if (error != SIGNER_OK)
        say(out, reason_of(error));
    else if (!verify.present)
        say(out, "a new store");
    else if (digest_state(digest, &verify.opening) != SIGNER_OK)
        say(out, "no memory");
    else
        memcpy(out->text, digest, out->len = sizeof digest);
    if (name && verify.present) out->judgement = judge(&verify, name);
    verify_close(&verify);
}

static int read_once(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    struct outcome outcome;
    const uint64_t touched = test_disk_touched(binding_check_disk(L, 2));
    look(&outcome, engine, luaL_optstring(L, 3, NULL));
    if (test_disk_touched(binding_check_disk(L, 2)) != touched) return luaL_error(L, "the reader wrote");
    lua_pushlstring(L, outcome.text, outcome.len);
    lua_pushstring(L, outcome.judgement);
    return 2;
}

/* -- many ------------------------------------------------------------------------------------------------- */

struct series {
    lua_State *L;
    struct engine *engine;
    struct disk_file file;
    size_t from, to;
    const char *expected, *name, *judgement;
    size_t expected_len;
    lua_Integer count;
};

static struct series check_series(lua_State *L) {
    struct series series = {.L = L, .engine = binding_check_engine(L, 1)};
    luaL_argcheck(L, test_disk_file(binding_check_disk(L, 2), luaL_checkstring(L, 3), &series.file), 3, "no such file");
    series.from = (size_t)luaL_checkinteger(L, 4);
    series.to = (size_t)luaL_checkinteger(L, 5);
    luaL_argcheck(L, series.from <= series.to && series.to <= *series.file.size + 1, 5, "beyond the file");
    series.expected = luaL_checklstring(L, 6, &series.expected_len);
    series.name = luaL_optstring(L, 7, NULL);
    series.judgement = luaL_optstring(L, 8, NULL);
    return series;
}

/* Reads once; true as long as all is as expected, else the finding lies on the stack. */
static bool as_expected(struct series *series, size_t at, int bit) {
    lua_State *L = series->L;
    struct outcome outcome;
    const uint64_t touched = test_disk_touched(binding_check_disk(L, 2));
    look(&outcome, series->engine, series->name);
    series->count++;
    const bool wrote = test_disk_touched(binding_check_disk(L, 2)) != touched;
    if (!wrote && outcome.len == series->expected_len && memcmp(outcome.text, series->expected, outcome.len) == 0 &&
        (!series->judgement || (outcome.judgement && strcmp(outcome.judgement, series->judgement) == 0)))
        return true;
    lua_newtable(L);
    lua_pushinteger(L, (lua_Integer)at);
    lua_setfield(L, -2, "at");
    lua_pushinteger(L, bit);
    lua_setfield(L, -2, "bit");
    lua_pushlstring(L, wrote ? "the reader wrote" : outcome.text, wrote ? 16 : outcome.len);
    lua_setfield(L, -2, "outcome");
    lua_pushstring(L, outcome.judgement);
    lua_setfield(L, -2, "judgement");
    return false;
}

static int answer(const struct series *series, bool good) {
    lua_State *L = series->L;
    lua_pushinteger(L, series->count);
    if (good) return 1;
    lua_insert(L, -2);
    return 2;
}

static int flips(lua_State *L) {
    struct series series = check_series(L);
    bool good = true;
    for (size_t at = series.from; at < series.to && good; at++)
        for (int bit = 0; bit < 8 && good; bit++) {
            series.file.bytes[at] ^= (uint8_t)(1u << bit);
            good = as_expected(&series, at, bit);
            series.file.bytes[at] ^= (uint8_t)(1u << bit);
        }
    return answer(&series, good);
}

static int cuts(lua_State *L) {
    struct series series = check_series(L);
    const size_t whole = *series.file.size;
    bool good = true;
    for (size_t size = series.from; size < series.to && good; size++) {
        *series.file.size = size;
        good = as_expected(&series, size, 0);
    }
    *series.file.size = whole;
    return answer(&series, good);
}

static const luaL_Reg functions[] = {
    {"put", put},     {"bytes", bytes_of}, {"names", names_of}, {"read", read_once},
    {"flips", flips}, {"cuts", cuts},      {NULL, NULL},
};

int luaopen_binding_test_damage(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
