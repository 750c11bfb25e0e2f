/* Sessions of a state that is only passed on (state_new), as a snapshot told them: checked op by op, then kept as
 * those ops and given out again as they are. One that a later record touches is built from them. So a snapshot is
 * made of what it changes, and costs the memory of its own length. Nothing secret is kept here. */
#ifndef SIGNER_REGISTRY_PARKED_H
#define SIGNER_REGISTRY_PARKED_H

#include "base/bytes.h"
#include "base/error.h"

struct session;
struct parked_block;

struct parked_session {
    struct bytes id;  /* inside `ops` */
    struct bytes ops; /* whole ops, SESSION_CREATE first; empty: it was taken */
};

struct parked {
    struct parked_session *items; /* ascending by id */
    size_t count, capacity;
    size_t left; /* not taken */
    struct parked_block *blocks;
};

void parked_free(struct parked *parked);
/* Whether it holds nothing that must not lie here or that an index knows. */
bool parked_admits(const struct session *session);
/* A copy of the ops, behind all others. ERR_OUT_OF_MEMORY. */
enum signer_error parked_add(struct parked *parked, struct bytes id, struct bytes ops);
bool parked_is_behind(const struct parked *parked, struct bytes id);
/* NULL: none, or it was taken. */
struct parked_session *parked_find(const struct parked *parked, struct bytes id);
/* Its ops, which stay where they are. */
struct bytes parked_take(struct parked *parked, struct parked_session *session);

#endif
