/* Round 2 through the C entry points, beside what it is made of; and two threads that sign for two seats.
 * The store is in FOLDER, the clock is the wall's. Writes lines that scripts/bench reads, nanoseconds:
 *   call WHOLE CODEC GATES RECORD CRYPTO OTHER ODD    one call of round 2, R odd or not
 *   bare SIGN DECODE SYNC                             such a share, package and sync by themselves
 *   verify ANEW OPEN                                  one share of a package, then one more of it
 *   threads ONE TWO LOOSE CALM_ONE CALM_TWO           a second: signatures on one thread, on two with a processor
 *                                                     each, on two wherever they are put; and products that share
 *                                                     nothing, on one and on two
 * Usage: calls FOLDER PASSES t/n [threads] */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/probe.h"
#include "frost_tbtc.h"
#include "signing.h"

#define SEATS 2
#define CALLS 8          /* in one pass */
#define SYNC_BYTES 512   /* about one record */
#define SYNC_ROOM 262144 /* written with zeros before, as the log is */
#define CASE_TEXT 64

struct seat {
    const struct group *group;
    char *included; /* JSON list */
    char key_group[80];
    uint16_t member;
    unsigned sessions;
};

/* One signature as one seat sees it. */
struct signing {
    const struct seat *seat;
    char session[CASE_TEXT];
    char *context; /* JSON object */
    char attempt[80];
    char *round2; /* request */
    struct buffer package;
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* -- calls and JSON ------------------------------------------------------------------------------------ */

typedef TbtcSignerResult entry_point(const uint8_t *, size_t);

/* The reply as text of the caller's; the bench ends when the call fails. */
static char *call(entry_point *entry, const char *body) {
    TbtcSignerResult result = entry((const uint8_t *)body, strlen(body));
    char *text = calloc(result.buffer.len + 1, 1);
    must(text != NULL, "memory");
    memcpy(text, result.buffer.ptr, result.buffer.len);
    frost_tbtc_free_buffer(result.buffer.ptr, result.buffer.len);
    must(result.status_code == 0, text);
    return text;
}

static char *format(const char *text, ...) {
    va_list list;
    char *out = NULL;
    va_start(list, text);
    must(vasprintf(&out, text, list) >= 0, "memory");
    va_end(list);
    return out;
}

/* The text or object that follows a name, a copy of the caller's. */
static char *value(const char *json, const char *name) {
    char *wanted = format("\"%s\":", name);
    const char *at = strstr(json, wanted);
    must(at != NULL, json);
    at += strlen(wanted);
    size_t len = 0;
    if (*at == '"') {
        len = strcspn(++at, "\"");
    } else {
        int depth = 0;
        do
            depth += at[len] == '{' ? 1 : at[len] == '}' ? -1 : 0;
        while (at[len++] && depth > 0);
    }
    free(wanted);
    return strndup(at, len);
}

static char *hex(const struct buffer *raw) {
    char *text = malloc(2 * raw->len + 1);
    must(text != NULL, "memory");
    return sodium_bin2hex(text, 2 * raw->len + 1, raw->data, raw->len);
}

/* -- the wallet ------------------------------------------------------------------------------------------ */

static char *identifier_text(uint16_t member) {
    struct frost_identifier identifier;
    char text[2 * FROST_IDENTIFIER_BYTES + 1];
    frost_identifier_from_member(&identifier, member);
    return strdup(sodium_bin2hex(text, sizeof text, identifier.bytes, sizeof identifier.bytes));
}

static char *shares_json(const struct group *group) {
    char *out = strdup("");
    for (uint16_t i = 0; i < group->members; i++) {
        uint8_t raw[POINT_BYTES];
        char text[2 * POINT_BYTES + 1], *identifier = identifier_text((uint16_t)(i + 1)), *longer;
        point_encode(raw, &group->keys.shares[i].share);
        longer = format("%s%s\"%s\":\"%s\"", out, i ? "," : "", identifier,
                        sodium_bin2hex(text, sizeof text, raw, sizeof raw));
        free(identifier);
        free(out);
        out = longer;
    }
    return out;
}

static char *included_json(uint16_t members) {
    char *out = strdup("");
    for (uint16_t i = 1; i <= members; i++) {
        char *longer = format("%s%s%u", out, i > 1 ? "," : "", i);
        free(out);
        out = longer;
    }
    return out;
}

static void seat_make(struct seat *out, const struct group *group, uint16_t member) {
    struct buffer raw;
    uint8_t key[POINT_BYTES];
    char key_text[2 * POINT_BYTES + 1], *identifier = identifier_text(member), *shares = shares_json(group);
    memset(out, 0, sizeof *out);
    out->group = group;
    out->member = member;
    out->included = included_json(group->members);
    buffer_init(&raw);
    must(frost_key_package_encode(&raw, &group->packages[member - 1]) == SIGNER_OK, "key package");
    point_encode(key, &group->keys.verifying_key);
    sodium_bin2hex(key_text, sizeof key_text, key, sizeof key);
    char *data = hex(&raw);
    char *body =
        format("{\"session_id\":\"wallet\",\"participant_identifier\":%u,\"threshold\":%u,\"participant_count\":%u,"
               "\"key_package\":{\"identifier\":\"%s\",\"data_hex\":\"%s\"},"
               "\"public_key_package\":{\"verifying_shares\":{%s},\"verifying_key\":\"%s\"}}",
               member, group->threshold, group->members, identifier, data, shares, key_text + 2);
    char *reply = call(frost_tbtc_persist_distributed_dkg_key_package, body);
    char *key_group = value(reply, "key_group");
    snprintf(out->key_group, sizeof out->key_group, "%s", key_group);
    free(key_group);
    free(reply);
    free(body);
    free(data);
    free(shares);
    free(identifier);
    buffer_free(&raw);
}

/* -- one signature of one seat ----------------------------------------------------------------------------- */

static const char message[] = "4242424242424242424242424242424242424242424242424242424242424242";

static void signing_begin(struct signing *out, struct seat *seat) {
    memset(out, 0, sizeof *out);
    out->seat = seat;
    buffer_init(&out->package);
    snprintf(out->session, sizeof out->session, "seat-%u-%u", seat->member, seat->sessions++);
    char *body = format("{\"session_id\":\"%s\",\"message_hex\":\"%s\",\"key_group\":\"%s\",\"threshold\":%u,"
                        "\"attempt_number\":1,\"included_participants\":[%s]}",
                        out->session, message, seat->key_group, seat->group->threshold, seat->included);
    char *reply = call(frost_tbtc_derive_interactive_attempt_context, body);
    out->context = value(reply, "attempt_context");
    char *attempt = value(reply, "attempt_id");
    snprintf(out->attempt, sizeof out->attempt, "%s", attempt);
    free(attempt);
    free(reply);
    free(body);
}

static void signing_open(struct signing *signing) {
    const struct seat *seat = signing->seat;
    char *body =
        format("{\"session_id\":\"%s\",\"member_identifier\":%u,\"message_hex\":\"%s\",\"key_group\":\"%s\","
               "\"threshold\":%u,\"attempt_context\":%s}",
               signing->session, seat->member, message, seat->key_group, seat->group->threshold, signing->context);
    free(call(frost_tbtc_interactive_session_open, body));
    free(body);
}

/* The package of the first members, with the commitments that this seat has just given out. */
static void make_package(struct signing *signing, const char *commitments) {
    const struct group *group = signing->seat->group;
    const struct frost_signing_package *drawn = &group->cases[0].package;
    struct frost_package_entry *entries = malloc(group->threshold * sizeof *entries);
    struct frost_signing_package package;
    uint8_t raw[512], text[32];
    size_t len = 0;
    must(entries && sodium_hex2bin(raw, sizeof raw, commitments, strlen(commitments), NULL, &len, NULL) == 0, "hex");
    must(sodium_hex2bin(text, sizeof text, message, strlen(message), NULL, NULL, NULL) == 0, "hex");
    memcpy(entries, drawn->entries, group->threshold * sizeof *entries);
    must(frost_commitments_decode(&entries[signing->seat->member - 1].commitments, raw, len) == SIGNER_OK,
         "commitments");
    must(frost_signing_package_make(&package, entries, group->threshold, text, sizeof text) == SIGNER_OK, "package");
    must(frost_signing_package_encode(&signing->package, &package) == SIGNER_OK, "package");
    frost_signing_package_free(&package);
    free(entries);
}

static void signing_round1(struct signing *signing) {
    char *body = format("{\"session_id\":\"%s\",\"attempt_id\":\"%s\",\"member_identifier\":%u}", signing->session,
                        signing->attempt, signing->seat->member);
    char *reply = call(frost_tbtc_interactive_round1, body);
    char *commitments = value(reply, "commitments_hex");
    make_package(signing, commitments);
    char *package = hex(&signing->package);
    signing->round2 = format("{\"session_id\":\"%s\",\"attempt_id\":\"%s\",\"member_identifier\":%u,"
                             "\"signing_package_hex\":\"%s\"}",
                             signing->session, signing->attempt, signing->seat->member, package);
    free(package);
    free(commitments);
    free(reply);
    free(body);
}

static void signing_round2(struct signing *signing) {
    free(call(frost_tbtc_interactive_round2, signing->round2));
}

static void signing_end(struct signing *signing) {
    free(signing->context);
    free(signing->round2);
    buffer_free(&signing->package);
}

/* -- what a call is made of --------------------------------------------------------------------------------- */

static int open_sync_file(const char *folder) {
    static const uint8_t zeros[SYNC_ROOM];
    char *path = format("%s/sync", folder);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    must(file >= 0 && pwrite(file, zeros, sizeof zeros, 0) == (ssize_t)sizeof zeros && fsync(file) == 0, path);
    free(path);
    return file;
}

static double bare_sync(int file, unsigned round) {
    uint8_t record[SYNC_BYTES];
    memset(record, (int)round + 1, sizeof record);
    double start = now();
    must(pwrite(file, record, sizeof record, (off_t)(round * 4096u % SYNC_ROOM)) == (ssize_t)sizeof record &&
             fdatasync(file) == 0,
         "sync");
    return now() - start;
}

static void tell_call(const struct signing *signing, double whole) {
    struct frost_signing_package package;
    struct frost_round round;
    uint64_t ns[PROBE_COUNT];
    probe_take(ns);
    must(frost_signing_package_decode(&package, signing->package.data, signing->package.len) == SIGNER_OK, "decode");
    must(frost_round_open(&round, &package, &signing->seat->group->keys.verifying_key, NULL) == SIGNER_OK, "R");
    double other = whole - (double)(ns[PROBE_CODEC] + ns[PROBE_GATES] + ns[PROBE_RECORD] + ns[PROBE_CRYPTO]);
    printf("call %.0f %llu %llu %llu %llu %.0f %d\n", whole, (unsigned long long)ns[PROBE_CODEC],
           (unsigned long long)ns[PROBE_GATES], (unsigned long long)ns[PROBE_RECORD],
           (unsigned long long)ns[PROBE_CRYPTO], other, round.commitment_odd);
    frost_round_free(&round);
    frost_signing_package_free(&package);
}

/* Everything drawn anew, as it is for the call. */
static void tell_bare(const struct group *group, int file, unsigned round) {
    struct frost_package_entry *entries = malloc(group->threshold * sizeof *entries);
    struct frost_signing_package made, package;
    struct frost_nonces nonces;
    struct buffer raw;
    uint8_t random[2][32], share[FROST_SHARE_BYTES];
    must(entries != NULL, "memory");
    randombytes_buf(random, sizeof random);
    must(frost_nonces_from_random(&nonces, &group->packages[0], random[0], random[1]) == SIGNER_OK, "nonces");
    memcpy(entries, group->cases[0].package.entries, group->threshold * sizeof *entries);
    entries[0].commitments = nonces.commitments;
    must(frost_signing_package_make(&made, entries, group->threshold, random[0], 32) == SIGNER_OK, "package");
    buffer_init(&raw);
    must(frost_signing_package_encode(&raw, &made) == SIGNER_OK, "package");
    double start = now();
    must(frost_signing_package_decode(&package, raw.data, raw.len) == SIGNER_OK, "decode");
    double decode = now() - start;
    start = now();
    must(frost_sign(share, &package, &nonces, &group->packages[0], NULL) == SIGNER_OK, "share");
    double sign = now() - start;
    printf("bare %.0f %.0f %.0f\n", sign, decode, bare_sync(file, round));
    frost_signing_package_free(&made);
    frost_signing_package_free(&package);
    buffer_free(&raw);
    free(entries);
}

static void run_split(const struct group *group, struct seat *seat, const char *folder, int passes) {
    int file = open_sync_file(folder);
    for (int round = 0; round < passes * CALLS; round++) {
        struct signing signing;
        uint64_t ns[PROBE_COUNT];
        signing_begin(&signing, seat);
        signing_open(&signing);
        signing_round1(&signing);
        probe_take(ns);
        double start = now();
        signing_round2(&signing);
        tell_call(&signing, now() - start);
        tell_bare(group, file, (unsigned)round);
        signing_end(&signing);
    }
    close(file);
}

/* -- share verification -------------------------------------------------------------------------------------- */

/* A package that the engine has not seen; no share is valid under it, which costs the same. */
static char *verify_request(const struct group *group, uint32_t number) {
    struct buffer raw;
    struct frost_signing_package package = group->cases[0].package;
    uint8_t share[FROST_SHARE_BYTES], text[4];
    char share_text[2 * FROST_SHARE_BYTES + 1];
    memcpy(text, &number, sizeof text);
    package.message = text;
    package.message_len = sizeof text;
    buffer_init(&raw);
    must(frost_signing_package_encode(&raw, &package) == SIGNER_OK, "package");
    scalar_encode(share, &group->cases[0].shares[0].share);
    char *packed = hex(&raw);
    char *body = format("{\"session_id\":\"wallet\",\"signing_package_hex\":\"%s\",\"signature_share_hex\":\"%s\","
                        "\"member_identifier\":1}",
                        packed, sodium_bin2hex(share_text, sizeof share_text, share, sizeof share));
    free(packed);
    buffer_free(&raw);
    return body;
}

static double verify_once(const char *body) {
    double start = now();
    char *reply = call(frost_tbtc_verify_signature_share, body);
    double took = now() - start;
    must(strstr(reply, "\"invalid\"") != NULL, reply);
    free(reply);
    return took;
}

static void run_verifications(const struct group *group, int passes) {
    for (int round = 0; round < passes * CALLS; round++) {
        char *body = verify_request(group, (uint32_t)round);
        double anew = verify_once(body);
        printf("verify %.0f %.0f\n", anew, verify_once(body));
        free(body);
    }
}

/* -- two seats on two threads ---------------------------------------------------------------------------------- */

#define BOX_NS 2.5e8 /* one run */

enum placement { LOOSE, OWN_PROCESSOR };

/* What a thread does for as long as a run lasts, for one seat after another. */
struct work {
    void (*once)(struct seat *seat);
    struct seat *seats;
    int count;
    double until;
    int processor; /* -1: any */
    unsigned done;
};

/* One signature as far as it takes a seat: attempt, open, round 1, round 2. */
static void sign_once(struct seat *seat) {
    struct signing signing;
    signing_begin(&signing, seat);
    signing_open(&signing);
    signing_round1(&signing);
    signing_round2(&signing);
    signing_end(&signing);
}

/* Work of about the same length that shares nothing: what two threads are worth on this machine just now. */
static void multiply_once(struct seat *seat) {
    struct frost_nonces nonces;
    uint8_t random[2][32];
    for (int i = 0; i < 4; i++) {
        randombytes_buf(random, sizeof random);
        must(frost_nonces_from_random(&nonces, &seat->group->packages[0], random[0], random[1]) == SIGNER_OK, "nonces");
    }
}

/* The n-th processor of those that the process may use. */
static void stay_on(int n) {
    cpu_set_t all, one;
    must(sched_getaffinity(getpid(), sizeof all, &all) == 0, "processors");
    size_t found = 0;
    for (int seen = 0; found < CPU_SETSIZE; found++)
        if (CPU_ISSET(found, &all) && seen++ == n % CPU_COUNT(&all)) break;
    CPU_ZERO(&one);
    CPU_SET(found, &one);
    must(sched_setaffinity(0, sizeof one, &one) == 0, "processor");
}

static void *work_on(void *argument) {
    struct work *work = argument;
    if (work->processor >= 0) stay_on(work->processor);
    for (work->done = 0; now() < work->until; work->done++)
        work->once(&work->seats[work->done % (unsigned)work->count]);
    return NULL;
}

/* Times per second on so many threads, the seats divided among them. */
static double rate(struct seat seats[SEATS], int threads, enum placement placement, void (*once)(struct seat *seat)) {
    pthread_t ids[SEATS];
    struct work work[SEATS];
    unsigned done = 0;
    const double start = now();
    for (int i = 0; i < threads; i++) {
        work[i] =
            (struct work){once, &seats[i], threads == 1 ? SEATS : 1, start + BOX_NS, placement == LOOSE ? -1 : i, 0};
        must(pthread_create(&ids[i], NULL, work_on, &work[i]) == 0, "thread");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        done += work[i].done;
    }
    return done / (now() - start) * 1e9;
}

static void run_threads(struct seat seats[SEATS], int passes) {
    for (int pass = 0; pass < passes; pass++) {
        const double one = rate(seats, 1, OWN_PROCESSOR, sign_once);
        const double two = rate(seats, SEATS, OWN_PROCESSOR, sign_once);
        const double calm_one = rate(seats, 1, OWN_PROCESSOR, multiply_once);
        const double calm_two = rate(seats, SEATS, OWN_PROCESSOR, multiply_once);
        printf("threads %.0f %.0f %.0f %.0f %.0f\n", one, two, rate(seats, SEATS, LOOSE, sign_once), calm_one,
               calm_two);
        fflush(stdout);
    }
}

static void set_environment(const char *folder) {
    char *path = format("%s/state", folder);
    static const char key[] = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
    setenv("TBTC_SIGNER_PROFILE", "development", 1);
    setenv("TBTC_SIGNER_STATE_PATH", path, 1);
    setenv("TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX", key, 1);
    setenv("TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS", "1024", 1);
    free(path);
}

/* The entry points know keys with an even Y only. */
static void make_even_group(struct group *out, uint16_t threshold, uint16_t members) {
    uint8_t key[POINT_BYTES];
    for (;;) {
        group_make(out, threshold, members);
        point_encode(key, &out->keys.verifying_key);
        if (key[0] == 2) return;
        group_free(out);
    }
}

int main(int argc, char **argv) {
    struct group group;
    struct seat seats[SEATS];
    unsigned threshold, members;
    must(argc >= 4 && argc <= 5 && sscanf(argv[3], "%u/%u", &threshold, &members) == 2,
         "usage: calls FOLDER PASSES t/n [threads]");
    must(sodium_init() >= 0, "libsodium");
    set_environment(argv[1]);
    make_even_group(&group, (uint16_t)threshold, (uint16_t)members);
    for (uint16_t i = 0; i < SEATS; i++)
        seat_make(&seats[i], &group, (uint16_t)(i + 1));
    if (argc == 5) {
        run_threads(seats, atoi(argv[2]));
        return 0;
    }
    run_split(&group, &seats[0], argv[1], atoi(argv[2]));
    run_verifications(&group, atoi(argv[2]));
    return 0;
}
