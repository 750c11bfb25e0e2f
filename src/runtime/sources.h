/* Lua sources embedded at build time (scripts/embed), so that the library stands alone. */
#ifndef SIGNER_RUNTIME_SOURCES_H
#define SIGNER_RUNTIME_SOURCES_H

#include <stddef.h>

struct embedded_source {
    const char *name; /* "tbtc_signer.endpoints.interactive_round2", "policies.firewall" */
    const char *path; /* where it lies in the tree, for error texts */
    const char *text;
    size_t len;
};

/* Ends with a NULL name. */
extern const struct embedded_source embedded_sources[];

#endif
