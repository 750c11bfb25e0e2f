/* The table of settings and the text forms of their values (policy-and-lifecycle 2.3 to 2.8; D-021, D-131). */
#include <string.h>
#include <strings.h>

#include "session/settings.h"

static const struct setting_info table[SETTING_COUNT] = {
#define SETTING(name, member_, type_, fallback_, low_, high_, family_)                                                 \
    [SETTING_##name] = {                                                                                               \
        member_, "TBTC_SIGNER_" #name, SETTING_TYPE_##type_, SETTING_FAMILY_##family_, fallback_, low_, high_},
#include "session/settings.def"
#undef SETTING
};

const struct setting_info *setting_info(enum setting setting) {
    return &table[setting];
}

const char *const *setting_words(enum setting setting) {
    static const char *const profile[] = {"production", "development", NULL};
    static const char *const corruption[] = {"fail_closed", "quarantine_and_reset", NULL};
    static const char *const provider[] = {"env", "command", NULL};
    static const char *const purpose[] = {"state_anchor_bootstrap_provisioning", NULL};
    static const char *const anchor[] = {"none", "counter_file", NULL};
    static const char *const anchor_policy[] = {"strict", "lazy", NULL};
    static const char *const none[] = {NULL};
    switch (setting) {
    case SETTING_PROFILE:
        return profile;
    case SETTING_STATE_CORRUPTION_POLICY:
        return corruption;
    case SETTING_STATE_KEY_PROVIDER:
        return provider;
    case SETTING_PURPOSE:
        return purpose;
    case SETTING_STATE_STORE_ANCHOR:
        return anchor;
    case SETTING_STATE_STORE_ANCHOR_POLICY:
        return anchor_policy;
    default:
        return none;
    }
}

static bool blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

char *setting_trim(char *text) {
    while (blank(*text))
        text++;
    size_t len = strlen(text);
    while (len && blank(text[len - 1]))
        len--;
    text[len] = 0;
    return text;
}

bool setting_is_blank(const char *text) {
    while (blank(*text))
        text++;
    return *text == 0;
}

static bool parse_digits(const char *text, size_t len, uint64_t *out) {
    uint64_t value = 0;
    if (!len) return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        unsigned digit = (unsigned)(text[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool setting_parse_u64(const char *text, uint64_t *out) {
    while (blank(*text))
        text++;
    size_t len = strlen(text);
    while (len && blank(text[len - 1]))
        len--;
    return parse_digits(text, len, out);
}

bool setting_parse_flag(const char *text, bool *out) {
    static const char *const words[] = {"1", "true", "yes", "on", "0", "false", "no", "off"};
    while (blank(*text))
        text++;
    size_t len = strlen(text);
    while (len && blank(text[len - 1]))
        len--;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) != len || strncasecmp(words[i], text, len) != 0) continue;
        *out = i < 4;
        return true;
    }
    return false;
}

bool setting_parse_bytes32(const char *text, uint8_t out[32]) {
    if (strlen(text) != 66 || text[0] != '0' || text[1] != 'x') return false;
    for (const char *c = text + 2; *c; c++)
        if (*c >= 'A' && *c <= 'F') return false;
    return hex_decode(out, text + 2, 64);
}
