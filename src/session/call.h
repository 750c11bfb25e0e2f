/* One call into the engine, from entry to reply: the locked flag, the records to wait for, the
 * secrets taken. Only the outermost C function (src/runtime/dispatch.c, or a test binding) runs
 * call_begin … call_end; Lua merely says `call:enter()`. design 4, D-120 to D-122. */
#ifndef SIGNER_SESSION_CALL_H
#define SIGNER_SESSION_CALL_H

#include "registry/change.h"
#include "session/engine.h"

#define CALL_SECRETS_MAX 600

/* What the operator's script said in this call, bound to what it saw (D-135). `asked` false: no
 * verdict yet. Only src/session/gates.c reads it, in one place. */
struct policy_verdict {
    bool asked;
    bool allowed;
    bool failed; /* error, time-out, memory, nonsense: operator_policy_failed */
    uint8_t input_digest[32];
    uint8_t policy_sha256[32];
    char detail[FAILURE_DETAIL_MAX];
};

struct call {
    struct engine *engine;
    bool locked;
    bool committed;       /* its one CHANGE was appended and applied */
    uint64_t ticket;      /* newest record the reply depends on; 0 none */
    bool never_waits;     /* abort, VerifySignatureShare: no storage failure (D-120) */
    uint64_t now_wall_ms; /* read at call_enter; 0 when the clock failed (see clock_error) */
    uint64_t now_monotonic_ms;
    enum signer_error clock_error;
    /* Secrets that belong to the call: handles wiped, taken slots released, at call_end. */
    vault_handle owned[CALL_SECRETS_MAX];
    size_t owned_count;
    void *taken[4];
    size_t taken_count;
    /* Retirements and evictions found on the way: they ride in the call's own record. */
    struct changes housekeeping;
    struct session *pinned;
    struct policy_verdict verdict;
    struct changes verdict_record; /* op 22, appended with the call's record or as a NOTE */
};

void call_begin(struct call *call, struct engine *engine);
/* Opens the state at first use, then takes the mutex, refuses a forked process and a poisoned
 * engine, reads the clocks, sweeps expired entries (memory only). ERR_* of the store's opening. */
enum signer_error call_enter(struct call *call, struct failure *why);
void call_leave(struct call *call);
/* The reply depends on what this session (and its wallet) wrote last (D-120). */
void call_depend(struct call *call, const struct session *session);
/* Room for a new session: evictions go into housekeeping. ERR_CAPACITY. Held mutex. */
enum signer_error call_make_room(struct call *call, const struct session *keep, struct failure *why);
/* Check, encode, append, apply: one record with the housekeeping in front. Held mutex, once a call.
 * ERR_AGAIN: nothing was done; the dispatcher leaves the mutex, makes the store ready, and runs the
 * state stage again. F1 errors: nothing was done. */
enum signer_error call_commit(struct call *call, struct changes *changes, enum record_class class, struct failure *why);
/* A refusal by a policy script, durable as a NOTE (pol 14.4). */
enum signer_error call_note(struct call *call, struct changes *verdict, struct failure *why);
/* Outside the mutex: waits for the records that the reply depends on. F2: ERR_STATE_IO. */
enum signer_error call_wait(struct call *call, struct failure *why);
/* After ERR_AGAIN, outside the mutex. */
enum signer_error call_make_ready(struct call *call, struct failure *why);
void call_own(struct call *call, vault_handle handle);       /* wiped at call_end */
void call_disown(struct call *call, vault_handle handle);    /* now belongs to somebody else */
void call_own_taken(struct call *call, void *memory);
/* Unlocks if held, wipes what the call owns, unpins. Safe after any failure. */
void call_end(struct call *call);

#endif
