/* Output scripts: the parse check of policy-and-lifecycle 6.2 and the classes of 5.2. */
#include "bitcoin/script.h"

#include <string.h>

#include "base/bytes.h"

#define OP_PUSH_LONGEST 0x4b
#define OP_PUSHDATA1 0x4c
#define OP_PUSHDATA2 0x4d
#define OP_PUSHDATA4 0x4e

static const char *const class_texts[SCRIPT_CLASS_COUNT] = {
    [SCRIPT_P2PKH] = "p2pkh", [SCRIPT_P2SH] = "p2sh", [SCRIPT_P2WPKH] = "p2wpkh",
    [SCRIPT_P2WSH] = "p2wsh", [SCRIPT_P2TR] = "p2tr", [SCRIPT_OTHER] = "other",
};

bool script_parses(const uint8_t *script, size_t len) {
    struct reader reader;
    reader_init(&reader, script, len);
    while (reader_left(&reader) && !reader.failed) {
        uint8_t opcode = reader_u8(&reader);
        size_t push = 0;
        if (opcode <= OP_PUSH_LONGEST)
            push = opcode;
        else if (opcode == OP_PUSHDATA1)
            push = reader_u8(&reader);
        else if (opcode == OP_PUSHDATA2)
            push = reader_le16(&reader);
        else if (opcode == OP_PUSHDATA4)
            push = reader_le32(&reader);
        reader_take(&reader, push);
    }
    return reader_done(&reader);
}

static bool matches(const uint8_t *script, size_t len, const char *head, size_t head_len, size_t body_len,
                    const char *tail, size_t tail_len) {
    return len == head_len + body_len + tail_len && memcmp(script, head, head_len) == 0 &&
           memcmp(script + head_len + body_len, tail, tail_len) == 0;
}

enum script_class script_classify(const uint8_t *script, size_t len) {
    if (matches(script, len, "\x51\x20", 2, 32, "", 0)) return SCRIPT_P2TR;
    if (matches(script, len, "\x00\x14", 2, 20, "", 0)) return SCRIPT_P2WPKH;
    if (matches(script, len, "\x00\x20", 2, 32, "", 0)) return SCRIPT_P2WSH;
    if (matches(script, len, "\x76\xa9\x14", 3, 20, "\x88\xac", 2)) return SCRIPT_P2PKH;
    if (matches(script, len, "\xa9\x14", 2, 20, "\x87", 1)) return SCRIPT_P2SH;
    return SCRIPT_OTHER;
}

const char *script_class_text(enum script_class class) {
    return class_texts[class];
}

bool script_class_by_text(enum script_class *out, const char *text, size_t len) {
    for (int i = 0; i < SCRIPT_CLASS_COUNT; i++) {
        if (strlen(class_texts[i]) != len || memcmp(class_texts[i], text, len) != 0) continue;
        *out = (enum script_class)i;
        return true;
    }
    return false;
}

void script_p2tr(uint8_t out[P2TR_SCRIPT_BYTES], const uint8_t output_key_x[32]) {
    out[0] = 0x51;
    out[1] = 0x20;
    memcpy(out + 2, output_key_x, 32);
}
