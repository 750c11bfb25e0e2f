/* libFuzzer: hostile store files against their readers (sealed-store 35.3 to 35.6). The input is a program:
 * it seals frames with chosen fields under the right key, then patches bytes of the file. Nothing may read
 * out of bounds; frames that no field and no patch spoiled are all found, and what is found was sealed.
 * `make fuzz` builds and runs it. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/frame.h"
#include "store/log_reader.h"
#include "store/parts.h"

#define FILE_ROOM 300000u
#define FRAMES_MAX 24u

static uint8_t file_bytes[FILE_ROOM];
static size_t file_size;

static ssize_t memory_pread(void *context, int descriptor, void *out, size_t len, off_t offset) {
    (void)context, (void)descriptor;
    if ((uint64_t)offset >= file_size) return 0;
    size_t left = file_size - (size_t)offset;
    if (len > left) len = left;
    memcpy(out, file_bytes + offset, len);
    return (ssize_t)len;
}

static int memory_fstat(void *context, int descriptor, struct stat *out) {
    (void)context, (void)descriptor;
    *out = (struct stat){.st_size = (off_t)file_size};
    return 0;
}

static int memory_close(void *context, int descriptor) {
    (void)context, (void)descriptor;
    return 0;
}

static const struct platform memory = {.files = {.pread = memory_pread, .fstat = memory_fstat, .close = memory_close}};
static const uint8_t master[STORE_KEY_BYTES] = {0x11};
static struct core core;

struct sealed {
    uint8_t chains[FRAMES_MAX][STORE_CHAIN_BYTES];
    size_t count;
    bool spoiled;
};

static uint64_t some_u64(struct reader *in, uint64_t usual, struct sealed *sealed) {
    uint8_t choice = reader_u8(in);
    if (choice < 0xe0) return usual;
    sealed->spoiled = true;
    return choice < 0xf0 ? usual + (choice & 15u) - 8u : UINT64_MAX - (choice & 15u);
}

/* One frame at the offset, which moves on. */
static void seal(struct sealed *out, struct reader *in, size_t *offset, struct frame_head *head, enum store_kind kind,
                 const struct file_key *key) {
    static const uint8_t types[] = {2, 2, 3, 4, 1, 16, 17, 18};
    static uint8_t body[255];
    const struct frame_place place = {core.store_id, kind, 7, key->bytes};
    uint8_t shape = reader_u8(in);
    struct frame_head written = *head;
    written.body_len = reader_u8(in);
    if (kind != KIND_LOG && (shape & 15) == 0) written.body_len = PART_END_BYTES;
    written.seq = some_u64(in, head->seq, out);
    written.durable = kind == KIND_LOG ? some_u64(in, head->durable, out) : 0;
    written.type = kind == KIND_LOG ? types[shape & 7] : (shape & 15) == 0 ? 17 : kind == KIND_SNAPSHOT ? 16 : 18;
    if (kind == KIND_LOG && shape & 64) *offset = align_up(*offset, STORE_PAGE);
    if (*offset + FRAME_OVERHEAD + sizeof body + 8 > file_size) return;
    memset(body, shape, sizeof body);
    if (kind != KIND_LOG && written.type == 17) {
        memset(body, 0, PART_END_BYTES);
        body[7] = 9;
        store_be64(body + 40, out->count);
    }
    frame_seal(file_bytes + *offset, &place, &written, body);
    chain_frame(out->chains[out->count], file_bytes + *offset, frame_bytes(written.body_len));
    memcpy(head->previous, out->chains[out->count++], STORE_CHAIN_BYTES);
    if (shape & 16 && head->durable < head->seq) head->durable = head->seq;
    head->seq++;
    *offset = (size_t)align_up(*offset + frame_bytes(written.body_len), FRAME_ALIGN);
}

static void patch(struct sealed *sealed, struct reader *in) {
    while (reader_left(in) > 3) {
        size_t at = (size_t)reader_be16(in) * 8 + reader_u8(in) % 8;
        uint8_t mask = reader_u8(in);
        if (at >= file_size || mask == 0) continue;
        file_bytes[at] ^= mask;
        sealed->spoiled = true;
    }
}

static bool known(const struct sealed *sealed, const uint8_t chain[STORE_CHAIN_BYTES]) {
    for (size_t i = 0; i < sealed->count; i++)
        if (memcmp(sealed->chains[i], chain, STORE_CHAIN_BYTES) == 0) return true;
    return false;
}

static void read_log(const struct sealed *sealed) {
    struct log_reader reader;
    struct log_frame frame;
    struct log_tail tail;
    struct failure why = {0};
    size_t found = 0;
    enum signer_error error = log_reader_on(&reader, 3, 7, &core, &why);
    while (error == SIGNER_OK) {
        error = log_reader_next(&reader, &frame, &why);
        if (error != SIGNER_OK || frame.none) break;
        if (!known(sealed, frame.chain)) abort();
        found++;
    }
    if (error == SIGNER_OK) error = log_reader_tail(&reader, &tail, &why);
    if (!sealed->spoiled && (error != SIGNER_OK || found != sealed->count || !tail.clean)) abort();
    log_reader_close(&reader);
}

static enum signer_error check_part(void *argument, const uint8_t *body, size_t len, uint64_t seq,
                                    const uint8_t chain[STORE_CHAIN_BYTES]) {
    (void)body, (void)len, (void)seq;
    if (!known(argument, chain)) abort();
    return SIGNER_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct sealed sealed = {0};
    struct failure why = {0};
    struct file_key key;
    struct reader in;
    if (!core.vault) {
        if (sodium_init() < 0 || vault_create(&core.vault, false) != SIGNER_OK) abort();
        core.platform = core.place.platform = &memory;
        core.master = master;
        memset(core.store_id, 0x22, sizeof core.store_id);
    }
    reader_init(&in, data, len);
    const uint8_t shape = reader_u8(&in);
    const enum store_kind kind = shape & 1 ? KIND_LOG : shape & 2 ? KIND_SNAPSHOT : KIND_AUDIT;
    memset(file_bytes, 0, sizeof file_bytes);
    file_size = kind == KIND_LOG ? 16 * STORE_PAGE : FILE_ROOM;
    struct file_header header = {.kind = kind, .number = 7, .parent = 6, .base_seq = 9};
    header.size = kind == KIND_LOG ? file_size : 0;
    header_encode(file_bytes, &header, master, core.store_id);
    if (file_key_derive(&key, core.vault, master, file_bytes, kind) != SIGNER_OK) abort();
    struct frame_head head = {.seq = kind == KIND_LOG ? 10 : 1, .durable = kind == KIND_LOG ? 9 : 0};
    if (kind != KIND_LOG) chain_parts_start(head.previous, file_bytes);
    size_t offset = STORE_PAGE;
    for (size_t frames = (shape >> 3) % FRAMES_MAX; frames > 0 && reader_left(&in) > 0; frames--)
        seal(&sealed, &in, &offset, &head, kind, &key);
    if (kind != KIND_LOG) file_size = offset;
    patch(&sealed, &in);
    if (kind == KIND_LOG) {
        read_log(&sealed);
    } else {
        uint64_t size = 0;
        (void)parts_read(3, kind, 7, NULL, &size, check_part, &sealed, &core, &why);
    }
    file_key_free(&key);
    return 0;
}
