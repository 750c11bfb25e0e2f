/* A host that makes a wallet and signs with it, for the specs of memory images of the library itself. It stops
 * behind the reply to a call or in the sync of a round 2; whatever is secret goes to a file on the way, since
 * nobody else could know it. Its own copies lie in the data segment, which is left out of core dumps.
 *
 * Usage: host <library> <folder> <call> <number> <planted>   (call "sync": before the sync of the first round 2)
 * linked with -rdynamic and -D_Thread_local= ; the planted value is an argument that any search must find. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../abi/wallet.h"

extern char __bss_start[], _end[];

static const char *stop_at;
static int stop_number, secrets_file, armed;

static void put(const char *text) {
    if (write(secrets_file, text, strlen(text)) < 0) abort();
}

static void put_bytes(const char *name, const unsigned char *bytes, size_t len) {
    static char text[2 * 4096 + 1];
    if (len > 4096) abort();
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    text[2 * len] = 0;
    put(name);
    put(text);
    put("\n");
}

static void stop(void) {
    static const char text[] = "stopped\n";
    if (write(1, text, sizeof text - 1) < 0) abort();
    for (;;)
        pause();
}

/* In place of libsodium's: the library finds the program's symbols first. */
void randombytes_buf(void *out, size_t len) {
    static int device;
    if (!device) device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (read(device, out, len) != (ssize_t)len) abort();
    if (len <= 64) put_bytes("draw ", out, len);
}

int crypto_generichash(unsigned char *out, size_t out_len, const unsigned char *in, unsigned long long in_len,
                       const unsigned char *key, size_t key_len) {
    int (*hash)(unsigned char *, size_t, const unsigned char *, unsigned long long, const unsigned char *, size_t);
    void *found = dlsym(RTLD_NEXT, "crypto_generichash");
    if (!found) found = dlsym(library, "crypto_generichash");
    memcpy(&hash, &found, sizeof hash);
    int result = hash(out, out_len, in, in_len, key, key_len);
    if (key_len == 32 && out_len == 32) put_bytes("hash ", out, out_len);
    return result;
}

int fdatasync(int descriptor) {
    if (armed) stop();
    return fsync(descriptor);
}

static void heard(const char *name, const char *reply) {
    static int seen;
    put(name);
    put(" ");
    put(reply);
    put("\n");
    armed = strcmp(stop_at, "sync") == 0 && strcmp(name, "new_signing_package") == 0;
    if (strcmp(name, stop_at) == 0 && ++seen == stop_number) stop();
}

int main(int count, char **arguments) {
    static struct wallet wallet;
    static char path[512];
    if (count < 6) return 2;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)__bss_start & ~(page - 1);
    if (madvise((void *)from, (uintptr_t)_end - from, MADV_DONTDUMP) != 0) return 2;
    stop_at = arguments[3];
    stop_number = atoi(arguments[4]);
    snprintf(path, sizeof path, "%s/secrets", arguments[2]);
    secrets_file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    wallet_environment(arguments[2]);
    host_open(arguments[1]);
    wallet_heard = heard;
    wallet_make(&wallet);
    wallet_sign(&wallet, "session", 1, 1, 1, 2);
    return 0;
}
