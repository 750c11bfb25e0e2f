/* What the files of the disk in memory share (test build). */
#ifndef SIGNER_BINDING_TEST_DISK_NODES_H
#define SIGNER_BINDING_TEST_DISK_NODES_H

#include "binding/test_disk.h"

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

struct test_disk {
    struct platform platform; /* first: handed out by address */
    uint64_t random;
    struct node *nodes, *root;
    struct node *open[DESCRIPTORS];
    struct test_disk_faults faults;
    uint64_t calls, stop_at; /* calls that write or sync since stop_at was set; 0: never */
    uint64_t hits;
    uint64_t touched; /* calls that change something */
    ino_t numbers;
};

uint64_t disk_draw(struct test_disk *disk, uint64_t below);
void disk_set_name(struct entry **list, const char *name, struct node *node);
void disk_drop_name(struct entry **list, const char *name);
void disk_apply_change(struct entry **list, const struct change *change);
void disk_drop_changes(struct node *directory);
void disk_write_sector(struct node *node, size_t sector); /* to what survives */

#endif
