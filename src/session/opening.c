/* Opening of the state at first use: store options out of the settings (policy-and-lifecycle 2.3,
 * sealed-store 4, 35.10), one thread at a time, outside the engine mutex (CC-2). */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "custody/fork.h"
#include "registry/change_records.h"
#include "session/engine.h"
#include "session/live.h"
#include "session/opening.h"

#define STATE_KEY_VARIABLE "TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX"

static void lock_state(void *context) {
    struct engine *engine = context;
    engine_lock(engine);
}

static void unlock_state(void *context) {
    struct engine *engine = context;
    engine_unlock(engine);
}

static enum signer_error read_limits(struct engine *engine, struct store_options *options, struct failure *why) {
    uint64_t backups = 0;
    enum signer_error error = settings_reset_corrupt(&engine->settings, &options->reset_corrupt, why);
    if (error == SIGNER_OK) error = settings_u64(&engine->settings, SETTING_STATE_CORRUPT_BACKUP_LIMIT, &backups, why);
    if (error == SIGNER_OK)
        error = settings_u64(&engine->settings, SETTING_POLICY_AUDIT_MAX_BYTES, &options->audit_bytes_max, why);
    if (error == SIGNER_OK) error = settings_u64(&engine->settings, SETTING_MAX_SESSIONS, &engine->max_sessions, why);
    if (error == SIGNER_OK) error = settings_witness_limits(&engine->settings, &engine->witness_limits, why);
    options->corrupt_backup_limit = (uint32_t)backups;
    options->pinned = engine->witness_limits.pinned;
    return error;
}

/* policy-and-lifecycle 2.8; not beside the pins of a signed service. */
static enum signer_error read_anchor(struct engine *engine, struct store_options *options, struct failure *why) {
    uint64_t window = 0;
    int kind = 0, policy = 0;
    char *path = NULL;
    enum signer_error error = settings_word(&engine->settings, SETTING_STATE_STORE_ANCHOR, &kind, why);
    if (error == SIGNER_OK) error = settings_word(&engine->settings, SETTING_STATE_STORE_ANCHOR_POLICY, &policy, why);
    if (error == SIGNER_OK) error = settings_u64(&engine->settings, SETTING_STATE_STORE_ANCHOR_WINDOW, &window, why);
    if (error == SIGNER_OK) error = settings_copy(&engine->settings, SETTING_STATE_STORE_ANCHOR_PATH, &path, why);
    if (error != SIGNER_OK) return error;
    const bool counter = strcmp(setting_words(SETTING_STATE_STORE_ANCHOR)[kind], "counter_file") == 0;
    const bool lazy = strcmp(setting_words(SETTING_STATE_STORE_ANCHOR_POLICY)[policy], "lazy") == 0;
    if (counter != (path && !setting_is_blank(path)))
        error = fail(why, ERR_CONFIGURATION, "state_store_anchor_path is needed with counter_file, and only then");
    else if (counter && options->pinned)
        error = fail(why, ERR_VALIDATION, "state_store_anchor does not go with the pins of an anchor service");
    else if (counter)
        error = counter_anchor_init(&engine->anchor, engine->platform, path);
    if (error == SIGNER_OK && counter)
        options->anchor = counter_anchor_calls(&engine->anchor, lazy ? ANCHOR_LAZY : ANCHOR_STRICT, (uint32_t)window);
    free(path);
    return error;
}

/* ANCHOR_CONFIRMED in a NOTE: from its next sync on, an anchor that knows nothing is a rollback (35.11). */
void store_note_receipt(struct store *store, struct state *state) {
    struct anchor_point receipt;
    struct store_position position;
    struct changes note;
    if (!store_receipt(store, &receipt)) return;
    changes_init(&note);
    change_anchor_confirmed(&note, receipt.seq, receipt.chain);
    if (changes_check(state, &note, NULL) == SIGNER_OK) {
        if (store_append(store, RECORD_NOTE, RECORD_ORDINARY, 0, note.body.data, note.body.len, &position, NULL) ==
            SIGNER_OK)
            changes_apply(state, &note, &position);
        else
            changes_drop(state);
    }
    changes_free(&note);
}

enum signer_error store_plan_read(struct engine *engine, struct store_plan *plan, struct failure *why) {
    struct store_options *options = &plan->options;
    *plan = (struct store_plan){0};
    options->platform = engine->platform;
    options->vault = engine->vault;
    options->writer = "tbtc-signer/" SIGNER_VERSION;
    enum signer_error error = settings_state_path(&engine->settings, &plan->state_path, why);
    if (error == SIGNER_OK) error = settings_key_plan(&engine->settings, &plan->key, why);
    if (error == SIGNER_OK) error = read_limits(engine, options, why);
    if (error == SIGNER_OK) error = read_anchor(engine, options, why);
    if (error != SIGNER_OK) return error;
    options->state_path = plan->state_path;
    options->key_provider = (struct key_provider){
        .kind = plan->key.command_provider ? KEY_PROVIDER_COMMAND : KEY_PROVIDER_ENV,
        .command = plan->key.command,
        .timeout_s = plan->key.timeout_s,
        .env_text = engine->settings.environment(engine->settings.environment_context, STATE_KEY_VARIABLE),
    };
    engine->sink_context = (struct state_context){engine->vault, &engine->max_sessions};
    options->sink = state_sink(&engine->sink_context);
    options->sink.lock = lock_state;
    options->sink.unlock = unlock_state;
    options->sink.lock_context = engine;
    return SIGNER_OK;
}

void store_plan_free(struct store_plan *plan) {
    free(plan->state_path);
    free(plan->key.command);
    *plan = (struct store_plan){0};
}

static enum signer_error open_once(struct engine *engine, struct failure *why) {
    struct store_plan plan;
    struct store *store = NULL;
    void *state = NULL;
    uint64_t now_ms = 0;
    size_t local_seats = 0; /* most that one wallet has here */
    if (platform_wall_ms(engine->platform, &now_ms) != SIGNER_OK) now_ms = 0;
    enum signer_error error = store_plan_read(engine, &plan, why);
    if (error == SIGNER_OK) error = store_open(&store, &state, &plan.options, why);
    if (error == SIGNER_OK) {
        engine_lock(engine);
        engine->store = store;
        engine->state = state;
        store_note_receipt(store, state);
        state_loaded(state, now_ms / 1000 > 0 ? now_ms / 1000 : 1);
        for (struct session *session = state_next(state, NULL); session; session = state_next(state, session))
            if (session->seat_count > local_seats) local_seats = session->seat_count;
        engine_unlock(engine);
        atomic_store(&engine->opened, true);
        settings_warn_start(&engine->settings, local_seats);
    }
    store_plan_free(&plan);
    return error;
}

enum signer_error engine_open(struct engine *engine, struct failure *why) {
    if (atomic_load(&engine->opened)) return SIGNER_OK;
    /* The thread that holds the mutex does not exist in a forked child. */
    if (engine_is_forked(engine)) return fail_plain(why, ERR_PROCESS_FORKED);
    uint64_t mark;
    if (process_mark(&mark) != SIGNER_OK) return fail_plain(why, ERR_OUT_OF_MEMORY);
    atomic_store(&engine->process, mark);
    atomic_fetch_add(&engine->openers, 1);
    pthread_mutex_lock(&engine->initialisation);
    enum signer_error error = SIGNER_OK;
    if (!atomic_load(&engine->opened)) error = open_once(engine, why);
    pthread_mutex_unlock(&engine->initialisation);
    atomic_fetch_sub(&engine->openers, 1);
    return error;
}
