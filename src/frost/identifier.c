/* Identifiers of participants: nonzero scalars as bytes (frost 1). */
#include <string.h>

#include "frost/frost.h"

void frost_identifier_from_member(struct frost_identifier *out, uint16_t member) {
    memset(out, 0, sizeof *out);
    store_be16(out->bytes + FROST_IDENTIFIER_BYTES - 2, member);
}

bool frost_identifier_to_member(uint16_t *out, const struct frost_identifier *in) {
    static const uint8_t zeros[FROST_IDENTIFIER_BYTES - 2];
    if (memcmp(in->bytes, zeros, sizeof zeros) != 0) return false;
    *out = load_be16(in->bytes + FROST_IDENTIFIER_BYTES - 2);
    return *out != 0;
}

enum signer_error frost_identifier_check(const struct frost_identifier *in) {
    struct scalar value;
    if (!scalar_decode(&value, in->bytes) || scalar_is_zero(&value)) return ERR_FROST_FIELD;
    return SIGNER_OK;
}

int frost_identifier_compare(const struct frost_identifier *a, const struct frost_identifier *b) {
    return memcmp(a->bytes, b->bytes, FROST_IDENTIFIER_BYTES);
}
