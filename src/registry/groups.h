/* What is known of a key group across sessions: whether it was used, whether a rekey event holds for
 * it (D-013, D-123, D-125). Counts, so that no question scans the sessions. */
#ifndef SIGNER_REGISTRY_GROUPS_H
#define SIGNER_REGISTRY_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "registry/tree.h"

struct key_group {
    struct tree_node node;
    char text[KEY_GROUP_TEXT_BYTES + 1];
    size_t tombstones;
    size_t used;      /* sessions with a consumed or completed attempt */
    size_t rekeys;    /* sessions with a rekey event for it */
    uint64_t claimed; /* number of the draft in which a distributed owner was seen */
};

struct key_groups {
    struct tree tree;
    struct key_group *recent; /* needed last: most sessions and tombstones in a row are of one wallet */
};

void groups_init(struct key_groups *groups);
void groups_free(struct key_groups *groups);
struct key_group *groups_find(const struct key_groups *groups, const char *text, size_t len); /* NULL: none */
/* Finds or makes it; NULL: out of memory. */
struct key_group *groups_need(struct key_groups *groups, const char *text, size_t len);

#endif
