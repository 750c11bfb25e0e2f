/* AA trees (Andersson 1993): a level per node; a right child may share its parent's level, a left
 * child and a right grandchild may not. */
#include "registry/tree.h"

static unsigned level_of(const struct tree_node *node) {
    return node ? node->level : 0;
}

static struct tree_node *skew(struct tree_node *node) {
    struct tree_node *left = node->left;
    if (level_of(left) != node->level) return node;
    node->left = left->right;
    left->right = node;
    return left;
}

static struct tree_node *split(struct tree_node *node) {
    struct tree_node *right = node->right;
    if (!right || level_of(right->right) != node->level) return node;
    node->right = right->left;
    right->left = node;
    right->level++;
    return right;
}

static struct tree_node *insert_below(const struct tree *tree, struct tree_node *root, struct tree_node *node) {
    if (!root) return node;
    if (tree->compare(node, root) < 0)
        root->left = insert_below(tree, root->left, node);
    else
        root->right = insert_below(tree, root->right, node);
    return split(skew(root));
}

/* The same behind all others. */
static struct tree_node *append_below(struct tree_node *root, struct tree_node *node) {
    if (!root) return node;
    root->right = append_below(root->right, node);
    return split(root);
}

void tree_insert(struct tree *tree, struct tree_node *node) {
    node->left = node->right = NULL;
    node->level = 1;
    if (!tree->last || tree->compare(tree->last, node) < 0) {
        tree->root = append_below(tree->root, node);
        tree->last = node;
    } else {
        tree->root = insert_below(tree, tree->root, node);
    }
    tree->count++;
}

static struct tree_node *rebalance(struct tree_node *node) {
    unsigned low = level_of(node->left) < level_of(node->right) ? level_of(node->left) : level_of(node->right);
    if (low + 1 < node->level) {
        node->level = low + 1;
        if (level_of(node->right) > node->level) node->right->level = node->level;
    }
    node = skew(node);
    if (node->right) {
        node->right = skew(node->right);
        if (node->right->right) node->right->right = skew(node->right->right);
    }
    node = split(node);
    if (node->right) node->right = split(node->right);
    return node;
}

/* Takes the first node of the subtree out. */
static struct tree_node *remove_first(struct tree_node *root, struct tree_node **first) {
    if (!root->left) {
        *first = root;
        return root->right;
    }
    root->left = remove_first(root->left, first);
    return rebalance(root);
}

static struct tree_node *remove_below(const struct tree *tree, struct tree_node *root, struct tree_node *node) {
    if (!root) return NULL;
    if (root == node) {
        if (!root->right) return root->left;
        struct tree_node *next = NULL;
        struct tree_node *right = remove_first(root->right, &next);
        next->left = root->left;
        next->right = right;
        next->level = root->level;
        return rebalance(next);
    }
    if (tree->compare(node, root) < 0)
        root->left = remove_below(tree, root->left, node);
    else
        root->right = remove_below(tree, root->right, node);
    return rebalance(root);
}

void tree_remove(struct tree *tree, struct tree_node *node) {
    tree->root = remove_below(tree, tree->root, node);
    node->left = node->right = NULL;
    node->level = 0;
    tree->count--;
    if (tree->last != node) return;
    tree->last = tree->root;
    while (tree->last && tree->last->right)
        tree->last = tree->last->right;
}

struct tree_node *tree_find(const struct tree *tree, const void *key,
                            int (*probe)(const void *key, const struct tree_node *node)) {
    struct tree_node *node = tree->root;
    while (node) {
        int order = probe(key, node);
        if (order == 0) return node;
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

struct tree_node *tree_at(const struct tree *tree, const void *key,
                          int (*probe)(const void *key, const struct tree_node *node), bool after) {
    struct tree_node *node = tree->root;
    struct tree_node *best = NULL;
    while (node) {
        int order = probe(key, node);
        if (order < 0 || (order == 0 && !after)) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return best;
}

struct tree_node *tree_first(const struct tree *tree) {
    struct tree_node *node = tree->root;
    while (node && node->left)
        node = node->left;
    return node;
}

bool tree_is_behind(const struct tree *tree, const void *key,
                    int (*probe)(const void *key, const struct tree_node *node)) {
    return !tree->last || probe(key, tree->last) > 0;
}

static void wait_left(struct tree_walk *walk, struct tree_node *node) {
    for (; node; node = node->left)
        walk->waiting[walk->count++] = node;
}

struct tree_node *tree_begin(struct tree_walk *walk, const struct tree *tree) {
    walk->count = 0;
    wait_left(walk, tree->root);
    return tree_step(walk);
}

struct tree_node *tree_step(struct tree_walk *walk) {
    if (walk->count == 0) return NULL;
    struct tree_node *node = walk->waiting[--walk->count];
    wait_left(walk, node->right);
    return node;
}
