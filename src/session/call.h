/* One call into the engine, from entry to reply: the locked flag, the records to wait for, the
 * secrets taken. Only the outermost C function (src/runtime/dispatch.c, or a test binding) runs
 * call_begin … call_end; Lua merely says `call:enter()`. design 4, D-120 to D-122. */
#ifndef SIGNER_SESSION_CALL_H
#define SIGNER_SESSION_CALL_H

#include "registry/change.h"
#include "session/engine.h"
#include "session/verdict.h"

#define CALL_SECRETS_MAX 600

/* An entry that this call put into the live table: it goes again if the call's records do not
 * become durable (D-121). */
struct opened_entry {
    bool active;
    bool token; /* a heartbeat token was charged for it */
    char session_id[SESSION_ID_BYTES_MAX];
    size_t session_id_len;
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
    uint16_t member;
    uint64_t serial;
};

struct call {
    struct engine *engine;
    bool locked;
    bool committed;       /* its one CHANGE was appended and applied */
    bool durable;         /* call_wait found everything the reply depends on synced */
    uint32_t counted;     /* counters raised by this call: each once, though stages may run again */
    uint64_t ticket;      /* newest record the reply depends on; 0 none */
    bool never_waits;     /* abort, VerifySignatureShare: no storage failure (D-120); void with a record */
    bool memory_only;     /* abort: does not open the state, there is nothing to abort without it */
    uint64_t section;     /* of the engine, no two alike: what was found in one is void in every other */
    uint64_t now_wall_ms; /* read at call_enter; 0 when the clock failed (see clock_error) */
    uint64_t now_monotonic_ms;
    enum signer_error clock_error;     /* of the wall clock */
    enum signer_error monotonic_error; /* then nothing expires and no entry is used */
    enum record_class ready_class;     /* what ERR_AGAIN wants the store made ready for */
    /* Secrets that belong to the call: handles wiped, taken slots released, at call_end. */
    size_t owned_count; /* of `owned`, which stands last */
    void *taken[4];
    size_t taken_count;
    /* Retirements and evictions found on the way: they ride in the call's own record. */
    struct changes housekeeping;
    size_t retirements_taken;              /* first entries of engine->retirements that housekeeping holds */
    bool evicts;                           /* its record removes a session or a wallet */
    char evicted_id[SESSION_ID_BYTES_MAX]; /* that session */
    size_t evicted_id_len;                 /* 0: an imported id that no call can name */
    struct session *pinned;                /* by call_pin */
    char pinned_id[SESSION_ID_BYTES_MAX];
    size_t pinned_id_len;
    struct opened_entry opened;
    struct policy_verdict verdict;        /* firewall or dkg_admission */
    struct quarantine_verdict quarantine; /* per identifier */
    struct wallet_output wallet_output;
    struct changes verdict_record; /* op 22, appended with the call's record or as a NOTE */
    vault_handle owned[CALL_SECRETS_MAX];
};

void call_begin(struct call *call, struct engine *engine);
/* Opens the state at first use, then takes the mutex, refuses a forked process and a poisoned
 * engine, reads the clocks, sweeps expired entries (memory only). ERR_* of the store's opening. */
enum signer_error call_enter(struct call *call, struct failure *why);
void call_leave(struct call *call);
/* Something that a view may point to went away: every view of this call is void, as after a leave. */
void call_void_views(struct call *call);
/* The reply depends on what this session and its wallet wrote last (D-120). NULL: on the newest
 * record that removed a session or a wallet, since its absence may stem from that. */
void call_depend(struct call *call, const struct session *session);
/* Unix seconds for a time that is only recorded: at least 1 (D-039). */
uint64_t call_recorded_time(const struct call *call);
/* Room for a new session: evictions go into housekeeping. ERR_CAPACITY. Held mutex. */
enum signer_error call_make_room(struct call *call, const struct session *keep, struct failure *why);
/* The call's record removes this session, or the wallet in it: replies wait for that, and what is kept of it goes. */
void call_evicts(struct call *call, const struct session *session);
/* Check, encode, append, apply: one record with the housekeeping in front. Held mutex, once a call.
 * ERR_AGAIN: nothing was done; the dispatcher leaves the mutex, makes the store ready, and runs the
 * state stage again. F1 errors: nothing was done. A list without any op does nothing. */
enum signer_error call_commit(struct call *call, struct changes *changes, enum record_class class, struct failure *why);
/* Whether an append of this class would answer ERR_AGAIN now; then sets what to make ready. */
enum signer_error call_require_ready(struct call *call, enum record_class class);
/* A refusal by a policy script, durable as a NOTE (pol 14.4). */
enum signer_error call_note(struct call *call, struct changes *verdict, struct failure *why);
/* Outside the mutex: waits for the records that the reply depends on. F2: ERR_STATE_IO, and an
 * entry that this call opened is removed again. */
enum signer_error call_wait(struct call *call, struct failure *why);
/* After ERR_AGAIN, outside the mutex. */
enum signer_error call_make_ready(struct call *call, struct failure *why);
/* Keeps a session from eviction while the mutex is left (AGG-16); at most one a call. */
void call_pin(struct call *call, struct session *session);
/* Held mutex or not. */
void call_unpin(struct call *call);
/* The vault slot is wiped at call_end. ERR_CAPACITY when the call owns CALL_SECRETS_MAX already:
 * then the secret is wiped at once. */
enum signer_error call_own(struct call *call, vault_handle handle);
void call_disown(struct call *call, vault_handle handle); /* now belongs to somebody else */
void call_own_taken(struct call *call, void *memory);
/* Unlocks if held, wipes what the call owns, unpins. Safe after any failure. */
void call_end(struct call *call);

#endif
