/* Forms of the records inside fields and lists. */
#include "registry/records.h"

#include <string.h>

/* Length of the well-formed UTF-8 sequence at `text` (no surrogates, nothing above 10FFFF); 0: none. */
static size_t utf8_sequence(const uint8_t *text, size_t left) {
    uint8_t first = text[0];
    if (first < 0x80) return 1;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if (first == 0xe0 && text[1] < 0xa0) return 0;
    if (first == 0xed && text[1] > 0x9f) return 0;
    if (first == 0xf0 && text[1] < 0x90) return 0;
    if (first == 0xf4 && text[1] > 0x8f) return 0;
    return len;
}

/* Bytes of ASCII at the front, by eights. */
static size_t ascii_prefix(const uint8_t *text, size_t len) {
    size_t at = 0;
    for (uint64_t eight; at + sizeof eight <= len; at += sizeof eight) {
        memcpy(&eight, text + at, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080)) break;
    }
    return at;
}

bool text_is_utf8(const uint8_t *text, size_t len) {
    for (size_t at = ascii_prefix(text, len); at < len;) {
        size_t step = utf8_sequence(text + at, len - at);
        if (step == 0) return false;
        at += step;
    }
    return true;
}

bool text_is_blank(const uint8_t *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\n\v\f\r", text[i]) || text[i] == 0) return false;
    return true;
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* The top bit of each byte that is none of 0-9 and a-f. A sum reaches the top bit from a character on: no carry, since
 * bytes with that bit set are told apart. */
static uint64_t not_hex(uint64_t eight) {
    const uint64_t low = eight & EACH_BYTE(0x7f);
    const uint64_t digit = (low + EACH_BYTE(0x80 - '0')) & ~(low + EACH_BYTE(0x80 - '9' - 1));
    const uint64_t letter = (low + EACH_BYTE(0x80 - 'a')) & ~(low + EACH_BYTE(0x80 - 'f' - 1));
    return (eight | ~(digit | letter)) & EACH_BYTE(0x80);
}

/* By eights, without a branch that depends on a digit: whoever opens a large store asks this of every entry. */
bool text_is_lower_hex(const uint8_t *text, size_t len) {
    uint64_t others = 0, eight;
    size_t at = 0;
    for (; at + sizeof eight <= len; at += sizeof eight) {
        memcpy(&eight, text + at, sizeof eight);
        others |= not_hex(eight);
    }
    eight = EACH_BYTE('0');
    if (at < len) memcpy(&eight, text + at, len - at);
    return (others | not_hex(eight)) == 0;
}

bool text_is_key_group(const uint8_t *text, size_t len) {
    if (len != KEY_GROUP_TEXT_BYTES || text[0] != '0' || (text[1] != '2' && text[1] != '3')) return false;
    return text_is_lower_hex(text, len);
}

struct bytes record_text(struct reader *in) {
    struct bytes text = reader_lp(in);
    if (!in->failed && !text_is_utf8(text.data, text.len)) in->failed = true;
    return text;
}

struct bytes record_name(struct reader *in) {
    struct bytes text = record_text(in);
    if (text.len == 0) in->failed = true;
    return text;
}

bool record_flag(struct reader *in) {
    uint8_t flag = reader_u8(in);
    if (flag > 1) in->failed = true;
    return flag == 1 && !in->failed;
}

void record_verdict(struct reader *in, const uint8_t **digest, struct bytes *input) {
    *input = (struct bytes){0};
    record_flag(in); /* allow */
    record_text(in); /* policy */
    record_text(in); /* version */
    reader_take(in, 32);
    record_text(in); /* rule */
    record_text(in); /* reason */
    record_text(in); /* session id, may be empty */
    reader_be64(in);
    *digest = reader_take(in, 32);
    if (record_flag(in)) *input = record_text(in);
}

size_t record_members(struct reader *in, const uint8_t **members) {
    size_t count = reader_be32(in);
    if (count > PARTICIPANTS_MAX) in->failed = true;
    const uint8_t *raw = in->failed ? NULL : reader_take(in, 2 * count);
    if (members) *members = raw;
    return raw ? count : 0;
}

/* "omit" array of u16: `00`, or `01` and at least one. */
static void optional_members(struct reader *in) {
    if (record_flag(in) && record_members(in, NULL) == 0) in->failed = true;
}

static void optional_text(struct reader *in) {
    if (record_flag(in)) record_text(in);
}

void record_dkg_result(struct reader *in, struct bytes *session_id, struct dkg_result *out) {
    *session_id = record_name(in);
    struct bytes key_group = record_text(in);
    out->participant_count = reader_be16(in);
    out->threshold = reader_be16(in);
    out->created_at_unix = reader_be64(in);
    if (in->failed || !text_is_key_group(key_group.data, key_group.len)) {
        in->failed = true;
        return;
    }
    memcpy(out->key_group, key_group.data, KEY_GROUP_TEXT_BYTES);
    out->key_group[KEY_GROUP_TEXT_BYTES] = 0;
}

static void transition_telemetry(struct reader *in) {
    reader_be32(in); /* from_attempt_number */
    reader_be32(in); /* to_attempt_number */
    reader_be16(in); /* from_coordinator_identifier */
    reader_be16(in); /* to_coordinator_identifier */
    record_text(in); /* reason */
    optional_members(in);
    record_flag(in); /* coordinator_rotated */
}

void record_round_state(struct reader *in) {
    record_name(in);                    /* session_id */
    record_text(in);                    /* round_id */
    reader_be16(in);                    /* required_contributions */
    reader_lp(in);                      /* message_digest */
    if (record_flag(in)) reader_lp(in); /* taproot_merkle_root */
    optional_members(in);
    if (record_flag(in)) transition_telemetry(in);
    reader_be16(in); /* own_contribution: identifier, signature share */
    reader_lp(in);
}

void record_attempt_context(struct reader *in) {
    reader_be32(in); /* attempt_number */
    reader_be16(in); /* coordinator_identifier */
    record_members(in, NULL);
    record_text(in); /* included_participants_fingerprint */
    record_text(in); /* attempt_id */
}

void record_signature_result(struct reader *in) {
    record_name(in); /* session_id */
    record_text(in); /* round_id */
    reader_lp(in);   /* signature */
}

void record_refresh_result(struct reader *in) {
    record_name(in); /* session_id */
    reader_be64(in); /* refresh_epoch */
    uint32_t count = reader_be32(in);
    if (count > PARTICIPANTS_MAX) in->failed = true;
    for (uint32_t i = 0; i < count && !in->failed; i++) {
        reader_be16(in);
        reader_lp(in);
    }
}

static void transition_record(struct reader *in) {
    reader_be32(in); /* from_attempt_number */
    reader_be32(in); /* to_attempt_number */
    for (int i = 0; i < 4; i++)
        record_text(in); /* from, to, previous round id, previous fingerprint */
    reader_be16(in);
    reader_be16(in);
    record_text(in); /* reason */
    optional_members(in);
    optional_text(in); /* invalid_share_proof_fingerprint */
    record_text(in);   /* transcript_hash */
    reader_be64(in);   /* recorded_at_unix */
}

static uint64_t refresh_history_record(struct reader *in) {
    uint64_t epoch = reader_be64(in);
    reader_be64(in); /* refreshed_at_unix */
    reader_be16(in); /* share_count */
    optional_text(in);
    optional_text(in);
    return epoch;
}

static uint64_t share_refresh_record(struct reader *in, uint64_t *share_epoch) {
    uint64_t epoch = reader_be64(in);
    *share_epoch = reader_be64(in);
    reader_be64(in); /* refreshed_at_unix */
    reader_be16(in); /* participants */
    struct bytes key_group = record_text(in);
    if (!text_is_key_group(key_group.data, key_group.len)) in->failed = true;
    return epoch;
}

void record_list_item(struct reader *in, enum session_list list, uint64_t *epoch, uint64_t *share_epoch) {
    *epoch = *share_epoch = 0;
    if (list == LIST_TRANSITIONS) {
        transition_record(in);
        return;
    }
    *epoch = list == LIST_REFRESH_HISTORY ? refresh_history_record(in) : share_refresh_record(in, share_epoch);
    if (*epoch == 0) in->failed = true;
}
