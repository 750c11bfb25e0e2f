/* Token buckets of builds and heartbeats (policy-and-lifecycle 5.4, 5.6; interactive-session G-11). */
#include "session/budget.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "session/gates.h"

#define UNITS_PER_TOKEN 1000000u

typedef unsigned __int128 wide;

struct bucket {
    bool used; /* false: the first take fills it */
    uint64_t refilled_s;
    uint64_t limit; /* tokens a minute */
    uint64_t units; /* saturated */
};

struct wallet_bucket {
    char key_group[KEY_GROUP_TEXT_BYTES + 1];
    struct bucket bucket;
};

struct budgets {
    struct bucket builds;
    struct wallet_bucket *wallets;
    size_t wallet_count, wallet_capacity;
};

enum signer_error budgets_create(struct budgets **out) {
    *out = signer_calloc(1, sizeof **out);
    return *out ? SIGNER_OK : ERR_OUT_OF_MEMORY;
}

void budgets_destroy(struct budgets *budgets) {
    if (!budgets) return;
    free(budgets->wallets);
    free(budgets);
}

static uint64_t saturate(wide units) {
    return units > UINT64_MAX ? UINT64_MAX : (uint64_t)units;
}

/* One token of a bucket of `limit` tokens a minute; false when there is none. The refill time moves
 * on a refusal too (RL-1). */
static bool bucket_take(struct bucket *bucket, uint64_t limit, uint64_t now_s) {
    uint64_t full = saturate((wide)limit * UNITS_PER_TOKEN);
    if (!bucket->used) {
        *bucket = (struct bucket){.used = true, .refilled_s = now_s, .limit = limit, .units = full};
    } else if (bucket->limit != limit) {
        bucket->limit = limit;
        if (bucket->units > full) bucket->units = full;
    }
    if (now_s > bucket->refilled_s) {
        wide elapsed = now_s - bucket->refilled_s;
        /* limit * 10^6 may exceed 64 bits: keep the product within 128 by bounding the time. */
        if (elapsed > UINT32_MAX) elapsed = UINT32_MAX;
        wide units = bucket->units + elapsed * ((wide)limit * UNITS_PER_TOKEN) / 60;
        bucket->units = units > full ? full : (uint64_t)units;
        bucket->refilled_s = now_s;
    }
    if (bucket->units < UNITS_PER_TOKEN) return false;
    bucket->units -= UNITS_PER_TOKEN;
    return true;
}

static void bucket_give_back(struct bucket *bucket) {
    uint64_t full = saturate((wide)bucket->limit * UNITS_PER_TOKEN);
    wide units = (wide)bucket->units + UNITS_PER_TOKEN;
    bucket->units = units > full ? full : (uint64_t)units;
}

static enum signer_error now_seconds(struct call *call, uint64_t *out, struct failure *why) {
    if (call->monotonic_error) return fail_plain(why, call->monotonic_error);
    *out = call->now_monotonic_ms / 1000;
    return SIGNER_OK;
}

enum signer_error budget_take_build(struct call *call, uint64_t limit, struct failure *why) {
    uint64_t now_s = 0;
    enum signer_error error = now_seconds(call, &now_s, why);
    if (error) return error;
    if (bucket_take(&call->engine->budgets->builds, limit, now_s)) return SIGNER_OK;
    return fail(why, ERR_RATE_LIMIT, "more than %llu transaction builds a minute", (unsigned long long)limit);
}

void budget_give_back_build(struct call *call) {
    bucket_give_back(&call->engine->budgets->builds);
}

/* The wallet's bucket, made at first use. NULL: out of memory. */
static struct bucket *wallet_bucket(struct budgets *budgets, const struct session *wallet) {
    for (size_t i = 0; i < budgets->wallet_count; i++)
        if (strcmp(budgets->wallets[i].key_group, wallet->dkg.key_group) == 0) return &budgets->wallets[i].bucket;
    if (budgets->wallet_count == budgets->wallet_capacity) {
        size_t capacity = budgets->wallet_capacity ? budgets->wallet_capacity * 2 : 4;
        struct wallet_bucket *grown = signer_realloc(budgets->wallets, capacity * sizeof *grown);
        if (!grown) return NULL;
        budgets->wallets = grown;
        budgets->wallet_capacity = capacity;
    }
    struct wallet_bucket *fresh = &budgets->wallets[budgets->wallet_count++];
    memset(fresh, 0, sizeof *fresh);
    memcpy(fresh->key_group, wallet->dkg.key_group, sizeof fresh->key_group);
    return &fresh->bucket;
}

enum signer_error budget_take_heartbeat(struct call *call, const struct session *wallet, struct failure *why) {
    uint64_t limit = 0, now_s = 0;
    enum signer_error error =
        settings_u64(&call->engine->settings, SETTING_POLICY_HEARTBEAT_RATE_LIMIT_PER_MINUTE, &limit, why);
    if (!error) error = now_seconds(call, &now_s, why);
    if (!error) {
        struct bucket *bucket = wallet_bucket(call->engine->budgets, wallet);
        if (!bucket) return fail_plain(why, ERR_OUT_OF_MEMORY);
        if (bucket_take(bucket, limit, now_s)) return SIGNER_OK;
        error = fail(why, ERR_HEARTBEAT_RATE, "more than %llu heartbeats a minute of this wallet",
                     (unsigned long long)limit);
    }
    if (error_info(error)->code == CODE_SIGNING_POLICY)
        engine_count(call->engine, COUNTER_HEARTBEAT_SIGNING_POLICY_REJECT);
    return error;
}

void budget_give_back_heartbeat(struct call *call, const struct session *wallet) {
    struct budgets *budgets = call->engine->budgets;
    for (size_t i = 0; i < budgets->wallet_count; i++)
        if (strcmp(budgets->wallets[i].key_group, wallet->dkg.key_group) == 0)
            bucket_give_back(&budgets->wallets[i].bucket);
}
