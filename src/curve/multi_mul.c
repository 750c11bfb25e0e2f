/* Sums over public points: every factor is split in two of 128 bits by the endomorphism of the curve
 * (lambda * (x, y) = (beta * x, y)), written in digits of width 5, and all terms share one chain of
 * doublings (Strauss). Variable time. */
#include "curve/multi_mul.h"

#include <stdlib.h>

#include "base/fault.h"
#include "curve/group.h"

#define WIDTH 5
#define TABLE_ENTRIES 8 /* P, 3P, … 15P */
#define DIGITS 129      /* of a value below 2^128 */
#define CHUNK 64        /* terms of one pass; bounds the memory */

static const struct affine GENERATOR = {
    .x = {{0x59F2815B16F81798u, 0x029BFCDB2DCE28D9u, 0x55A06295CE870B07u, 0x79BE667EF9DCBBACu}},
    .y = {{0x9C47D08FFB10D4B8u, 0xFD17B448A6855419u, 0x5DA4FBFC0E1108A8u, 0x483ADA7726A3C465u}},
};
/* A cube root of one modulo p and modulo n, and the constants that split a scalar along the short
 * basis of {(a, b): a + b * lambda = 0 mod n}: -b1, -b2, and round(2^384 * b2 / n), round(-2^384 * b1 / n). */
static const struct field BETA = {{0xC1396C28719501EEu, 0x9CF0497512F58995u, 0x6E64479EAC3434E9u, 0x7AE96A2B657C0710u}};
static const struct scalar LAMBDA = {
    {0xDF02967C1B23BD72u, 0x122E22EA20816678u, 0xA5261C028812645Au, 0x5363AD4CC05C30E0u}};
static const struct scalar MINUS_B1 = {{0x6F547FA90ABFE4C3u, 0xE4437ED6010E8828u, 0, 0}};
static const struct scalar MINUS_B2 = {
    {0xD765CDA83DB1562Cu, 0x8A280AC50774346Du, 0xFFFFFFFFFFFFFFFEu, 0xFFFFFFFFFFFFFFFFu}};
static const uint64_t G1[4] = {0xE893209A45DBB031u, 0x3DAA8A1471E8CA7Fu, 0xE86C90E49284EB15u, 0x3086D221A7D46BCDu};
static const uint64_t G2[4] = {0x1571B4AE8AC47F71u, 0x221208AC9DF506C6u, 0x6F547FA90ABFE4C4u, 0xE4437ED6010E8828u};

struct term {
    struct affine table[2][TABLE_ENTRIES]; /* of P and of lambda * P */
    int8_t digits[2][DIGITS];
};

/* Room for one pass, in one block of memory. */
struct work {
    size_t count; /* terms taken */
    size_t room;
    struct term *terms;
    struct affine *points;
    struct jacobian *multiples; /* TABLE_ENTRIES a term, as the next two */
    struct affine *affine;
    struct field *scratch;
};

static void *work_new(struct work *work, size_t count) {
    size_t room = count < CHUNK ? count : CHUNK, entries = room * TABLE_ENTRIES;
    work->count = 0;
    work->room = room;
    uint8_t *block = signer_malloc((room + 1) * (sizeof *work->terms + sizeof *work->points) +
                                   entries * (sizeof *work->multiples + sizeof *work->affine + sizeof *work->scratch));
    if (!block) return NULL;
    work->multiples = (struct jacobian *)(void *)block;
    work->affine = (struct affine *)(void *)(work->multiples + entries);
    work->scratch = (struct field *)(void *)(work->affine + entries);
    work->points = (struct affine *)(void *)(work->scratch + entries);
    work->terms = (struct term *)(void *)(work->points + room + 1);
    return block;
}

/* round(a * b / 2^384) */
static void mul_shift_384(struct scalar *out, const struct scalar *a, const uint64_t b[4]) {
    uint64_t product[8] = {0};
    for (int i = 0; i < 4; i++)
        limb_mul_row(product + i, a->limb[i], b);
    *out = (struct scalar){{product[6], product[7], 0, 0}};
    uint64_t carry = limb_add(&out->limb[0], out->limb[0], product[5] >> 63, 0);
    out->limb[2] = limb_add(&out->limb[1], out->limb[1], 0, carry);
}

/* factor = low + high * lambda, both within 128 bits after a negation. */
static void split(struct scalar *low, struct scalar *high, const struct scalar *factor) {
    struct scalar c1, c2, product;
    mul_shift_384(&c1, factor, G1);
    mul_shift_384(&c2, factor, G2);
    scalar_mul(&c1, &c1, &MINUS_B1);
    scalar_mul(&c2, &c2, &MINUS_B2);
    scalar_add(high, &c1, &c2);
    scalar_mul(&product, high, &LAMBDA);
    scalar_sub(low, factor, &product);
}

/* Odd digits below 2^(WIDTH-1) in size with at least WIDTH-1 zeros between them. False: the value is
 * no 128-bit one with either sign, which split never gives. */
static bool write_digits(int8_t digits[DIGITS], const struct scalar *in) {
    struct scalar value = *in;
    bool negative = (value.limb[2] | value.limb[3]) != 0;
    scalar_negate_if(&value, negative);
    if (value.limb[2] | value.limb[3]) return false;
    limb_wide bits = (limb_wide)value.limb[1] << 64 | value.limb[0];
    int carry = 0;
    for (int i = 0; i < DIGITS; i++)
        digits[i] = 0;
    for (int i = 0; i < DIGITS;) {
        int window = i < 128 ? (int)(bits >> i) & ((1 << WIDTH) - 1) : 0;
        if ((window & 1) == carry) {
            i++;
            continue;
        }
        window += carry;
        carry = window >> (WIDTH - 1) & 1;
        window -= carry << WIDTH;
        digits[i] = (int8_t)(negative ? -window : window);
        i += WIDTH;
    }
    return true;
}

/* P, 3P, … of every term, to affine with one inversion; then the same of lambda * P. */
static void build_tables(struct work *work) {
    for (size_t i = 0; i < work->count; i++) {
        struct jacobian *multiples = &work->multiples[i * TABLE_ENTRIES], twice;
        jacobian_set_infinity(&multiples[0]);
        jacobian_add_affine(&multiples[0], &work->points[i]);
        twice = multiples[0];
        jacobian_double(&twice);
        multiples[1] = twice;
        jacobian_add_affine(&multiples[1], &work->points[i]);
        for (int k = 2; k < TABLE_ENTRIES; k++) {
            multiples[k] = multiples[k - 1];
            jacobian_add(&multiples[k], &twice);
        }
    }
    jacobian_normalize(work->affine, work->multiples, work->count * TABLE_ENTRIES, work->scratch);
    for (size_t i = 0; i < work->count; i++) {
        for (int k = 0; k < TABLE_ENTRIES; k++) {
            work->terms[i].table[0][k] = work->affine[i * TABLE_ENTRIES + (size_t)k];
            work->terms[i].table[1][k] = work->affine[i * TABLE_ENTRIES + (size_t)k];
            field_mul(&work->terms[i].table[1][k].x, &work->terms[i].table[1][k].x, &BETA);
        }
    }
}

static void add_digit(struct jacobian *sum, const struct affine table[TABLE_ENTRIES], int digit) {
    if (digit == 0) return;
    struct affine entry = table[(digit < 0 ? -digit : digit) / 2];
    if (digit < 0) affine_negate(&entry);
    jacobian_add_affine(sum, &entry);
}

/* Adds the terms of one pass to `total`. */
static void sum_pass(struct jacobian *total, struct work *work) {
    struct jacobian sum;
    jacobian_set_infinity(&sum);
    build_tables(work);
    for (int bit = DIGITS - 1; bit >= 0; bit--) {
        jacobian_double(&sum);
        for (size_t i = 0; i < work->count; i++) {
            add_digit(&sum, work->terms[i].table[0], work->terms[i].digits[0][bit]);
            add_digit(&sum, work->terms[i].table[1], work->terms[i].digits[1][bit]);
        }
    }
    jacobian_add(total, &sum);
}

static void load_point(struct affine *out, const struct point *point) {
    if (point)
        affine_from_point(out, point);
    else
        *out = GENERATOR;
}

/* Takes one term into the pass, or adds it at once where its factor is 1. */
static bool take_term(struct work *work, struct jacobian *total, const struct point_term *term) {
    struct scalar low, high;
    struct affine *point = &work->points[work->count];
    load_point(point, term->point);
    if (point->infinity || (term->factor && scalar_is_zero(term->factor))) return true;
    if (!term->factor) {
        jacobian_add_affine(total, point);
        return true;
    }
    split(&low, &high, term->factor);
    struct term *taken = &work->terms[work->count++];
    return write_digits(taken->digits[0], &low) && write_digits(taken->digits[1], &high);
}

bool kernel_multi_mul(struct point *out, const struct point_term *terms, size_t count) {
    struct work work;
    struct jacobian total;
    bool good = true;
    void *block = work_new(&work, count);
    if (!block) return false;
    jacobian_set_infinity(&total);
    for (size_t at = 0; at < count && good;) {
        work.count = 0;
        for (; at < count && good && work.count < work.room; at++)
            good = take_term(&work, &total, &terms[at]);
        if (good && work.count) sum_pass(&total, &work);
    }
    free(block);
    return good && point_from_jacobian(out, &total);
}

/* x * value in non-adjacent form: `digits` from the top one, which is 1, downwards. */
static void mul_small(struct jacobian *inout, const int8_t *digits, int count) {
    struct jacobian base = *inout, minus = *inout;
    field_negate(&minus.y, &minus.y);
    for (int i = count - 2; i >= 0; i--) {
        jacobian_double(inout);
        if (digits[i]) jacobian_add(inout, digits[i] > 0 ? &base : &minus);
    }
}

bool kernel_horner(struct point *out, const struct point *coefficients, size_t count, uint32_t x) {
    int8_t digits[34];
    int digit_count = 0;
    struct jacobian sum;
    for (uint64_t rest = x; rest; rest >>= 1) {
        int digit = rest & 1 ? 2 - (int)(rest & 3) : 0;
        digits[digit_count++] = (int8_t)digit;
        if (digit < 0) rest += 1;
    }
    jacobian_set_infinity(&sum);
    for (size_t k = count; k-- > 0;) {
        struct affine coefficient;
        if (digit_count)
            mul_small(&sum, digits, digit_count);
        else
            jacobian_set_infinity(&sum);
        affine_from_point(&coefficient, &coefficients[k]);
        jacobian_add_affine(&sum, &coefficient);
    }
    return point_from_jacobian(out, &sum);
}
