/* Which inputs the present log carries: by digest, and in the order of their records. */
#include "registry/inputs.h"

#include <stdlib.h>
#include <string.h>

#define INPUT_OF(node) TREE_OBJECT(node, struct carried_input, node)

static int compare_inputs(const struct tree_node *a, const struct tree_node *b) {
    return memcmp(TREE_OBJECT(a, const struct carried_input, node)->digest,
                  TREE_OBJECT(b, const struct carried_input, node)->digest, 32);
}

static int probe_input(const void *key, const struct tree_node *node) {
    return memcmp(key, TREE_OBJECT(node, const struct carried_input, node)->digest, 32);
}

void inputs_init(struct carried_inputs *inputs) {
    *inputs = (struct carried_inputs){.tree = {.compare = compare_inputs}};
}

void inputs_free(struct carried_inputs *inputs) {
    for (struct carried_input *entry = inputs->oldest, *next; entry; entry = next) {
        next = entry->newer;
        free(entry);
    }
    inputs_init(inputs);
}

bool inputs_hold(const struct carried_inputs *inputs, const uint8_t digest[32]) {
    return tree_find(&inputs->tree, digest, probe_input) != NULL;
}

void inputs_put(struct carried_inputs *inputs, struct carried_input *entry, uint64_t seq) {
    entry->seq = seq;
    entry->moved = false;
    entry->newer = NULL;
    entry->older = inputs->newest;
    if (inputs->newest)
        inputs->newest->newer = entry;
    else
        inputs->oldest = entry;
    inputs->newest = entry;
    tree_insert(&inputs->tree, &entry->node);
}

/* A record may carry several. The one before it moved already and was given the seq that this one had. */
void inputs_rechain(struct carried_inputs *inputs, uint64_t old_seq, uint64_t seq) {
    for (struct carried_input *entry = inputs->newest; entry && entry->seq >= old_seq; entry = entry->older) {
        if (entry->moved || entry->seq != old_seq) continue;
        entry->seq = seq;
        entry->moved = true;
    }
}

struct carried_input *inputs_take(struct carried_inputs *inputs) {
    struct carried_input *entry = inputs->oldest;
    if (!entry) return NULL;
    inputs->oldest = entry->newer;
    if (entry->newer)
        entry->newer->older = NULL;
    else
        inputs->newest = NULL;
    tree_remove(&inputs->tree, &entry->node);
    return entry;
}

void inputs_forget(struct carried_inputs *inputs, uint64_t up_to_seq) {
    if (inputs->newest && inputs->newest->seq <= up_to_seq) {
        inputs_free(inputs);
        return;
    }
    while (inputs->oldest && inputs->oldest->seq <= up_to_seq)
        free(inputs_take(inputs));
}
