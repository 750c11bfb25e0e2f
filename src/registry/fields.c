/* Values of the session fields: one decoder per field, one way back to bytes. */
#include "registry/fields.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/keys.h"
#include "registry/packages.h"
#include "registry/records.h"

/* With a copy of `raw`, which may be NULL. */
static enum signer_error new_value(struct field_value **out, struct vault *vault, enum session_field field,
                                   const uint8_t *raw, size_t raw_len) {
    struct field_value *value = signer_malloc(sizeof *value + raw_len + 1);
    if (!value) return ERR_OUT_OF_MEMORY;
    memset(value, 0, sizeof *value);
    atomic_init(&value->owners, 1);
    value->field = field;
    value->vault = vault;
    value->raw_len = raw_len;
    if (raw_len) memcpy(value->raw, raw, raw_len);
    value->raw[raw_len] = 0;
    *out = value;
    return SIGNER_OK;
}

static enum signer_error keep_secret(struct field_value *value, const uint8_t *in, size_t len) {
    void *memory = NULL;
    enum signer_error error = vault_new(value->vault, SECRET_BYTES, len, &value->secret, &memory);
    if (error == SIGNER_OK) memcpy(memory, in, len);
    return error;
}

static char *copy_text(struct bytes text) {
    char *copy = signer_malloc(text.len + 1);
    if (!copy) return NULL;
    if (text.len) memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    return copy;
}

static enum signer_error verdict_of(const struct reader *in) {
    return reader_done(in) ? SIGNER_OK : ERR_STATE_CORRUPT;
}

static enum signer_error decode_text(struct field_value *value, struct reader *in) {
    struct bytes text = record_name(in);
    if (!reader_done(in)) return ERR_STATE_CORRUPT;
    if (value->field == FIELD_BOUND_KEY_GROUP && !text_is_key_group(text.data, text.len)) return ERR_STATE_CORRUPT;
    value->text = (const char *)value->raw + 4;
    return SIGNER_OK;
}

static enum signer_error decode_number(struct field_value *value, struct reader *in) {
    switch (value->field) {
    case FIELD_POLICY_SNAPSHOT:
    case FIELD_HIGHEST_ATTEMPT:
        value->number = reader_be32(in);
        break;
    case FIELD_DKG_ORIGIN:
        value->number = reader_u8(in);
        if (value->number != DKG_ORIGIN_DEALER && value->number != DKG_ORIGIN_DISTRIBUTED) return ERR_STATE_CORRUPT;
        break;
    default:
        value->number = reader_be64(in);
        break;
    }
    if (value->field == FIELD_RETIRED_AT && value->number == 0) return ERR_STATE_CORRUPT;
    return verdict_of(in);
}

static enum signer_error decode_public_package(struct field_value *value, struct reader *in) {
    struct bytes encoded = reader_lp(in);
    if (!reader_done(in)) return ERR_STATE_CORRUPT;
    enum signer_error error = frost_public_package_decode(&value->public_package, encoded.data, encoded.len);
    return error == SIGNER_OK || error == ERR_OUT_OF_MEMORY ? error : ERR_STATE_CORRUPT;
}

static enum signer_error decode_dkg_result(struct field_value *value, struct reader *in) {
    struct bytes session_id;
    record_dkg_result(in, &session_id, &value->dkg);
    if (!reader_done(in)) return ERR_STATE_CORRUPT;
    value->dkg.session_id = copy_text(session_id);
    return value->dkg.session_id ? SIGNER_OK : ERR_OUT_OF_MEMORY;
}

static enum signer_error decode_prevouts(struct built_transaction *tx, struct reader *in) {
    tx->prevout_count = reader_be32(in);
    if (in->failed || tx->prevout_count > TX_INPUTS_MAX || tx->prevout_count * 12 > reader_left(in))
        return ERR_STATE_CORRUPT;
    if (tx->prevout_count == 0) return SIGNER_OK;
    tx->prevouts = signer_calloc(tx->prevout_count, sizeof *tx->prevouts);
    if (!tx->prevouts) return ERR_OUT_OF_MEMORY;
    for (size_t i = 0; i < tx->prevout_count; i++) {
        tx->prevouts[i].value_sats = reader_be64(in);
        tx->prevouts[i].script = reader_lp(in);
    }
    return SIGNER_OK;
}

/* The members point into the raw value. */
static enum signer_error decode_transaction(struct field_value *value, struct reader *in) {
    struct built_transaction *tx = &value->tx;
    struct bytes session_id = record_name(in);
    tx->tx = reader_lp(in);
    tx->sighash_count = reader_be32(in);
    if (in->failed || tx->sighash_count > TX_INPUTS_MAX) return ERR_STATE_CORRUPT;
    const uint8_t *sighashes = reader_take(in, 32 * tx->sighash_count);
    if (!sighashes) return ERR_STATE_CORRUPT;
    tx->sighashes = (uint8_t(*)[32])(uintptr_t)sighashes;
    enum signer_error error = decode_prevouts(tx, in);
    if (error != SIGNER_OK) return error;
    if (!reader_done(in)) return ERR_STATE_CORRUPT;
    tx->session_id = copy_text(session_id);
    return tx->session_id ? SIGNER_OK : ERR_OUT_OF_MEMORY;
}

static enum signer_error decode_rekey(struct field_value *value, struct reader *in) {
    struct bytes reason = record_text(in);
    value->rekey.triggered_at_unix = reader_be64(in);
    struct bytes key_group = record_text(in);
    if (!reader_done(in) || text_is_blank(reason.data, reason.len)) return ERR_STATE_CORRUPT;
    if (key_group.len && !text_is_key_group(key_group.data, key_group.len)) return ERR_STATE_CORRUPT;
    if (key_group.len) memcpy(value->rekey.key_group, key_group.data, key_group.len);
    value->rekey.reason = copy_text(reason);
    return value->rekey.reason ? SIGNER_OK : ERR_OUT_OF_MEMORY;
}

static enum signer_error decode_opaque(struct field_value *value, struct reader *in) {
    switch (value->field) {
    case FIELD_SIGN_MESSAGE: {
        struct bytes message = reader_lp(in);
        if (message.len == 0) in->failed = true;
        break;
    }
    case FIELD_ROUND_STATE:
        record_round_state(in);
        break;
    case FIELD_ACTIVE_ATTEMPT:
        record_attempt_context(in);
        break;
    case FIELD_SIGNATURE_RESULT:
        record_signature_result(in);
        break;
    default:
        record_refresh_result(in);
        break;
    }
    return verdict_of(in);
}

static enum signer_error decode_packages(struct field_value *value, struct reader *in) {
    enum signer_error error = value->field == FIELD_KEY_PACKAGES
                                  ? packages_decode(&value->seats, &value->seat_count, value->vault, in)
                                  : refreshes_decode(&value->refreshes, &value->refresh_count, value->vault, in);
    return error == SIGNER_OK ? verdict_of(in) : error;
}

static bool lies_in_vault(enum session_field field) {
    return field == FIELD_SIGN_MESSAGE || field == FIELD_ROUND_STATE || field == FIELD_REFRESH_RESULT;
}

static enum signer_error decode_into(struct field_value *value, const uint8_t *in, size_t len) {
    struct reader reader;
    reader_init(&reader, in, len);
    switch (value->field) {
    case FIELD_KEY_PACKAGES:
    case FIELD_REFRESHES_OPEN:
        return decode_packages(value, &reader);
    case FIELD_SIGN_MESSAGE:
    case FIELD_ROUND_STATE:
    case FIELD_ACTIVE_ATTEMPT:
    case FIELD_SIGNATURE_RESULT:
    case FIELD_REFRESH_RESULT:
        return decode_opaque(value, &reader);
    case FIELD_PUBLIC_PACKAGE:
        return decode_public_package(value, &reader);
    case FIELD_DKG_RESULT:
        return decode_dkg_result(value, &reader);
    case FIELD_TX_RESULT:
        return decode_transaction(value, &reader);
    case FIELD_REKEY_EVENT:
        return decode_rekey(value, &reader);
    case FIELD_REFRESH_COUNT:
    case FIELD_SHARE_EPOCH:
    case FIELD_POLICY_SNAPSHOT:
    case FIELD_RETIRED_AT:
    case FIELD_HIGHEST_ATTEMPT:
    case FIELD_DKG_ORIGIN:
    case FIELD_BUILD_TX_AT:
        return decode_number(value, &reader);
    default:
        return decode_text(value, &reader);
    }
}

enum signer_error field_value_decode(struct field_value **out, struct vault *vault, enum session_field field,
                                     const uint8_t *in, size_t len) {
    if ((int)field < 1 || field >= FIELD_COUNT) return ERR_STATE_VERSION;
    const bool hidden = lies_in_vault(field) || field == FIELD_KEY_PACKAGES || field == FIELD_REFRESHES_OPEN;
    struct field_value *value = NULL;
    enum signer_error error = new_value(&value, vault, field, in, hidden ? 0 : len);
    if (error != SIGNER_OK) return error;
    error = decode_into(value, hidden ? in : value->raw, len);
    if (error == SIGNER_OK && lies_in_vault(field)) error = keep_secret(value, in, len);
    if (error != SIGNER_OK) {
        field_value_release(value);
        return error;
    }
    *out = value;
    return SIGNER_OK;
}

bool field_holds_packages(enum session_field field) {
    return field == FIELD_KEY_PACKAGES || field == FIELD_PUBLIC_PACKAGE || field == FIELD_REFRESHES_OPEN;
}

enum signer_error field_value_keep(struct field_value **out, struct vault *vault, enum session_field field,
                                   const uint8_t *in, size_t len) {
    const bool hidden = field != FIELD_PUBLIC_PACKAGE;
    struct field_value *value = NULL;
    enum signer_error error = new_value(&value, vault, field, in, hidden ? 0 : len);
    if (error == SIGNER_OK && hidden) error = keep_secret(value, in, len);
    if (error != SIGNER_OK) {
        field_value_release(value);
        return error;
    }
    *out = value;
    return SIGNER_OK;
}

enum signer_error field_value_from_seats(struct field_value **out, struct vault *vault, const struct seat_key *seats,
                                         size_t count) {
    struct field_value *value = NULL;
    if (count == 0 || count > PARTICIPANTS_MAX) return ERR_INTERNAL;
    enum signer_error error = new_value(&value, vault, FIELD_KEY_PACKAGES, NULL, 0);
    if (error != SIGNER_OK) return error;
    error = packages_copy(&value->seats, vault, seats, count);
    if (error != SIGNER_OK) {
        field_value_release(value);
        return error;
    }
    value->seat_count = count;
    *out = value;
    return SIGNER_OK;
}

enum signer_error field_value_from_refreshes(struct field_value **out, struct vault *vault,
                                             const struct share_refresh *refreshes, size_t count) {
    struct field_value *value = NULL;
    enum signer_error error = new_value(&value, vault, FIELD_REFRESHES_OPEN, NULL, 0);
    if (error == SIGNER_OK) error = refreshes_copy(&value->refreshes, vault, refreshes, count);
    if (error != SIGNER_OK) {
        field_value_release(value);
        return error;
    }
    value->refresh_count = count;
    *out = value;
    return SIGNER_OK;
}

enum signer_error field_value_from_public_package(struct field_value **out, const struct frost_public_package *keys) {
    struct field_value *value = NULL;
    struct buffer encoded;
    struct buffer raw;
    buffer_init(&encoded);
    buffer_init(&raw);
    enum signer_error error = frost_public_package_encode(&encoded, keys);
    buffer_lp(&raw, encoded.data, encoded.len);
    if (error == SIGNER_OK) error = buffer_status(&encoded);
    if (error == SIGNER_OK) error = buffer_status(&raw);
    if (error == SIGNER_OK) error = new_value(&value, NULL, FIELD_PUBLIC_PACKAGE, raw.data, raw.len);
    if (error == SIGNER_OK) error = frost_public_package_copy(&value->public_package, keys);
    buffer_free(&encoded);
    buffer_free(&raw);
    if (error != SIGNER_OK) {
        field_value_release(value);
        return error;
    }
    *out = value;
    return SIGNER_OK;
}

enum signer_error field_value_encode(struct buffer *out, const struct field_value *value) {
    if (value->field == FIELD_KEY_PACKAGES && !value->secret)
        return packages_encode(out, value->vault, value->seats, value->seat_count);
    if (value->field == FIELD_REFRESHES_OPEN && !value->secret)
        return refreshes_encode(out, value->vault, value->refreshes, value->refresh_count);
    if (value->secret) {
        size_t len = 0;
        const void *memory = vault_borrow(value->vault, value->secret, SECRET_BYTES, &len);
        if (!memory) return ERR_INTERNAL;
        buffer_append(out, memory, len);
    } else {
        buffer_append(out, value->raw, value->raw_len);
    }
    return buffer_status(out);
}

struct field_value *field_value_share(struct field_value *value) {
    atomic_fetch_add(&value->owners, 1);
    return value;
}

void field_value_release(struct field_value *value) {
    if (!value || atomic_fetch_sub(&value->owners, 1) != 1) return;
    if (value->secret) vault_wipe(value->vault, value->secret);
    switch (value->field) {
    case FIELD_KEY_PACKAGES:
        packages_free(value->vault, value->seats, value->seat_count);
        break;
    case FIELD_PUBLIC_PACKAGE:
        frost_public_package_free(&value->public_package);
        break;
    case FIELD_DKG_RESULT:
        free(value->dkg.session_id);
        break;
    case FIELD_TX_RESULT:
        free(value->tx.session_id);
        free(value->tx.prevouts);
        break;
    case FIELD_REKEY_EVENT:
        free(value->rekey.reason);
        break;
    case FIELD_REFRESHES_OPEN:
        refreshes_free(value->vault, value->refreshes, value->refresh_count);
        break;
    default:
        break;
    }
    free(value);
}

static const struct field_value absent;

static void show_numbers(struct session *session, enum session_field field, const struct field_value *value) {
    switch (field) {
    case FIELD_SHARE_EPOCH:
        session->share_epoch = value->number;
        break;
    case FIELD_RETIRED_AT:
        session->retired_at_unix = value->number;
        break;
    case FIELD_HIGHEST_ATTEMPT:
        session->highest_attempt_number = (uint32_t)value->number;
        break;
    case FIELD_DKG_ORIGIN:
        session->dkg_origin = (uint8_t)value->number;
        break;
    case FIELD_BUILD_TX_AT:
        session->build_tx_at_unix = value->number;
        break;
    default:
        break;
    }
}

static void show_texts(struct session *session, enum session_field field, const struct field_value *value) {
    switch (field) {
    case FIELD_DKG_FINGERPRINT:
        session->dkg_fingerprint = value->text;
        break;
    case FIELD_BUILD_TX_FINGERPRINT:
        session->build_tx_fingerprint = value->text;
        break;
    case FIELD_FINALIZE_FINGERPRINT:
        session->finalize_fingerprint = value->text;
        break;
    case FIELD_BOUND_KEY_GROUP:
        session->bound_key_group = value->text;
        break;
    default:
        show_numbers(session, field, value);
        break;
    }
}

void field_value_show(struct session *session, enum session_field field) {
    const struct field_value *value = session->values[field] ? session->values[field] : &absent;
    uint32_t bit = (uint32_t)1 << field;
    session->present = value == &absent ? session->present & ~bit : session->present | bit;
    switch (field) {
    case FIELD_KEY_PACKAGES:
        session->seats = value->seats;
        session->seat_count = value->seat_count;
        break;
    case FIELD_PUBLIC_PACKAGE:
        session->public_package = value->public_package;
        break;
    case FIELD_DKG_RESULT:
        session->dkg = value->dkg;
        break;
    case FIELD_TX_RESULT:
        session->tx = &value->tx;
        break;
    case FIELD_REKEY_EVENT:
        session->rekey = &value->rekey;
        break;
    case FIELD_REFRESHES_OPEN:
        session->refreshes = value->refreshes;
        session->refresh_count = value->refresh_count;
        break;
    default:
        show_texts(session, field, value);
        break;
    }
}
