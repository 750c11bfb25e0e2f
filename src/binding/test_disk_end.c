/* How a process and a machine end, for the disk in memory (test build). */
#include <stdlib.h>
#include <string.h>

#include "binding/test_disk_nodes.h"

void test_disk_kill(struct test_disk *disk) {
    disk->stop_at = 0;
    memset(disk->open, 0, sizeof disk->open);
    for (struct node *node = disk->nodes; node; node = node->next)
        node->locked_by = 0;
}

static void lose_sectors(struct test_disk *disk, struct node *node) {
    const uint64_t chance = disk_draw(disk, 9);
    for (size_t sector = 0; sector < node->room / SECTOR; sector++) {
        if (!node->dirty[sector]) continue;
        if (disk_draw(disk, 8) < chance) disk_write_sector(node, sector);
        if (node->garbles && disk_draw(disk, 16) == 0)
            for (size_t i = 0; i < SECTOR; i++)
                node->plate[sector * SECTOR + i] = (uint8_t)disk_draw(disk, 256);
        node->dirty[sector] = 0;
    }
    if (node->size != node->plate_size && disk_draw(disk, 2) == 0) node->plate_size = node->size;
    memset(node->plate + node->plate_size, 0, node->room - node->plate_size);
    memcpy(node->cache, node->plate, node->room);
    node->size = node->plate_size;
}

static void lose_names(struct test_disk *disk, struct node *node) {
    for (const struct change *at = node->changes; at; at = at->next)
        if (disk_draw(disk, 2) == 0) disk_apply_change(&node->plate_entries, at);
    disk_drop_changes(node);
    while (node->entries)
        disk_drop_name(&node->entries, node->entries->name);
    for (struct entry *at = node->plate_entries; at; at = at->next)
        disk_set_name(&node->entries, at->name, at->node);
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
static void forget_lost(struct test_disk *disk) {
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

void test_disk_power_loss(struct test_disk *disk) {
    test_disk_kill(disk);
    for (struct node *node = disk->nodes; node; node = node->next)
        if (node->directory)
            lose_names(disk, node);
        else if (node->room > 0)
            lose_sectors(disk, node);
        else if (node->lost)
            disk_draw(disk, 9); /* as many draws as with its bytes, so that a seed keeps its course */
    forget_lost(disk);
}

void test_disk_end(struct test_disk *disk) {
    test_disk_kill(disk);
    disk->root = NULL;
    while (disk->nodes) {
        struct node *node = disk->nodes;
        disk->nodes = node->next;
        disk_drop_changes(node);
        while (node->entries)
            disk_drop_name(&node->entries, node->entries->name);
        while (node->plate_entries)
            disk_drop_name(&node->plate_entries, node->plate_entries->name);
        free(node->cache);
        free(node->plate);
        free(node->dirty);
        free(node);
    }
}
