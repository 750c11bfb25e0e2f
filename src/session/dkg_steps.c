/* Distributed key generation between vault and protocol: no secret leaves guarded memory (frost 6, 16). */
#include "session/dkg_steps.h"

#include <sodium.h>
#include <string.h>

#include "base/fault.h"

/* A slot of encoded bytes that belongs to the call. */
static enum signer_error new_slot(struct call *call, size_t len, vault_handle *handle, void **memory) {
    enum signer_error error = vault_new(call->engine->vault, SECRET_BYTES, len, handle, memory);
    return error ? error : call_own(call, *handle);
}

/* libsodium ends the process where the system has no randomness; what a test does to the source is an error. */
static enum signer_error get_means(struct call *call, struct dkg_means *means, struct failure *why) {
    enum signer_error error = settings_worker_threads(&call->engine->settings, &means->workers, why);
    if (error) return error;
    if (fault_hit(FAULT_RANDOM) != FAULT_NONE) return ERR_INTERNAL;
    platform_random(call->engine->platform, means->random, sizeof means->random);
    return SIGNER_OK;
}

static enum signer_error answer(enum signer_error error, struct failure *why) {
    return error ? fail_plain(why, error) : SIGNER_OK;
}

enum signer_error dkg_step1(struct call *call, const struct frost_identifier *identifier, uint16_t max_signers,
                            uint16_t min_signers, struct dkg_round1_package *package, vault_handle *secret,
                            struct failure *why) {
    uint8_t seed[32];
    void *memory;
    enum signer_error error = dkg_check_counts(min_signers, max_signers);
    if (error) return answer(error, why);
    size_t len = dkg_round1_secret_bytes(min_signers, max_signers);
    error = new_slot(call, len, secret, &memory);
    if (error) return answer(error, why);
    platform_random(call->engine->platform, seed, sizeof seed);
    error = dkg_part1(package, memory, len, identifier, max_signers, min_signers, seed);
    sodium_memzero(seed, sizeof seed);
    return answer(error, why);
}

enum signer_error dkg_step2_peers(struct call *call, vault_handle secret, size_t *count, struct failure *why) {
    struct dkg_secret_info info;
    size_t len = 0;
    const uint8_t *encoded = vault_borrow(call->engine->vault, secret, SECRET_BYTES, &len);
    if (!encoded) return fail_plain(why, ERR_FROST_DESERIALIZATION);
    enum signer_error error = dkg_round1_secret_check(&info, encoded, len);
    *count = error ? 0 : (size_t)info.max_signers - 1;
    return answer(error, why);
}

/* A secret that was used with a map of round-1 packages is used with no other. */
static enum signer_error check_map(struct call *call, vault_handle secret, const uint8_t hash[HASH_BYTES]) {
    uint8_t bound[32];
    if (!vault_bound(call->engine->vault, secret, bound)) return SIGNER_OK;
    return memcmp(bound, hash, HASH_BYTES) == 0 ? SIGNER_OK : ERR_FROST_INCORRECT_PACKAGE;
}

enum signer_error dkg_step2(struct call *call, vault_handle secret, const struct dkg_round1_entry *peers,
                            size_t peer_count, struct dkg_sealed_share *shares, vault_handle *round2_secret,
                            struct dkg_culprit *culprit, struct failure *why) {
    struct vault *vault = call->engine->vault;
    struct dkg_secret_info info;
    struct dkg_means means;
    vault_handle scratch = 0;
    uint8_t map[HASH_BYTES];
    void *entries, *next, *memory;
    size_t len = 0;
    memset(culprit, 0, sizeof *culprit);
    const uint8_t *encoded = vault_borrow(vault, secret, SECRET_BYTES, &len);
    if (!encoded) return fail_plain(why, ERR_FROST_DESERIALIZATION);
    enum signer_error error = dkg_round1_secret_check(&info, encoded, len);
    if (error) return answer(error, why);
    size_t count = (size_t)info.max_signers - 1;
    size_t next_len = dkg_round2_secret_bytes(info.min_signers, info.max_signers);
    error = vault_new(vault, SECRET_BYTES, count * sizeof(struct dkg_round2_entry), &scratch, &entries);
    if (!error) error = new_slot(call, next_len, round2_secret, &next);
    if (!error) error = get_means(call, &means, why);
    if (!error)
        error = dkg_part2(entries, next, next_len, encoded, len, peers, peer_count, &means, &culprit->identifier,
                          &culprit->known);
    /* A polynomial that is evaluated for two rosters gives away more than its threshold allows. */
    if (!error) error = dkg_round1_map_hash(map, peers, peer_count);
    if (!error) error = check_map(call, secret, map);
    if (!error) error = vault_bind(vault, secret, map);
    if (!error) error = vault_bind(vault, *round2_secret, map);
    for (size_t i = 0; i < count && !error; i++) {
        const struct dkg_round2_entry *entry = (const struct dkg_round2_entry *)entries + i;
        shares[i].peer = entry->peer;
        error = new_slot(call, DKG_ROUND2_PACKAGE_BYTES, &shares[i].share, &memory);
        if (!error) error = dkg_round2_share_write(memory, &entry->share);
    }
    vault_wipe(vault, scratch);
    return answer(error, why);
}

/* Decodes the shares into one guarded slot. */
static enum signer_error open_shares(struct call *call, const struct dkg_sealed_share *shares, size_t count,
                                     vault_handle *scratch, void **entries) {
    struct vault *vault = call->engine->vault;
    enum signer_error error = vault_new(vault, SECRET_BYTES, count * sizeof(struct dkg_round2_entry), scratch, entries);
    for (size_t i = 0; i < count && !error; i++) {
        struct dkg_round2_entry *entry = (struct dkg_round2_entry *)*entries + i;
        size_t len = 0;
        const uint8_t *encoded = vault_borrow(vault, shares[i].share, SECRET_BYTES, &len);
        entry->peer = shares[i].peer;
        error = encoded ? dkg_round2_share_decode(&entry->share, encoded, len) : ERR_FROST_DESERIALIZATION;
    }
    return error;
}

enum signer_error dkg_step3(struct call *call, vault_handle secret, const struct dkg_round1_entry *peers,
                            size_t peer_count, const struct dkg_sealed_share *shares, size_t share_count,
                            vault_handle *key_package, struct frost_public_package *keys, struct dkg_culprit *culprit,
                            struct failure *why) {
    struct vault *vault = call->engine->vault;
    struct dkg_means means;
    vault_handle scratch = 0, key_slot = 0;
    uint8_t map[HASH_BYTES];
    void *entries = NULL, *key = NULL, *memory;
    size_t len = 0;
    memset(culprit, 0, sizeof *culprit);
    const uint8_t *encoded = vault_borrow(vault, secret, SECRET_BYTES, &len);
    if (!encoded) return fail_plain(why, ERR_FROST_DESERIALIZATION);
    enum signer_error error = SIGNER_OK;
    if (vault_bound(vault, secret, map)) error = dkg_round1_map_hash(map, peers, peer_count);
    if (!error) error = check_map(call, secret, map);
    if (!error) error = open_shares(call, shares, share_count, &scratch, &entries);
    if (!error) error = vault_new(vault, SECRET_KEY_PACKAGE, sizeof(struct frost_key_package), &key_slot, &key);
    if (!error) error = get_means(call, &means, why);
    if (!error)
        error = dkg_part3(key, keys, encoded, len, peers, peer_count, entries, share_count, &means,
                          &culprit->identifier, &culprit->known);
    if (!error) {
        size_t key_len = frost_key_package_bytes(key);
        error = new_slot(call, key_len, key_package, &memory);
        if (!error) error = frost_key_package_write(memory, key_len, key);
    }
    vault_wipe(vault, scratch);
    vault_wipe(vault, key_slot);
    return answer(error, why);
}
