/* The tools of the store over the settings of an engine that has not opened its state (sealed-store
 * 35.13): what `tbtc-signer store` does. */
#ifndef SIGNER_SESSION_STORE_TOOL_H
#define SIGNER_SESSION_STORE_TOOL_H

#include "registry/import_protection.h"
#include "session/engine.h"
#include "store/tool.h"
#include "store/verify.h"

/* verify_close follows in any case. The state of the inspection is a struct state. */
enum signer_error store_tool_inspect(struct verify *out, struct engine *engine, struct failure *why);

struct store_result {
    uint8_t store_id[32];
    uint64_t seq, log_number, open_number;
    bool imported; /* from an old state file */
};

/* Whether a store is there, without reading it. ERR_STATE_ROLLBACK: it is gone, but something remembers it. */
enum signer_error store_tool_present(bool *out, struct engine *engine, struct failure *why);
/* Makes a new store, or takes over an old state file of envelope schema 3; what a crash cut short it
 * finishes. ERR_STATE_IMPORT_CONFLICT: a store is there. */
enum signer_error store_tool_init(struct store_result *out, struct engine *engine, struct failure *why);
/* Takes over an old state file of envelope schema 4, likewise. `lowest`: the generation that the operator
 * knows of, at least 1. ERR_VALIDATION: no file is there; ERR_STATE_ROLLBACK: the file is older. */
enum signer_error store_tool_take_over(struct store_result *out, struct engine *engine, uint64_t lowest,
                                       struct failure *why);
/* Opens and closes: a snapshot of the state, old files gone. ERR_STATE_CORRUPT: no store is there. */
enum signer_error store_tool_compact(struct store_result *out, struct engine *engine, struct failure *why);
/* Seals the state again under the key of `provider`. A crash leaves a store under exactly one key. */
enum signer_error store_tool_rekey(struct store_result *out, struct engine *engine, const struct key_provider *provider,
                                   struct failure *why);
enum signer_error store_tool_adopt(struct adoption *out, struct engine *engine, struct failure *why);
/* Unites protection data with the state, durable before it returns. */
enum signer_error store_tool_import(struct protection_counts *counts, struct engine *engine, const char *json,
                                    size_t len, struct failure *why);

#endif
