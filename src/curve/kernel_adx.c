/* The kernel over the field with mulx, adcx and adox. Reached behind the check in kernel.c only. */
#ifdef __x86_64__
#ifndef SIGNER_FIELD_ADX
#define SIGNER_FIELD_ADX
#endif
#include "curve/kernel_body.h"

const struct kernel kernel_adx = KERNEL_OF("assembly");
#else
typedef int kernel_adx_is_for_x86_64;
#endif
