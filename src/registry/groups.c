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

void groups_init(struct key_groups *groups) {
    *groups = (struct key_groups){.tree = {.compare = compare_groups}};
}

void groups_free(struct key_groups *groups) {
    struct tree_walk walk;
    for (struct tree_node *node = tree_begin(&walk, &groups->tree); node; node = tree_step(&walk))
        free(TREE_OBJECT(node, struct key_group, node));
    groups_init(groups);
}

struct key_group *groups_find(const struct key_groups *groups, const char *text, size_t len) {
    struct key_group *recent = groups->recent;
    if (len != KEY_GROUP_TEXT_BYTES) return NULL;
    if (recent && memcmp(recent->text, text, KEY_GROUP_TEXT_BYTES) == 0) return recent;
    struct tree_node *node = tree_find(&groups->tree, text, probe_group);
    return node ? TREE_OBJECT(node, struct key_group, node) : NULL;
}

struct key_group *groups_need(struct key_groups *groups, const char *text, size_t len) {
    struct key_group *group = groups_find(groups, text, len);
    if (!group && len == KEY_GROUP_TEXT_BYTES) {
        group = signer_calloc(1, sizeof *group);
        if (!group) return NULL;
        memcpy(group->text, text, len);
        tree_insert(&groups->tree, &group->node);
    }
    if (group) groups->recent = group;
    return group;
}
