/* The envelope of an old state file, schemas 3 and 4. */
#include "store/import.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "store/io.h"

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define ENVELOPE_REST 4096u /* all but the ciphertext */
#define FILE_BYTES_MAX (2 * (IMPORT_PAYLOAD_BYTES_MAX + TAG_BYTES) + ENVELOPE_REST)
#define KEY_ID_CHARACTERS 71u
#define ALGORITHM "xchacha20poly1305"
#define GENERATION "state_generation"

/* Texts as they stand in the file: the nonce is authenticated in that form (sealed-store 5.3). */
enum envelope_text { TEXT_ALGORITHM, TEXT_PROVIDER, TEXT_KEY_ID, TEXT_NONCE, TEXT_CIPHERTEXT, TEXT_TAG, TEXT_COUNT };

static const char *const text_names[TEXT_COUNT] = {"encryption_algorithm", "key_provider",      "key_id", "nonce",
                                                   "ciphertext",           "authentication_tag"};

struct envelope {
    bool has_schema, has_generation;
    uint64_t schema, generation;
    struct bytes texts[TEXT_COUNT];
};

/* -- the file ---------------------------------------------------------------------------------------- */

static enum signer_error read_all(struct old_file *out, int file, const struct place *place, struct failure *why) {
    uint64_t size;
    enum signer_error error = io_size(place->platform, file, &size, place->name, why);
    if (error != SIGNER_OK) return error;
    if (size == 0) return fail(why, ERR_STATE_CORRUPT, "the state file is empty");
    if (size > FILE_BYTES_MAX) return fail(why, ERR_STATE_CORRUPT, "the state file is too long");
    out->data = signer_malloc((size_t)size);
    if (!out->data) return fail_plain(why, ERR_OUT_OF_MEMORY);
    out->len = (size_t)size;
    error = io_read(place->platform, file, out->data, out->len, 0, place->name, why);
    crypto_hash_sha256(out->sha256, out->data, out->len);
    return error;
}

enum signer_error old_file_read(struct old_file *out, const struct place *place, struct failure *why) {
    struct stat status;
    enum file_state state;
    int file;
    *out = (struct old_file){0};
    enum signer_error error = place_look(place, place->parent, place->name, &state, &status, why);
    if (error != SIGNER_OK || state == FILE_ABSENT) return error;
    if (state != FILE_REGULAR) return fail(why, ERR_STATE_PATH_UNSAFE, "the state path is no regular file");
    error = place_file(place, place->parent, place->name, O_RDONLY, &file, why);
    if (error != SIGNER_OK || file < 0) return error;
    out->present = true;
    error = read_all(out, file, place, why);
    place_shut(place, &file);
    return error;
}

void old_file_free(struct old_file *file) {
    free(file->data);
    *file = (struct old_file){0};
}

/* -- the envelope --------------------------------------------------------------------------------------- */

static enum signer_error no_envelope(struct failure *why, const char *what) {
    return fail(why, ERR_STATE_CORRUPT, "the state file is no envelope: %s", what);
}

static bool read_member(struct json_reader *json, const struct json_token *key, struct envelope *out) {
    struct json_token value;
    if (json_next(json, &value) == JSON_INVALID) return false;
    if (json_text_is(key, "schema_version", strlen("schema_version"))) {
        out->has_schema = true;
        out->schema = value.integer;
        return value.kind == JSON_INTEGER;
    }
    if (json_text_is(key, GENERATION, strlen(GENERATION))) {
        out->has_generation = true;
        out->generation = value.integer;
        return value.kind == JSON_INTEGER;
    }
    for (int i = 0; i < TEXT_COUNT; i++) {
        if (!json_text_is(key, text_names[i], strlen(text_names[i]))) continue;
        out->texts[i] = (struct bytes){(const uint8_t *)value.text, value.len};
        return value.kind == JSON_STRING && !value.escaped;
    }
    return false;
}

static bool read_envelope(struct json_reader *json, struct envelope *out) {
    struct json_token token;
    if (json_next(json, &token) != JSON_OBJECT) return false;
    while (json_next(json, &token) == JSON_KEY)
        if (!read_member(json, &token, out)) return false;
    if (token.kind != JSON_OBJECT_END || json_next(json, &token) != JSON_END) return false;
    for (int i = 0; i < TEXT_COUNT; i++)
        if (!out->texts[i].data) return false;
    return out->has_schema;
}

static enum signer_error check_schema(const struct envelope *envelope, uint64_t lowest, struct failure *why) {
    if (envelope->schema == IMPORT_SCHEMA_GENERATION && lowest == 0)
        return fail(why, ERR_STATE_VERSION,
                    "the state file has envelope schema 4: it is taken over offline, with its generation "
                    "(tbtc-signer store import --generation)");
    if (envelope->schema == IMPORT_SCHEMA && lowest != 0)
        return fail(why, ERR_STATE_VERSION,
                    "the state file has envelope schema 3, which carries no generation: it is taken over without one "
                    "(tbtc-signer store init)");
    if (envelope->schema != IMPORT_SCHEMA && envelope->schema != IMPORT_SCHEMA_GENERATION)
        return fail(why, ERR_STATE_VERSION, "the state file has envelope schema %" PRIu64 ", only 3 and 4 are imported",
                    envelope->schema);
    if (envelope->has_generation != (envelope->schema == IMPORT_SCHEMA_GENERATION))
        return no_envelope(why, "state_generation belongs to schema 4, and to that one always");
    return SIGNER_OK;
}

static enum signer_error parse(struct envelope *out, const struct old_file *file, const struct core *core,
                               struct failure *why) {
    uint64_t hash_key;
    *out = (struct envelope){0};
    struct json_reader *json = signer_malloc(sizeof *json);
    if (!json) return fail_plain(why, ERR_OUT_OF_MEMORY);
    platform_random(core->platform, &hash_key, sizeof hash_key);
    json_init_bounded(json, file->data, file->len, hash_key, JSON_MEMBERS_MAX);
    bool read = read_envelope(json, out);
    free(json);
    return read ? SIGNER_OK : no_envelope(why, "not the members of sealed-store 5.1 (plaintext state is not read)");
}

static bool text_is(struct bytes text, const char *expected) {
    return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

static void make_key_id(char out[KEY_ID_CHARACTERS + 1], const uint8_t master[32]) {
    uint8_t digest[32];
    crypto_hash_sha256(digest, master, 32);
    memcpy(out, "sha256:", 7);
    hex_encode(out + 7, digest, sizeof digest);
    out[KEY_ID_CHARACTERS] = '\0';
}

static void put_labelled(struct buffer *out, const char *label, const void *value, size_t len) {
    buffer_lp(out, label, strlen(label));
    buffer_lp(out, value, len);
}

static void make_aad(struct buffer *out, const struct envelope *envelope) {
    uint8_t schema[2], generation[8];
    store_be16(schema, (uint16_t)envelope->schema);
    store_be64(generation, envelope->generation);
    put_labelled(out, "schema_version", schema, sizeof schema);
    for (int i = TEXT_ALGORITHM; i <= TEXT_NONCE; i++)
        put_labelled(out, text_names[i], envelope->texts[i].data, envelope->texts[i].len);
    if (envelope->has_generation) put_labelled(out, GENERATION, generation, sizeof generation);
}

static enum signer_error check_key(const struct envelope *envelope, enum key_provider_kind provider,
                                   const struct core *core, struct failure *why) {
    char key_id[KEY_ID_CHARACTERS + 1];
    if (!text_is(envelope->texts[TEXT_PROVIDER], provider == KEY_PROVIDER_COMMAND ? "command" : "env"))
        return fail(why, ERR_STATE_KEY_MISMATCH, "the state file was written with another key provider");
    make_key_id(key_id, core->master);
    if (!text_is(envelope->texts[TEXT_KEY_ID], key_id))
        return fail(why, ERR_STATE_KEY_MISMATCH, "the state file was written with another key");
    return SIGNER_OK;
}

static bool hex_of(uint8_t *out, struct bytes text, size_t len) {
    return text.len == 2 * len && hex_decode(out, (const char *)text.data, text.len);
}

/* The ciphertext is decoded and opened in place, in the vault; after an error the caller wipes it. */
static enum signer_error decrypt(const struct envelope *envelope, const struct core *core, vault_handle *payload,
                                 struct failure *why) {
    uint8_t nonce[NONCE_BYTES], tag[TAG_BYTES];
    const struct bytes ciphertext = envelope->texts[TEXT_CIPHERTEXT];
    const size_t len = ciphertext.len / 2;
    struct buffer aad;
    void *memory;
    if (!hex_of(nonce, envelope->texts[TEXT_NONCE], sizeof nonce)) return no_envelope(why, "nonce");
    if (!hex_of(tag, envelope->texts[TEXT_TAG], sizeof tag)) return no_envelope(why, "authentication_tag");
    if (len > IMPORT_PAYLOAD_BYTES_MAX) return no_envelope(why, "ciphertext too long");
    enum signer_error error = vault_new(core->vault, SECRET_BYTES, len, payload, &memory);
    if (error != SIGNER_OK) return fail_plain(why, error);
    buffer_init(&aad);
    make_aad(&aad, envelope);
    error = buffer_status(&aad);
    if (error != SIGNER_OK)
        fail_plain(why, error);
    else if (!hex_of(memory, ciphertext, len))
        error = no_envelope(why, "ciphertext");
    else if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(memory, NULL, memory, len, tag, aad.data, aad.len,
                                                                 nonce, core->master) != 0)
        error = fail(why, ERR_STATE_CORRUPT, "the state file is damaged: its tag does not fit");
    buffer_free(&aad);
    return error;
}

/* Only once the tag has vouched for the number. */
static enum signer_error check_generation(const struct envelope *envelope, uint64_t lowest, struct failure *why) {
    if (envelope->generation >= lowest) return SIGNER_OK;
    return fail(why, ERR_STATE_ROLLBACK, "the state file has generation %" PRIu64 ", older than the given %" PRIu64,
                envelope->generation, lowest);
}

enum signer_error old_file_open(struct old_file *file, uint64_t lowest, enum key_provider_kind provider,
                                const struct core *core, vault_handle *payload, struct failure *why) {
    struct envelope envelope;
    *payload = 0;
    enum signer_error error = parse(&envelope, file, core, why);
    if (error == SIGNER_OK) error = check_schema(&envelope, lowest, why);
    if (error == SIGNER_OK && !text_is(envelope.texts[TEXT_ALGORITHM], ALGORITHM))
        error = fail(why, ERR_STATE_VERSION, "the state file has an unknown encryption_algorithm");
    if (error == SIGNER_OK) error = check_key(&envelope, provider, core, why);
    if (error == SIGNER_OK) error = decrypt(&envelope, core, payload, why);
    if (error == SIGNER_OK) error = check_generation(&envelope, lowest, why);
    if (error != SIGNER_OK) {
        vault_wipe(core->vault, *payload);
        *payload = 0;
        return error;
    }
    file->schema = (uint16_t)envelope.schema;
    file->generation = envelope.generation;
    return SIGNER_OK;
}

/* -- the end -------------------------------------------------------------------------------------------- */

enum signer_error old_file_retire(const struct core *core, struct failure *why) {
    const struct place *place = &core->place;
    char suffix[64], target[FILE_NAME_BYTES];
    struct stat status;
    enum file_state state = FILE_ABSENT;
    uint64_t now;
    enum signer_error error = platform_wall_ms(core->platform, &now);
    if (error != SIGNER_OK) return fail_plain(why, error);
    for (uint64_t second = now / 1000;; second++) { /* a name that is free */
        snprintf(suffix, sizeof suffix, ".imported-%" PRIu64, second);
        place_sibling(place, suffix, target);
        error = place_look(place, place->parent, target, &state, &status, why);
        if (error != SIGNER_OK) return error;
        if (state == FILE_ABSENT) break;
    }
    error = place_rename(place, place->parent, place->name, target, why);
    if (error == SIGNER_OK) error = place_sync(place, place->parent, "the directory of the state path", why);
    if (error == SIGNER_OK) store_report("imported %s, which is now %s", place->name, target);
    return error;
}

#ifdef SIGNER_TEST
static void put_member(struct buffer *out, const char *name, const void *text, size_t len) {
    buffer_text(out, ",\"");
    buffer_text(out, name);
    buffer_text(out, "\":\"");
    buffer_append(out, text, len);
    buffer_u8(out, '"');
}

enum signer_error old_file_seal(struct buffer *out, const struct bytes *payload, const char *provider,
                                uint64_t generation, const uint8_t master[32], const uint8_t nonce[24]) {
    char key_id[KEY_ID_CHARACTERS + 1], nonce_hex[2 * NONCE_BYTES], tag_hex[2 * TAG_BYTES], number[64];
    uint8_t tag[TAG_BYTES];
    struct buffer aad = {0}, sealed = {0}, sealed_hex = {0};
    make_key_id(key_id, master);
    hex_encode(nonce_hex, nonce, NONCE_BYTES);
    const struct envelope envelope = {
        .schema = generation ? IMPORT_SCHEMA_GENERATION : IMPORT_SCHEMA,
        .has_generation = generation != 0,
        .generation = generation,
        .texts = {{(const uint8_t *)ALGORITHM, strlen(ALGORITHM)},
                  {(const uint8_t *)provider, strlen(provider)},
                  {(const uint8_t *)key_id, KEY_ID_CHARACTERS},
                  {(const uint8_t *)nonce_hex, sizeof nonce_hex}},
    };
    make_aad(&aad, &envelope);
    buffer_append(&sealed, payload->data, payload->len);
    enum signer_error error = buffer_status(&aad);
    if (error == SIGNER_OK) error = buffer_status(&sealed);
    if (error == SIGNER_OK) {
        crypto_aead_xchacha20poly1305_ietf_encrypt_detached(sealed.data, tag, NULL, sealed.data, sealed.len, aad.data,
                                                            aad.len, NULL, nonce, master);
        hex_encode(tag_hex, tag, sizeof tag);
        buffer_hex(&sealed_hex, sealed.data, sealed.len);
        snprintf(number, sizeof number, "{\"schema_version\":%" PRIu64, envelope.schema);
        buffer_text(out, number);
        for (int i = TEXT_ALGORITHM; i <= TEXT_NONCE; i++)
            put_member(out, text_names[i], envelope.texts[i].data, envelope.texts[i].len);
        put_member(out, text_names[TEXT_CIPHERTEXT], sealed_hex.data, sealed_hex.len);
        put_member(out, text_names[TEXT_TAG], tag_hex, sizeof tag_hex);
        snprintf(number, sizeof number, ",\"" GENERATION "\":%" PRIu64, generation);
        if (generation) buffer_text(out, number);
        buffer_u8(out, '}');
        error = sealed_hex.failed ? ERR_OUT_OF_MEMORY : buffer_status(out);
    }
    buffer_free(&aad);
    buffer_free(&sealed);
    buffer_free(&sealed_hex);
    return error;
}
#endif
