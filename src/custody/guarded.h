/* Guarded memory: stretches of pages between two inaccessible ones, locked, kept out of core dumps
 * and read as zeros by a forked child (frost 16, D-126, D-127). Slots are cut from them by the vault. */
#ifndef SIGNER_CUSTODY_GUARDED_H
#define SIGNER_CUSTODY_GUARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The unit in which a stretch is given out: holds slots of one size, or is part of a larger run. */
#define UNIT_BYTES 4096u

#define UNIT_FREE 0u
#define UNIT_RUN 254u      /* first unit of one large slot */
#define UNIT_RUN_REST 255u /* the others */

struct unit {
    uint8_t use;     /* UNIT_*, or 1 + index of the size class */
    uint32_t run;    /* units of a run, in its first unit */
    uint64_t filled; /* a bit for each slot in use */
};

struct stretch {
    struct stretch *next;
    uint8_t *data;
    size_t units;
    size_t mapped_bytes; /* with both guard pages */
    bool locked;         /* locked, out of core dumps, wiped on fork: all three */
    bool single;         /* made for one large slot, unmapped with it */
    struct unit unit[];
};

/* Maps `units` units. `locked` of the result tells whether they could be protected.
 * ERR_OUT_OF_MEMORY. */
enum signer_error stretch_map(struct stretch **out, size_t units);
/* Tries to protect an unprotected one again. */
void stretch_lock(struct stretch *stretch);
/* Wipes and unmaps. */
void stretch_unmap(struct stretch *stretch);
/* Room for whole pages of this system. */
size_t stretch_round_units(size_t units);

#endif
