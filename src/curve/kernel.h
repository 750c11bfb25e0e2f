/* Our own kernel for PUBLIC points: variable time. One implementation, compiled once a field (portable,
 * with the processor's long multiplications, and with its vectors beside them); which one runs is decided by a check of
 * the processor. Behind the functions of point.h, which use the library's functions alone where there is no kernel
 * (built with SIGNER_NO_KERNEL, or no memory), or where the library refuses a result. */
#ifndef SIGNER_CURVE_KERNEL_H
#define SIGNER_CURVE_KERNEL_H

#include "curve/point.h"

struct kernel {
    const char *name;
    /* All false: no answer, ask the library. */
    bool (*multi_mul)(struct point *out, const struct point_term *terms, size_t count);
    bool (*is_identity)(bool *out, const struct point_term *terms, size_t count);
    /* x below 2^32. */
    bool (*horner)(struct point *out, const struct point *const *polynomials, size_t count, size_t length, uint32_t x);
    bool (*sum_columns)(struct point *out, const struct point *const *polynomials, size_t count, size_t length);
    bool (*evaluate)(struct point *out, const struct point *coefficients, size_t length, const uint32_t *at,
                     size_t count);
    /* The number of points up to the first that is none: `count` when all are good. */
    size_t (*decode)(struct point *out, const uint8_t *const *in, size_t count);
};

/* NULL: the library alone. */
const struct kernel *kernel_active(void);
/* The name of the path taken: "vector", "assembly", "portable" or "library". */
const char *kernel_name(void);
#ifdef SIGNER_TEST
/* For tests, before other threads: takes the named path from now on. False: not there on this machine. */
bool kernel_use(const char *name);
#endif

extern const struct kernel kernel_portable;
#ifdef __x86_64__
extern const struct kernel kernel_adx;
extern const struct kernel kernel_vector;
#endif

#endif
