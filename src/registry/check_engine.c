/* Rules of the ops on the engine, the witness, the anchor and the trust records, 16 to 53
 * (sealed-store 35.6; anchor records stay opaque but for their form). */
#include <string.h>

#include "base/fault.h"
#include "registry/draft.h"
#include "registry/records.h"

#define CERTIFICATE_BYTES_MAX 122880u /* sealed-store 27 */
#define CERTIFICATES_MAX 1024u        /* sealed-store 28.2 */
#define INTENT_BYTES_MAX 16777128u    /* sealed-store 28.1 */
#define CHECKPOINT_ZERO_AT 97u

static bool in_snapshot(const struct draft *draft) {
    return draft->type == RECORD_SNAP_PART;
}

static bool is_canary_percent(uint8_t percent) {
    return percent == 10 || percent == 50 || percent == 100;
}

static enum signer_error canary_set(struct draft *draft, struct reader *payload) {
    struct globals *globals = &draft->globals;
    struct canary canary = {0};
    canary.current_percent = reader_u8(payload);
    canary.previous_percent = reader_u8(payload);
    canary.version = reader_be64(payload);
    canary.last_action_unix = reader_be64(payload);
    if (!reader_done(payload) || !is_canary_percent(canary.current_percent) ||
        !is_canary_percent(canary.previous_percent) || canary.version == 0)
        return draft_broken(draft, "CANARY_SET has a wrong form");
    if (in_snapshot(draft) && globals->has_canary) return draft_broken(draft, "CANARY_SET: twice in a snapshot");
    if (!in_snapshot(draft) && canary.version != globals->canary.version + 1)
        return draft_broken(draft, "CANARY_SET: version does not go up by 1");
    globals->canary = canary;
    globals->has_canary = true;
    return SIGNER_OK;
}

static enum signer_error refresh_epoch_set(struct draft *draft, struct reader *payload) {
    uint64_t epoch = reader_be64(payload);
    if (!reader_done(payload) || epoch <= draft->globals.refresh_epoch)
        return draft_broken(draft, "REFRESH_EPOCH_SET: the epoch does not rise");
    if (in_snapshot(draft) && draft->globals.refresh_epoch)
        return draft_broken(draft, "REFRESH_EPOCH_SET: twice in a snapshot");
    draft->globals.refresh_epoch = epoch;
    return SIGNER_OK;
}

static enum signer_error operator_set(struct draft *draft, enum state_op op, struct reader *payload) {
    uint16_t id = reader_be16(payload);
    uint64_t value = op == OP_SCORE_SET ? reader_be64(payload) : reader_u8(payload);
    if (!reader_done(payload) || id == 0 || (op == OP_QUARANTINE_SET && value > 1))
        return draft_broken(draft, "operator record has a wrong form");
    struct operator_entry *entry = draft_operator(draft, id);
    if (!entry) return ERR_OUT_OF_MEMORY;
    if (in_snapshot(draft) && (value == 0 || (op == OP_SCORE_SET ? entry->score != 0 : entry->quarantined)))
        return draft_broken(draft, "operator record: twice or empty in a snapshot");
    if (op == OP_SCORE_SET)
        entry->score = value;
    else
        entry->quarantined = value == 1;
    return SIGNER_OK;
}

static enum signer_error imported(struct draft *draft, struct reader *payload) {
    struct globals *globals = &draft->globals;
    uint16_t schema = reader_be16(payload);
    const uint8_t *digest = reader_take(payload, 32);
    uint64_t at_unix = reader_be64(payload);
    if (!reader_done(payload)) return draft_broken(draft, "IMPORTED has a wrong form");
    if (globals->imported || (!in_snapshot(draft) && state_generation(draft->state) != 1))
        return draft_broken(draft, "IMPORTED: first CHANGE only");
    globals->imported = true;
    globals->import_schema = schema;
    memcpy(globals->import_sha256, digest, 32);
    globals->imported_at_unix = at_unix;
    return SIGNER_OK;
}

static enum signer_error purge(struct draft *draft, struct reader *payload) {
    if (!reader_done(payload)) return draft_broken(draft, "PURGE carries bytes");
    draft->purge = true;
    return SIGNER_OK;
}

/* Of no effect on the state but that the log carries its input from now on. */
static enum signer_error verdict(struct draft *draft, struct reader *payload) {
    const uint8_t *digest;
    struct bytes input;
    record_verdict(payload, &digest, &input);
    if (!reader_done(payload) || input.len > VERDICT_INPUT_BYTES_MAX)
        return draft_broken(draft, "VERDICT has a wrong form");
    if (!input.data) return SIGNER_OK;
    if (inputs_hold(&draft->state->inputs, digest) || inputs_hold(&draft->inputs, digest))
        return draft_broken(draft, "VERDICT: the log carries this input already");
    struct carried_input *carried = signer_calloc(1, sizeof *carried);
    if (!carried) return ERR_OUT_OF_MEMORY;
    memcpy(carried->digest, digest, 32);
    inputs_put(&draft->inputs, carried, 0);
    return SIGNER_OK;
}

static enum signer_error witness_rebase_op(struct draft *draft, struct reader *payload) {
    uint64_t generation = reader_be64(payload);
    uint64_t base = draft->rebase ? draft->rebase : state_witness_base(draft->state);
    if (!reader_done(payload) || generation <= base || generation > state_generation(draft->state) + 1)
        return draft_broken(draft, "WITNESS_REBASE: not within the retained history");
    draft->rebase = generation;
    return SIGNER_OK;
}

static enum signer_error engine_state(struct draft *draft, struct reader *payload) {
    struct globals *globals = &draft->globals;
    uint64_t generation = reader_be64(payload);
    uint64_t open_number = reader_be64(payload);
    uint64_t purge_seq = reader_be64(payload);
    if (!reader_done(payload) || generation == 0) return draft_broken(draft, "ENGINE_STATE has a wrong form");
    if (globals->has_engine_state || draft->state->witness.has_base)
        return draft_broken(draft, "ENGINE_STATE: first op only");
    globals->has_engine_state = true;
    globals->engine_generation = generation;
    witness_set_counters(&draft->state->witness, open_number, &purge_seq);
    return SIGNER_OK;
}

/* The history goes in at once: a snapshot that fails is thrown away as a whole. */
static enum signer_error witness_base_op(struct draft *draft, struct reader *payload) {
    uint64_t generation = reader_be64(payload);
    const uint8_t *previous = reader_take(payload, 32);
    const uint8_t *digest = reader_take(payload, 32);
    if (!reader_done(payload)) return draft_broken(draft, "WITNESS_BASE has a wrong form");
    if (draft->state->witness.has_base || generation == 0 || generation > draft->globals.engine_generation)
        return draft_broken(draft, "WITNESS_BASE: not the one base of this state");
    return witness_set_base(&draft->state->witness, generation, previous, digest);
}

static enum signer_error witness_digests(struct draft *draft, struct reader *payload) {
    struct witness *witness = &draft->state->witness;
    size_t count = reader_left(payload) / 32;
    if (reader_left(payload) % 32 || count == 0 || count > WITNESS_DIGESTS_PER_OP)
        return draft_broken(draft, "WITNESS_DIGESTS has a wrong form");
    if (!witness->has_base || count > draft->globals.engine_generation - witness_tip(witness))
        return draft_broken(draft, "WITNESS_DIGESTS: more than the generations");
    enum signer_error error = witness_reserve(witness, count);
    if (error == SIGNER_OK) witness_push_all(witness, reader_take(payload, 32 * count), count);
    return error;
}

static enum signer_error anchor_confirmed(struct draft *draft, struct reader *payload) {
    struct globals *globals = &draft->globals;
    uint64_t seq = reader_be64(payload);
    const uint8_t *chain = reader_take(payload, 32);
    if (!reader_done(payload)) return draft_broken(draft, "ANCHOR_CONFIRMED has a wrong form");
    if (globals->anchor_confirmed && (in_snapshot(draft) || seq < globals->anchor_seq))
        return draft_broken(draft, "ANCHOR_CONFIRMED: an older receipt");
    globals->anchor_confirmed = true;
    globals->anchor_seq = seq;
    memcpy(globals->anchor_chain, chain, 32);
    return SIGNER_OK;
}

static bool checkpoint_has_form(const uint8_t *checkpoint) {
    static const uint8_t zeros[7];
    return memcmp(checkpoint + CHECKPOINT_ZERO_AT, zeros, sizeof zeros) == 0 &&
           load_be64(checkpoint + CHECKPOINT_GENERATION_AT) != 0;
}

/* Kind 2 moves the witness base to its generation (D-185); in a snapshot WITNESS_BASE has said so. */
static enum signer_error checkpoint_set(struct draft *draft, struct reader *payload) {
    uint8_t kind = reader_u8(payload);
    const uint8_t *checkpoint = reader_take(payload, CHECKPOINT_BYTES);
    if (!reader_done(payload) || (kind != 1 && kind != 2) || !checkpoint_has_form(checkpoint))
        return draft_broken(draft, "CHECKPOINT_SET has a wrong form");
    if (in_snapshot(draft) && draft->globals.has_checkpoint[kind])
        return draft_broken(draft, "CHECKPOINT_SET: twice in a snapshot");
    uint64_t generation = load_be64(checkpoint + CHECKPOINT_GENERATION_AT);
    if (kind == 2 && !in_snapshot(draft)) {
        uint64_t base = state_witness_base(draft->state);
        if (generation < base || generation > state_generation(draft->state))
            return draft_broken(draft, "CHECKPOINT_SET: not within the retained history");
        draft->rebase = generation;
    }
    draft->globals.has_checkpoint[kind] = true;
    if (!draft->checkpoint[kind]) draft->checkpoint[kind] = signer_malloc(CHECKPOINT_BYTES);
    if (!draft->checkpoint[kind]) return ERR_OUT_OF_MEMORY;
    memcpy(draft->checkpoint[kind], checkpoint, CHECKPOINT_BYTES);
    return SIGNER_OK;
}

static enum signer_error checkpoint_clear(struct draft *draft, struct reader *payload) {
    uint8_t kind = reader_u8(payload);
    if (!reader_done(payload) || kind < 1 || kind > 2 || !draft->globals.has_checkpoint[kind])
        return draft_broken(draft, "CHECKPOINT_CLEAR: no such checkpoint");
    draft->globals.has_checkpoint[kind] = false;
    return SIGNER_OK;
}

static enum signer_error trust_append(struct draft *draft, struct reader *payload) {
    struct bytes certificate = record_name(payload);
    struct text_set *certificates = &draft->certificates;
    if (!reader_done(payload) || certificate.len > CERTIFICATE_BYTES_MAX)
        return draft_broken(draft, "TRUST_APPEND has a wrong form");
    if (draft->state->certificates.count + certificates->count >= CERTIFICATES_MAX)
        return draft_full(draft, "trust certificates");
    return texts_insert(certificates, certificates->count, certificate.data, certificate.len);
}

static enum signer_error trust_intent(struct draft *draft, enum state_op op, struct reader *payload) {
    struct text_set *intent = &draft->globals.intent;
    if (op == OP_TRUST_INTENT_CLEAR) {
        if (!reader_done(payload) || intent->count == 0)
            return draft_broken(draft, "TRUST_INTENT_CLEAR: no intent, or bytes behind");
        texts_release(intent);
        return SIGNER_OK;
    }
    struct bytes request = record_name(payload);
    if (!reader_done(payload) || request.len > INTENT_BYTES_MAX)
        return draft_broken(draft, "TRUST_INTENT has a wrong form");
    if (in_snapshot(draft) && intent->count) return draft_broken(draft, "TRUST_INTENT: twice in a snapshot");
    texts_release(intent);
    return texts_insert(intent, 0, request.data, request.len);
}

static enum signer_error check_anchor_op(struct draft *draft, enum state_op op, struct reader *payload) {
    switch (op) {
    case OP_ANCHOR_CONFIRMED:
        return anchor_confirmed(draft, payload);
    case OP_CHECKPOINT_SET:
        return checkpoint_set(draft, payload);
    case OP_CHECKPOINT_CLEAR:
        return checkpoint_clear(draft, payload);
    case OP_TRUST_APPEND:
        return trust_append(draft, payload);
    default:
        return trust_intent(draft, op, payload);
    }
}

enum signer_error check_engine_op(struct draft *draft, enum state_op op, struct reader *payload) {
    switch (op) {
    case OP_CANARY_SET:
        return canary_set(draft, payload);
    case OP_REFRESH_EPOCH_SET:
        return refresh_epoch_set(draft, payload);
    case OP_SCORE_SET:
    case OP_QUARANTINE_SET:
        return operator_set(draft, op, payload);
    case OP_IMPORTED:
        return imported(draft, payload);
    case OP_PURGE:
        return purge(draft, payload);
    case OP_VERDICT:
        return verdict(draft, payload);
    case OP_WITNESS_REBASE:
        return witness_rebase_op(draft, payload);
    case OP_ENGINE_STATE:
        return engine_state(draft, payload);
    case OP_WITNESS_BASE:
        return witness_base_op(draft, payload);
    case OP_WITNESS_DIGESTS:
        return witness_digests(draft, payload);
    default:
        return check_anchor_op(draft, op, payload);
    }
}
