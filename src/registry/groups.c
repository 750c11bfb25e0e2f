/* What is known of a key group across sessions. */
#include "registry/groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

static const struct key_group *group_of(const struct tree_node *node) {
    return TREE_OBJECT(node, const struct key_group, node);
}

static int compare_groups(const struct tree_node *a, const struct tree_node *b) {
    return memcmp(group_of(a)->text, group_of(b)->text, KEY_GROUP_TEXT_BYTES);
}

static int probe_group(const void *key, const struct tree_node *node) {
    return memcmp(key, group_of(node)->text, KEY_GROUP_TEXT_BYTES);
}

void groups_init(struct tree *groups) {
    *groups = (struct tree){.compare = compare_groups};
}

void groups_free(struct tree *groups) {
    while (groups->root) {
        struct key_group *group = TREE_OBJECT(groups->root, struct key_group, node);
        tree_remove(groups, groups->root);
        free(group);
    }
}

struct key_group *groups_find(const struct tree *groups, const char *text, size_t len) {
    if (len != KEY_GROUP_TEXT_BYTES) return NULL;
    struct tree_node *node = tree_find(groups, text, probe_group);
    return node ? TREE_OBJECT(node, struct key_group, node) : NULL;
}

struct key_group *groups_need(struct tree *groups, const char *text, size_t len) {
    struct key_group *group = groups_find(groups, text, len);
    if (group || len != KEY_GROUP_TEXT_BYTES) return group;
    group = signer_calloc(1, sizeof *group);
    if (!group) return NULL;
    memcpy(group->text, text, len);
    tree_insert(groups, &group->node);
    return group;
}
