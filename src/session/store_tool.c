/* The tools of the store. */
#include "session/store_tool.h"

#include <string.h>

#include "session/history.h"
#include "session/opening.h"

static enum signer_error plan_for_tool(struct engine *engine, struct store_plan *plan, struct failure *why) {
    enum signer_error error = store_plan_read(engine, plan, why);
    plan->options.reset_corrupt = false; /* a tool never sets a store aside */
    return error;
}

enum signer_error store_tool_inspect(struct verify *out, struct engine *engine, struct failure *why) {
    struct store_plan plan;
    *out = (struct verify){0};
    enum signer_error error = plan_for_tool(engine, &plan, why);
    if (error == SIGNER_OK) error = verify_open(out, &plan.options, why);
    store_plan_free(&plan);
    return error;
}

struct sight {
    bool present, old_file;
};

/* What lies there, looked at without writing. Where no store does, what an opening would say. */
static enum signer_error look(const struct store_options *options, struct sight *sight, struct failure *why) {
    struct verify verify;
    enum signer_error error = verify_place(&verify, options, why);
    *sight = (struct sight){verify.present, verify.old_file};
    if (error == SIGNER_OK && !verify.present && verify.fate.error != SIGNER_OK)
        error = fail(why, verify.fate.error, "%s", verify.fate.detail);
    verify_close(&verify);
    return error;
}

enum signer_error store_tool_present(bool *out, struct engine *engine, struct failure *why) {
    struct store_plan plan;
    struct sight sight = {0};
    enum signer_error error = plan_for_tool(engine, &plan, why);
    if (error == SIGNER_OK) error = look(&plan.options, &sight, why);
    *out = sight.present;
    store_plan_free(&plan);
    return error;
}

static enum signer_error open_store(struct store **store, struct state **state, const struct store_options *options,
                                    struct store_result *out, struct failure *why) {
    struct store_info info;
    void *opened;
    enum signer_error error = store_open(store, &opened, options, why);
    if (error != SIGNER_OK) return error;
    *state = opened;
    store_note_receipt(*store, *state);
    store_info(*store, &info);
    memcpy(out->store_id, info.store_id, sizeof out->store_id);
    out->seq = info.seq;
    out->log_number = info.log_number;
    out->open_number = info.open_number;
    uint8_t sha256[32];
    out->imported = options->sink.imported(options->sink.context, opened, sha256);
    return SIGNER_OK;
}

/* Opens, does what `work` says, closes. */
static enum signer_error with_store(struct store_result *out, const struct store_options *options,
                                    enum signer_error (*work)(void *argument, struct store *store, struct state *state,
                                                              struct failure *why),
                                    void *argument, struct failure *why) {
    struct store *store = NULL;
    struct state *state = NULL;
    enum signer_error error = open_store(&store, &state, options, out, why);
    if (error != SIGNER_OK) return error;
    if (work) error = work(argument, store, state, why);
    store_close(store, error != SIGNER_OK);
    state_free(state);
    return error;
}

/* A store with a state file beside it is one whose making was cut short, or a conflict: the opening knows. */
static enum signer_error make_store(struct store_result *out, struct engine *engine, uint64_t lowest,
                                    struct failure *why) {
    struct store_plan plan;
    struct sight sight = {0};
    enum signer_error error = plan_for_tool(engine, &plan, why);
    /* The directory of the state path may be missing still: then there is no store either. */
    struct failure unheard = {0};
    if (error == SIGNER_OK) {
        enum signer_error looked = look(&plan.options, &sight, &unheard);
        if (looked == ERR_STATE_LOCKED || looked == ERR_STATE_PATH_UNSAFE)
            error = fail(why, looked, "%s", unheard.detail);
    }
    if (error == SIGNER_OK && sight.present && !sight.old_file)
        error = fail(why, ERR_STATE_IMPORT_CONFLICT, "a store is there already");
    if (error == SIGNER_OK && lowest && !sight.old_file)
        error = fail(why, ERR_VALIDATION, "there is no state file at the state path");
    plan.options.import_generation = lowest;
    if (error == SIGNER_OK) error = with_store(out, &plan.options, NULL, NULL, why);
    store_plan_free(&plan);
    return error;
}

enum signer_error store_tool_init(struct store_result *out, struct engine *engine, struct failure *why) {
    return make_store(out, engine, 0, why);
}

enum signer_error store_tool_take_over(struct store_result *out, struct engine *engine, uint64_t lowest,
                                       struct failure *why) {
    if (lowest == 0) return fail(why, ERR_VALIDATION, "the generation of a state file is at least 1");
    return make_store(out, engine, lowest, why);
}

static enum signer_error open_existing(struct store_plan *plan, struct engine *engine, struct failure *why) {
    struct sight sight = {0};
    enum signer_error error = plan_for_tool(engine, plan, why);
    if (error == SIGNER_OK) error = look(&plan->options, &sight, why);
    if (error == SIGNER_OK && !sight.present)
        error = fail(why, ERR_STATE_CORRUPT, "there is no store at the state path");
    return error;
}

enum signer_error store_tool_compact(struct store_result *out, struct engine *engine, struct failure *why) {
    struct store_plan plan;
    enum signer_error error = open_existing(&plan, engine, why);
    if (error == SIGNER_OK) error = with_store(out, &plan.options, NULL, NULL, why);
    store_plan_free(&plan);
    return error;
}

enum signer_error store_tool_rekey(struct store_result *out, struct engine *engine, const struct key_provider *provider,
                                   struct failure *why) {
    struct store_plan plan;
    vault_handle key = 0;
    enum signer_error error = open_existing(&plan, engine, why);
    if (error == SIGNER_OK) error = key_provider_fetch(provider, engine->vault, &key, why);
    if (error == SIGNER_OK) {
        plan.options.new_master_key = vault_borrow(engine->vault, key, SECRET_STATE_KEY, NULL);
        error = with_store(out, &plan.options, NULL, NULL, why);
    }
    vault_wipe(engine->vault, key);
    store_plan_free(&plan);
    return error;
}

enum signer_error store_tool_adopt(struct adoption *out, struct engine *engine, struct failure *why) {
    struct store_plan plan;
    enum signer_error error = plan_for_tool(engine, &plan, why);
    if (error == SIGNER_OK) error = store_adopt(out, &plan.options, why);
    store_plan_free(&plan);
    return error;
}

/* -- protection data ----------------------------------------------------------------------------------- */

struct uniting {
    struct protection_counts *counts;
    const char *json;
    size_t len;
    uint64_t hash_key;
    const struct witness_limits *limits;
    struct store *store;
    struct state *state;
};

static enum signer_error commit(void *argument, struct changes *changes, struct failure *why) {
    const struct uniting *uniting = argument;
    struct store_position position;
    enum signer_error error = history_bound(changes, uniting->state, RECORD_RESERVED, uniting->limits, why);
    if (error == SIGNER_OK) error = changes_check(uniting->state, changes, why);
    if (error != SIGNER_OK) return error;
    do {
        error = store_append(uniting->store, RECORD_CHANGE, RECORD_RESERVED, 0, changes->body.data, changes->body.len,
                             &position, why);
        if (error != ERR_AGAIN) break;
        error = store_make_ready(uniting->store, RECORD_RESERVED, why);
    } while (error == SIGNER_OK);
    if (error != SIGNER_OK) {
        changes_drop(uniting->state);
        return error;
    }
    changes_apply(uniting->state, changes, &position);
    return store_wait(uniting->store, position.ticket, why);
}

static enum signer_error unite(void *argument, struct store *store, struct state *state, struct failure *why) {
    struct uniting *uniting = argument;
    uniting->store = store;
    uniting->state = state;
    return protection_import(uniting->counts, state, uniting->json, uniting->len, uniting->hash_key, commit, uniting,
                             why);
}

enum signer_error store_tool_import(struct protection_counts *counts, struct engine *engine, const char *json,
                                    size_t len, struct failure *why) {
    struct store_plan plan;
    struct store_result result;
    struct uniting uniting = {.counts = counts, .json = json, .len = len, .limits = &engine->witness_limits};
    platform_random(engine->platform, &uniting.hash_key, sizeof uniting.hash_key);
    enum signer_error error = open_existing(&plan, engine, why);
    /* Nobody else holds the state here. */
    plan.options.sink.lock = plan.options.sink.unlock = NULL;
    if (error == SIGNER_OK) error = with_store(&result, &plan.options, unite, &uniting, why);
    store_plan_free(&plan);
    return error;
}
