/* Settings of one engine: either the installed init configuration, or the process environment read
 * at each use, never both (policy-and-lifecycle 2). One table of settings (session/settings.def) gives
 * JSON member, variable, type, default, range and family; one text parser serves both sources, so
 * that a value means the same wherever it comes from. There are no silent defaults and no clamps
 * (D-021): a bad text is ERR_CONFIGURATION, or its family's error (settings_family_error). */
#ifndef SIGNER_SESSION_SETTINGS_H
#define SIGNER_SESSION_SETTINGS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

enum setting {
#define SETTING(name, member, type, fallback, low, high, family) SETTING_##name,
#include "session/settings.def"
#undef SETTING
    SETTING_COUNT
};

enum setting_type {
    SETTING_TYPE_TEXT,
    SETTING_TYPE_WORD,
    SETTING_TYPE_FLAG,
    SETTING_TYPE_COUNT,
    SETTING_TYPE_HOUR,
    SETTING_TYPE_IDENTIFIERS,
    SETTING_TYPE_CLASSES,
    SETTING_TYPE_BYTES32,
    SETTING_TYPE_SEQUENCE
};

enum setting_family {
    SETTING_FAMILY_GENERAL,
    SETTING_FAMILY_STATE,
    SETTING_FAMILY_KEY,
    SETTING_FAMILY_PROVENANCE,
    SETTING_FAMILY_ADMISSION,
    SETTING_FAMILY_FIREWALL,
    SETTING_FAMILY_HEARTBEAT,
    SETTING_FAMILY_QUARANTINE,
    SETTING_FAMILY_WITNESS,
    SETTING_FAMILY_ANCHOR
};

struct setting_info {
    const char *member;   /* "max_sessions" */
    const char *variable; /* "TBTC_SIGNER_MAX_SESSIONS" */
    enum setting_type type;
    enum setting_family family;
    const char *fallback; /* NULL: none */
    uint64_t low, high;
};

const struct setting_info *setting_info(enum setting setting);
/* Words of a WORD setting in the order of their index, ending with NULL. */
const char *const *setting_words(enum setting setting);

/* Text forms, after trimming ASCII blanks. */
bool setting_parse_u64(const char *text, uint64_t *out);       /* decimal digits only */
bool setting_parse_flag(const char *text, bool *out);          /* D-131 */
bool setting_parse_bytes32(const char *text, uint8_t out[32]); /* 0x + 64 lower-case hex, not trimmed */
char *setting_trim(char *text);                                /* in place */
bool setting_is_blank(const char *text);

/* The operator's scripts that the engine asks (policy-and-lifecycle 14.4). */
enum policy_hook { POLICY_HOOK_FIREWALL, POLICY_HOOK_DKG_ADMISSION, POLICY_HOOK_QUARANTINE, POLICY_HOOK_COUNT };

/* SHA-256 of a script, read without a lock: two readings of `turn` that are equal and even had no writer between. */
struct policy_digest {
    atomic_uint turn;
    _Atomic uint64_t words[4];
};

/* Read without a lock: every call asks several times, on every thread. */
struct settings {
    pthread_mutex_t lock;  /* of those that write */
    atomic_bool installed; /* once set, what follows stays as it is */
    char fingerprint[65];
    char *value[SETTING_COUNT]; /* installed texts; NULL = absent. Never the state key. */
    /* Environment source; getenv unless a test or a module engine gives its own. */
    const char *(*environment)(void *context, const char *name);
    void *environment_context;
    atomic_bool warned_environment; /* each warning once (CFG-3, PRF-3) */
    atomic_bool warned_profile;
    atomic_bool warned_start;
    /* Of each script in force, as its loader last published it: a verdict of another script is asked again
     * (D-135). */
    struct policy_digest policies[POLICY_HOOK_COUNT];
};

void settings_init(struct settings *settings);
void settings_free(struct settings *settings);

bool settings_is_production(struct settings *settings);

/* Copies the text of a setting (installed or environment), NULL when it is unset; freed by the caller.
 * ERR_OUT_OF_MEMORY. */
enum signer_error settings_copy(struct settings *settings, enum setting setting, char **out, struct failure *why);
/* Parsed values with default and range. A setting without default must be read with its _optional form. */
enum signer_error settings_u64(struct settings *settings, enum setting setting, uint64_t *out, struct failure *why);
enum signer_error settings_optional_u64(struct settings *settings, enum setting setting, uint64_t *out, bool *set,
                                        struct failure *why);
enum signer_error settings_flag(struct settings *settings, enum setting setting, bool *out, struct failure *why);
/* A WORD setting as the index of its word in the order of settings.c; *out = -1 when unset without default. */
enum signer_error settings_word(struct settings *settings, enum setting setting, int *out, struct failure *why);
/* A list of participant identifiers, ascending, without duplicates, freed by the caller; *set false
 * when unset. */
enum signer_error settings_identifiers(struct settings *settings, enum setting setting, uint16_t **out, size_t *count,
                                       bool *set, struct failure *why);
/* Script classes as a set of bits (1 << enum script_class). */
enum signer_error settings_classes(struct settings *settings, enum setting setting, uint32_t *out, struct failure *why);

/* Whether the gates are on: forced in production for the first two (policy-and-lifecycle 1). */
enum signer_error settings_provenance_enforced(struct settings *settings, bool *out, struct failure *why);
enum signer_error settings_firewall_enforced(struct settings *settings, bool *out, struct failure *why);

/* Threads that one call may use for work on public values: worker_threads, else the processors there are. */
enum signer_error settings_worker_threads(struct settings *settings, unsigned *out, struct failure *why);

/* Trimmed state path, freed by the caller. ERR_CONFIGURATION: unset in production, or beginning or
 * ending with a quote character (D-145). Development default: <temp dir>/frost_tbtc_engine_state.json. */
enum signer_error settings_state_path(struct settings *settings, char **out, struct failure *why);

/* What bounds the witness history (sealed-store 22, 35.8; D-185). */
struct witness_limits {
    uint64_t maximum;   /* state_witness_max_records */
    bool pinned;        /* pins of a signed anchor service are set */
    uint64_t threshold; /* records at which it is rotated; without pins the highest that a pin may say */
};
/* Checks all pins of either source (CFG-15): ERR_VALIDATION; ERR_CONFIGURATION, ERR_OUT_OF_MEMORY. */
enum signer_error settings_witness_limits(struct settings *settings, struct witness_limits *out, struct failure *why);

/* The plan of the key provider, without reading a key: kind, command (freed by the caller, NULL for
 * env) and time-out. ERR_CONFIGURATION: unknown word, env in production, no command. */
struct key_plan {
    bool command_provider;
    char *command;
    uint32_t timeout_s;
};
enum signer_error settings_key_plan(struct settings *settings, struct key_plan *out, struct failure *why);
/* Damaged state may be set aside instead of refused: only outside production (D-086). */
enum signer_error settings_reset_corrupt(struct settings *settings, bool *out, struct failure *why);

/* Warnings of the start (policy-and-lifecycle 12.2, D-147), once an engine: gates that are off, a state
 * path override, a corruption policy without effect, caps below what a signing over all inputs needs.
 * `local_seats`: most seats that one wallet has here. */
void settings_warn_start(struct settings *settings, size_t local_seats);

/* The first setting of the gates (admission, firewall, heartbeats, quarantine) whose text is no value of it,
 * whether its gate is on or not: at its use it would refuse, so a node says it at its start. */
enum signer_error settings_check_gates(struct settings *settings, struct failure *why);

/* -- init_signer_config ------------------------------------------------------------------------ */

/* A candidate is a settings object of its own (settings_candidate), filled with settings_put, looked
 * at with settings_validate, and moved into the engine's by settings_publish. */
void settings_candidate(struct settings *candidate);
/* Conversion rules 2.2.1 on the text of one member. ERR_VALIDATION names the member. */
enum signer_error settings_put(struct settings *candidate, enum setting setting, const char *text, size_t len,
                               struct failure *why);
enum signer_error settings_put_identifiers(struct settings *candidate, enum setting setting, uint16_t *identifiers,
                                           size_t count, struct failure *why);
enum signer_error settings_put_classes(struct settings *candidate, enum setting setting, const struct bytes *names,
                                       size_t count, struct failure *why);
uint32_t settings_key_count(struct settings *settings);
/* Whether a configuration is installed: *same true and SIGNER_OK for the same fingerprint, *same
 * false for none, ERR_VALIDATION naming the installed one for another. */
enum signer_error settings_installed(struct settings *settings, const char fingerprint[65], bool *same,
                                     struct failure *why);
/* Every setting, in the order of 2.2 step 5 up to the provenance gate, whether its gate is on or not.
 * Every failure is ERR_VALIDATION naming the member (D-021, D-022). */
enum signer_error settings_validate(struct settings *candidate, struct failure *why);
/* Checks again for a concurrent install, then moves the candidate's values. *idempotent as above. */
enum signer_error settings_publish(struct settings *settings, struct settings *candidate, const char fingerprint[65],
                                   bool *idempotent, struct failure *why);

/* -- policy scripts ----------------------------------------------------------------------------- */
void settings_publish_policy(struct settings *settings, enum policy_hook hook, const uint8_t sha256[32]);
void settings_policy(struct settings *settings, enum policy_hook hook, uint8_t sha256[32]);

#endif
