#include "abi/registers.h"

#ifdef __x86_64__
#define ZERO_SSE(n) "pxor %%xmm" #n ", %%xmm" #n "\n\t"
#define ZERO_HIGH(n) "vpxord %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n\t"
/* Said, since a build that optimizes across files would keep values there. */
#define CLOBBERS                                                                                                       \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
        "xmm13", "xmm14", "xmm15"

__attribute__((target("avx512f"))) static void clear_high(void) {
    __asm__ volatile(ZERO_HIGH(16) ZERO_HIGH(17) ZERO_HIGH(18) ZERO_HIGH(19) ZERO_HIGH(20) ZERO_HIGH(21) ZERO_HIGH(22)
                         ZERO_HIGH(23) ZERO_HIGH(24) ZERO_HIGH(25) ZERO_HIGH(26) ZERO_HIGH(27) ZERO_HIGH(28)
                             ZERO_HIGH(29) ZERO_HIGH(30) ZERO_HIGH(31)::
                                 : "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",
                                   "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
}

void registers_clear(void) {
    if (__builtin_cpu_supports("avx512f")) clear_high();
    if (__builtin_cpu_supports("avx"))
        __asm__ volatile("vzeroall" ::: CLOBBERS);
    else
        __asm__ volatile(ZERO_SSE(0) ZERO_SSE(1) ZERO_SSE(2) ZERO_SSE(3) ZERO_SSE(4) ZERO_SSE(5) ZERO_SSE(6) ZERO_SSE(7)
                             ZERO_SSE(8) ZERO_SSE(9) ZERO_SSE(10) ZERO_SSE(11) ZERO_SSE(12) ZERO_SSE(13) ZERO_SSE(14)
                                 ZERO_SSE(15)::
                                     : CLOBBERS);
}
#else
void registers_clear(void) {
}
#endif
