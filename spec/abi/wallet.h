/* A wallet whose seats all live in this process, and the calls that sign with it, for hosts. */
#ifndef SPEC_ABI_WALLET_H
#define SPEC_ABI_WALLET_H

#include <stdarg.h>

#include "host.h"

#define WALLET_SEATS 3
#define WALLET_TEXT_MAX 16384

struct wallet {
    char identifiers[WALLET_SEATS + 1][80]; /* JSON texts */
    char key_group[80];                     /* JSON text */
};

/* Copies the first value with this name, as JSON text; false when there is none. */
static inline int json_value(char *out, size_t size, const char *json, const char *name) {
    char wanted[96];
    snprintf(wanted, sizeof wanted, "\"%s\":", name);
    const char *at = strstr(json, wanted);
    if (!at) return 0;
    at += strlen(wanted);
    const char *end = at;
    int depth = 0, text = 0;
    do {
        if (text && *end == '\\')
            end++;
        else if (*end == '"')
            text = !text;
        else if (!text && (*end == '{' || *end == '['))
            depth++;
        else if (!text && (*end == '}' || *end == ']'))
            depth--;
        end++;
    } while (*end && (text || depth > 0 || (*end != ',' && *end != '}')));
    if ((size_t)(end - at) >= size) abort();
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = 0;
    return 1;
}

/* Told every reply, after the library's buffer was given back. */
static void (*wallet_heard)(const char *name, const char *reply);

/* Calls with a formatted request; the reply as text in `out`. Returns the status. */
static inline int wallet_call(char *out, const char *name, const char *format, ...) {
    static _Thread_local char body[4 * WALLET_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(body, sizeof body, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof body) abort();
    char symbol[96];
    snprintf(symbol, sizeof symbol, "frost_tbtc_%s", name);
    TbtcSignerResult result = host_call(symbol, body, (size_t)len);
    if (!result.buffer.ptr || result.buffer.len >= WALLET_TEXT_MAX) abort();
    memcpy(out, result.buffer.ptr, result.buffer.len);
    out[result.buffer.len] = 0;
    memset(result.buffer.ptr, 0, result.buffer.len);
    host_free(result.buffer);
    if (wallet_heard) wallet_heard(name, out);
    return result.status_code;
}

static inline void wallet_must(int status, const char *what, const char *reply) {
    if (status == 0) return;
    fprintf(stderr, "%s: %s\n", what, reply);
    exit(1);
}

#define WALLET_PEERS(own) ((own) == 1 ? 2 : 1), ((own) == 3 ? 2 : 3)

/* A distributed key generation of all seats, stored under session "wallet". */
static inline void wallet_make(struct wallet *wallet) {
    static char reply[WALLET_TEXT_MAX], secret[4][WALLET_TEXT_MAX], package[4][WALLET_TEXT_MAX],
        second[4][WALLET_TEXT_MAX];
    static char share[4][4][WALLET_TEXT_MAX], key[WALLET_TEXT_MAX], keys[WALLET_TEXT_MAX];
    for (int i = 1; i <= 3; i++) {
        snprintf(wallet->identifiers[i], sizeof wallet->identifiers[i], "\"\\\"%064x\\\"\"", i);
        wallet_must(wallet_call(reply, "dkg_part1",
                                "{\"participant_identifier\":%s,\"max_signers\":3,\"min_signers\":2}",
                                wallet->identifiers[i]),
                    "part 1", reply);
        json_value(secret[i], WALLET_TEXT_MAX, reply, "secret_package_hex");
        json_value(package[i], WALLET_TEXT_MAX, reply, "package");
    }
    for (int i = 1; i <= 3; i++) {
        int peers[2] = {WALLET_PEERS(i)};
        wallet_must(wallet_call(reply, "dkg_part2", "{\"secret_package_hex\":%s,\"round1_packages\":[%s,%s]}",
                                secret[i], package[peers[0]], package[peers[1]]),
                    "part 2", reply);
        json_value(second[i], WALLET_TEXT_MAX, reply, "secret_package_hex");
        const char *at = strstr(reply, "\"packages\":");
        json_value(share[i][peers[0]], WALLET_TEXT_MAX, at, "package_hex");
        json_value(share[i][peers[1]], WALLET_TEXT_MAX, strstr(at, "package_hex") + 1, "package_hex");
    }
    for (int i = 1; i <= 3; i++) {
        int peers[2] = {WALLET_PEERS(i)};
        wallet_must(wallet_call(reply, "dkg_part3",
                                "{\"secret_package_hex\":%s,\"round1_packages\":[%s,%s],\"round2_packages\":["
                                "{\"identifier\":%s,\"sender_identifier\":%s,\"package_hex\":%s},"
                                "{\"identifier\":%s,\"sender_identifier\":%s,\"package_hex\":%s}]}",
                                second[i], package[peers[0]], package[peers[1]], wallet->identifiers[i],
                                wallet->identifiers[peers[0]], share[peers[0]][i], wallet->identifiers[i],
                                wallet->identifiers[peers[1]], share[peers[1]][i]),
                    "part 3", reply);
        json_value(key, sizeof key, reply, "key_package");
        json_value(keys, sizeof keys, reply, "public_key_package");
        wallet_must(wallet_call(reply, "persist_distributed_dkg_key_package",
                                "{\"session_id\":\"wallet\",\"participant_identifier\":%d,\"threshold\":2,"
                                "\"participant_count\":3,\"key_package\":%s,\"public_key_package\":%s}",
                                i, key, keys),
                    "persist", reply);
        json_value(wallet->key_group, sizeof wallet->key_group, reply, "key_group");
    }
}

/* One attempt as its members see it. */
struct attempt {
    char session_id[64];
    char message[65];
    char context[2048];  /* JSON object */
    char attempt_id[80]; /* JSON text */
};

static inline int attempt_derive(struct attempt *attempt, const struct wallet *wallet, const char *session_id,
                                 unsigned message, unsigned number) {
    char reply[WALLET_TEXT_MAX];
    snprintf(attempt->session_id, sizeof attempt->session_id, "%s", session_id);
    snprintf(attempt->message, sizeof attempt->message, "%064x", message + 1);
    int status = wallet_call(reply, "derive_interactive_attempt_context",
                             "{\"session_id\":\"%s\",\"message_hex\":\"%s\",\"key_group\":%s,\"threshold\":2,"
                             "\"attempt_number\":%u,\"included_participants\":[1,2,3]}",
                             attempt->session_id, attempt->message, wallet->key_group, number);
    wallet_must(status, "derive", reply);
    json_value(attempt->context, sizeof attempt->context, reply, "attempt_context");
    json_value(attempt->attempt_id, sizeof attempt->attempt_id, reply, "attempt_id");
    return status;
}

static inline int attempt_open(char *reply, const struct attempt *attempt, const struct wallet *wallet, int seat) {
    return wallet_call(reply, "interactive_session_open",
                       "{\"session_id\":\"%s\",\"member_identifier\":%d,\"message_hex\":\"%s\",\"key_group\":%s,"
                       "\"threshold\":2,\"attempt_context\":%s}",
                       attempt->session_id, seat, attempt->message, wallet->key_group, attempt->context);
}

static inline int attempt_round1(char *reply, const struct attempt *attempt, int seat) {
    return wallet_call(reply, "interactive_round1",
                       "{\"session_id\":\"%s\",\"attempt_id\":%s,\"member_identifier\":%d}", attempt->session_id,
                       attempt->attempt_id, seat);
}

static inline int attempt_package(char *reply, const struct attempt *attempt, const struct wallet *wallet, int first,
                                  const char *first_commitments, int second, const char *second_commitments) {
    return wallet_call(reply, "new_signing_package",
                       "{\"message_hex\":\"%s\",\"commitments\":[{\"identifier\":%s,\"data_hex\":%s},"
                       "{\"identifier\":%s,\"data_hex\":%s}]}",
                       attempt->message, wallet->identifiers[first], first_commitments, wallet->identifiers[second],
                       second_commitments);
}

static inline int attempt_round2(char *reply, const struct attempt *attempt, int seat, const char *package) {
    return wallet_call(reply, "interactive_round2",
                       "{\"session_id\":\"%s\",\"attempt_id\":%s,\"member_identifier\":%d,\"signing_package_hex\":%s}",
                       attempt->session_id, attempt->attempt_id, seat, package);
}

static inline int attempt_aggregate(char *reply, const struct attempt *attempt, const struct wallet *wallet,
                                    const char *package, int first, const char *first_share, int second,
                                    const char *second_share) {
    return wallet_call(reply, "interactive_aggregate",
                       "{\"session_id\":\"%s\",\"attempt_id\":%s,\"signing_package_hex\":%s,\"signature_shares\":["
                       "{\"identifier\":%s,\"data_hex\":%s},{\"identifier\":%s,\"data_hex\":%s}]}",
                       attempt->session_id, attempt->attempt_id, package, wallet->identifiers[first], first_share,
                       wallet->identifiers[second], second_share);
}

/* One signature by the seats `first` and `second`, every step of which must succeed. */
static inline void wallet_sign(const struct wallet *wallet, const char *session_id, unsigned message, unsigned number,
                               int first, int second) {
    char reply[WALLET_TEXT_MAX], commitments[2][512], package[4096], shares[2][128];
    int seats[2] = {first, second};
    struct attempt attempt;
    attempt_derive(&attempt, wallet, session_id, message, number);
    for (int i = 0; i < 2; i++) {
        wallet_must(attempt_open(reply, &attempt, wallet, seats[i]), "open", reply);
        wallet_must(attempt_round1(reply, &attempt, seats[i]), "round 1", reply);
        json_value(commitments[i], sizeof commitments[i], reply, "commitments_hex");
    }
    wallet_must(attempt_package(reply, &attempt, wallet, first, commitments[0], second, commitments[1]), "package",
                reply);
    json_value(package, sizeof package, reply, "signing_package_hex");
    for (int i = 0; i < 2; i++) {
        wallet_must(attempt_round2(reply, &attempt, seats[i], package), "round 2", reply);
        json_value(shares[i], sizeof shares[i], reply, "signature_share_hex");
    }
    wallet_must(attempt_aggregate(reply, &attempt, wallet, package, first, shares[0], second, shares[1]), "aggregate",
                reply);
    if (!strstr(reply, "\"signature_hex\":\"")) abort();
}

/* Development profile, a store below `folder`; before the first call. */
static inline void wallet_environment(const char *folder) {
    char path[512];
    snprintf(path, sizeof path, "%s/state", folder);
    setenv("TBTC_SIGNER_PROFILE", "development", 1);
    setenv("TBTC_SIGNER_STATE_PATH", path, 1);
    setenv("TBTC_SIGNER_STATE_KEY_PROVIDER", "env", 1);
    setenv("TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX", "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
           1);
}

#endif
