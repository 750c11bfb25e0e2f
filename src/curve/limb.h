/* One limb of a long addition, subtraction or multiplication: no branch, so that both the constant-time
 * scalars and the field of the public kernel are made of it. */
#ifndef SIGNER_CURVE_LIMB_H
#define SIGNER_CURVE_LIMB_H

#include <stdint.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

typedef unsigned __int128 limb_wide;

/* For what formulas are made of: values stay in registers only where all of it is inlined. Sanitizers would take
 * minutes over that. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define INLINE_BY_CHOICE
#endif
#endif
#if defined(INLINE_BY_CHOICE) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALWAYS_INLINE static inline
#else
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#endif

/* out = a + b + carry; the carry out. */
ALWAYS_INLINE uint64_t limb_add(uint64_t *out, uint64_t a, uint64_t b, uint64_t carry) {
#ifdef __x86_64__
    unsigned long long sum;
    carry = _addcarry_u64((unsigned char)carry, a, b, &sum);
    *out = sum;
    return carry;
#else
    limb_wide sum = (limb_wide)a + b + carry;
    *out = (uint64_t)sum;
    return (uint64_t)(sum >> 64);
#endif
}

/* out = a - b - borrow; the borrow out. */
ALWAYS_INLINE uint64_t limb_sub(uint64_t *out, uint64_t a, uint64_t b, uint64_t borrow) {
#ifdef __x86_64__
    unsigned long long difference;
    borrow = _subborrow_u64((unsigned char)borrow, a, b, &difference);
    *out = difference;
    return borrow;
#else
    limb_wide difference = (limb_wide)a - b - borrow;
    *out = (uint64_t)difference;
    return (uint64_t)(difference >> 64) & 1;
#endif
}

/* out = a * b + addend + carry; the high limb. */
ALWAYS_INLINE uint64_t limb_mul(uint64_t *out, uint64_t a, uint64_t b, uint64_t addend, uint64_t carry) {
    limb_wide sum = (limb_wide)a * b + addend + carry;
    *out = (uint64_t)sum;
    return (uint64_t)(sum >> 64);
}

/* One row of the product: out[0..4] = a * b[0..3] + out[0..3]. */
ALWAYS_INLINE void limb_mul_row(uint64_t out[5], uint64_t a, const uint64_t b[4]) {
    uint64_t carry = limb_mul(&out[0], a, b[0], out[0], 0);
    carry = limb_mul(&out[1], a, b[1], out[1], carry);
    carry = limb_mul(&out[2], a, b[2], out[2], carry);
    out[4] = limb_mul(&out[3], a, b[3], out[3], carry);
}

#endif
