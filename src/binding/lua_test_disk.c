/* A disk in memory that loses what was not synced (test build): for the store under power loss.
 *
 *   disk = test_disk.new(seed)
 *   disk:faults{ write =, sync =, rename =, open =, space = }   per mille of the calls that fail
 *   disk:faults{ lie = }       per mille of the syncs that report success and do nothing
 *   disk:power_loss()    each unsynced sector is old, new or (logs) garbage; each unsynced change of
 *                        a directory happened or not; open descriptors are gone
 *   disk:kill()          only the descriptors are gone: the page cache stays
 *   disk:faults_hit() -> integer
 *
 * A failed sync writes a part of the dirty sectors and calls all of them clean, as Linux does: asking
 * again succeeds and changes nothing. One thread. Paths: "/name" and what lies below. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "binding/binding.h"
#include "binding/test_disk.h"

#define METATABLE "signer.test_disk"
#define SECTOR 512u
#define FIRST_DESCRIPTOR 3
#define DESCRIPTORS 64
#define NAME_BYTES 256

struct node {
    struct node *next; /* every node of the disk, for the end */
    bool directory;
    bool reached, lost; /* a name leads to it; its bytes were given back */
    mode_t mode;
    ino_t number;
    bool garbles;           /* sectors may tear to garbage */
    uint8_t *cache, *plate; /* what a process sees; what survives */
    uint8_t *dirty;         /* one byte a sector */
    size_t size, plate_size, room;
    struct entry *entries, *plate_entries; /* of a directory */
    struct change *changes;                /* not synced, in order */
    int locked_by;                         /* descriptor, 0 none */
};

struct entry {
    struct entry *next;
    char name[NAME_BYTES];
    struct node *node;
};

/* One change of a directory: a name gone, a name there, or both at once (rename). */
struct change {
    struct change *next;
    char gone[NAME_BYTES], there[NAME_BYTES];
    struct node *node;
};

struct disk {
    struct platform platform; /* first: handed out by address */
    uint64_t random;
    struct node *nodes, *root;
    struct node *open[DESCRIPTORS];
    unsigned write_faults, sync_faults, rename_faults, open_faults, space_faults, lies;
    uint64_t hits;
    uint64_t touched; /* calls that change something */
    ino_t numbers;
};

static uint64_t draw(struct disk *disk, uint64_t below) {
    disk->random ^= disk->random << 13;
    disk->random ^= disk->random >> 7;
    disk->random ^= disk->random << 17;
    return (disk->random >> 11) % below;
}

static bool strikes(struct disk *disk, unsigned per_mille) {
    if (per_mille == 0 || draw(disk, 1000) >= per_mille) return false;
    disk->hits++;
    return true;
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

static void set_name(struct entry **list, const char *name, struct node *node) {
    struct entry **at = find(list, name);
    if (!*at) {
        *at = calloc(1, sizeof **at);
        copy_name((*at)->name, name);
    }
    (*at)->node = node;
}

static void drop_name(struct entry **list, const char *name) {
    struct entry **at = find(list, name);
    struct entry *old = *at;
    if (!old) return;
    *at = old->next;
    free(old);
}

static void apply_change(struct entry **list, const struct change *change) {
    if (change->gone[0]) drop_name(list, change->gone);
    if (change->there[0]) set_name(list, change->there, change->node);
}

static void change_names(struct node *directory, const char *gone, const char *there, struct node *node) {
    struct change **tail = &directory->changes;
    while (*tail)
        tail = &(*tail)->next;
    struct change *change = *tail = calloc(1, sizeof *change);
    copy_name(change->gone, gone);
    copy_name(change->there, there);
    change->node = node;
    apply_change(&directory->entries, change);
}

static void drop_changes(struct node *directory) {
    while (directory->changes) {
        struct change *next = directory->changes->next;
        free(directory->changes);
        directory->changes = next;
    }
}

static struct node *new_node(struct disk *disk, bool directory, mode_t mode) {
    struct node *node = calloc(1, sizeof *node);
    *node = (struct node){.next = disk->nodes, .directory = directory, .mode = mode, .number = ++disk->numbers};
    disk->nodes = node;
    return node;
}

static struct node *node_of(struct disk *disk, int descriptor) {
    return descriptor >= FIRST_DESCRIPTOR && descriptor < DESCRIPTORS ? disk->open[descriptor] : NULL;
}

/* -- file calls ----------------------------------------------------------------------------------------- */

/* What a whole path leads to; with `parent`, only what its last name lies in. */
static struct node *look(const struct disk *disk, const char *path, bool parent) {
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
    struct disk *disk = context;
    struct node *parent = directory == AT_FDCWD ? disk->root : node_of(disk, directory);
    struct node *node = directory == AT_FDCWD ? look(disk, name, false) : NULL;
    int descriptor = FIRST_DESCRIPTOR;
    while (descriptor < DESCRIPTORS && disk->open[descriptor])
        descriptor++;
    if (!parent || descriptor == DESCRIPTORS) return failed(EBADF);
    if (strikes(disk, disk->open_faults)) return failed(EIO);
    if (!node && directory != AT_FDCWD) {
        struct entry *entry = *find(&parent->entries, name);
        node = entry ? entry->node : NULL;
    }
    if (node && (flags & O_EXCL)) return failed(EEXIST);
    if (!node && !(flags & O_CREAT)) return failed(ENOENT);
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
    struct disk *disk = context;
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
    struct disk *disk = context;
    struct node *node = node_of(disk, descriptor);
    size_t at = (size_t)offset;
    bool short_write = false;
    if (!node || node->directory) return failed(EBADF);
    disk->touched++;
    if (strikes(disk, disk->space_faults)) return failed(ENOSPC);
    if (strikes(disk, disk->write_faults)) {
        len = node->garbles ? (size_t)draw(disk, len + 1) : 0; /* the lock is smaller than a sector */
        short_write = draw(disk, 2) == 0 && len > 0;
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

static void write_sector(struct node *node, size_t sector) {
    memcpy(node->plate + sector * SECTOR, node->cache + sector * SECTOR, SECTOR);
}

/* Writes each dirty sector with the given chance of 8 and calls all clean. */
static void flush(struct disk *disk, struct node *node, uint64_t chance) {
    for (size_t sector = 0; sector < node->room / SECTOR; sector++) {
        if (node->dirty[sector] && (chance == 8 || draw(disk, 8) < chance)) write_sector(node, sector);
        node->dirty[sector] = 0;
    }
    node->plate_size = node->size;
}

static int disk_fsync(void *context, int descriptor) {
    struct disk *disk = context;
    struct node *node = node_of(disk, descriptor);
    if (!node) return failed(EBADF);
    if (strikes(disk, disk->lies)) return 0;
    bool struck = strikes(disk, disk->sync_faults);
    if (!node->directory) {
        flush(disk, node, struck ? draw(disk, 8) : 8);
    } else if (!struck) {
        for (const struct change *at = node->changes; at; at = at->next)
            apply_change(&node->plate_entries, at);
        drop_changes(node);
    }
    return struck ? failed(EIO) : 0;
}

static int disk_ftruncate(void *context, int descriptor, off_t len) {
    struct disk *disk = context;
    struct node *node = node_of(disk, descriptor);
    if (!node || node->directory) return failed(EBADF);
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
    struct disk *disk = context;
    struct node *parent = node_of(disk, from_directory);
    struct entry *entry = parent && from_directory == to_directory ? *find(&parent->entries, from) : NULL;
    if (!entry) return failed(ENOENT);
    disk->touched++;
    bool struck = strikes(disk, disk->rename_faults);
    if (struck && draw(disk, 2) == 0) return failed(EIO);
    change_names(parent, from, to, entry->node); /* a failed one may have happened all the same */
    return struck ? failed(EIO) : 0;
}

static int disk_unlink_at(void *context, int directory, const char *name, int flags) {
    struct disk *disk = context;
    struct node *parent = node_of(disk, directory);
    (void)flags;
    if (!parent || !*find(&parent->entries, name)) return failed(ENOENT);
    if (strikes(disk, disk->open_faults)) return failed(EIO);
    disk->touched++;
    change_names(parent, name, "", NULL);
    return 0;
}

static int disk_mkdir_at(void *context, int directory, const char *name, mode_t mode) {
    struct disk *disk = context;
    struct node *parent = directory == AT_FDCWD ? look(disk, name, true) : node_of(disk, directory);
    if (directory == AT_FDCWD) name = strrchr(name, '/') + 1;
    if (!parent) return failed(directory == AT_FDCWD ? ENOENT : EBADF);
    if (*find(&parent->entries, name)) return failed(EEXIST);
    disk->touched++;
    change_names(parent, "", name, new_node(disk, true, S_IFDIR | mode));
    return 0;
}

static int disk_fchmod(void *context, int descriptor, mode_t mode) {
    struct disk *disk = context;
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

/* -- ends of a process --------------------------------------------------------------------------------- */

static void close_all(struct disk *disk) {
    memset(disk->open, 0, sizeof disk->open);
    for (struct node *node = disk->nodes; node; node = node->next)
        node->locked_by = 0;
}

static void lose_sectors(struct disk *disk, struct node *node) {
    const uint64_t chance = draw(disk, 9);
    for (size_t sector = 0; sector < node->room / SECTOR; sector++) {
        if (!node->dirty[sector]) continue;
        if (draw(disk, 8) < chance) write_sector(node, sector);
        if (node->garbles && draw(disk, 16) == 0)
            for (size_t i = 0; i < SECTOR; i++)
                node->plate[sector * SECTOR + i] = (uint8_t)draw(disk, 256);
        node->dirty[sector] = 0;
    }
    if (node->size != node->plate_size && draw(disk, 2) == 0) node->plate_size = node->size;
    memset(node->plate + node->plate_size, 0, node->room - node->plate_size);
    memcpy(node->cache, node->plate, node->room);
    node->size = node->plate_size;
}

static void lose_names(struct disk *disk, struct node *node) {
    for (const struct change *at = node->changes; at; at = at->next)
        if (draw(disk, 2) == 0) apply_change(&node->plate_entries, at);
    drop_changes(node);
    while (node->entries)
        drop_name(&node->entries, node->entries->name);
    for (struct entry *at = node->plate_entries; at; at = at->next)
        set_name(&node->entries, at->name, at->node);
}

static void reach(struct node *node) {
    if (node->reached) return;
    node->reached = true;
    for (const struct entry *at = node->entries; at; at = at->next)
        reach(at->node);
    for (const struct entry *at = node->plate_entries; at; at = at->next)
        reach(at->node);
}

/* After a power loss nothing is open and no change waits: files without a name give their bytes back. */
static void forget_lost(struct disk *disk) {
    for (struct node *node = disk->nodes; node; node = node->next)
        node->reached = false;
    reach(disk->root);
    for (struct node *node = disk->nodes; node; node = node->next) {
        if (node->reached || node->directory || node->room == 0) continue;
        free(node->cache);
        free(node->plate);
        free(node->dirty);
        node->cache = node->plate = node->dirty = NULL;
        node->size = node->plate_size = node->room = 0;
        node->lost = true;
    }
}

static enum signer_error disk_wall(void *context, uint64_t *out) {
    (void)context;
    *out = 1700000000000u;
    return SIGNER_OK;
}

static void disk_random(void *context, void *out, size_t len) {
    uint8_t *bytes = out;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)draw(context, 256);
}

/* -- for Lua --------------------------------------------------------------------------------------------- */

static struct disk *check_disk_at(lua_State *L, int index) {
    return luaL_checkudata(L, index, METATABLE);
}

static struct disk *check_disk(lua_State *L) {
    return check_disk_at(L, 1);
}

const struct platform *binding_test_disk(lua_State *L, int index) {
    struct disk *disk = luaL_testudata(L, index, METATABLE);
    return disk ? &disk->platform : NULL;
}

static int lua_new(lua_State *L) {
    uint64_t seed = (uint64_t)luaL_checkinteger(L, 1);
    struct disk *disk = lua_newuserdatauv(L, sizeof *disk, 0);
    memset(disk, 0, sizeof *disk);
    luaL_setmetatable(L, METATABLE);
    disk->platform = (struct platform){disk, disk_wall, disk_wall, disk_random, calls};
    disk->random = seed * 0x9e3779b97f4a7c15u + 0x1234567u;
    for (int i = 0; i < 8; i++)
        draw(disk, 2);
    disk->root = new_node(disk, true, S_IFDIR | 0755);
    return 1;
}

static unsigned rate(lua_State *L, const char *name) {
    lua_getfield(L, 2, name);
    unsigned value = (unsigned)luaL_optinteger(L, -1, 0);
    lua_pop(L, 1);
    return value;
}

static int lua_faults(lua_State *L) {
    struct disk *disk = check_disk(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    disk->write_faults = rate(L, "write");
    disk->sync_faults = rate(L, "sync");
    disk->rename_faults = rate(L, "rename");
    disk->open_faults = rate(L, "open");
    disk->space_faults = rate(L, "space");
    disk->lies = rate(L, "lie");
    return 0;
}

static int lua_faults_hit(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_disk(L)->hits);
    return 1;
}

static int lua_power_loss(lua_State *L) {
    struct disk *disk = check_disk(L);
    close_all(disk);
    for (struct node *node = disk->nodes; node; node = node->next)
        if (node->directory)
            lose_names(disk, node);
        else if (node->room > 0)
            lose_sectors(disk, node);
        else if (node->lost)
            draw(disk, 9); /* as many draws as with its bytes, so that a seed keeps its course */
    forget_lost(disk);
    return 0;
}

static int lua_kill(lua_State *L) {
    close_all(check_disk(L));
    return 0;
}

bool binding_test_disk_file(lua_State *L, int index, const char *path, struct disk_file *out) {
    struct node *node = look(check_disk_at(L, index), path, false);
    if (!node || node->directory) return false;
    *out = (struct disk_file){node->cache, &node->size};
    return true;
}

uint64_t binding_test_disk_touched(lua_State *L, int index) {
    return check_disk_at(L, index)->touched;
}

static int lua_collect(lua_State *L) {
    struct disk *disk = check_disk(L);
    while (disk->nodes) {
        struct node *node = disk->nodes;
        disk->nodes = node->next;
        drop_changes(node);
        while (node->entries)
            drop_name(&node->entries, node->entries->name);
        while (node->plate_entries)
            drop_name(&node->plate_entries, node->plate_entries->name);
        free(node->cache);
        free(node->plate);
        free(node->dirty);
        free(node);
    }
    return 0;
}

static const luaL_Reg methods[] = {
    {"faults", lua_faults}, {"faults_hit", lua_faults_hit}, {"power_loss", lua_power_loss}, {"kill", lua_kill},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {{"new", lua_new}, {NULL, NULL}};

int luaopen_binding_test_disk(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__gc", lua_collect}, {NULL, NULL}};
    binding_class(L, METATABLE, metamethods, methods);
    luaL_newlib(L, functions);
    return 1;
}
