/* Sizes, kinds and labels of the native format, version 1 (sealed-store 35.1 to 35.5). */
#ifndef SIGNER_STORE_LAYOUT_H
#define SIGNER_STORE_LAYOUT_H

#include <stdint.h>

#define STORE_VERSION 1u
#define STORE_PAGE 4096u
#define STORE_ID_BYTES 32u
#define STORE_CHAIN_BYTES 32u
#define STORE_KEY_BYTES 32u
#define STORE_SALT_BYTES 16u
#define STORE_CHECK_BYTES 16u /* every truncated checksum and keyed tag */
#define STORE_ID_FILE_BYTES 64u

enum store_kind { KIND_LOG = 1, KIND_SNAPSHOT = 2, KIND_AUDIT = 3 };

/* File header: offsets inside its page. */
#define HEADER_BYTES 256u
#define HEADER_VERSION 16u
#define HEADER_PAGE_SIZE 20u
#define HEADER_STORE_ID 24u
#define HEADER_KEY_CHECK 56u
#define HEADER_NUMBER 72u
#define HEADER_PARENT 80u
#define HEADER_BASE_SEQ 88u
#define HEADER_BASE_CHAIN 96u
#define HEADER_SALT 128u
#define HEADER_SIZE 144u
#define HEADER_CREATED 152u
#define HEADER_ZERO 160u
#define HEADER_CHECKSUM 224u
#define HEADER_TAG 240u

/* Frame: offsets inside its clear head. */
#define FRAME_LENGTH 4u
#define FRAME_SEQ 8u
#define FRAME_DURABLE 16u
#define FRAME_TYPE 24u
#define FRAME_RANDOM 32u
#define FRAME_PREVIOUS 48u
#define FRAME_HEAD_BYTES 80u
#define FRAME_RANDOM_BYTES 16u
#define FRAME_TAG_BYTES 16u
#define FRAME_OVERHEAD (FRAME_HEAD_BYTES + FRAME_TAG_BYTES)
#define FRAME_ALIGN 8u
#define FRAME_BODY_MAX 16777216u

/* Durable mark: two slots. */
#define MARK_FILE_BYTES 8192u
#define MARK_SLOT_STRIDE 4096u
#define MARK_SLOT_BYTES 104u

/* Room of a log (35.7, 35.8). */
#define LOG_STEP 1048576u
#define LOG_RESERVE 524288u
#define LOG_BYTES_MAX (UINT64_C(1) << 30)
#define LOG_BYTES_READ_MAX (LOG_BYTES_MAX + 2 * LOG_STEP) /* with the carried records of a full log */
#define ROTATION_BYTES_MIN (UINT64_C(4) << 20)

#define PART_BYTES_MAX 65536u
#define PART_END_BYTES 48u /* body of SNAP_END */

#define LOCK_READ_MAX 8192u
#define STATE_NAME_MAX 160u /* leaves room for every suffix in a file name */

_Static_assert(HEADER_TAG + STORE_CHECK_BYTES == HEADER_BYTES, "the tag ends the header");
_Static_assert(HEADER_SALT + STORE_SALT_BYTES == HEADER_SIZE, "the size follows the salt");
_Static_assert(FRAME_PREVIOUS + STORE_CHAIN_BYTES == FRAME_HEAD_BYTES, "the chain value ends the frame head");
_Static_assert(2 * MARK_SLOT_STRIDE == MARK_FILE_BYTES, "two slots fill the mark");
_Static_assert(LOG_STEP % STORE_PAGE == 0, "logs grow by whole pages");

static inline uint64_t align_up(uint64_t value, uint64_t unit) {
    return (value + unit - 1) / unit * unit;
}

#endif
