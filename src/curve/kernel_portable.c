/* The kernel over the portable field. */
#include "curve/kernel_body.h"

const struct kernel kernel_portable = KERNEL_OF("portable");
