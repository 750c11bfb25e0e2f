/* The file of a node's keys, and signing with them. */
#include "custody/node_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "curve/hash.h"
#include "curve/point.h"

#define KEY_BYTES 32
#define LIBRARY_STACK_BYTES 8192 /* what a multiplication may leave below us on the stack */
#define DRAWS_MAX 16             /* one draw in 2^127 is no valid key; more means no randomness */

static const char magic[] = "tbtc-signer node keys 1\n";
static const char sealing_label[] = "sealing ";
static const char signing_label[] = "signing ";
static const char digest_label[] = "sha256 ";

#define MAGIC_LEN (sizeof magic - 1)
#define LINE_LEN(label) (sizeof(label) - 1 + 2 * KEY_BYTES + 1)
#define SIGNED_LEN (MAGIC_LEN + LINE_LEN(sealing_label) + LINE_LEN(signing_label))

_Static_assert(SIGNED_LEN + LINE_LEN(digest_label) == NODE_KEY_FILE_BYTES, "size of the key file");

/* In the vault. */
struct node_secrets {
    uint8_t sealing[KEY_BYTES];
    uint8_t signing[KEY_BYTES];
    secp256k1_keypair keypair; /* of `signing` */
    uint8_t digest[KEY_BYTES]; /* of the file's text, while it is written or read */
};

/* -- the text ---------------------------------------------------------------------------------------- */

static char *put_line(char *at, const char *label, const uint8_t key[KEY_BYTES]) {
    size_t len = strlen(label);
    memcpy(at, label, len);
    hex_encode(at + len, key, KEY_BYTES);
    at[len + 2 * KEY_BYTES] = '\n';
    return at + len + 2 * KEY_BYTES + 1;
}

static void format_file(char text[NODE_KEY_FILE_BYTES], struct node_secrets *secrets) {
    memcpy(text, magic, MAGIC_LEN);
    char *at = put_line(text + MAGIC_LEN, sealing_label, secrets->sealing);
    at = put_line(at, signing_label, secrets->signing);
    sha256(secrets->digest, text, SIGNED_LEN);
    put_line(at, digest_label, secrets->digest);
}

static const char *take_line(const char *at, const char *label, uint8_t key[KEY_BYTES], bool *good) {
    size_t len = strlen(label);
    *good = *good && memcmp(at, label, len) == 0 && hex_decode(key, at + len, 2 * KEY_BYTES) &&
            at[len + 2 * KEY_BYTES] == '\n';
    return at + len + 2 * KEY_BYTES + 1;
}

static bool parse_file(struct node_secrets *secrets, const char text[NODE_KEY_FILE_BYTES]) {
    uint8_t digest[KEY_BYTES];
    bool good = memcmp(text, magic, MAGIC_LEN) == 0;
    const char *at = take_line(text + MAGIC_LEN, sealing_label, secrets->sealing, &good);
    at = take_line(at, signing_label, secrets->signing, &good);
    take_line(at, digest_label, secrets->digest, &good);
    sha256(digest, text, SIGNED_LEN);
    good = good && sodium_memcmp(digest, secrets->digest, sizeof digest) == 0;
    sodium_memzero(digest, sizeof digest);
    return good;
}

/* -- the file ---------------------------------------------------------------------------------------- */

static enum signer_error fail_file(struct failure *why, const char *what) {
    return fail(why, ERR_NODE_KEY_FILE, "the node key file %s", what);
}

static enum signer_error fail_call(struct failure *why, const char *what, int number) {
    return fail(why, ERR_NODE_KEY_FILE, "the node key file cannot be %s (%s)", what, strerrorname_np(number));
}

/* Opens the directory of `path`; `name` is the last part. */
static enum signer_error open_directory(const struct platform *platform, const char *path, int *directory,
                                        const char **name, struct failure *why) {
    char parent[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (**name == '\0' || len >= sizeof parent) return fail_file(why, "has no usable path");
    if (slash) {
        memcpy(parent, len ? path : "/", len ? len : 1);
        parent[len ? len : 1] = '\0';
    }
    *directory = platform->files.open_at(platform->context, AT_FDCWD, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (*directory < 0) return fail_call(why, "reached: its directory does not open", errno);
    return SIGNER_OK;
}

static void close_file(const struct platform *platform, int *descriptor) {
    if (*descriptor >= 0) platform->files.close(platform->context, *descriptor);
    *descriptor = -1;
}

static enum signer_error check_file(const struct platform *platform, int file, struct failure *why) {
    struct stat status;
    if (platform->files.fstat(platform->context, file, &status) != 0) return fail_call(why, "examined", errno);
    if (!S_ISREG(status.st_mode)) return fail_file(why, "is no regular file");
    if (status.st_nlink != 1) return fail_file(why, "has more than one name");
    if (status.st_uid != geteuid()) return fail_file(why, "belongs to another user");
    if ((status.st_mode & 077) != 0)
        return fail(why, ERR_NODE_KEY_FILE, "the node key file has mode %04o: take the rights of group and others away",
                    (unsigned)(status.st_mode & 07777));
    return SIGNER_OK;
}

/* `text` has room for one byte more than a file may have. */
static enum signer_error read_file(const struct platform *platform, int file, char *text, struct failure *why) {
    size_t used = 0;
    while (used <= NODE_KEY_FILE_BYTES) {
        ssize_t got =
            platform->files.pread(platform->context, file, text + used, NODE_KEY_FILE_BYTES + 1 - used, (off_t)used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_call(why, "read", errno);
        if (got == 0) break;
        used += (size_t)got;
    }
    return used == NODE_KEY_FILE_BYTES ? SIGNER_OK : fail_file(why, "has a wrong size");
}

static enum signer_error write_file(const struct platform *platform, int directory, int file, const char *text,
                                    struct failure *why) {
    for (size_t used = 0; used < NODE_KEY_FILE_BYTES;) {
        ssize_t put =
            platform->files.pwrite(platform->context, file, text + used, NODE_KEY_FILE_BYTES - used, (off_t)used);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return fail_call(why, "written", put < 0 ? errno : ENOSPC);
        used += (size_t)put;
    }
    if (platform->files.fsync(platform->context, file) != 0) return fail_call(why, "synced", errno);
    if (platform->files.fsync(platform->context, directory) != 0) return fail_call(why, "synced", errno);
    return SIGNER_OK;
}

static enum signer_error create_file(const struct platform *platform, const char *path, const char *text,
                                     struct failure *why) {
    int directory = -1, file = -1;
    const char *name = NULL;
    enum signer_error error = open_directory(platform, path, &directory, &name, why);
    if (error) return error;
    file = platform->files.open_at(platform->context, directory, name,
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        error = errno == EEXIST ? fail_file(why, "exists already") : fail_call(why, "created", errno);
    } else {
        error = check_file(platform, file, why);
        if (!error) error = write_file(platform, directory, file, text, why);
        if (error) platform->files.unlink_at(platform->context, directory, name, 0);
    }
    close_file(platform, &file);
    close_file(platform, &directory);
    return error;
}

static enum signer_error load_file(const struct platform *platform, const char *path, char *text, struct failure *why) {
    int directory = -1, file = -1;
    const char *name = NULL;
    enum signer_error error = open_directory(platform, path, &directory, &name, why);
    if (error) return error;
    file =
        platform->files.open_at(platform->context, directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (file < 0) {
        error = errno == ENOENT ? fail_file(why, "does not exist") : fail_call(why, "opened", errno);
    } else {
        error = check_file(platform, file, why);
        if (!error) error = read_file(platform, file, text, why);
    }
    close_file(platform, &file);
    close_file(platform, &directory);
    return error;
}

/* -- the keys ---------------------------------------------------------------------------------------- */

static bool draw_keys(const struct platform *platform, struct node_secrets *secrets) {
    platform_random(platform, secrets->sealing, sizeof secrets->sealing);
    for (int i = 0; i < DRAWS_MAX; i++) {
        platform_random(platform, secrets->signing, sizeof secrets->signing);
        if (secp256k1_ec_seckey_verify(curve_context(), secrets->signing)) return true;
    }
    return false;
}

/* Public keys and key pair; false: a key is not valid. */
static bool derive_keys(struct node_keys *keys, struct node_secrets *secrets) {
    secp256k1_xonly_pubkey public_key;
    bool good = crypto_scalarmult_base(keys->sealing_public, secrets->sealing) == 0 &&
                secp256k1_keypair_create(curve_context(), &secrets->keypair, secrets->signing) &&
                secp256k1_keypair_xonly_pub(curve_context(), &public_key, NULL, &secrets->keypair) &&
                secp256k1_xonly_pubkey_serialize(curve_context(), keys->signing_public, &public_key);
    sodium_stackzero(LIBRARY_STACK_BYTES);
    return good;
}

enum signer_error node_keys_create(struct node_keys *out, struct vault *vault, const struct platform *platform,
                                   const char *path, struct failure *why) {
    struct node_keys keys = {.vault = vault, .platform = platform};
    vault_handle file = 0;
    void *text = NULL, *memory = NULL;
    *out = (struct node_keys){0};
    enum signer_error error = vault_new(vault, SECRET_NODE_KEYS, sizeof(struct node_secrets), &keys.secrets, &memory);
    if (!error) error = vault_new(vault, SECRET_BYTES, NODE_KEY_FILE_BYTES, &file, &text);
    if (error) {
        fail_plain(why, error);
        goto cleanup;
    }
    if (!draw_keys(platform, memory) || !derive_keys(&keys, memory)) {
        error = fail(why, ERR_INTERNAL, "no valid node key could be drawn");
        goto cleanup;
    }
    format_file(text, memory);
    error = create_file(platform, path, text, why);
cleanup:
    vault_wipe(vault, file);
    if (error)
        vault_wipe(vault, keys.secrets);
    else
        *out = keys;
    return error;
}

enum signer_error node_keys_load(struct node_keys *out, struct vault *vault, const struct platform *platform,
                                 const char *path, struct failure *why) {
    struct node_keys keys = {.vault = vault, .platform = platform};
    vault_handle file = 0;
    void *text = NULL, *memory = NULL;
    *out = (struct node_keys){0};
    enum signer_error error = vault_new(vault, SECRET_NODE_KEYS, sizeof(struct node_secrets), &keys.secrets, &memory);
    if (!error) error = vault_new(vault, SECRET_BYTES, NODE_KEY_FILE_BYTES + 1, &file, &text);
    if (error) {
        fail_plain(why, error);
        goto cleanup;
    }
    error = load_file(platform, path, text, why);
    if (!error && (!parse_file(memory, text) || !derive_keys(&keys, memory)))
        error = fail_file(why, "is damaged or has another form");
cleanup:
    vault_wipe(vault, file);
    if (error)
        vault_wipe(vault, keys.secrets);
    else
        *out = keys;
    return error;
}

void node_keys_close(struct node_keys *keys) {
    if (keys->vault) vault_wipe(keys->vault, keys->secrets);
    *keys = (struct node_keys){0};
}

enum signer_error node_keys_sign(const struct node_keys *keys, const uint8_t digest[32],
                                 uint8_t signature[NODE_SIGNATURE_BYTES]) {
    uint8_t auxiliary[32];
    memset(signature, 0, NODE_SIGNATURE_BYTES);
    const struct node_secrets *secrets = vault_borrow(keys->vault, keys->secrets, SECRET_NODE_KEYS, NULL);
    if (!secrets) {
        enum signer_error error = vault_check_process(keys->vault);
        return error ? error : ERR_INTERNAL;
    }
    platform_random(keys->platform, auxiliary, sizeof auxiliary);
    int made = secp256k1_schnorrsig_sign32(curve_context(), signature, digest, &secrets->keypair, auxiliary);
    sodium_stackzero(LIBRARY_STACK_BYTES);
    sodium_memzero(auxiliary, sizeof auxiliary);
    if (made && schnorr_verify(signature, digest, 32, keys->signing_public)) return SIGNER_OK;
    sodium_memzero(signature, NODE_SIGNATURE_BYTES);
    return ERR_INTERNAL;
}

const uint8_t *node_keys_sealing_secret(const struct node_keys *keys) {
    const struct node_secrets *secrets = vault_borrow(keys->vault, keys->secrets, SECRET_NODE_KEYS, NULL);
    return secrets ? secrets->sealing : NULL;
}
