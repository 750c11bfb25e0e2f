/* A host with one seat of a large group, for the specs of memory images: parts 1 to 3 with worker threads. What the
 * other members sent lies in files. It stops in the work of its workers, each at its first point that the curve library
 * sees, or behind a reply; what is secret goes to a file on the way. Its own copies lie in the data segment, which is
 * left out of core dumps.
 *
 * Usage: group_host <library> <folder> <workers> <call> <worker|reply> <planted>
 * The folder holds `members` (threshold and members), `packages` and `shares` (JSON lists). The planted value is an
 * argument that any search must find. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../abi/wallet.h"

#define TEXT_MAX (1u << 20)

extern char __bss_start[], _end[];

static const char *folder;
static char packages[TEXT_MAX], shares[TEXT_MAX], body[3 * TEXT_MAX], reply[TEXT_MAX];
static char secret[TEXT_MAX], second[TEXT_MAX];
static int secrets_file, stop_in_workers;
static unsigned passed_workers; /* of the call that stops: those that decode the packages */
static atomic_uint made_workers;
static atomic_int armed, stopped;
static __thread unsigned worker; /* its number in the call, from 1 */

static void put(const char *name, const char *text) {
    if (write(secrets_file, name, strlen(name)) < 0 || write(secrets_file, text, strlen(text)) < 0 ||
        write(secrets_file, "\n", 1) < 0)
        abort();
}

static void stop(void) {
    static const char text[] = "stopped\n";
    if (atomic_exchange(&stopped, 1) == 0 && write(1, text, sizeof text - 1) < 0) abort();
    for (;;)
        pause();
}

/* -- in place of functions of the library's libraries, which finds the program's symbols first ------------- */

static void *real(const char *name) {
    void *found = dlsym(library, name);
    if (!found) abort();
    return found;
}

struct start {
    void *(*routine)(void *);
    void *argument;
    unsigned worker;
};

static void *begin(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    worker = start.worker;
    return start.routine(start.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument) {
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    struct start *start = malloc(sizeof *start);
    if (!found || !start) abort();
    memcpy(&create, &found, sizeof create);
    *start = (struct start){routine, argument, atomic_fetch_add(&made_workers, 1) + 1};
    return create(thread, attributes, begin, start);
}

/* The caller's own thread waits meanwhile, so that it leaves the others something to do. */
static void meet(void) {
    if (!atomic_load(&armed) || atomic_load(&made_workers) <= passed_workers) return;
    if (worker > passed_workers) stop();
    while (worker == 0)
        pause();
}

int secp256k1_ec_pubkey_serialize(const void *context, unsigned char *out, size_t *len, const void *key,
                                  unsigned flags) {
    int (*serialize)(const void *, unsigned char *, size_t *, const void *, unsigned);
    void *found = real("secp256k1_ec_pubkey_serialize");
    memcpy(&serialize, &found, sizeof serialize);
    meet();
    return serialize(context, out, len, key, flags);
}

int secp256k1_ec_pubkey_parse(const void *context, void *key, const unsigned char *in, size_t len) {
    int (*parse)(const void *, void *, const unsigned char *, size_t);
    void *found = real("secp256k1_ec_pubkey_parse");
    memcpy(&parse, &found, sizeof parse);
    meet();
    return parse(context, key, in, len);
}

void randombytes_buf(void *out, size_t len) {
    static int device;
    if (!device) device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (read(device, out, len) != (ssize_t)len) abort();
    if (len != 32) return;
    char text[65];
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", ((unsigned char *)out)[i]);
    put("draw ", text);
}

/* -- the seat -------------------------------------------------------------------------------------------- */

static void read_file(char *out, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = file < 0 ? -1 : read(file, out, TEXT_MAX - 1);
    if (len < 0) abort();
    out[len] = 0;
    close(file);
}

/* The body is written already. */
static void call(const char *name, const char *stop_at) {
    char symbol[96];
    int here = strcmp(name, stop_at) == 0;
    snprintf(symbol, sizeof symbol, "frost_tbtc_%s", name);
    atomic_store(&made_workers, 0);
    atomic_store(&armed, here && stop_in_workers);
    TbtcSignerResult result = host_call(symbol, body, strlen(body));
    if (!result.buffer.ptr || result.buffer.len >= TEXT_MAX) abort();
    memcpy(reply, result.buffer.ptr, result.buffer.len);
    reply[result.buffer.len] = 0;
    memset(result.buffer.ptr, 0, result.buffer.len);
    host_free(result.buffer);
    wallet_must(result.status_code, name, reply);
    snprintf(symbol, sizeof symbol, "%s ", name);
    put(symbol, reply);
    if (here) stop();
}

int main(int count, char **arguments) {
    static char path[512], members[64];
    if (count < 7) return 2;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)__bss_start & ~(page - 1);
    if (madvise((void *)from, (uintptr_t)_end - from, MADV_DONTDUMP) != 0) return 2;
    folder = arguments[2];
    stop_in_workers = strcmp(arguments[5], "worker") == 0;
    passed_workers = (unsigned)atoi(arguments[3]) - 1;
    snprintf(path, sizeof path, "%s/secrets", folder);
    secrets_file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    read_file(members, "members");
    read_file(packages, "packages");
    read_file(shares, "shares");
    wallet_environment(folder);
    setenv("TBTC_SIGNER_WORKER_THREADS", arguments[3], 1);
    host_open(arguments[1]);
    snprintf(body, sizeof body, "{\"participant_identifier\":\"%064x\",%s}", 1, members);
    call("dkg_part1", "");
    json_value(secret, sizeof secret, reply, "secret_package_hex");
    snprintf(body, sizeof body, "{\"secret_package_hex\":%s,\"round1_packages\":%s}", secret, packages);
    call("dkg_part2", arguments[4]);
    json_value(second, sizeof second, reply, "secret_package_hex");
    snprintf(body, sizeof body, "{\"secret_package_hex\":%s,\"round1_packages\":%s,\"round2_packages\":%s}", second,
             packages, shares);
    call("dkg_part3", arguments[4]);
    return 3;
}
