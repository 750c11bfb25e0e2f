/* Sealed part files: snapshots (kind 2) and audit files (kind 3) are a header and a run of frames that
 * ends with a count (sealed-store 35.4, 35.16). Written once, read back before they are published. */
#ifndef SIGNER_STORE_PARTS_H
#define SIGNER_STORE_PARTS_H

#include "base/bytes.h"
#include "store/core.h"
#include "store/header.h"
#include "store/keys.h"

struct parts_writer {
    const struct core *core;
    int file;
    enum record_type type;
    struct file_header header;
    char name[FILE_NAME_BYTES];
    struct file_key key;
    struct buffer part; /* ops collected for the next frame */
    struct buffer frame;
    uint64_t offset, seq, parts;
    uint8_t chain[STORE_CHAIN_BYTES];
    struct failure *why;
};

/* `header`: kind, number, parent and base are the caller's; salt and creation time are set here. */
enum signer_error parts_begin(struct parts_writer *writer, int file, const struct file_header *header,
                              const struct core *core, struct failure *why);
/* One op; whole ops are packed greedily. Fits the sink's `emit`: `argument` is the writer. */
enum signer_error parts_emit(void *argument, uint8_t op, const uint8_t *payload, size_t len);
/* Writes the rest and the end, and reads the file back. The file is not synced. */
enum signer_error parts_end(struct parts_writer *writer);
void parts_free(struct parts_writer *writer);

/* Given each part's body. */
typedef enum signer_error (*parts_each)(void *argument, const uint8_t *body, size_t len, uint64_t seq,
                                        const uint8_t chain[STORE_CHAIN_BYTES]);
/* Reads a whole file. `base` NULL: any base; else number, parent and base must agree. */
enum signer_error parts_read(int file, enum store_kind kind, uint64_t number, const struct file_header *base,
                             uint64_t *size, parts_each each, void *argument, const struct core *core,
                             struct failure *why);

#endif
