/* Shared by the parts of the kernel's test program: chance with a seed of its own, and points whose
 * multiple of G is known, so that the library checks a whole sum with one multiplication. */
#ifndef SPEC_KERNEL_TEST_H
#define SPEC_KERNEL_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include "curve/kernel_body.h"

#define POOL 512

struct pool {
    struct scalar logs[POOL];
    struct point points[POOL];
    struct affine affine[POOL];
};

uint64_t chance(void);
void chance_scalar(struct scalar *out); /* often small, a power of two, or close to the order */
void chance_field(struct field *out);   /* any 256 bits, often near 0, p or 2^256 */
/* Prints and ends the program where `good` is false. */
void must(bool good, const char *what);

bool same(const struct affine *a, const struct affine *b); /* in any representation of the coordinates */

void test_field(unsigned rounds);
void test_decoding(unsigned rounds);
void test_group(const struct pool *pool, unsigned rounds);
void test_sums(const struct pool *pool, unsigned rounds);
void test_polynomials(const struct pool *pool, unsigned rounds);
void test_small_groups(void);
void test_vectors(unsigned rounds); /* where they are compiled in */

#endif
