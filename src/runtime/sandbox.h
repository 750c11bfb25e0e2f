/* The policy sandbox: one evaluation of an operator's script in a Lua state of its own, which is closed
 * after it (policy-and-lifecycle 14.4, D-128, D-135, D-136). No file, clock, randomness, module, metatable
 * or coroutine is in reach. Limits do not depend on the clock: the same input gives the same verdict.
 *
 * A script is a chunk that returns { version = text, settings = {name = {default =, description =}, …},
 * evaluate = function(input, settings) … return allow() end }. Only `allow()` and
 * `refuse(code, detail)` make verdicts; everything else is a failure, which counts as a refusal. */
#ifndef SIGNER_RUNTIME_SANDBOX_H
#define SIGNER_RUNTIME_SANDBOX_H

#include <lua.h>

#include <stdbool.h>

#include "base/bytes.h"

#define SANDBOX_SOURCE_MAX 262144u
#define SANDBOX_PLAIN_MAX 2097152u /* input as plain_write has it: 1 MiB of JSON, which the loader checks, fits */
#define SANDBOX_MEMORY_MAX 16777216u
#define SANDBOX_INSTRUCTIONS_MAX 10000000u
#define SANDBOX_DETAIL_MAX 1024u
#define SANDBOX_CODE_MAX 64u
#define SANDBOX_VERSION_MAX 64u

/* Limits inside: what one value or one library call may reach. */
#define SANDBOX_TEXT_MAX 65536u  /* bytes of a string */
#define SANDBOX_ENTRIES_MAX 4096 /* entries that sort, concat or move touch */
#define SANDBOX_UNPACK_MAX 250   /* values that unpack or a function gives, or `...` holds */
#define SANDBOX_NESTING_MAX 16   /* pcall and sort inside each other */

struct sandbox_limits {
    size_t memory;         /* bytes */
    uint64_t instructions; /* of the Lua machine; allocation and long library calls are charged too */
};

struct sandbox_verdict {
    bool allowed;
    bool failed; /* error, limit or nonsense: operator_policy_failed */
    char code[SANDBOX_CODE_MAX + 1];
    char detail[SANDBOX_DETAIL_MAX + 1];   /* cleaned: [A-Za-z0-9-_.:/], anything else is `_` */
    char version[SANDBOX_VERSION_MAX + 1]; /* of the script, cleaned alike; empty where it names none */
};

/* What the allocator, the hook and the library share; reached through the state's extra space. */
struct sandbox {
    lua_State *L;
    struct sandbox_limits limits;
    size_t used;
    uint64_t spent;
    uint64_t weight;   /* charge of one instruction: grows with the longest string */
    const char *abort; /* the limit that was reached; from then on every instruction raises */
    void *refused_block;
    size_t refused_size;
    int nesting;
};

/* `input` and `settings` are bytes of plain_write. `limits` NULL: those of above. */
void sandbox_evaluate(struct sandbox_verdict *out, const char *name, struct bytes source, struct bytes input,
                      struct bytes settings, const struct sandbox_limits *limits);
/* Loads the script and settles its settings, but asks nothing: what a loader does before it publishes.
 * `settled` gets them as bytes of plain_write. `out->failed` says whether it may be published. */
void sandbox_inspect(struct sandbox_verdict *out, const char *name, struct bytes source, struct bytes settings,
                     struct buffer *settled);

#ifdef SIGNER_TEST
/* Scripts that ran in this process. */
uint64_t sandbox_runs(void);
#endif

/* -- between sandbox.c and sandbox_library.c ------------------------------------------------------- */

struct sandbox *sandbox_of(lua_State *L);
/* Adds to what was spent; past the limit it raises, now and ever after. */
void sandbox_charge(lua_State *L, uint64_t cost);
/* Replaces the globals of the state by the allowed ones. Runs protected. */
void sandbox_open_library(lua_State *L);
/* The verdict at `index`, NULL for any other value. */
const struct sandbox_verdict *sandbox_verdict_at(lua_State *L, int index);

#endif
