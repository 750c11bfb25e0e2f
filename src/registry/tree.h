/* An ordered index whose nodes lie inside the objects they order (AA tree): insertion and removal
 * take O(log n) steps and no memory, so they cannot fail. */
#ifndef SIGNER_REGISTRY_TREE_H
#define SIGNER_REGISTRY_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct tree_node {
    struct tree_node *left;
    struct tree_node *right;
    unsigned level; /* 0 = in no tree */
};

struct tree {
    struct tree_node *root;
    struct tree_node *last; /* in the order: what comes behind it is appended without a search */
    size_t count;
    /* Total order of the nodes; never 0 for two different ones. */
    int (*compare)(const struct tree_node *a, const struct tree_node *b);
};

#define TREE_OBJECT(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

void tree_insert(struct tree *tree, struct tree_node *node);
void tree_remove(struct tree *tree, struct tree_node *node);
/* `probe` answers where the sought place lies: below 0 if `key` stands before the node, 0 at it. */
struct tree_node *tree_find(const struct tree *tree, const void *key,
                            int (*probe)(const void *key, const struct tree_node *node));
/* First node at or behind the key (`after`: behind it); NULL if there is none. */
struct tree_node *tree_at(const struct tree *tree, const void *key,
                          int (*probe)(const void *key, const struct tree_node *node), bool after);
struct tree_node *tree_first(const struct tree *tree);
/* Whether the key stands behind every node: an answer at once for keys that come in order. */
bool tree_is_behind(const struct tree *tree, const void *key,
                    int (*probe)(const void *key, const struct tree_node *node));

/* From node to node in order, without searching. The tree stays as it is meanwhile, but a node may be freed once it
 * was given: whoever frees all then forgets the tree. */
#define TREE_LEVELS_MAX 64u
struct tree_walk {
    struct tree_node *waiting[TREE_LEVELS_MAX]; /* whose left side is being walked; each has a level of its own */
    size_t count;
};
struct tree_node *tree_begin(struct tree_walk *walk, const struct tree *tree);
struct tree_node *tree_step(struct tree_walk *walk); /* NULL: that was all */

#endif
