/* What the bindings of the registry share (test build): a state with a vault of its own. */
#ifndef SIGNER_BINDING_TEST_REGISTRY_H
#define SIGNER_BINDING_TEST_REGISTRY_H

#include "binding/binding.h"
#include "registry/change.h"

#define TEST_STATE "signer.test_registry"
#define TEST_CHANGES "signer.test_changes"

struct test_state {
    struct vault *vault;
    uint64_t max_sessions;
    struct state_context context;
    struct store_sink sink;
    struct state *state;
};

/* The userdata of TEST_CHANGES. What its builders decoded lies in a vault, which must outlive it. */
struct test_changes {
    struct changes changes; /* first: the userdata is taken for one */
    struct vault *held;
};
/* Keeps the vault of the changes at `index` until they are freed; always the same one. */
void test_changes_hold(lua_State *L, int index, struct vault *vault);

#endif
