/* Where a store lies: its parent directory opened component by component without following links,
 * its own directory, and the rules for every file in them (sealed-store 2, 19.1, 35.1; D-137, D-141).
 * Owner and modes are checked and never changed. */
#ifndef SIGNER_STORE_PLACE_H
#define SIGNER_STORE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/platform.h"
#include "store/layout.h"

#define FILE_NAME_BYTES 256u

struct place {
    const struct platform *platform;
    char *path;             /* canonical state path P */
    const char *name;       /* its last component, inside `path` */
    int parent;             /* directory of P */
    int directory;          /* P.store, -1 while there is none */
    uint64_t device, inode; /* of the parent */
};

/* Canonicalises, makes missing parent directories, opens the parent. ERR_CONFIGURATION for a path that
 * names no file, ERR_STATE_PATH_UNSAFE, ERR_STATE_IO, ERR_OUT_OF_MEMORY. */
enum signer_error place_open(struct place *place, const struct platform *platform, const char *state_path,
                             struct failure *why);
/* The same, making nothing: ERR_STATE_IO when the directory is missing. */
enum signer_error place_find(struct place *place, const struct platform *platform, const char *state_path,
                             struct failure *why);
void place_close(struct place *place); /* harmless on a zeroed one that place_open never saw */

/* "<state file name><suffix>". */
void place_sibling(const struct place *place, const char *suffix, char out[FILE_NAME_BYTES]);

enum file_state { FILE_ABSENT, FILE_REGULAR, FILE_DIRECTORY, FILE_OTHER };
/* What lies under a name; ENOENT alone is absent. Checks nothing. */
enum signer_error place_look(const struct place *place, int directory, const char *name, enum file_state *out,
                             struct stat *status, struct failure *why);
/* Type, owner, mode, links of a file (0600) or directory (0700): ERR_STATE_PATH_UNSAFE, with a line
 * on stderr that names file and mode. */
enum signer_error place_check(const struct stat *status, bool is_directory, const char *name, struct failure *why);
/* Opens and checks; `*file` = -1 and SIGNER_OK when the name is absent. `flags`: O_RDONLY or O_RDWR. */
enum signer_error place_file(const struct place *place, int directory, const char *name, int flags, int *file,
                             struct failure *why);
/* The same for a file that is locked: no fork comes between its opening and `*file`, so that a forked child
 * knows what to close. */
enum signer_error place_lock_file(const struct place *place, int directory, const char *name, int flags, int *file,
                                  struct failure *why);
/* Opens and checks P.store into place->directory; leaves -1 when it is absent. */
enum signer_error place_directory(struct place *place, struct failure *why);
/* The name still leads to this descriptor. */
enum signer_error place_same(const struct place *place, int directory, const char *name, int file, struct failure *why);
enum signer_error place_sync(const struct place *place, int descriptor, const char *name, struct failure *why);
enum signer_error place_rename(const struct place *place, int directory, const char *from, const char *to,
                               struct failure *why);
void place_shut(const struct place *place, int *descriptor); /* closes if open, sets -1 */

/* A file on its way to its name (35.8 "publish"). */
struct publication {
    int directory;
    int file;
    char temporary[FILE_NAME_BYTES];
    bool renamed; /* the rename was tried: whatever it returned, the name may be there */
};

/* Creates "<prefix><16 hex>". */
enum signer_error publish_begin(const struct place *place, int directory, const char *prefix,
                                struct publication *publication, struct failure *why);
/* fsync, rename, fsync of the directory; the name then leads to the file. */
enum signer_error publish_finish(const struct place *place, struct publication *publication, const char *name,
                                 struct failure *why);
/* Closes the file and removes the temporary name. */
void publish_abort(const struct place *place, struct publication *publication);

/* Makes "<prefix><16 hex>" from fresh randomness. */
void temporary_name(const struct place *place, const char *prefix, char out[FILE_NAME_BYTES]);
/* Removes a directory and the files in it. */
enum signer_error place_remove_tree(const struct place *place, const char *name, struct failure *why);

#endif
