/* The durable mark P.mark. */
#include "store/mark.h"

#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "store/io.h"
#include "store/keys.h"

#define MARK_CHECKED 88u /* bytes under the checksum */

static const char magic[8] = {'T', 'B', 'T', 'C', 'M', 'A', 'R', 'K'};

_Static_assert(sizeof magic + STORE_ID_BYTES + 8 + 8 + STORE_CHAIN_BYTES == MARK_CHECKED, "slot");
_Static_assert(MARK_CHECKED + STORE_CHECK_BYTES == MARK_SLOT_BYTES, "slot");

static void encode_slot(uint8_t out[MARK_SLOT_BYTES], const struct mark *mark, const uint8_t *store_id) {
    memcpy(out, magic, sizeof magic);
    memcpy(out + 8, store_id, STORE_ID_BYTES);
    store_be64(out + 40, mark->log_number);
    store_be64(out + 48, mark->seq);
    memcpy(out + 56, mark->chain, STORE_CHAIN_BYTES);
    short_checksum(out + MARK_CHECKED, "tbtc-signer-store-mark/v1", out, MARK_CHECKED);
}

static bool decode_slot(struct mark *out, const uint8_t slot[MARK_SLOT_BYTES], const uint8_t *store_id) {
    uint8_t check[STORE_CHECK_BYTES];
    short_checksum(check, "tbtc-signer-store-mark/v1", slot, MARK_CHECKED);
    if (memcmp(slot, magic, sizeof magic) != 0 || memcmp(slot + 8, store_id, STORE_ID_BYTES) != 0 ||
        memcmp(slot + MARK_CHECKED, check, sizeof check) != 0)
        return false;
    out->log_number = load_be64(slot + 40);
    out->seq = load_be64(slot + 48);
    memcpy(out->chain, slot + 56, STORE_CHAIN_BYTES);
    return true;
}

static enum signer_error decode(struct mark *out, const uint8_t bytes[MARK_FILE_BYTES], const uint8_t *store_id,
                                struct failure *why) {
    struct mark slots[2];
    bool valid[2];
    for (int i = 0; i < 2; i++)
        valid[i] = decode_slot(&slots[i], bytes + (size_t)i * MARK_SLOT_STRIDE, store_id);
    if (!valid[0] && !valid[1]) return fail(why, ERR_STATE_CORRUPT, "the durable mark holds no valid slot");
    if (valid[0] && valid[1] && slots[0].seq == slots[1].seq &&
        memcmp(bytes, bytes + MARK_SLOT_STRIDE, MARK_SLOT_BYTES) != 0)
        return fail(why, ERR_STATE_CORRUPT, "the slots of the durable mark contradict each other");
    bool second = valid[1] && (!valid[0] || slots[1].seq > slots[0].seq);
    *out = slots[second ? 1 : 0];
    return SIGNER_OK;
}

enum signer_error mark_read_copy(struct mark *out, bool *present, const struct place *place, const char *name,
                                 const uint8_t store_id[STORE_ID_BYTES], struct failure *why) {
    uint8_t bytes[MARK_FILE_BYTES];
    uint64_t size;
    int file;
    *present = false;
    enum signer_error error = place_file(place, place->parent, name, O_RDONLY, &file, why);
    if (error != SIGNER_OK || file < 0) return error;
    *present = true;
    error = io_size(place->platform, file, &size, name, why);
    if (error == SIGNER_OK && size != MARK_FILE_BYTES)
        error = fail(why, ERR_STATE_CORRUPT, "the durable mark has a wrong length");
    if (error == SIGNER_OK) error = io_read(place->platform, file, bytes, sizeof bytes, 0, name, why);
    if (error == SIGNER_OK) error = decode(out, bytes, store_id, why);
    place_shut(place, &file);
    return error;
}

enum signer_error mark_read(struct mark *out, bool *present, const struct place *place,
                            const uint8_t store_id[STORE_ID_BYTES], struct failure *why) {
    char name[FILE_NAME_BYTES];
    place_sibling(place, ".mark", name);
    return mark_read_copy(out, present, place, name, store_id, why);
}

enum signer_error mark_publish(const struct mark *mark, int *file, const struct place *place,
                               const uint8_t store_id[STORE_ID_BYTES], struct failure *why) {
    char name[FILE_NAME_BYTES], prefix[FILE_NAME_BYTES];
    uint8_t bytes[MARK_FILE_BYTES] = {0}, back[MARK_FILE_BYTES];
    struct publication publication;
    struct mark decoded;
    place_sibling(place, ".mark", name);
    place_sibling(place, ".mark.tmp-", prefix);
    enum signer_error error = publish_begin(place, place->parent, prefix, &publication, why);
    if (error != SIGNER_OK) return error;
    encode_slot(bytes, mark, store_id);
    encode_slot(bytes + MARK_SLOT_STRIDE, mark, store_id);
    error = io_write(place->platform, publication.file, bytes, sizeof bytes, 0, name, why);
    if (error == SIGNER_OK) error = io_read(place->platform, publication.file, back, sizeof back, 0, name, why);
    if (error == SIGNER_OK && memcmp(back, bytes, sizeof bytes) != 0)
        error = fail(why, ERR_STATE_IO, "the durable mark reads back different");
    if (error == SIGNER_OK) error = decode(&decoded, back, store_id, why);
    if (error == SIGNER_OK) error = publish_finish(place, &publication, name, why);
    if (error != SIGNER_OK) {
        publish_abort(place, &publication);
        return error;
    }
    place_shut(place, file);
    *file = publication.file;
    return SIGNER_OK;
}

enum signer_error mark_write(const struct mark *mark, int slot, int file, const struct platform *platform,
                             const uint8_t store_id[STORE_ID_BYTES], struct failure *why) {
    uint8_t bytes[MARK_SLOT_BYTES];
    encode_slot(bytes, mark, store_id);
    return io_write(platform, file, bytes, sizeof bytes, (uint64_t)slot * MARK_SLOT_STRIDE, "the durable mark", why);
}
