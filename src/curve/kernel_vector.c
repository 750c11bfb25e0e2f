/* The kernel with eight lanes of AVX-512 (IFMA) beside the long multiplications. Reached behind the check in
 * kernel.c only. */
#ifdef __x86_64__
#ifndef SIGNER_FIELD_ADX
#define SIGNER_FIELD_ADX
#endif
#ifndef SIGNER_VECTOR
#define SIGNER_VECTOR
#endif
#include "curve/kernel_body.h"

const struct kernel kernel_vector = KERNEL_OF("vector");
#else
typedef int kernel_vector_is_for_x86_64;
#endif
