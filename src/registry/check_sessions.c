/* Rules of the ops on sessions and tombstones, 1 to 9 (sealed-store 35.6). */
#include <string.h>

#include "registry/draft.h"
#include "registry/records.h"

#define SESSION_ID_STORED_MAX 1024u /* imported ids may be longer than the wire's 128 */

static bool entry_has_form(enum session_set set, struct bytes entry) {
    if (entry.len < 1 || entry.len > SET_ENTRY_BYTES_MAX || !text_is_utf8(entry.data, entry.len)) return false;
    return set != SET_AUTHORIZED_MARKERS || (entry.len == 64 && text_is_lower_hex(entry.data, entry.len));
}

static enum signer_error session_create(struct draft *draft, struct bytes id) {
    enum signer_error error = SIGNER_OK;
    if (draft_session(draft, id, &error)) return draft_broken(draft, "SESSION_CREATE: the session exists");
    if (error != SIGNER_OK) return error;
    if (!draft_new_session(draft, id)) return ERR_OUT_OF_MEMORY;
    draft->session_count++;
    const uint64_t *max = draft->state->max_sessions;
    if (draft->live && max && draft->session_count > *max) return draft_full(draft, "sessions");
    return SIGNER_OK;
}

static enum signer_error session_delete(struct draft *draft, struct session_draft *session) {
    if (!session_may_be_deleted(session->work))
        return draft_broken(draft, "SESSION_DELETE: the session holds what must stay");
    if (session_needs_tombstone(session->work)) {
        enum signer_error error = draft_add_deletion(draft, session->work);
        if (error != SIGNER_OK) return error;
    }
    if (session->work != session->base) session_free(session->work);
    session->work = NULL;
    draft->session_count--;
    return SIGNER_OK;
}

/* The value that the builder of these changes had decoded, if it is this one. */
static struct field_value *built_value(struct draft *draft, const struct session *session, enum session_field field) {
    if (!draft->of) return NULL;
    for (size_t i = 0; i < draft->of->value_count; i++) {
        const struct change_value *kept = &draft->of->values[i];
        if ((draft->values_used >> i & 1) || !kept->value || kept->value->field != field) continue;
        if (bytes_compare(kept->session_id, kept->session_id_len, session->id.data, session->id.len) != 0) continue;
        draft->values_used |= (size_t)1 << i;
        return field_value_share(kept->value);
    }
    return NULL;
}

static const char *field_set_rule(const struct session *session, const struct field_value *value) {
    const struct field_value *old = session->values[value->field];
    if (!old) return NULL;
    switch (value->field) {
    case FIELD_REKEY_EVENT:
        return "FIELD_SET: the rekey event stands";
    case FIELD_BOUND_KEY_GROUP:
        return "FIELD_SET: the key group is bound";
    case FIELD_REFRESH_COUNT:
    case FIELD_SHARE_EPOCH:
    case FIELD_HIGHEST_ATTEMPT:
        return value->number < old->number ? "FIELD_SET: the value falls" : NULL;
    default:
        return NULL;
    }
}

static enum signer_error field_set(struct draft *draft, struct session *session, enum session_field field,
                                   struct reader *payload) {
    struct field_value *value = built_value(draft, session, field);
    enum signer_error error = SIGNER_OK;
    const struct state *state = draft->state;
    if (!value && state->passing && field_holds_packages(field))
        error = field_value_keep(&value, state->vault, field, payload->at, reader_left(payload));
    else if (!value)
        error = field_value_decode(&value, state->vault, field, payload->at, reader_left(payload));
    if (error == ERR_STATE_CORRUPT) return draft_broken(draft, "FIELD_SET: the value has a wrong form");
    if (error != SIGNER_OK) return error;
    const char *rule = field_set_rule(session, value);
    if (!rule && draft->type == RECORD_SNAP_PART && session->values[field]) rule = "FIELD_SET: twice in a snapshot";
    if (rule) {
        field_value_release(value);
        return draft_broken(draft, rule);
    }
    field_value_release(session->values[field]);
    session->values[field] = value;
    field_value_show(session, field);
    return SIGNER_OK;
}

static enum signer_error field_clear(struct draft *draft, struct session *session, enum session_field field,
                                     struct reader *payload) {
    if ((int)field < 1 || field >= FIELD_COUNT) return ERR_STATE_VERSION;
    if (!reader_done(payload)) return draft_broken(draft, "FIELD_CLEAR: bytes behind the field");
    if (!session_has(session, field)) return draft_broken(draft, "FIELD_CLEAR: the field is absent");
    if (field == FIELD_REFRESH_COUNT || field == FIELD_REKEY_EVENT || field == FIELD_BOUND_KEY_GROUP ||
        field == FIELD_HIGHEST_ATTEMPT)
        return draft_broken(draft, "FIELD_CLEAR: this field stays");
    field_value_release(session->values[field]);
    session->values[field] = NULL;
    field_value_show(session, field);
    if (field == FIELD_SHARE_EPOCH) texts_release(&session->lists[LIST_SHARE_REFRESHES]);
    return SIGNER_OK;
}

static enum signer_error set_change(struct draft *draft, enum state_op op, struct session *session,
                                    enum session_set set, struct reader *payload) {
    if ((int)set < 1 || set >= SET_COUNT) return ERR_STATE_VERSION;
    struct bytes entry = reader_lp(payload);
    size_t at = 0;
    if (!reader_done(payload) || !entry_has_form(set, entry)) return draft_broken(draft, "set entry has a wrong form");
    bool found = texts_find(&session->sets[set], entry.data, entry.len, &at);
    if (op == OP_SET_REMOVE) {
        if (set != SET_AUTHORIZED_MARKERS) return draft_broken(draft, "SET_REMOVE: entries of this set stay");
        if (!found) return draft_broken(draft, "SET_REMOVE: no such entry");
        return texts_remove(&session->sets[set], at);
    }
    if (found) return draft_broken(draft, "SET_ADD: the entry exists");
    if (session->sets[set].count >= REGISTRY_ENTRIES_MAX)
        return draft_full(draft, "entries of a replay registry: use a new session_id");
    draft->entry_inserted = at < session->sets[set].count;
    return texts_insert(&session->sets[set], at, entry.data, entry.len);
}

static bool item_epochs(enum session_list list, struct bytes item, uint64_t *epoch, uint64_t *share_epoch) {
    struct reader reader;
    reader_init(&reader, item.data, item.len);
    record_list_item(&reader, list, epoch, share_epoch);
    return reader_done(&reader);
}

/* Epochs of lists 2 and 3 rise: against the item at `before` (counted from 1; 0: none). */
static bool epochs_rise(const struct text_set *items, size_t before, enum session_list list, uint64_t epoch,
                        uint64_t share_epoch) {
    if (list == LIST_TRANSITIONS || before == 0) return true;
    uint64_t old_epoch = 0;
    uint64_t old_share_epoch = 0;
    item_epochs(list, items->entries[before - 1], &old_epoch, &old_share_epoch);
    return epoch > old_epoch && (list != LIST_SHARE_REFRESHES || share_epoch > old_share_epoch);
}

static enum signer_error list_change(struct draft *draft, enum state_op op, struct session *session,
                                     enum session_list list, struct reader *payload) {
    if ((int)list < 1 || list >= LIST_COUNT) return ERR_STATE_VERSION;
    struct text_set *items = &session->lists[list];
    struct bytes item = {payload->at, reader_left(payload)};
    uint64_t epoch = 0;
    uint64_t share_epoch = 0;
    if (payload->failed || !item_epochs(list, item, &epoch, &share_epoch))
        return draft_broken(draft, "list item has a wrong form");
    bool replace = op == OP_LIST_REPLACE_LAST;
    if (replace && (list != LIST_REFRESH_HISTORY || items->count == 0))
        return draft_broken(draft, "LIST_REPLACE_LAST: list 2 with an item only");
    if (!epochs_rise(items, items->count - (replace ? 1 : 0), list, epoch, share_epoch))
        return draft_broken(draft, "list epochs do not rise");
    if (!replace && items->count >= TRANSITION_RECORDS_MAX) {
        if (list == LIST_TRANSITIONS) return draft_full(draft, "transition records of a session");
        if (draft->type == RECORD_SNAP_PART) return draft_broken(draft, "list too long");
    }
    enum signer_error error = SIGNER_OK;
    if (replace)
        error = texts_remove(items, items->count - 1);
    else if (items->count >= TRANSITION_RECORDS_MAX)
        error = texts_remove(items, 0);
    return error == SIGNER_OK ? texts_insert(items, items->count, item.data, item.len) : error;
}

/* `*group` stays NULL where the tombstone has none. A text that is a known key group has its form. */
static enum signer_error tombstone_group(struct draft *draft, struct bytes text, struct key_group **group) {
    struct key_groups *groups = &draft->state->groups;
    if (text.len == 0) return SIGNER_OK;
    *group = groups_find(groups, (const char *)text.data, text.len);
    if (!*group && !text_is_key_group(text.data, text.len)) return draft_broken(draft, "TOMBSTONE has a wrong form");
    *group = groups_need(groups, (const char *)text.data, text.len);
    return *group ? SIGNER_OK : ERR_OUT_OF_MEMORY;
}

/* It goes in at once: a snapshot that fails is thrown away as a whole. */
static enum signer_error tombstone_in_snapshot(struct draft *draft, const struct tombstone *stone) {
    struct tombstones *tombstones = &draft->state->tombstones;
    if (tombstones_find(tombstones, stone->digest)) return draft_broken(draft, "TOMBSTONE: twice in a snapshot");
    if (tombstones->count >= TOMBSTONES_MAX) return draft_full(draft, "tombstones");
    enum signer_error error = tombstones_reserve(tombstones, stone->digest, 1);
    if (error == SIGNER_OK) tombstones_put(tombstones, stone);
    return error;
}

static enum signer_error tombstone(struct draft *draft, struct reader *payload) {
    struct tombstone stone = {0};
    const uint8_t *digest = reader_take(payload, 32);
    struct bytes group = reader_lp(payload);
    stone.highest = reader_be32(payload);
    if (!reader_done(payload)) return draft_broken(draft, "TOMBSTONE has a wrong form");
    enum signer_error error = tombstone_group(draft, group, &stone.group);
    if (error != SIGNER_OK) return error;
    memcpy(stone.digest, digest, 32);
    if (draft->type == RECORD_SNAP_PART) return tombstone_in_snapshot(draft, &stone);
    const struct tombstone_draft *earlier = draft_tombstone(draft, digest);
    const struct tombstone *old = earlier ? &earlier->tombstone : tombstones_find(&draft->state->tombstones, digest);
    if (old && stone.highest <= old->highest) return draft_broken(draft, "TOMBSTONE: the number does not rise");
    if (old && stone.group != old->group) return draft_broken(draft, "TOMBSTONE: another key group");
    if (!old && draft->state->tombstones.count + draft->new_tombstones >= TOMBSTONES_MAX)
        return draft_full(draft, "tombstones");
    return draft_add_tombstone(draft, &stone, old == NULL);
}

enum signer_error check_session_op(struct draft *draft, enum state_op op, struct reader *payload) {
    if (op == OP_TOMBSTONE) return tombstone(draft, payload);
    struct bytes id = reader_lp(payload);
    if (payload->failed || id.len < 1 || id.len > SESSION_ID_STORED_MAX || !text_is_utf8(id.data, id.len))
        return draft_broken(draft, "session id has a wrong form");
    if ((op == OP_SESSION_CREATE || op == OP_SESSION_DELETE) && !reader_done(payload))
        return draft_broken(draft, "bytes behind the session id");
    if (op == OP_SESSION_CREATE) return session_create(draft, id);
    enum signer_error error = SIGNER_OK;
    struct session_draft *session = draft_session(draft, id, &error);
    if (error != SIGNER_OK) return error;
    if (!session) return draft_broken(draft, "no such session");
    if (op == OP_SESSION_DELETE) return session_delete(draft, session);
    uint8_t part = reader_u8(payload);
    if (payload->failed) return draft_broken(draft, "op cut short");
    switch (op) {
    case OP_FIELD_SET:
        return field_set(draft, session->work, (enum session_field)part, payload);
    case OP_FIELD_CLEAR:
        return field_clear(draft, session->work, (enum session_field)part, payload);
    case OP_SET_ADD:
    case OP_SET_REMOVE:
        return set_change(draft, op, session->work, (enum session_set)part, payload);
    default:
        return list_change(draft, op, session->work, (enum session_list)part, payload);
    }
}
