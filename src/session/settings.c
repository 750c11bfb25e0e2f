/* Settings: the two sources, profile, typed values, and what the gates and the store ask of them
 * (policy-and-lifecycle 1, 2; D-020, D-021, D-131, D-145). */
#include "session/settings.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fault.h"
#include "base/notice.h"
#include "base/workers.h"
#include "bitcoin/transaction.h"

#define FALLBACK_STATE_FILE "frost_tbtc_engine_state.json"

static const char *process_environment(void *context, const char *name) {
    (void)context;
    return getenv(name);
}

void settings_init(struct settings *settings) {
    memset(settings, 0, sizeof *settings);
    pthread_mutex_init(&settings->lock, NULL);
    settings->environment = process_environment;
}

void settings_free(struct settings *settings) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings->value[i]) sodium_memzero(settings->value[i], strlen(settings->value[i]));
        free(settings->value[i]);
        settings->value[i] = NULL;
    }
    pthread_mutex_destroy(&settings->lock);
}

/* -- the two sources ---------------------------------------------------------------------------- */

/* The text without blanks around it, in any case, is the word. */
static bool is_word(const char *text, const char *word) {
    while (*text == ' ' || (*text >= '\t' && *text <= '\r'))
        text++;
    size_t len = strlen(text);
    while (len && (text[len - 1] == ' ' || (text[len - 1] >= '\t' && text[len - 1] <= '\r')))
        len--;
    return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

/* Sets a flag once; true for the call that set it. */
static bool first_time(atomic_bool *flag) {
    return !atomic_load_explicit(flag, memory_order_relaxed) && !atomic_exchange(flag, true);
}

static const char *variable(struct settings *settings, enum setting setting) {
    if (setting == SETTING_PURPOSE) return NULL; /* exists in the init configuration only (2.6) */
    return settings->environment(settings->environment_context, setting_info(setting)->variable);
}

/* CFG-3: one warning when a setting comes from the environment outside development. */
static void warn_environment(struct settings *settings) {
    if (atomic_load(&settings->installed) || atomic_load(&settings->warned_environment)) return;
    const char *profile = variable(settings, SETTING_PROFILE);
    if (profile && is_word(profile, "development")) return;
    if (first_time(&settings->warned_environment))
        notice("no configuration is installed; settings are read from the environment");
}

/* The text in its source, NULL when it is unset: to be read before the environment is asked for anything else. */
static const char *source_text(struct settings *settings, enum setting setting) {
    if (setting != SETTING_PROFILE) warn_environment(settings);
    return atomic_load(&settings->installed) ? settings->value[setting] : variable(settings, setting);
}

enum signer_error settings_copy(struct settings *settings, enum setting setting, char **out, struct failure *why) {
    const char *text = source_text(settings, setting);
    *out = text ? signer_strdup(text) : NULL;
    return text && !*out ? fail_plain(why, ERR_OUT_OF_MEMORY) : SIGNER_OK;
}

/* settings_copy; false when unset (or memory ran out: never for a setting whose absence permits more). */
static bool settings_text(struct settings *settings, enum setting setting, char **copy) {
    return settings_copy(settings, setting, copy, NULL) == SIGNER_OK && *copy != NULL;
}

/* Name of a setting as its present source spells it. */
static const char *source_name(struct settings *settings, enum setting setting) {
    return atomic_load(&settings->installed) ? setting_info(setting)->member : setting_info(setting)->variable;
}

static enum signer_error family_error(enum setting_family family) {
    switch (family) {
    case SETTING_FAMILY_ADMISSION:
        return ERR_ADMISSION_CONFIGURATION;
    case SETTING_FAMILY_FIREWALL:
    case SETTING_FAMILY_HEARTBEAT:
        return ERR_SIGNING_CONFIGURATION;
    case SETTING_FAMILY_ANCHOR:
        return ERR_VALIDATION;
    default:
        return ERR_CONFIGURATION;
    }
}

/* The value itself is never shown: it may be a command or a path (LOG-2, LOG-5). */
static enum signer_error bad_value(struct settings *settings, enum setting setting, struct failure *why,
                                   const char *what) {
    const char *name = source_name(settings, setting);
    enum signer_error error = family_error(setting_info(setting)->family);
    if (error == ERR_CONFIGURATION) notice("%s: %s", name, what);
    return fail(why, error, "%s: %s", name, what);
}

/* -- profile ---------------------------------------------------------------------------------------- */

/* Without a copy: running out of memory must not turn one profile into the other. */
bool settings_is_production(struct settings *settings) {
    const char *text = source_text(settings, SETTING_PROFILE);
    bool development = text && is_word(text, "development");
    bool unknown = text && !development && !setting_is_blank(text) && !is_word(text, "production");
    if (unknown && first_time(&settings->warned_profile))
        notice("%s is neither production nor development; production rules hold",
               setting_info(SETTING_PROFILE)->variable);
    return !development;
}

/* -- typed values -------------------------------------------------------------------------------------- */

static enum signer_error parse_count(struct settings *settings, enum setting setting, const char *text, uint64_t *out,
                                     struct failure *why) {
    const struct setting_info *info = setting_info(setting);
    char what[96];
    bool canonical =
        info->type != SETTING_TYPE_SEQUENCE || (text[0] >= '1' && text[0] <= '9' && !strpbrk(text, " \t\r\n"));
    if (!canonical || !setting_parse_u64(text, out)) return bad_value(settings, setting, why, "not a decimal number");
    if (*out >= info->low && *out <= info->high) return SIGNER_OK;
    if (info->high == UINT64_MAX)
        snprintf(what, sizeof what, "below %llu", (unsigned long long)info->low);
    else
        snprintf(what, sizeof what, "outside %llu..%llu", (unsigned long long)info->low,
                 (unsigned long long)info->high);
    return bad_value(settings, setting, why, what);
}

enum signer_error settings_optional_u64(struct settings *settings, enum setting setting, uint64_t *out, bool *set,
                                        struct failure *why) {
    const char *text = source_text(settings, setting);
    *set = text != NULL;
    return text ? parse_count(settings, setting, text, out, why) : SIGNER_OK;
}

enum signer_error settings_u64(struct settings *settings, enum setting setting, uint64_t *out, struct failure *why) {
    bool set;
    enum signer_error error = settings_optional_u64(settings, setting, out, &set, why);
    if (error || set) return error;
    const char *fallback = setting_info(setting)->fallback;
    if (!fallback || !setting_parse_u64(fallback, out))
        return fail(why, ERR_INTERNAL, "%s has no default", setting_info(setting)->member);
    return SIGNER_OK;
}

enum signer_error settings_flag(struct settings *settings, enum setting setting, bool *out, struct failure *why) {
    const char *text = source_text(settings, setting);
    *out = false;
    if (text && !setting_parse_flag(text, out))
        return bad_value(settings, setting, why, "not one of true, false, yes, no, on, off, 1, 0");
    return SIGNER_OK;
}

static int word_index(enum setting setting, const char *text) {
    const char *const *words = setting_words(setting);
    for (int i = 0; words[i]; i++)
        if (strcasecmp(words[i], text) == 0) return i;
    return -1;
}

enum signer_error settings_word(struct settings *settings, enum setting setting, int *out, struct failure *why) {
    char *text;
    enum signer_error error = settings_copy(settings, setting, &text, why);
    if (error) return error;
    const char *fallback = setting_info(setting)->fallback;
    *out = text ? word_index(setting, setting_trim(text)) : (fallback ? word_index(setting, fallback) : -1);
    if (text && *out < 0) error = bad_value(settings, setting, why, "not one of the known words");
    free(text);
    return error;
}

static int compare_u16(const void *a, const void *b) {
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static size_t count_tokens(const char *text) {
    size_t commas = 0;
    for (; *text; text++)
        commas += *text == ',';
    return commas + 1;
}

enum signer_error settings_identifiers(struct settings *settings, enum setting setting, uint16_t **out, size_t *count,
                                       bool *set, struct failure *why) {
    char *text, *rest, *token;
    *out = NULL;
    *count = 0;
    *set = false;
    enum signer_error error = settings_copy(settings, setting, &text, why);
    if (error || !text) return error;
    *set = true;
    uint16_t *list = signer_calloc(count_tokens(text), sizeof *list);
    size_t used = 0;
    if (!list) {
        free(text);
        return fail_plain(why, ERR_OUT_OF_MEMORY);
    }
    rest = text;
    while (!error && (token = strsep(&rest, ",")) != NULL) {
        uint64_t value;
        if (setting_is_blank(token)) continue;
        if (!setting_parse_u64(token, &value) || value == 0 || value > UINT16_MAX)
            error = bad_value(settings, setting, why, "holds an entry that is no identifier 1..65535");
        else
            list[used++] = (uint16_t)value;
    }
    if (!error && !used) error = bad_value(settings, setting, why, "holds no identifier");
    free(text);
    if (error) {
        free(list);
        return error;
    }
    qsort(list, used, sizeof *list, compare_u16);
    for (size_t i = 0; i < used; i++)
        if (!i || list[i] != list[i - 1]) list[(*count)++] = list[i];
    *out = list;
    return SIGNER_OK;
}

enum signer_error settings_classes(struct settings *settings, enum setting setting, uint32_t *out,
                                   struct failure *why) {
    char *text, *rest, *token;
    *out = 0;
    enum signer_error error = settings_copy(settings, setting, &text, why);
    if (error) return error;
    if (!text) {
        text = signer_strdup(setting_info(setting)->fallback);
        if (!text) return fail_plain(why, ERR_OUT_OF_MEMORY);
    }
    rest = text;
    while (!error && (token = strsep(&rest, ",")) != NULL) {
        enum script_class class;
        if (setting_is_blank(token)) continue;
        token = setting_trim(token);
        for (char *c = token; *c; c++)
            if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 'a' - 'A');
        if (script_class_by_text(&class, token, strlen(token)))
            *out |= 1u << class;
        else
            error = bad_value(settings, setting, why, "holds an unknown script class");
    }
    if (!error && !*out) error = bad_value(settings, setting, why, "holds no script class");
    free(text);
    return error;
}

/* -- what gates and store ask ------------------------------------------------------------------------------ */

enum signer_error settings_provenance_enforced(struct settings *settings, bool *out, struct failure *why) {
    *out = true;
    if (settings_is_production(settings)) return SIGNER_OK;
    return settings_flag(settings, SETTING_ENFORCE_PROVENANCE_GATE, out, why);
}

enum signer_error settings_firewall_enforced(struct settings *settings, bool *out, struct failure *why) {
    *out = true;
    if (settings_is_production(settings)) return SIGNER_OK;
    return settings_flag(settings, SETTING_ENFORCE_SIGNING_POLICY_FIREWALL, out, why);
}

static bool quoted(const char *text) {
    size_t len = strlen(text);
    return len && (strchr("\"'", text[0]) || strchr("\"'", text[len - 1]));
}

enum signer_error settings_worker_threads(struct settings *settings, unsigned *out, struct failure *why) {
    uint64_t threads = 1;
    bool set = false;
    enum signer_error error = settings_optional_u64(settings, SETTING_WORKER_THREADS, &threads, &set, why);
    if (error == SIGNER_OK) *out = set ? (unsigned)threads : workers_online();
    return error;
}

enum signer_error settings_state_path(struct settings *settings, char **out, struct failure *why) {
    char *text;
    *out = NULL;
    enum signer_error error = settings_copy(settings, SETTING_STATE_PATH, &text, why);
    if (error) return error;
    if (text && !setting_is_blank(text)) {
        char *trimmed = setting_trim(text);
        if (quoted(trimmed)) {
            free(text);
            return bad_value(settings, SETTING_STATE_PATH, why, "begins or ends with a quote character");
        }
        memmove(text, trimmed, strlen(trimmed) + 1);
        *out = text;
        return SIGNER_OK;
    }
    free(text);
    if (settings_is_production(settings))
        return bad_value(settings, SETTING_STATE_PATH, why, "must be set in production");
    const char *temporary = settings->environment(settings->environment_context, "TMPDIR");
    if (!temporary || !*temporary) temporary = "/tmp";
    size_t room = strlen(temporary) + sizeof FALLBACK_STATE_FILE + 1;
    *out = signer_malloc(room);
    if (!*out) return fail_plain(why, ERR_OUT_OF_MEMORY);
    snprintf(*out, room, "%s/%s", temporary, FALLBACK_STATE_FILE);
    return SIGNER_OK;
}

enum signer_error settings_key_plan(struct settings *settings, struct key_plan *out, struct failure *why) {
    int word = 0;
    uint64_t timeout = 0;
    memset(out, 0, sizeof *out);
    enum signer_error error = settings_word(settings, SETTING_STATE_KEY_PROVIDER, &word, why);
    if (!error) error = settings_u64(settings, SETTING_STATE_KEY_COMMAND_TIMEOUT_SECS, &timeout, why);
    if (error) return error;
    out->timeout_s = (uint32_t)timeout;
    out->command_provider = word == 1;
    if (!out->command_provider) {
        if (settings_is_production(settings))
            return bad_value(settings, SETTING_STATE_KEY_PROVIDER, why,
                             "the provider env is refused in production; use command");
        return SIGNER_OK;
    }
    error = settings_copy(settings, SETTING_STATE_KEY_COMMAND, &out->command, why);
    if (error) return error;
    if (out->command && !setting_is_blank(out->command)) return SIGNER_OK;
    free(out->command);
    out->command = NULL;
    return bad_value(settings, SETTING_STATE_KEY_COMMAND, why, "must be set with the provider command");
}

enum signer_error settings_reset_corrupt(struct settings *settings, bool *out, struct failure *why) {
    int word = 0;
    *out = false;
    enum signer_error error = settings_word(settings, SETTING_STATE_CORRUPTION_POLICY, &word, why);
    if (error) return error;
    *out = word == 1 && !settings_is_production(settings);
    return SIGNER_OK;
}

/* -- warnings of the start ------------------------------------------------------------------------------------ */

static void warn_caps(struct settings *settings, size_t local_seats) {
    uint64_t inputs, cap, rate;
    if (!local_seats || settings_u64(settings, SETTING_EXPECTED_INPUTS_PER_SIGNING, &inputs, NULL)) return;
    uint64_t seats = inputs * local_seats;
    if (!settings_u64(settings, SETTING_MAX_LIVE_INTERACTIVE_SESSIONS, &cap, NULL) && cap < seats)
        notice("max_live_interactive_sessions is %llu; %llu inputs with %zu seats here need %llu",
               (unsigned long long)cap, (unsigned long long)inputs, local_seats, (unsigned long long)seats);
    if (!settings_u64(settings, SETTING_MAX_SESSIONS, &cap, NULL) && cap < inputs + 1)
        notice("max_sessions is %llu; %llu inputs need one session each beside the wallet's", (unsigned long long)cap,
               (unsigned long long)inputs);
    if (!settings_u64(settings, SETTING_POLICY_RATE_LIMIT_PER_MINUTE, &rate, NULL) && rate < inputs)
        notice("policy_rate_limit_per_minute is %llu; %llu inputs need one build each", (unsigned long long)rate,
               (unsigned long long)inputs);
}

static void warn_gate(struct settings *settings, enum setting setting, bool on, const char *what) {
    if (!on) notice("%s is off (%s)", what, source_name(settings, setting));
}

void settings_warn_start(struct settings *settings, size_t local_seats) {
    bool on = true;
    char *text;
    if (!first_time(&settings->warned_start)) return;
    if (!settings_provenance_enforced(settings, &on, NULL))
        warn_gate(settings, SETTING_ENFORCE_PROVENANCE_GATE, on, "the provenance gate");
    if (!settings_flag(settings, SETTING_ENFORCE_ADMISSION_POLICY, &on, NULL))
        warn_gate(settings, SETTING_ENFORCE_ADMISSION_POLICY, on, "the DKG admission policy");
    if (!settings_flag(settings, SETTING_ENABLE_AUTO_QUARANTINE, &on, NULL))
        warn_gate(settings, SETTING_ENABLE_AUTO_QUARANTINE, on, "auto-quarantine");
    if (!settings_firewall_enforced(settings, &on, NULL)) {
        warn_gate(settings, SETTING_ENFORCE_SIGNING_POLICY_FIREWALL, on, "the signing-policy firewall");
        if (!on && settings_text(settings, SETTING_POLICY_DIRECTORY, &text)) {
            notice("the script firewall of policy_directory is not asked while the firewall is off");
            free(text);
        }
    }
    if (settings_text(settings, SETTING_STATE_PATH, &text)) {
        if (!setting_is_blank(text)) notice("state path override: %s", setting_trim(text));
        free(text);
    }
    int word = 0;
    if (!settings_word(settings, SETTING_STATE_CORRUPTION_POLICY, &word, NULL) && word == 1 &&
        settings_is_production(settings))
        notice("state_corruption_policy has no effect in production: damaged state is refused");
    if (settings_text(settings, SETTING_STATE_ANCHOR_BINDING_HASH, &text)) {
        notice("state_anchor pins bound the records since the last acknowledgement; this build takes none");
        free(text);
    }
    warn_caps(settings, local_seats);
}

/* -- policy scripts ----------------------------------------------------------------------------------------------- */

void settings_publish_policy(struct settings *settings, enum policy_hook hook, const uint8_t sha256[32]) {
    struct policy_digest *digest = &settings->policies[hook];
    uint64_t words[4];
    uint8_t present[32];
    settings_policy(settings, hook, present);
    if (memcmp(present, sha256, sizeof present) == 0) return;
    memcpy(words, sha256, sizeof words);
    pthread_mutex_lock(&settings->lock);
    atomic_fetch_add(&digest->turn, 1);
    for (size_t i = 0; i < 4; i++)
        atomic_store(&digest->words[i], words[i]);
    atomic_fetch_add(&digest->turn, 1);
    pthread_mutex_unlock(&settings->lock);
}

void settings_policy(struct settings *settings, enum policy_hook hook, uint8_t sha256[32]) {
    struct policy_digest *digest = &settings->policies[hook];
    uint64_t words[4];
    unsigned before;
    do {
        before = atomic_load(&digest->turn);
        for (size_t i = 0; i < 4; i++)
            words[i] = atomic_load(&digest->words[i]);
    } while (before % 2 != 0 || atomic_load(&digest->turn) != before);
    memcpy(sha256, words, sizeof words);
}
