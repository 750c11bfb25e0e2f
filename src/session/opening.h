/* How the settings of an engine say that its store is opened; for the engine and for the tools. */
#ifndef SIGNER_SESSION_OPENING_H
#define SIGNER_SESSION_OPENING_H

#include "session/engine.h"

/* `options` points to the texts beside it. */
struct store_plan {
    struct store_options options;
    char *state_path;
    struct key_plan key;
};

/* ERR_CONFIGURATION, ERR_OUT_OF_MEMORY; store_plan_free follows in any case. */
enum signer_error store_plan_read(struct engine *engine, struct store_plan *plan, struct failure *why);
void store_plan_free(struct store_plan *plan);
/* Right after store_open, with the engine mutex where there is one. */
void store_note_receipt(struct store *store, struct state *state);

#endif
