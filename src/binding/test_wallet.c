/* A wallet from a dealer's polynomial made of a seed, put into an engine's state (test build). */
#include <string.h>

#include "binding/test_engine.h"
#include "curve/hash.h"
#include "frost/keys.h"

static lua_Integer field_integer(lua_State *L, int table, const char *name) {
    lua_getfield(L, table, name);
    lua_Integer value = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return value;
}

static const char *field_string(lua_State *L, int table, const char *name, size_t *len) {
    lua_getfield(L, table, name);
    const char *text = luaL_checklstring(L, -1, len);
    lua_pop(L, 1);
    return text;
}

#define POLYNOMIAL_MAX 256

static void evaluate(struct scalar *out, const struct scalar *coefficients, size_t count, uint16_t at) {
    struct scalar x;
    scalar_set_u64(&x, at);
    scalar_set_u64(out, 0);
    for (size_t i = count; i-- > 0;) {
        scalar_mul(out, out, &x);
        scalar_add(out, out, &coefficients[i]);
    }
}

struct dealt {
    struct scalar coefficients[POLYNOMIAL_MAX];
    uint16_t threshold, participants;
    uint16_t terms; /* of the polynomial */
    struct point key;
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
};

static void deal(lua_State *L, struct dealt *dealt, const char *seed, size_t seed_len) {
    uint8_t encoded[POINT_BYTES];
    for (uint16_t i = 0; i < dealt->terms; i++) {
        uint8_t number[2], digest[32];
        store_be16(number, i);
        const struct bytes parts[] = {{(const uint8_t *)seed, seed_len}, {number, 2}};
        sha256_parts(digest, parts, 2);
        scalar_reduce(&dealt->coefficients[i], digest);
    }
    binding_check(L, point_mul_base(&dealt->key, &dealt->coefficients[0]), NULL);
    if (point_has_odd_y(&dealt->key)) {
        for (uint16_t i = 0; i < dealt->terms; i++)
            scalar_negate(&dealt->coefficients[i], &dealt->coefficients[i]);
        point_negate(&dealt->key);
    }
    binding_check(L, point_encode(encoded, &dealt->key), NULL);
    hex_encode(dealt->key_group, encoded, sizeof encoded);
}

static vault_handle seat_key_of(lua_State *L, struct engine *engine, const struct dealt *dealt, uint16_t member) {
    vault_handle handle = 0;
    void *memory = NULL;
    binding_check(L, vault_new(engine->vault, SECRET_KEY_PACKAGE, sizeof(struct frost_key_package), &handle, &memory),
                  NULL);
    struct frost_key_package *key = memory;
    frost_identifier_from_member(&key->identifier, member);
    evaluate(&key->signing_share, dealt->coefficients, dealt->terms, member);
    binding_check(L, point_mul_base(&key->verifying_share, &key->signing_share), NULL);
    key->verifying_key = dealt->key;
    key->min_signers = dealt->threshold;
    return handle;
}

int test_make_wallet(lua_State *L) {
    struct engine *engine = binding_check_engine(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t id_len, seed_len;
    const char *id = field_string(L, 2, "session_id", &id_len);
    const char *seed = field_string(L, 2, "seed", &seed_len);
    struct dealt *dealt = lua_newuserdatauv(L, sizeof *dealt, 0);
    memset(dealt, 0, sizeof *dealt);
    dealt->threshold = (uint16_t)field_integer(L, 2, "threshold");
    dealt->participants = (uint16_t)field_integer(L, 2, "participants");
    lua_getfield(L, 2, "terms");
    dealt->terms = (uint16_t)luaL_optinteger(L, -1, dealt->threshold);
    if (dealt->terms > POLYNOMIAL_MAX) return luaL_error(L, "threshold too large");
    deal(L, dealt, seed, seed_len);
    size_t count = dealt->participants;
    struct frost_verifying_share *shares = lua_newuserdatauv(L, count * sizeof *shares, 0);
    for (uint16_t member = 1; member <= count; member++) {
        struct scalar share;
        frost_identifier_from_member(&shares[member - 1].identifier, member);
        evaluate(&share, dealt->coefficients, dealt->terms, member);
        binding_check(L, point_mul_base(&shares[member - 1].share, &share), NULL);
    }
    const struct frost_public_package keys = {
        .shares = shares, .count = count, .verifying_key = dealt->key, .min_signers = dealt->threshold};
    lua_getfield(L, 2, "seats");
    size_t seat_count = lua_rawlen(L, -1);
    struct seat_key *seats = lua_newuserdatauv(L, (seat_count + 1) * sizeof *seats, 0);
    for (size_t i = 0; i < seat_count; i++) {
        lua_rawgeti(L, -2, (lua_Integer)i + 1);
        seats[i].member = (uint16_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
        seats[i].key_package = seat_key_of(L, engine, dealt, seats[i].member);
    }
    struct dkg_result result = {.session_id = (char *)id,
                                .participant_count = (uint16_t)count,
                                .threshold = dealt->threshold,
                                .created_at_unix = 1700000000};
    memcpy(result.key_group, dealt->key_group, sizeof result.key_group);
    const uint8_t distributed = 2;
    char fingerprint[65];
    memset(fingerprint, 'f', 64);
    fingerprint[64] = '\0';
    struct changes changes;
    test_engine_open(L, engine);
    changes_init(&changes);
    if (!test_engine_has(engine, id, id_len)) change_session_create(&changes, id, id_len);
    change_field_text(&changes, id, id_len, FIELD_DKG_FINGERPRINT, fingerprint, 64);
    change_key_packages(&changes, engine->vault, id, id_len, seats, seat_count);
    change_public_package(&changes, id, id_len, &keys);
    change_dkg_result(&changes, id, id_len, &result);
    change_field_set(&changes, id, id_len, FIELD_DKG_ORIGIN, &distributed, 1);
    for (size_t i = 0; i < seat_count; i++)
        vault_wipe(engine->vault, seats[i].key_package);
    struct failure why = {0};
    enum signer_error error = test_engine_commit(engine, &changes, RECORD_RESERVED, true, &why);
    changes_free(&changes);
    binding_check(L, error, &why);
    lua_pushstring(L, dealt->key_group);
    return 1;
}
