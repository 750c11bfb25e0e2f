/* Inputs of policy verdicts that records of the present log carry, each once (sealed-store 35.6, op 22). */
#ifndef SIGNER_REGISTRY_INPUTS_H
#define SIGNER_REGISTRY_INPUTS_H

#include <stdint.h>

#include "registry/tree.h"

struct carried_input {
    struct tree_node node;
    struct carried_input *older, *newer;
    uint64_t seq;
    bool moved; /* into another log; a record moves at most once, then it is durable */
    uint8_t digest[32];
};

struct carried_inputs {
    struct tree tree; /* by digest */
    struct carried_input *oldest, *newest;
};

void inputs_init(struct carried_inputs *inputs);
void inputs_free(struct carried_inputs *inputs);
bool inputs_hold(const struct carried_inputs *inputs, const uint8_t digest[32]);
/* Takes the entry, whose digest is new here; its record has this seq, above all others. */
void inputs_put(struct carried_inputs *inputs, struct carried_input *entry, uint64_t seq);
/* A record was sealed again into another log (35.7). Called in the order of the records. */
void inputs_rechain(struct carried_inputs *inputs, uint64_t old_seq, uint64_t seq);
/* The oldest entry, which is the caller's then; NULL: there is none. */
struct carried_input *inputs_take(struct carried_inputs *inputs);
/* Records up to this seq lie in earlier logs. */
void inputs_forget(struct carried_inputs *inputs, uint64_t up_to_seq);

#endif
