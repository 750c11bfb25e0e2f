/* The disk in memory behind test_disk: what a process sees of each file, what a loss of power leaves of it, and
 * the calls of struct platform over both. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "binding/test_disk_nodes.h"

uint64_t disk_draw(struct test_disk *disk, uint64_t below) {
    disk->random ^= disk->random << 13;
    disk->random ^= disk->random >> 7;
    disk->random ^= disk->random << 17;
    return (disk->random >> 11) % below;
}

static bool strikes(struct test_disk *disk, unsigned per_mille) {
    if (per_mille == 0 || disk_draw(disk, 1000) >= per_mille) return false;
    disk->hits++;
    return true;
}

static bool stopped(struct test_disk *disk) {
    return disk->stop_at && ++disk->calls >= disk->stop_at;
}

static int failed(int code) {
    errno = code;
    return -1;
}

/* -- names ------------------------------------------------------------------------------------------- */

static void copy_name(char out[NAME_BYTES], const char *name) {
    snprintf(out, NAME_BYTES, "%s", name);
}

static struct entry **find(struct entry **list, const char *name) {
    while (*list && strcmp((*list)->name, name) != 0)
        list = &(*list)->next;
    return list;
}

void disk_set_name(struct entry **list, const char *name, struct node *node) {
    struct entry **at = find(list, name);
    if (!*at) {
        *at = calloc(1, sizeof **at);
        copy_name((*at)->name, name);
    }
    (*at)->node = node;
}

void disk_drop_name(struct entry **list, const char *name) {
    struct entry **at = find(list, name);
    struct entry *old = *at;
    if (!old) return;
    *at = old->next;
    free(old);
}

void disk_apply_change(struct entry **list, const struct change *change) {
    if (change->gone[0]) disk_drop_name(list, change->gone);
    if (change->there[0]) disk_set_name(list, change->there, change->node);
}

static void change_names(struct node *directory, const char *gone, const char *there, struct node *node) {
    struct change **tail = &directory->changes;
    while (*tail)
        tail = &(*tail)->next;
    struct change *change = *tail = calloc(1, sizeof *change);
    copy_name(change->gone, gone);
    copy_name(change->there, there);
    change->node = node;
    disk_apply_change(&directory->entries, change);
}

void disk_drop_changes(struct node *directory) {
    while (directory->changes) {
        struct change *next = directory->changes->next;
        free(directory->changes);
        directory->changes = next;
    }
}

static struct node *new_node(struct test_disk *disk, bool directory, mode_t mode) {
    struct node *node = calloc(1, sizeof *node);
    *node = (struct node){.next = disk->nodes, .directory = directory, .mode = mode, .number = ++disk->numbers};
    disk->nodes = node;
    return node;
}

static struct node *node_of(struct test_disk *disk, int descriptor) {
    return descriptor >= FIRST_DESCRIPTOR && descriptor < DESCRIPTORS ? disk->open[descriptor] : NULL;
}

/* -- file calls ----------------------------------------------------------------------------------------- */

/* What a whole path leads to; with `parent`, only what its last name lies in. */
static struct node *look(const struct test_disk *disk, const char *path, bool parent) {
    struct node *node = disk->root;
    char name[NAME_BYTES];
    for (path += strspn(path, "/"); node && *path; path += strspn(path, "/")) {
        const size_t len = strcspn(path, "/");
        if (parent && path[len] == '\0') return node;
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        struct entry *entry = *find(&node->entries, name);
        node = entry ? entry->node : NULL;
        path += len;
    }
    return node;
}

static int disk_open_at(void *context, int directory, const char *name, int flags, mode_t mode) {
    struct test_disk *disk = context;
    struct node *parent = directory == AT_FDCWD ? disk->root : node_of(disk, directory);
    struct node *node = directory == AT_FDCWD ? look(disk, name, false) : NULL;
    int descriptor = FIRST_DESCRIPTOR;
    while (descriptor < DESCRIPTORS && disk->open[descriptor])
        descriptor++;
    if (!parent || descriptor == DESCRIPTORS) return failed(EBADF);
    if (strikes(disk, disk->faults.open)) return failed(EIO);
    if (!node && directory != AT_FDCWD) {
        struct entry *entry = *find(&parent->entries, name);
        node = entry ? entry->node : NULL;
    }
    if (node && (flags & O_EXCL)) return failed(EEXIST);
    if (!node && !(flags & O_CREAT)) return failed(ENOENT);
    if (!node && stopped(disk)) return failed(EIO);
    if (!node) {
        disk->touched++;
        node = new_node(disk, false, S_IFREG | mode);
        node->garbles = strncmp(name, "tmp-", 4) == 0; /* what becomes a log or snapshot */
        change_names(parent, "", name, node);
    }
    disk->open[descriptor] = node;
    return descriptor;
}

static int disk_close(void *context, int descriptor) {
    struct test_disk *disk = context;
    struct node *node = node_of(disk, descriptor);
    if (!node) return failed(EBADF);
    if (node->locked_by == descriptor) node->locked_by = 0;
    disk->open[descriptor] = NULL;
    return 0;
}

static ssize_t disk_pread(void *context, int descriptor, void *out, size_t len, off_t offset) {
    const struct node *node = node_of(context, descriptor);
    if (!node || node->directory) return failed(EBADF);
    size_t at = (size_t)offset;
    if (at >= node->size) return 0;
    if (len > node->size - at) len = node->size - at;
    memcpy(out, node->cache + at, len);
    return (ssize_t)len;
}

static void make_room(struct node *node, size_t size) {
    if (size <= node->room) return;
    size_t room = (size + 65535) / 65536 * 65536;
    node->cache = realloc(node->cache, room);
    node->plate = realloc(node->plate, room);
    node->dirty = realloc(node->dirty, room / SECTOR);
    memset(node->cache + node->room, 0, room - node->room);
    memset(node->plate + node->room, 0, room - node->room);
    memset(node->dirty + node->room / SECTOR, 0, (room - node->room) / SECTOR);
    node->room = room;
}

static ssize_t disk_pwrite(void *context, int descriptor, const void *data, size_t len, off_t offset) {
    struct test_disk *disk = context;
    struct node *node = node_of(disk, descriptor);
    size_t at = (size_t)offset;
    bool short_write = false;
    if (!node || node->directory) return failed(EBADF);
    if (stopped(disk)) return failed(EIO);
    disk->touched++;
    if (strikes(disk, disk->faults.space)) return failed(ENOSPC);
    if (strikes(disk, disk->faults.write)) {
        len = node->garbles ? (size_t)disk_draw(disk, len + 1) : 0; /* the lock is smaller than a sector */
        short_write = disk_draw(disk, 2) == 0 && len > 0;
        if (!short_write && len == 0) return failed(EIO);
    } else {
        short_write = true; /* the whole is reported */
    }
    make_room(node, at + len);
    memcpy(node->cache + at, data, len);
    if (len > 0) memset(node->dirty + at / SECTOR, 1, (at + len - 1) / SECTOR - at / SECTOR + 1);
    if (at + len > node->size) node->size = at + len;
    return short_write ? (ssize_t)len : failed(EIO);
}

void disk_write_sector(struct node *node, size_t sector) {
    memcpy(node->plate + sector * SECTOR, node->cache + sector * SECTOR, SECTOR);
}

/* Writes each dirty sector with the given chance of 8 and calls all clean. */
static void flush(struct test_disk *disk, struct node *node, uint64_t chance) {
    for (size_t sector = 0; sector < node->room / SECTOR; sector++) {
        if (node->dirty[sector] && (chance == 8 || disk_draw(disk, 8) < chance)) disk_write_sector(node, sector);
        node->dirty[sector] = 0;
    }
    node->plate_size = node->size;
}

static int disk_fsync(void *context, int descriptor) {
    struct test_disk *disk = context;
    struct node *node = node_of(disk, descriptor);
    if (!node) return failed(EBADF);
    if (stopped(disk)) return failed(EIO);
    if (strikes(disk, disk->faults.lie)) return 0;
    bool struck = strikes(disk, disk->faults.sync);
    if (!node->directory) {
        flush(disk, node, struck ? disk_draw(disk, 8) : 8);
    } else if (!struck) {
        for (const struct change *at = node->changes; at; at = at->next)
            disk_apply_change(&node->plate_entries, at);
        disk_drop_changes(node);
    }
    return struck ? failed(EIO) : 0;
}

static int disk_ftruncate(void *context, int descriptor, off_t len) {
    struct test_disk *disk = context;
    struct node *node = node_of(disk, descriptor);
    if (!node || node->directory) return failed(EBADF);
    if (stopped(disk)) return failed(EIO);
    disk->touched++;
    make_room(node, (size_t)len);
    if ((size_t)len < node->size) memset(node->cache + len, 0, node->size - (size_t)len);
    node->size = (size_t)len;
    return 0;
}

static int fill_stat(const struct node *node, struct stat *out) {
    *out = (struct stat){.st_dev = 1, .st_ino = node->number, .st_mode = node->mode, .st_nlink = 1};
    out->st_uid = geteuid();
    out->st_size = (off_t)node->size;
    return 0;
}

static int disk_fstat(void *context, int descriptor, struct stat *out) {
    const struct node *node = node_of(context, descriptor);
    return node ? fill_stat(node, out) : failed(EBADF);
}

static int disk_fstat_at(void *context, int directory, const char *name, struct stat *out) {
    struct node *parent = node_of(context, directory);
    struct entry *entry = parent ? *find(&parent->entries, name) : NULL;
    return entry ? fill_stat(entry->node, out) : failed(ENOENT);
}

static int disk_rename_at(void *context, int from_directory, const char *from, int to_directory, const char *to) {
    struct test_disk *disk = context;
    struct node *parent = node_of(disk, from_directory);
    struct entry *entry = parent && from_directory == to_directory ? *find(&parent->entries, from) : NULL;
    if (!entry) return failed(ENOENT);
    if (stopped(disk)) return failed(EIO);
    disk->touched++;
    bool struck = strikes(disk, disk->faults.rename);
    if (struck && disk_draw(disk, 2) == 0) return failed(EIO);
    change_names(parent, from, to, entry->node); /* a failed one may have happened all the same */
    return struck ? failed(EIO) : 0;
}

static int disk_unlink_at(void *context, int directory, const char *name, int flags) {
    struct test_disk *disk = context;
    struct node *parent = node_of(disk, directory);
    (void)flags;
    if (!parent || !*find(&parent->entries, name)) return failed(ENOENT);
    if (stopped(disk) || strikes(disk, disk->faults.open)) return failed(EIO);
    disk->touched++;
    change_names(parent, name, "", NULL);
    return 0;
}

static int disk_mkdir_at(void *context, int directory, const char *name, mode_t mode) {
    struct test_disk *disk = context;
    struct node *parent = directory == AT_FDCWD ? look(disk, name, true) : node_of(disk, directory);
    if (directory == AT_FDCWD) name = strrchr(name, '/') + 1;
    if (!parent) return failed(directory == AT_FDCWD ? ENOENT : EBADF);
    if (*find(&parent->entries, name)) return failed(EEXIST);
    if (stopped(disk)) return failed(EIO);
    disk->touched++;
    change_names(parent, "", name, new_node(disk, true, S_IFDIR | mode));
    return 0;
}

static int disk_fchmod(void *context, int descriptor, mode_t mode) {
    struct test_disk *disk = context;
    struct node *node = node_of(disk, descriptor);
    if (!node) return failed(EBADF);
    disk->touched++;
    node->mode = (node->mode & S_IFMT) | mode;
    return 0;
}

static int disk_flock(void *context, int descriptor, int operation) {
    struct node *node = node_of(context, descriptor);
    (void)operation;
    if (!node) return failed(EBADF);
    if (node->locked_by && node->locked_by != descriptor) return failed(EWOULDBLOCK);
    node->locked_by = descriptor;
    return 0;
}

static int disk_real_path(void *context, const char *path, char *out, size_t size) {
    if (strlen(path) >= size) return failed(ENAMETOOLONG);
    if (!look(context, path, false)) return failed(ENOENT);
    memcpy(out, path, strlen(path) + 1);
    return 0;
}

/* `each` may remove the entry that it was given. */
static int disk_list(void *context, int directory, int (*each)(void *argument, const char *name), void *argument) {
    struct node *node = node_of(context, directory);
    if (!node || !node->directory) return failed(EBADF);
    for (struct entry *entry = node->entries; entry;) {
        char name[NAME_BYTES];
        struct entry *next = entry->next;
        copy_name(name, entry->name);
        int result = each(argument, name);
        if (result != 0) return result;
        entry = next;
    }
    return 0;
}

static const struct file_calls calls = {
    .open_at = disk_open_at,
    .close = disk_close,
    .pread = disk_pread,
    .pwrite = disk_pwrite,
    .fsync = disk_fsync,
    .fdatasync = disk_fsync,
    .ftruncate = disk_ftruncate,
    .fstat = disk_fstat,
    .fstat_at = disk_fstat_at,
    .rename_at = disk_rename_at,
    .unlink_at = disk_unlink_at,
    .mkdir_at = disk_mkdir_at,
    .fchmod = disk_fchmod,
    .flock = disk_flock,
    .real_path = disk_real_path,
    .list = disk_list,
};

static enum signer_error disk_wall(void *context, uint64_t *out) {
    (void)context;
    *out = 1700000000000u;
    return SIGNER_OK;
}

static void disk_random(void *context, void *out, size_t len) {
    uint8_t *bytes = out;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)disk_draw(context, 256);
}

/* -- the disk as a whole ---------------------------------------------------------------------------------- */

size_t test_disk_size(void) {
    return sizeof(struct test_disk);
}

struct test_disk *test_disk_begin(void *memory, uint64_t seed) {
    struct test_disk *disk = memory;
    memset(disk, 0, sizeof *disk);
    disk->platform = (struct platform){disk, disk_wall, disk_wall, disk_random, calls};
    disk->random = seed * 0x9e3779b97f4a7c15u + 0x1234567u;
    for (int i = 0; i < 8; i++)
        disk_draw(disk, 2);
    disk->root = new_node(disk, true, S_IFDIR | 0755);
    return disk;
}

const struct platform *test_disk_platform(const struct test_disk *disk) {
    return &disk->platform;
}

void test_disk_set_faults(struct test_disk *disk, const struct test_disk_faults *faults) {
    disk->faults = *faults;
}

uint64_t test_disk_hits(const struct test_disk *disk) {
    return disk->hits;
}

uint64_t test_disk_touched(const struct test_disk *disk) {
    return disk->touched;
}

bool test_disk_file(const struct test_disk *disk, const char *path, struct disk_file *out) {
    struct node *node = look(disk, path, false);
    if (!node || node->directory) return false;
    *out = (struct disk_file){node->cache, &node->size};
    return true;
}

void test_disk_stop_at(struct test_disk *disk, uint64_t call) {
    disk->stop_at = call;
    disk->calls = 0;
}

bool test_disk_stopped(const struct test_disk *disk) {
    return disk->stop_at && disk->calls >= disk->stop_at;
}

bool test_disk_put(struct test_disk *disk, const char *path, const void *bytes, size_t len) {
    struct node *parent = look(disk, path, true);
    const char *name = strrchr(path, '/') + 1;
    if (!parent || !parent->directory) return false;
    if (bytes) {
        struct node *node = new_node(disk, false, S_IFREG | 0600);
        make_room(node, len);
        memcpy(node->cache, bytes, len);
        memset(node->dirty, 1, (len + SECTOR - 1) / SECTOR);
        node->size = len;
        flush(disk, node, 8);
        change_names(parent, "", name, node);
    } else {
        change_names(parent, name, "", NULL);
    }
    for (const struct change *at = parent->changes; at; at = at->next)
        disk_apply_change(&parent->plate_entries, at);
    disk_drop_changes(parent);
    return true;
}
