/* FROST identifiers as the ABI writes them: 64 lower-case hex digits in literal inner quotes (abi 3.0). */
#ifndef SIGNER_SESSION_IDENTIFIER_TEXT_H
#define SIGNER_SESSION_IDENTIFIER_TEXT_H

#include "frost/frost.h"

#define IDENTIFIER_TEXT_BYTES 66 /* with the quotes, without a terminator */

/* Blanks around are trimmed, the inner quotes are optional (both or none), hex case is free. False:
 * anything else, zero, or not below the group order. */
bool identifier_text_read(struct frost_identifier *out, const char *text, size_t len);
void identifier_text_write(char out[IDENTIFIER_TEXT_BYTES], const struct frost_identifier *in);

#endif
