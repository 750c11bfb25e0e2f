/* Output scripts: whether they parse, and their class (policy-and-lifecycle 5.2, 6.2). Pure. */
#ifndef SIGNER_BITCOIN_SCRIPT_H
#define SIGNER_BITCOIN_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2TR_SCRIPT_BYTES 34

enum script_class {
    SCRIPT_P2PKH,
    SCRIPT_P2SH,
    SCRIPT_P2WPKH,
    SCRIPT_P2WSH,
    SCRIPT_P2TR,
    SCRIPT_OTHER,
    SCRIPT_CLASS_COUNT
};

/* False when a push runs past the end. The empty script parses; non-minimal pushes are fine. */
bool script_parses(const uint8_t *script, size_t len);
/* By exact byte pattern; whether a key is on the curve is not asked. */
enum script_class script_classify(const uint8_t *script, size_t len);
/* "p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr", "other" */
const char *script_class_text(enum script_class class);
/* False: no class has this text (lower case, without blanks). */
bool script_class_by_text(enum script_class *out, const char *text, size_t len);
/* 51 20 x: the output script of an output key. */
void script_p2tr(uint8_t out[P2TR_SCRIPT_BYTES], const uint8_t output_key_x[32]);

#endif
