/* One call into the engine: critical sections, what its reply depends on, what it owns. */
#include "session/call.h"

#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/probe.h"
#include "session/gates.h"
#include "session/history.h"
#include "session/kept_rounds.h"
#include "session/live.h"

void call_begin(struct call *call, struct engine *engine) {
    memset(call, 0, offsetof(struct call, owned));
    call->engine = engine;
    if (!engine_is_forked(engine)) vault_set_must_lock(engine->vault, settings_is_production(&engine->settings));
    changes_init(&call->housekeeping);
    changes_init(&call->verdict_record);
}

static void read_clocks(struct call *call) {
    const struct platform *platform = call->engine->platform;
    call->clock_error = platform_wall_ms(platform, &call->now_wall_ms);
    if (call->clock_error != SIGNER_OK) call->now_wall_ms = 0;
    call->monotonic_error = platform_monotonic_ms(platform, &call->now_monotonic_ms);
    if (call->monotonic_error != SIGNER_OK) call->now_monotonic_ms = 0;
}

/* TTL-1. In memory only (D-122). Without a clock nothing expires, and no entry is used either. */
static enum signer_error sweep(struct call *call, struct failure *why) {
    if (call->monotonic_error != SIGNER_OK) return SIGNER_OK;
    uint64_t ttl_s = 0;
    enum signer_error error =
        settings_u64(&call->engine->settings, SETTING_INTERACTIVE_SESSION_TTL_SECONDS, &ttl_s, why);
    if (error != SIGNER_OK) return call->never_waits ? SIGNER_OK : error;
    live_sweep(call->engine->live, call->now_monotonic_ms, ttl_s * 1000);
    return SIGNER_OK;
}

enum signer_error call_enter(struct call *call, struct failure *why) {
    struct engine *engine = call->engine;
    enum signer_error error = SIGNER_OK;
    if (call->locked) return fail(why, ERR_INTERNAL, "the call holds the engine already");
    if (!call->memory_only) error = engine_open(engine, why);
    if (error != SIGNER_OK) return error;
    if (engine_is_forked(engine)) return fail_plain(why, ERR_PROCESS_FORKED);
    engine_lock(engine);
    call->locked = true;
    call->durable = false; /* a wait before this section says nothing of what it will append */
    call->section = ++engine->sections;
    if (engine->poisoned) {
        call_leave(call);
        return fail_plain(why, ERR_LOCK_POISONED);
    }
    changes_free(&call->housekeeping);
    call->retirements_taken = 0;
    call->evicts = false;
    read_clocks(call);
    error = sweep(call, why);
    if (error != SIGNER_OK) call_leave(call);
    return error;
}

void call_leave(struct call *call) {
    if (!call->locked) return;
    call->locked = false;
    engine_unlock(call->engine);
}

void call_void_views(struct call *call) {
    if (call->locked) call->section = ++call->engine->sections;
}

static void depend_on(struct call *call, uint64_t ticket) {
    if (ticket > call->ticket) call->ticket = ticket;
}

void call_depend(struct call *call, const struct session *session) {
    if (!session) {
        depend_on(call, call->engine->eviction_ticket);
        return;
    }
    depend_on(call, session->last_ticket);
    if (!session->bound_key_group) return;
    const struct session *wallet =
        state_wallet(call->engine->state, session->bound_key_group, strlen(session->bound_key_group), session);
    if (wallet) depend_on(call, wallet->last_ticket);
}

uint64_t call_recorded_time(const struct call *call) {
    uint64_t seconds = call->now_wall_ms / 1000;
    return seconds > 0 ? seconds : 1;
}

void call_evicts(struct call *call, const struct session *session) {
    call->evicts = true;
    call->evicted_id_len = session->id.len <= sizeof call->evicted_id ? session->id.len : 0;
    memcpy(call->evicted_id, session->id.data, call->evicted_id_len);
}

enum signer_error call_make_room(struct call *call, const struct session *keep, struct failure *why) {
    struct state *state = call->engine->state;
    if (state_session_count(state) < call->engine->max_sessions) return SIGNER_OK;
    const struct session *oldest = state_oldest_evictable(state, keep);
    if (!oldest || state_session_count(state) > call->engine->max_sessions)
        return fail(why, ERR_CAPACITY, "session registry size is at its limit of %llu",
                    (unsigned long long)call->engine->max_sessions);
    change_evict(&call->housekeeping, oldest);
    call_evicts(call, oldest);
    return call->housekeeping.error;
}

#define RETIREMENTS_A_RECORD 32

static bool awaits_retirement(const struct session *session) {
    return session && !session->live && session_is_per_message(session) && session->idle_since_unix > 0 &&
           session->retired_at_unix != session->idle_since_unix;
}

/* Retirements that no record holds yet, oldest first. They stand in front: what retires here may be
 * evicted further on. */
static void take_retirements(struct call *call, struct changes *record) {
    struct engine *engine = call->engine;
    size_t count = engine->retirements.count;
    call->retirements_taken = count < RETIREMENTS_A_RECORD ? count : RETIREMENTS_A_RECORD;
    for (size_t i = 0; i < call->retirements_taken; i++) {
        const struct bytes id = engine->retirements.ids[i];
        const struct session *session = state_session(engine->state, (const char *)id.data, id.len);
        if (awaits_retirement(session))
            change_field_u64(record, (const char *)id.data, id.len, FIELD_RETIRED_AT, session->idle_since_unix);
    }
}

static void drop_retirements(struct call *call) {
    struct retirements *waiting = &call->engine->retirements;
    size_t taken = call->retirements_taken;
    for (size_t i = 0; i < taken; i++) {
        const struct bytes id = waiting->ids[i];
        struct session *session = state_session(call->engine->state, (const char *)id.data, id.len);
        if (session) session->retirement_waits = false;
        free((void *)id.data);
    }
    waiting->count -= taken;
    if (taken > 0) memmove(waiting->ids, waiting->ids + taken, waiting->count * sizeof *waiting->ids);
    call->retirements_taken = 0;
}

/* Append, then apply in the same critical section: after the append nothing fails any more. */
static enum signer_error write_record(struct call *call, const struct changes *record, enum record_type type,
                                      enum record_class class, uint64_t log, struct failure *why) {
    struct engine *engine = call->engine;
    struct store_position position;
    enum signer_error error = record->error;
    if (error != SIGNER_OK) return fail_plain(why, error);
    if (record->counted != (type == RECORD_CHANGE)) return fail(why, ERR_INTERNAL, "the record has another type");
    error = changes_check(engine->state, record, why);
    if (error == SIGNER_OK) error = changes_prepare(engine->state, record);
    if (error != SIGNER_OK) return why && why->error == error ? error : fail_plain(why, error);
    const enum probe before = probe_switch(PROBE_RECORD);
    error = store_append(engine->store, type, class, log, record->body.data, record->body.len, &position, why);
    probe_switch(before);
    if (error == ERR_AGAIN) call->ready_class = class;
    if (error != SIGNER_OK) {
        changes_drop(engine->state);
        return error;
    }
    engine->poisoned = true;
    changes_apply(engine->state, record, &position);
    if (call->evicts) {
        engine->eviction_ticket = position.ticket;
        kept_rounds_forget_session(engine->kept_rounds, call->evicted_id, call->evicted_id_len);
    }
    depend_on(call, position.ticket);
    drop_retirements(call);
    engine->poisoned = false;
    call_void_views(call);
    return SIGNER_OK;
}

/* Adds the verdicts, with the inputs that the present log does not carry yet: for this log only. */
static uint64_t add_verdicts(struct call *call, struct changes *record, const struct changes *verdicts) {
    struct store_info info;
    store_info(call->engine->store, &info);
    state_log_begins(call->engine->state, info.log_base_seq);
    changes_join_verdicts(record, verdicts, call->engine->state);
    return verdicts->count > 0 ? info.log_number : 0;
}

enum signer_error call_commit(struct call *call, struct changes *changes, enum record_class class,
                              struct failure *why) {
    if (!call->locked || call->committed) return fail(why, ERR_INTERNAL, "a commit needs the lock and comes once");
    if (changes->error != SIGNER_OK) return fail_plain(why, changes->error);
    if (changes->count == 0) return SIGNER_OK;
    struct changes record;
    changes_init(&record);
    take_retirements(call, &record);
    changes_join(&record, &call->housekeeping);
    changes_join(&record, changes);
    const uint64_t log = add_verdicts(call, &record, &call->verdict_record);
    enum signer_error error = history_bound(&record, call->engine->state, class, &call->engine->witness_limits, why);
    if (error == SIGNER_OK) error = write_record(call, &record, RECORD_CHANGE, class, log, why);
    changes_free(&record);
    call->committed = error == SIGNER_OK;
    return error;
}

enum signer_error call_require_ready(struct call *call, enum record_class class) {
    if (store_is_ready(call->engine->store, class, 0)) return SIGNER_OK;
    call->ready_class = class;
    return ERR_AGAIN;
}

enum signer_error call_note(struct call *call, struct changes *verdict, struct failure *why) {
    if (!call->locked) return fail(why, ERR_INTERNAL, "a note needs the lock");
    call->retirements_taken = 0;
    call->evicts = false;
    struct changes note;
    changes_init(&note);
    const uint64_t log = add_verdicts(call, &note, verdict);
    enum signer_error error = write_record(call, &note, RECORD_NOTE, RECORD_ORDINARY, log, why);
    changes_free(&note);
    return error;
}

/* The records of an open did not become durable: no live entry stays behind, and its heartbeat token
 * goes back (D-121). */
static void take_back_open(struct call *call) {
    struct opened_entry *opened = &call->opened;
    struct engine *engine = call->engine;
    if (!opened->active) return;
    opened->active = false;
    engine_lock(engine);
    struct live_entry *entry = live_find(engine->live, opened->session_id, opened->session_id_len, opened->member);
    if (entry && entry->serial == opened->serial) live_remove(engine->live, entry);
    const struct session *wallet = state_wallet(engine->state, opened->key_group, strlen(opened->key_group), NULL);
    if (opened->token && wallet) budget_give_back_heartbeat(call, wallet);
    engine_unlock(engine);
}

enum signer_error call_wait(struct call *call, struct failure *why) {
    enum signer_error error = SIGNER_OK;
    bool waits = call->ticket > 0 && (!call->never_waits || call->committed);
    if (waits) error = store_wait(call->engine->store, call->ticket, why);
    call->durable = error == SIGNER_OK;
    if (error != SIGNER_OK) take_back_open(call);
    return error;
}

enum signer_error call_make_ready(struct call *call, struct failure *why) {
    return store_make_ready(call->engine->store, call->ready_class, why);
}

void call_pin(struct call *call, struct session *session) {
    call_unpin(call);
    session->pins++;
    call->pinned = session;
    memcpy(call->pinned_id, session->id.data, session->id.len);
    call->pinned_id_len = session->id.len;
}

void call_unpin(struct call *call) {
    if (!call->pinned) return;
    struct engine *engine = call->engine;
    bool locked = call->locked;
    if (!locked) engine_lock(engine);
    struct session *session = state_session(engine->state, call->pinned_id, call->pinned_id_len);
    if (session == call->pinned && session->pins > 0) session->pins--;
    if (!locked) engine_unlock(engine);
    call->pinned = NULL;
}

enum signer_error call_own(struct call *call, vault_handle handle) {
    if (call->owned_count == CALL_SECRETS_MAX) {
        vault_wipe(call->engine->vault, handle);
        return ERR_CAPACITY;
    }
    call->owned[call->owned_count++] = handle;
    return SIGNER_OK;
}

void call_disown(struct call *call, vault_handle handle) {
    for (size_t i = 0; i < call->owned_count; i++)
        if (call->owned[i] == handle) {
            call->owned[i] = call->owned[--call->owned_count];
            return;
        }
}

void call_own_taken(struct call *call, void *memory) {
    if (call->taken_count < sizeof call->taken / sizeof *call->taken)
        call->taken[call->taken_count++] = memory;
    else
        vault_release_taken(call->engine->vault, memory);
}

void call_end(struct call *call) {
    call_leave(call);
    call_unpin(call);
    for (size_t i = 0; i < call->owned_count; i++)
        vault_wipe(call->engine->vault, call->owned[i]);
    for (size_t i = 0; i < call->taken_count; i++)
        vault_release_taken(call->engine->vault, call->taken[i]);
    changes_free(&call->housekeeping);
    changes_free(&call->verdict_record);
    sodium_memzero(call, offsetof(struct call, owned));
}
