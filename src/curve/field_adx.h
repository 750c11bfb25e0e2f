/* Multiplication and squaring of the public field with mulx, adcx and adox (BMI2 and ADX): two carry
 * chains at once. Included by field.h. */
#ifndef SIGNER_CURVE_FIELD_ADX_H
#define SIGNER_CURVE_FIELD_ADX_H

/* The code names eleven registers and needs three pointers. Where clang inlines it beside a frame and a base
 * pointer, as its sanitizers want them, too few are left; a function of its own has all. */
#ifdef __clang__
#define FIELD_ADX_FUNCTION static __attribute__((noinline))
#else
#define FIELD_ADX_FUNCTION static inline
#endif

/* clang-format off */
/* r8..r15 = product, to r8..r11 modulo p: high half times FOLD, then the 35 bits above 2^256 times
 * FOLD, then one more FOLD where that overflows (the value is below 2^67 then). */
#define FIELD_ADX_REDUCE                                                                       \
    "movabs $0x1000003D1, %%rdx\n\t"                                                           \
    "xor %%eax, %%eax\n\t"                                                                     \
    "mulx %%r12, %%rax, %%r12\n\t" "adcx %%rax, %%r8\n\t"  "adox %%r12, %%r9\n\t"              \
    "mulx %%r13, %%rax, %%r13\n\t" "adcx %%rax, %%r9\n\t"  "adox %%r13, %%r10\n\t"             \
    "mulx %%r14, %%rax, %%r14\n\t" "adcx %%rax, %%r10\n\t" "adox %%r14, %%r11\n\t"             \
    "mulx %%r15, %%rax, %%r15\n\t" "adcx %%rax, %%r11\n\t"                                     \
    "mov $0, %%eax\n\t"                                                                        \
    "adcx %%rax, %%r15\n\t" "adox %%rax, %%r15\n\t"                                            \
    "mulx %%r15, %%rax, %%rcx\n\t"                                                             \
    "add %%rax, %%r8\n\t" "adc %%rcx, %%r9\n\t" "adc $0, %%r10\n\t" "adc $0, %%r11\n\t"        \
    "sbb %%rax, %%rax\n\t" "and %%rdx, %%rax\n\t"                                              \
    "add %%rax, %%r8\n\t" "adc $0, %%r9\n\t"                                                   \
    "mov %%r8, 0(%[out])\n\t" "mov %%r9, 8(%[out])\n\t"                                        \
    "mov %%r10, 16(%[out])\n\t" "mov %%r11, 24(%[out])\n\t"

/* One more row of the product: r[0..3] += limb * b, r[4] = the rest. */
#define FIELD_ADX_ROW(limb, r0, r1, r2, r3, r4)                                                \
    "mov " limb "(%[a]), %%rdx\n\t"                                                            \
    "xor %%eax, %%eax\n\t"                                                                     \
    "mulx 0(%[b]), %%rax, %%rcx\n\t"  "adcx %%rax, %%" r0 "\n\t" "adox %%rcx, %%" r1 "\n\t"    \
    "mulx 8(%[b]), %%rax, %%rcx\n\t"  "adcx %%rax, %%" r1 "\n\t" "adox %%rcx, %%" r2 "\n\t"    \
    "mulx 16(%[b]), %%rax, %%rcx\n\t" "adcx %%rax, %%" r2 "\n\t" "adox %%rcx, %%" r3 "\n\t"    \
    "mulx 24(%[b]), %%rax, %%" r4 "\n\t" "adcx %%rax, %%" r3 "\n\t"                            \
    "mov $0, %%eax\n\t"                                                                        \
    "adcx %%rax, %%" r4 "\n\t" "adox %%rax, %%" r4 "\n\t"

FIELD_ADX_FUNCTION void field_mul_adx(struct field *out, const struct field *a, const struct field *b) {
    __asm__(
        "mov 0(%[a]), %%rdx\n\t"
        "mulx 0(%[b]), %%r8, %%r9\n\t"
        "mulx 8(%[b]), %%rax, %%r10\n\t"  "add %%rax, %%r9\n\t"
        "mulx 16(%[b]), %%rax, %%r11\n\t" "adc %%rax, %%r10\n\t"
        "mulx 24(%[b]), %%rax, %%r12\n\t" "adc %%rax, %%r11\n\t"
        "adc $0, %%r12\n\t"
        FIELD_ADX_ROW("8", "r9", "r10", "r11", "r12", "r13")
        FIELD_ADX_ROW("16", "r10", "r11", "r12", "r13", "r14")
        FIELD_ADX_ROW("24", "r11", "r12", "r13", "r14", "r15")
        FIELD_ADX_REDUCE
        : "=m"(*out)
        : [out] "r"(out->limb), [a] "r"(a->limb), [b] "r"(b->limb), "m"(*a), "m"(*b)
        : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc");
}

/* The six mixed products once, doubled on one carry chain while the squares come in on the other. */
FIELD_ADX_FUNCTION void field_sqr_adx(struct field *out, const struct field *a) {
    __asm__(
        "mov 0(%[a]), %%rdx\n\t"
        "xor %%eax, %%eax\n\t"
        "mulx 8(%[a]), %%r9, %%r10\n\t"
        "mulx 16(%[a]), %%rax, %%r11\n\t" "adcx %%rax, %%r10\n\t"
        "mulx 24(%[a]), %%rax, %%r12\n\t" "adcx %%rax, %%r11\n\t"
        "mov 8(%[a]), %%rdx\n\t"
        "mulx 16(%[a]), %%rax, %%rcx\n\t" "adox %%rax, %%r11\n\t" "adcx %%rcx, %%r12\n\t"
        "mulx 24(%[a]), %%rax, %%r13\n\t" "adox %%rax, %%r12\n\t"
        "mov 16(%[a]), %%rdx\n\t"
        "mulx 24(%[a]), %%rax, %%r14\n\t"
        "mov $0, %%ecx\n\t"
        "adcx %%rax, %%r13\n\t" "adox %%rcx, %%r13\n\t"
        "adcx %%rcx, %%r14\n\t" "adox %%rcx, %%r14\n\t"
        "mov 0(%[a]), %%rdx\n\t"
        "xor %%r15d, %%r15d\n\t"
        "mulx %%rdx, %%r8, %%rcx\n\t"
        "adcx %%r9, %%r9\n\t"   "adox %%rcx, %%r9\n\t"
        "mov 8(%[a]), %%rdx\n\t"  "mulx %%rdx, %%rax, %%rcx\n\t"
        "adcx %%r10, %%r10\n\t" "adox %%rax, %%r10\n\t"
        "adcx %%r11, %%r11\n\t" "adox %%rcx, %%r11\n\t"
        "mov 16(%[a]), %%rdx\n\t" "mulx %%rdx, %%rax, %%rcx\n\t"
        "adcx %%r12, %%r12\n\t" "adox %%rax, %%r12\n\t"
        "adcx %%r13, %%r13\n\t" "adox %%rcx, %%r13\n\t"
        "mov 24(%[a]), %%rdx\n\t" "mulx %%rdx, %%rax, %%rcx\n\t"
        "adcx %%r14, %%r14\n\t" "adox %%rax, %%r14\n\t"
        "adcx %%r15, %%r15\n\t" "adox %%rcx, %%r15\n\t"
        FIELD_ADX_REDUCE
        : "=m"(*out)
        : [out] "r"(out->limb), [a] "r"(a->limb), "m"(*a)
        : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc");
}
/* clang-format on */

#endif
