/* init_signer_config: conversion, validation and publication of a candidate (policy-and-lifecycle
 * 2.2, 2.2.1; D-021, D-022, D-024, D-145). */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "session/settings.h"

static const char *no_environment(void *context, const char *name) {
    (void)context;
    (void)name;
    return NULL;
}

void settings_candidate(struct settings *candidate) {
    settings_init(candidate);
    candidate->installed = true;
    candidate->environment = no_environment;
}

static enum signer_error refuse(enum setting setting, struct failure *why, const char *what) {
    return fail(why, ERR_VALIDATION, "%s: %s", setting_info(setting)->member, what);
}

enum signer_error settings_put(struct settings *candidate, enum setting setting, const char *text, size_t len,
                               struct failure *why) {
    if (memchr(text, 0, len)) return refuse(setting, why, "holds a zero byte");
    char *copy = signer_malloc(len + 1);
    if (!copy) return fail_plain(why, ERR_OUT_OF_MEMORY);
    memcpy(copy, text, len);
    copy[len] = 0;
    if (setting_is_blank(copy)) {
        free(copy);
        return refuse(setting, why, "must not be blank");
    }
    if (candidate->value[setting]) {
        sodium_memzero(candidate->value[setting], strlen(candidate->value[setting]));
        free(candidate->value[setting]);
    }
    candidate->value[setting] = copy;
    int word;
    enum signer_error error = setting == SETTING_PROFILE ? settings_word(candidate, setting, &word, NULL) : SIGNER_OK;
    if (error == ERR_OUT_OF_MEMORY) return fail_plain(why, error);
    return error ? refuse(setting, why, "must be production or development") : SIGNER_OK;
}

static int compare_u16(const void *a, const void *b) {
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

enum signer_error settings_put_identifiers(struct settings *candidate, enum setting setting, uint16_t *identifiers,
                                           size_t count, struct failure *why) {
    struct buffer text;
    char number[8];
    if (!count) return refuse(setting, why, "must not be an empty list");
    qsort(identifiers, count, sizeof *identifiers, compare_u16);
    buffer_init(&text);
    for (size_t i = 0; i < count; i++) {
        if (i && identifiers[i] == identifiers[i - 1]) continue;
        snprintf(number, sizeof number, "%s%u", i ? "," : "", (unsigned)identifiers[i]);
        buffer_text(&text, number);
    }
    enum signer_error error = buffer_status(&text);
    if (!error) error = settings_put(candidate, setting, (const char *)text.data, text.len, why);
    buffer_free(&text);
    return error;
}

enum signer_error settings_put_classes(struct settings *candidate, enum setting setting, const struct bytes *names,
                                       size_t count, struct failure *why) {
    struct buffer text;
    enum signer_error error = SIGNER_OK;
    if (!count) return refuse(setting, why, "must not be an empty list");
    buffer_init(&text);
    for (size_t i = 0; i < count && !error; i++) {
        size_t blanks = 0;
        for (size_t k = 0; k < names[i].len; k++)
            blanks += names[i].data[k] == ' ' || (names[i].data[k] >= '\t' && names[i].data[k] <= '\r');
        if (blanks == names[i].len || memchr(names[i].data, ',', names[i].len))
            error = refuse(setting, why, "holds a blank entry or a comma");
        if (i) buffer_text(&text, ",");
        buffer_append(&text, names[i].data, names[i].len);
    }
    if (!error) error = buffer_status(&text);
    if (!error) error = settings_put(candidate, setting, (const char *)text.data, text.len, why);
    buffer_free(&text);
    return error;
}

uint32_t settings_key_count(struct settings *settings) {
    uint32_t count = 0;
    if (!atomic_load(&settings->installed)) return 0;
    for (size_t i = 0; i < SETTING_COUNT; i++)
        count += settings->value[i] != NULL;
    return count;
}

/* -- validation ------------------------------------------------------------------------------------ */

/* One setting by its type and range, whatever gate reads it; BYTES32 are not looked at. */
static enum signer_error check_value(struct settings *settings, enum setting setting, struct failure *why) {
    uint64_t number;
    uint32_t classes;
    uint16_t *list;
    size_t count;
    bool flag, set;
    int word;
    switch (setting_info(setting)->type) {
    case SETTING_TYPE_TEXT:
    case SETTING_TYPE_BYTES32:
        return SIGNER_OK;
    case SETTING_TYPE_WORD:
        return settings_word(settings, setting, &word, why);
    case SETTING_TYPE_FLAG:
        return settings_flag(settings, setting, &flag, why);
    case SETTING_TYPE_COUNT:
    case SETTING_TYPE_HOUR:
    case SETTING_TYPE_SEQUENCE:
        return settings_optional_u64(settings, setting, &number, &set, why);
    case SETTING_TYPE_IDENTIFIERS: {
        enum signer_error error = settings_identifiers(settings, setting, &list, &count, &set, why);
        free(list);
        return error;
    }
    case SETTING_TYPE_CLASSES:
        return settings_classes(settings, setting, &classes, why);
    }
    return SIGNER_OK;
}

static enum signer_error check_setting(struct settings *candidate, enum setting setting, struct failure *why) {
    uint8_t bytes[32];
    const char *text = candidate->value[setting];
    if (!text) return SIGNER_OK;
    if (setting_info(setting)->type == SETTING_TYPE_BYTES32 &&
        (!setting_parse_bytes32(text, bytes) || sodium_is_zero(bytes, 32)))
        return refuse(setting, why, "must be 0x and 64 lower-case hex digits, not all zero");
    return check_value(candidate, setting, why);
}

enum signer_error settings_check_gates(struct settings *settings, struct failure *why) {
    enum signer_error error = SIGNER_OK;
    for (enum setting setting = 0; setting < SETTING_COUNT && !error; setting++)
        switch (setting_info(setting)->family) {
        case SETTING_FAMILY_ADMISSION:
        case SETTING_FAMILY_FIREWALL:
        case SETTING_FAMILY_HEARTBEAT:
        case SETTING_FAMILY_QUARANTINE:
            error = check_value(settings, setting, why);
            break;
        default:
            break;
        }
    return error;
}

static enum signer_error check_family(struct settings *candidate, enum setting_family family, struct failure *why) {
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
        if (setting_info(setting)->family != family) continue;
        enum signer_error error = check_setting(candidate, setting, why);
        if (error) return error;
    }
    return SIGNER_OK;
}

static enum signer_error check_hours(struct settings *candidate, struct failure *why) {
    const char *start = candidate->value[SETTING_POLICY_ALLOWED_UTC_START_HOUR];
    const char *end = candidate->value[SETTING_POLICY_ALLOWED_UTC_END_HOUR];
    if (!start != !end)
        return refuse(start ? SETTING_POLICY_ALLOWED_UTC_END_HOUR : SETTING_POLICY_ALLOWED_UTC_START_HOUR, why,
                      "both hours must be given, or none");
    if (start && strcmp(start, end) == 0)
        return refuse(SETTING_POLICY_ALLOWED_UTC_END_HOUR, why, "must differ from policy_allowed_utc_start_hour");
    return SIGNER_OK;
}

static enum signer_error check_state_path(struct settings *candidate, struct failure *why) {
    char *path;
    enum signer_error error = settings_state_path(candidate, &path, why);
    free(path);
    return error;
}

static enum signer_error check_key(struct settings *candidate, struct failure *why) {
    struct key_plan plan;
    enum signer_error error = settings_key_plan(candidate, &plan, why);
    if (plan.command) sodium_memzero(plan.command, strlen(plan.command));
    free(plan.command);
    return error;
}

static const enum setting anchor_settings[] = {SETTING_STATE_ANCHOR_BINDING_HASH,
                                               SETTING_STATE_ANCHOR_RESPONSE_PUBLIC_KEY,
                                               SETTING_STATE_ANCHOR_RESPONSE_PUBLIC_KEY_SPKI_SHA256,
                                               SETTING_STATE_WITNESS_ROTATION_THRESHOLD_RECORDS,
                                               SETTING_STATE_ANCHOR_PROTOCOL_ID,
                                               SETTING_STATE_ANCHOR_STREAM_ID,
                                               SETTING_STATE_ANCHOR_ACTIVATION_MANIFEST_HASH,
                                               SETTING_STATE_ANCHOR_ACTIVATION_MANIFEST_SEQUENCE,
                                               SETTING_STATE_ANCHOR_OFFLINE_AUTHORITY_PUBLIC_KEY,
                                               SETTING_STATE_ANCHOR_OFFLINE_AUTHORITY_PUBLIC_KEY_SPKI_SHA256,
                                               SETTING_STATE_ANCHOR_TRUST_CERTIFICATE_SEQUENCE,
                                               SETTING_STATE_ANCHOR_TRUST_CERTIFICATE_DIGEST};
#define ANCHOR_SETTINGS (sizeof anchor_settings / sizeof *anchor_settings)
#define ANCHOR_SETTINGS_DEVELOPMENT 4 /* CFG-15 */
#define WITNESS_RESERVE 8             /* sealed-store 22 */

/* A strong Ed25519 key and the SHA-256 of its SubjectPublicKeyInfo form (2.6). */
static enum signer_error check_anchor_key(struct settings *candidate, enum setting key_setting,
                                          enum setting hash_setting, struct failure *why) {
    static const uint8_t prefix[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    uint8_t spki[sizeof prefix + 32], digest[32], given[32];
    memcpy(spki, prefix, sizeof prefix);
    setting_parse_bytes32(candidate->value[key_setting], spki + sizeof prefix);
    setting_parse_bytes32(candidate->value[hash_setting], given);
    if (!crypto_core_ed25519_is_valid_point(spki + sizeof prefix))
        return refuse(key_setting, why, "is no Ed25519 key of prime order");
    crypto_hash_sha256(digest, spki, sizeof spki);
    if (memcmp(digest, given, 32) != 0) return refuse(hash_setting, why, "is not the hash of the key");
    return SIGNER_OK;
}

static enum signer_error check_purpose(struct settings *candidate, size_t anchors, struct failure *why) {
    if (!candidate->value[SETTING_PURPOSE]) return SIGNER_OK;
    if (anchors) return refuse(SETTING_PURPOSE, why, "no anchor member may be present while provisioning");
    const char *records = candidate->value[SETTING_STATE_WITNESS_MAX_RECORDS];
    if (!records || strcmp(records, "4") != 0)
        return refuse(SETTING_STATE_WITNESS_MAX_RECORDS, why, "must be 4 while provisioning");
    return SIGNER_OK;
}

static enum signer_error check_anchor(struct settings *candidate, struct failure *why) {
    size_t present = 0, leading = 0;
    uint64_t threshold, records;
    for (size_t i = 0; i < ANCHOR_SETTINGS; i++)
        present += candidate->value[anchor_settings[i]] != NULL;
    while (leading < ANCHOR_SETTINGS && candidate->value[anchor_settings[leading]])
        leading++;
    enum signer_error error = check_purpose(candidate, present, why);
    if (error || !present) return error;
    bool few = present == ANCHOR_SETTINGS_DEVELOPMENT && leading == ANCHOR_SETTINGS_DEVELOPMENT &&
               !settings_is_production(candidate);
    if (present != ANCHOR_SETTINGS && !few)
        return refuse(anchor_settings[leading], why, "is missing; anchor members come together");
    error = check_anchor_key(candidate, SETTING_STATE_ANCHOR_RESPONSE_PUBLIC_KEY,
                             SETTING_STATE_ANCHOR_RESPONSE_PUBLIC_KEY_SPKI_SHA256, why);
    if (!error) error = settings_u64(candidate, SETTING_STATE_WITNESS_MAX_RECORDS, &records, why);
    if (!error) error = settings_u64(candidate, SETTING_STATE_WITNESS_ROTATION_THRESHOLD_RECORDS, &threshold, why);
    if (error) return error;
    if (records < WITNESS_RESERVE || threshold > records - WITNESS_RESERVE)
        return refuse(SETTING_STATE_WITNESS_ROTATION_THRESHOLD_RECORDS, why,
                      "must be at most state_witness_max_records - 8");
    if (few) return SIGNER_OK;
    error = check_anchor_key(candidate, SETTING_STATE_ANCHOR_OFFLINE_AUTHORITY_PUBLIC_KEY,
                             SETTING_STATE_ANCHOR_OFFLINE_AUTHORITY_PUBLIC_KEY_SPKI_SHA256, why);
    if (error) return error;
    if (strcmp(candidate->value[SETTING_STATE_ANCHOR_OFFLINE_AUTHORITY_PUBLIC_KEY],
               candidate->value[SETTING_STATE_ANCHOR_RESPONSE_PUBLIC_KEY]) == 0)
        return refuse(SETTING_STATE_ANCHOR_OFFLINE_AUTHORITY_PUBLIC_KEY, why, "must differ from the response key");
    return SIGNER_OK;
}

/* The anchor members of the settings, as a candidate of their own. */
static enum signer_error copy_anchor(struct settings *candidate, struct settings *from, struct failure *why) {
    enum signer_error error = SIGNER_OK;
    if (!settings_is_production(from)) error = settings_put(candidate, SETTING_PROFILE, "development", 11, why);
    for (enum setting setting = 0; setting < SETTING_COUNT && !error; setting++) {
        const enum setting_family family = setting_info(setting)->family;
        char *text;
        if (family != SETTING_FAMILY_ANCHOR && family != SETTING_FAMILY_WITNESS) continue;
        error = settings_copy(from, setting, &text, why);
        if (!error && text) error = settings_put(candidate, setting, text, strlen(text), why);
        free(text);
    }
    return error;
}

enum signer_error settings_witness_limits(struct settings *settings, struct witness_limits *out, struct failure *why) {
    struct settings candidate;
    *out = (struct witness_limits){0};
    enum signer_error error = settings_u64(settings, SETTING_STATE_WITNESS_MAX_RECORDS, &out->maximum, why);
    if (error) return error;
    settings_candidate(&candidate);
    error = copy_anchor(&candidate, settings, why);
    if (!error) error = check_family(&candidate, SETTING_FAMILY_ANCHOR, why);
    if (!error) error = check_anchor(&candidate, why);
    if (!error)
        error = settings_optional_u64(&candidate, SETTING_STATE_WITNESS_ROTATION_THRESHOLD_RECORDS, &out->threshold,
                                      &out->pinned, why);
    if (!out->pinned) out->threshold = out->maximum > WITNESS_RESERVE ? out->maximum - WITNESS_RESERVE : 0;
    settings_free(&candidate);
    return error;
}

/* Our settings that hang together (2.8), and what a release build does not have (D-025). */
static enum signer_error check_general(struct settings *candidate, struct failure *why) {
    int anchor;
    bool plaintext;
    enum signer_error error = settings_word(candidate, SETTING_STATE_STORE_ANCHOR, &anchor, why);
    if (!error) error = settings_flag(candidate, SETTING_PERMIT_PLAINTEXT_STATE_ROLLBACK, &plaintext, why);
    if (error) return error;
    const bool counter = anchor == 1;
    if (counter != (candidate->value[SETTING_STATE_STORE_ANCHOR_PATH] != NULL))
        return refuse(SETTING_STATE_STORE_ANCHOR_PATH, why,
                      "goes with state_store_anchor counter_file, and only with it");
    if (counter && candidate->value[SETTING_STATE_ANCHOR_BINDING_HASH])
        return refuse(SETTING_STATE_STORE_ANCHOR, why, "does not go with the pins of an anchor service");
#ifndef SIGNER_TEST
    if (plaintext)
        return refuse(SETTING_PERMIT_PLAINTEXT_STATE_ROLLBACK, why, "release builds read no plaintext state");
#endif
    return SIGNER_OK;
}

enum signer_error settings_validate(struct settings *candidate, struct failure *why) {
    static const struct {
        enum setting_family family;
        enum signer_error (*more)(struct settings *, struct failure *);
    } steps[] = {
        {SETTING_FAMILY_ADMISSION, NULL},         {SETTING_FAMILY_FIREWALL, check_hours},
        {SETTING_FAMILY_HEARTBEAT, NULL},         {SETTING_FAMILY_QUARANTINE, NULL},
        {SETTING_FAMILY_STATE, check_state_path}, {SETTING_FAMILY_WITNESS, NULL},
        {SETTING_FAMILY_ANCHOR, check_anchor},    {SETTING_FAMILY_KEY, check_key},
        {SETTING_FAMILY_GENERAL, check_general},  {SETTING_FAMILY_PROVENANCE, NULL},
    };
    struct failure local;
    struct failure *cause = why ? why : &local;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        enum signer_error error = check_family(candidate, steps[i].family, cause);
        if (!error && steps[i].more) error = steps[i].more(candidate, cause);
        if (!error) continue;
        if (error != ERR_OUT_OF_MEMORY) error = cause->error = ERR_VALIDATION;
        return error;
    }
    return SIGNER_OK;
}

/* -- publication ---------------------------------------------------------------------------------------- */

static enum signer_error compare_installed(const struct settings *settings, const char fingerprint[65], bool *same,
                                           struct failure *why) {
    const bool installed = atomic_load(&settings->installed);
    *same = installed && memcmp(settings->fingerprint, fingerprint, 64) == 0;
    if (!installed || *same) return SIGNER_OK;
    return fail(why, ERR_VALIDATION, "a configuration with fingerprint %s is already installed", settings->fingerprint);
}

enum signer_error settings_installed(struct settings *settings, const char fingerprint[65], bool *same,
                                     struct failure *why) {
    return compare_installed(settings, fingerprint, same, why);
}

enum signer_error settings_publish(struct settings *settings, struct settings *candidate, const char fingerprint[65],
                                   bool *idempotent, struct failure *why) {
    pthread_mutex_lock(&settings->lock);
    enum signer_error error = compare_installed(settings, fingerprint, idempotent, why);
    if (!error && !*idempotent) {
        memcpy(settings->value, candidate->value, sizeof settings->value);
        memset(candidate->value, 0, sizeof candidate->value);
        memcpy(settings->fingerprint, fingerprint, 65);
        atomic_store(&settings->installed, true); /* last: whoever sees it sees all of them */
    }
    pthread_mutex_unlock(&settings->lock);
    return error;
}
