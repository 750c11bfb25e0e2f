/* FROST identifiers as texts (abi 3.0). */
#include "session/identifier_text.h"

static bool blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool identifier_text_read(struct frost_identifier *out, const char *text, size_t len) {
    while (len && blank(*text)) {
        text++;
        len--;
    }
    while (len && blank(text[len - 1]))
        len--;
    if (len == IDENTIFIER_TEXT_BYTES) {
        if (text[0] != '"' || text[len - 1] != '"') return false;
        text++;
        len -= 2;
    }
    if (len != 2 * FROST_IDENTIFIER_BYTES || !hex_decode(out->bytes, text, len)) return false;
    return frost_identifier_check(out) == SIGNER_OK;
}

void identifier_text_write(char out[IDENTIFIER_TEXT_BYTES], const struct frost_identifier *in) {
    out[0] = '"';
    hex_encode(out + 1, in->bytes, FROST_IDENTIFIER_BYTES);
    out[IDENTIFIER_TEXT_BYTES - 1] = '"';
}
