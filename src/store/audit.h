/* audit-<n>: the policy verdicts of a deleted log (sealed-store 35.8; D-037). */
#ifndef SIGNER_STORE_AUDIT_H
#define SIGNER_STORE_AUDIT_H

#include "store/core.h"
#include "store/header.h"

/* Whether a body of a CHANGE or NOTE holds a VERDICT. */
bool audit_is_due(const uint8_t *body, size_t len);
/* Copies the VERDICT ops of log `header->number`, up to seq `last`, to its audit file; no file when it
 * has none. The log must be readable: ERR_STATE_CORRUPT and the other codes of reading. */
enum signer_error audit_copy(const struct file_header *header, uint64_t last, const struct core *core,
                             struct failure *why);
/* Removes the oldest audit files until the rest holds at most core->audit_bytes_max bytes. */
enum signer_error audit_trim(const struct core *core, struct failure *why);

#endif
