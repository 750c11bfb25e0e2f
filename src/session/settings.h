/* Settings of one engine: either the installed init configuration, or the process environment read
 * at each use (policy-and-lifecycle 2). One table of knobs (session/knobs.def) gives JSON member,
 * variable, type, default, range and family; the same text parser serves both sources. */
#ifndef SIGNER_SESSION_SETTINGS_H
#define SIGNER_SESSION_SETTINGS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum knob {
#define KNOB(name, member, type, fallback, low, high, family) KNOB_##name,
#include "session/knobs.def"
#undef KNOB
    KNOB_COUNT
};

enum profile { PROFILE_PRODUCTION, PROFILE_DEVELOPMENT };

struct settings {
    pthread_rwlock_t lock;
    bool installed;
    char fingerprint[65];
    char *value[KNOB_COUNT]; /* installed texts; NULL = absent. Never the state key. */
    /* Environment source; getenv unless a test or a module engine gives its own. */
    const char *(*environment)(void *context, const char *name);
    void *environment_context;
};

void settings_init(struct settings *settings);
void settings_free(struct settings *settings);
enum profile settings_profile(struct settings *settings);
bool settings_is_production(struct settings *settings);
/* Copies the text of a knob (installed or environment); false when unset. */
bool settings_text(struct settings *settings, enum knob knob, char **copy);
/* Parsed values with default and range; a bad text is ERR_CONFIGURATION (or the family's error). */
enum signer_error settings_u64(struct settings *settings, enum knob knob, uint64_t *out, struct failure *why);
enum signer_error settings_flag(struct settings *settings, enum knob knob, bool *out, struct failure *why);
/* A list of participant identifiers, ascending, freed by the caller; *set false when unset. */
enum signer_error settings_identifiers(struct settings *settings, enum knob knob, uint16_t **out, size_t *count,
                                       bool *set, struct failure *why);

#endif
