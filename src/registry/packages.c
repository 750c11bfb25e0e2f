/* Key packages inside fields 2 and 24. Their encoding is canonical: what decodes encodes back to the same bytes. */
#include "registry/packages.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/keys.h"
#include "registry/records.h"

#define REFRESH_STAGED 1
#define REFRESH_ACTIVE 2
#define REFRESH_CANCELLED 3
#define REFRESHES_CANCELLED_MAX 8

static enum signer_error corrupt_unless_memory(enum signer_error error) {
    bool keep = error == SIGNER_OK || error == ERR_OUT_OF_MEMORY || error == ERR_MEMORY_LOCK;
    return keep ? error : ERR_STATE_CORRUPT;
}

static enum signer_error decode_one(struct seat_key *out, struct vault *vault, uint16_t member, struct bytes encoded) {
    void *memory = NULL;
    vault_handle handle = 0;
    enum signer_error error = vault_new(vault, SECRET_KEY_PACKAGE, sizeof(struct frost_key_package), &handle, &memory);
    if (error != SIGNER_OK) return error;
    struct frost_key_package *key = memory;
    uint16_t named = 0;
    error = corrupt_unless_memory(frost_key_package_decode(key, encoded.data, encoded.len));
    if (error == SIGNER_OK && (!frost_identifier_to_member(&named, &key->identifier) || named != member))
        error = ERR_STATE_CORRUPT;
    if (error != SIGNER_OK) {
        vault_wipe(vault, handle);
        return error;
    }
    *out = (struct seat_key){.member = member, .key_package = handle};
    return SIGNER_OK;
}

void packages_free(struct vault *vault, struct seat_key *seats, size_t count) {
    for (size_t i = 0; i < count; i++)
        vault_wipe(vault, seats[i].key_package);
    free(seats);
}

enum signer_error packages_decode(struct seat_key **out, size_t *count, struct vault *vault, struct reader *in) {
    size_t expected = reader_be32(in);
    if (in->failed || expected == 0 || expected > PARTICIPANTS_MAX) return ERR_STATE_CORRUPT;
    struct seat_key *seats = signer_calloc(expected, sizeof *seats);
    if (!seats) return ERR_OUT_OF_MEMORY;
    enum signer_error error = SIGNER_OK;
    size_t decoded = 0;
    uint16_t last = 0;
    while (decoded < expected && error == SIGNER_OK) {
        uint16_t member = reader_be16(in);
        struct bytes encoded = reader_lp(in);
        if (in->failed || member <= last)
            error = ERR_STATE_CORRUPT;
        else
            error = decode_one(&seats[decoded], vault, member, encoded);
        if (error == SIGNER_OK) decoded++;
        last = member;
    }
    if (error != SIGNER_OK) {
        packages_free(vault, seats, decoded);
        return error;
    }
    *out = seats;
    *count = decoded;
    return SIGNER_OK;
}

enum signer_error packages_encode(struct buffer *out, struct vault *vault, const struct seat_key *seats, size_t count) {
    enum signer_error error = buffer_reserve(out, 4 + count * (6 + FROST_KEY_PACKAGE_BYTES_MAX));
    buffer_be32(out, (uint32_t)count);
    for (size_t i = 0; i < count && error == SIGNER_OK; i++) {
        const struct frost_key_package *key = vault_borrow(vault, seats[i].key_package, SECRET_KEY_PACKAGE, NULL);
        if (!key) return ERR_INTERNAL;
        buffer_be16(out, seats[i].member);
        size_t length_at = out->len;
        buffer_be32(out, 0);
        error = frost_key_package_encode(out, key);
        if (error == SIGNER_OK && !out->failed) store_be32(out->data + length_at, (uint32_t)(out->len - length_at - 4));
    }
    return error != SIGNER_OK ? error : buffer_status(out);
}

enum signer_error packages_copy(struct seat_key **out, struct vault *vault, const struct seat_key *seats,
                                size_t count) {
    struct seat_key *copies = signer_calloc(count ? count : 1, sizeof *copies);
    if (!copies) return ERR_OUT_OF_MEMORY;
    enum signer_error error = SIGNER_OK;
    size_t done = 0;
    while (done < count && error == SIGNER_OK) {
        const void *from = vault_borrow(vault, seats[done].key_package, SECRET_KEY_PACKAGE, NULL);
        void *memory = NULL;
        if (!from || (done > 0 && seats[done].member <= seats[done - 1].member) || seats[done].member == 0)
            error = ERR_INTERNAL;
        else
            error = vault_new(vault, SECRET_KEY_PACKAGE, sizeof(struct frost_key_package), &copies[done].key_package,
                              &memory);
        if (error != SIGNER_OK) break;
        memcpy(memory, from, sizeof(struct frost_key_package));
        copies[done].member = seats[done].member;
        done++;
    }
    if (error != SIGNER_OK) {
        packages_free(vault, copies, done);
        return error;
    }
    *out = copies;
    return SIGNER_OK;
}

void refreshes_free(struct vault *vault, struct share_refresh *refreshes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        packages_free(vault, refreshes[i].seats, refreshes[i].seat_count);
        free(refreshes[i].participants);
        free((void *)(uintptr_t)refreshes[i].public_package.data);
    }
    free(refreshes);
}

static enum signer_error decode_participants(struct share_refresh *out, struct reader *in) {
    const uint8_t *raw = NULL;
    size_t count = record_members(in, &raw);
    if (in->failed || count < 2) return ERR_STATE_CORRUPT;
    out->participants = signer_malloc(count * sizeof *out->participants);
    if (!out->participants) return ERR_OUT_OF_MEMORY;
    out->participant_count = count;
    for (size_t i = 0; i < count; i++) {
        out->participants[i] = load_be16(raw + 2 * i);
        if (out->participants[i] <= (i ? out->participants[i - 1] : 0)) return ERR_STATE_CORRUPT;
    }
    return SIGNER_OK;
}

static bool takes_part(const struct share_refresh *refresh, uint16_t member) {
    for (size_t i = 0; i < refresh->participant_count; i++)
        if (refresh->participants[i] == member) return true;
    return false;
}

/* The kept shares of a staged or cancelled refresh. */
static enum signer_error decode_shares(struct share_refresh *out, struct vault *vault, struct reader *in) {
    enum signer_error error = packages_decode(&out->seats, &out->seat_count, vault, in);
    if (error != SIGNER_OK) return error;
    for (size_t i = 0; i < out->seat_count; i++)
        if (!takes_part(out, out->seats[i].member)) return ERR_STATE_CORRUPT;
    struct bytes encoded = reader_lp(in);
    if (in->failed || encoded.len == 0) return ERR_STATE_CORRUPT;
    struct frost_public_package keys = {0};
    error = corrupt_unless_memory(frost_public_package_decode(&keys, encoded.data, encoded.len));
    if (error != SIGNER_OK) return error;
    frost_public_package_free(&keys);
    uint8_t *copy = signer_malloc(encoded.len);
    if (!copy) return ERR_OUT_OF_MEMORY;
    memcpy(copy, encoded.data, encoded.len);
    out->public_package = (struct bytes){copy, encoded.len};
    return SIGNER_OK;
}

static enum signer_error decode_refresh(struct share_refresh *out, struct vault *vault, struct reader *in) {
    out->status = reader_u8(in);
    const uint8_t *ids = reader_take(in, 96);
    out->old_epoch = reader_be64(in);
    if (in->failed || out->status < REFRESH_STAGED || out->status > REFRESH_CANCELLED) return ERR_STATE_CORRUPT;
    if (sodium_is_zero(ids, 32)) return ERR_STATE_CORRUPT;
    memcpy(out->refresh_id, ids, 32);
    memcpy(out->context, ids + 32, 32);
    memcpy(out->transcript, ids + 64, 32);
    enum signer_error error = decode_participants(out, in);
    if (error == SIGNER_OK && out->status != REFRESH_ACTIVE) error = decode_shares(out, vault, in);
    return error;
}

/* At most one staged, one active, eight cancelled; no id twice. */
static bool refreshes_in_bounds(const struct share_refresh *refreshes, size_t count) {
    size_t seen[REFRESH_CANCELLED + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        if (refreshes[i].status > REFRESH_CANCELLED) return false;
        seen[refreshes[i].status]++;
        for (size_t j = 0; j < i; j++)
            if (memcmp(refreshes[i].refresh_id, refreshes[j].refresh_id, 32) == 0) return false;
    }
    return seen[REFRESH_STAGED] <= 1 && seen[REFRESH_ACTIVE] <= 1 && seen[REFRESH_CANCELLED] <= REFRESHES_CANCELLED_MAX;
}

enum signer_error refreshes_decode(struct share_refresh **out, size_t *count, struct vault *vault, struct reader *in) {
    size_t expected = reader_be32(in);
    if (in->failed || expected == 0 || expected > REFRESHES_CANCELLED_MAX + 2) return ERR_STATE_CORRUPT;
    struct share_refresh *refreshes = signer_calloc(expected, sizeof *refreshes);
    if (!refreshes) return ERR_OUT_OF_MEMORY;
    enum signer_error error = SIGNER_OK;
    for (size_t i = 0; i < expected && error == SIGNER_OK; i++)
        error = decode_refresh(&refreshes[i], vault, in);
    if (error == SIGNER_OK && !refreshes_in_bounds(refreshes, expected)) error = ERR_STATE_CORRUPT;
    if (error != SIGNER_OK) {
        refreshes_free(vault, refreshes, expected);
        return error;
    }
    *out = refreshes;
    *count = expected;
    return SIGNER_OK;
}

static bool participants_ascend(const struct share_refresh *refresh) {
    if (refresh->participant_count < 2 || refresh->participant_count > PARTICIPANTS_MAX) return false;
    for (size_t i = 0; i < refresh->participant_count; i++)
        if (refresh->participants[i] <= (i ? refresh->participants[i - 1] : 0)) return false;
    return true;
}

/* What decode_refresh asks of an entry, but for the curve. */
static bool refresh_has_form(const struct share_refresh *refresh) {
    if (refresh->status < REFRESH_STAGED || refresh->status > REFRESH_CANCELLED) return false;
    if (sodium_is_zero(refresh->refresh_id, sizeof refresh->refresh_id) || !participants_ascend(refresh)) return false;
    if (refresh->status == REFRESH_ACTIVE) return true;
    for (size_t i = 0; i < refresh->seat_count; i++)
        if (!takes_part(refresh, refresh->seats[i].member)) return false;
    return refresh->seat_count > 0 && refresh->seat_count <= PARTICIPANTS_MAX && refresh->public_package.len > 0;
}

static void *copy_of(const void *data, size_t len) {
    void *copy = signer_malloc(len);
    if (copy) memcpy(copy, data, len);
    return copy;
}

static enum signer_error copy_refresh(struct share_refresh *out, struct vault *vault,
                                      const struct share_refresh *refresh) {
    *out = *refresh;
    out->seats = NULL;
    out->seat_count = 0;
    out->public_package = (struct bytes){0};
    out->participants = copy_of(refresh->participants, refresh->participant_count * sizeof *refresh->participants);
    if (!out->participants) return ERR_OUT_OF_MEMORY;
    if (refresh->status == REFRESH_ACTIVE) return SIGNER_OK;
    enum signer_error error = packages_copy(&out->seats, vault, refresh->seats, refresh->seat_count);
    if (error != SIGNER_OK) return error;
    out->seat_count = refresh->seat_count;
    out->public_package.data = copy_of(refresh->public_package.data, refresh->public_package.len);
    if (!out->public_package.data) return ERR_OUT_OF_MEMORY;
    out->public_package.len = refresh->public_package.len;
    return SIGNER_OK;
}

enum signer_error refreshes_copy(struct share_refresh **out, struct vault *vault, const struct share_refresh *refreshes,
                                 size_t count) {
    if (count == 0 || count > REFRESHES_CANCELLED_MAX + 2 || !refreshes_in_bounds(refreshes, count))
        return ERR_STATE_CORRUPT;
    for (size_t i = 0; i < count; i++)
        if (!refresh_has_form(&refreshes[i])) return ERR_STATE_CORRUPT;
    struct share_refresh *copies = signer_calloc(count, sizeof *copies);
    if (!copies) return ERR_OUT_OF_MEMORY;
    enum signer_error error = SIGNER_OK;
    for (size_t i = 0; i < count && error == SIGNER_OK; i++)
        error = copy_refresh(&copies[i], vault, &refreshes[i]);
    if (error != SIGNER_OK) {
        refreshes_free(vault, copies, count);
        return error;
    }
    *out = copies;
    return SIGNER_OK;
}

enum signer_error refreshes_encode(struct buffer *out, struct vault *vault, const struct share_refresh *refreshes,
                                   size_t count) {
    buffer_be32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct share_refresh *refresh = &refreshes[i];
        buffer_u8(out, refresh->status);
        buffer_append(out, refresh->refresh_id, 32);
        buffer_append(out, refresh->context, 32);
        buffer_append(out, refresh->transcript, 32);
        buffer_be64(out, refresh->old_epoch);
        buffer_be32(out, (uint32_t)refresh->participant_count);
        for (size_t j = 0; j < refresh->participant_count; j++)
            buffer_be16(out, refresh->participants[j]);
        if (refresh->status == REFRESH_ACTIVE) continue;
        enum signer_error error = packages_encode(out, vault, refresh->seats, refresh->seat_count);
        if (error != SIGNER_OK) return error;
        buffer_lp(out, refresh->public_package.data, refresh->public_package.len);
    }
    return buffer_status(out);
}
