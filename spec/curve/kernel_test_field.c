/* Field, roots, inverses and decoding. */
#include <sodium.h>

#include "kernel_test.h"

static void test_products(const struct field *a, const struct field *b) {
    struct field x, y;
    field_mul_portable(&x, a, b);
    field_mul(&y, a, b);
    must(memcmp(&x, &y, sizeof x) == 0, "mul of the two fields");
    field_sqr_portable(&x, a);
    field_sqr(&y, a);
    must(memcmp(&x, &y, sizeof x) == 0, "sqr of the two fields");
    field_sqr(&y, &y);
    field_sqr(&x, &x);
    must(memcmp(&x, &y, sizeof x) == 0, "sqr in place");
    y = *a;
    field_mul(&y, &y, &y);
    field_sqr(&x, a);
    must(field_equal(&x, &y), "mul in place");
}

/* (a + b)(a - b) = a^2 - b^2, 2 (a / 2) = a, a - a = 0 */
static void test_sums_of_field(const struct field *a, const struct field *b) {
    struct field sum, difference, left, right, t;
    field_add(&sum, a, b);
    field_sub(&difference, a, b);
    field_mul(&left, &sum, &difference);
    field_sqr(&right, a);
    field_sqr(&t, b);
    field_sub(&right, &right, &t);
    must(field_equal(&left, &right), "difference of squares");
    field_halve(&t, a);
    field_double(&t, &t);
    must(field_equal(&t, a), "half");
    field_negate(&t, a);
    field_add(&t, &t, a);
    must(field_is_zero(&t), "negation");
    t = *a;
    field_normalize(&t);
    must(field_equal(&t, a), "normal form");
    field_add(&left, a, &(struct field){{0}});
    must(memcmp(&t, &(struct field){{0}}, sizeof t) == 0 ? field_is_zero(a) : !field_is_zero(a), "zero");
}

void test_field(unsigned rounds) {
    static const struct field one = {{1, 0, 0, 0}};
    struct scalar scalar, inverse, product, unit;
    scalar_set_u64(&unit, 1);
    for (unsigned i = 0; i < rounds; i++) {
        struct field a, b, t;
        chance_field(&a);
        chance_field(&b);
        test_products(&a, &b);
        test_sums_of_field(&a, &b);
        if (i % 16) continue;
        field_inverse(&t, &a);
        field_mul(&t, &t, &a);
        must(field_is_zero(&a) ? field_is_zero(&t) : field_equal(&t, &one), "inverse");
        chance_scalar(&scalar);
        scalar_inverse_public(&inverse, &scalar);
        scalar_mul(&product, &inverse, &scalar);
        must(scalar_equal(&product, scalar_is_zero(&scalar) ? &scalar : &unit), "inverse modulo n");
        scalar_inverse(&product, &scalar);
        must(scalar_equal(&product, &inverse), "the two inverses modulo n");
    }
}

/* One in two of the x is on the curve; some are no field elements, some prefixes are wrong. */
static void chance_encoding(uint8_t out[POINT_BYTES]) {
    struct field x;
    chance_field(&x);
    out[0] = chance() % 64 ? (uint8_t)(2 + chance() % 2) : (uint8_t)chance();
    for (int i = 0; i < 32; i++)
        out[1 + i] = (uint8_t)(x.limb[3 - i / 8] >> (56 - 8 * (i % 8)));
}

void test_decoding(unsigned rounds) {
    static const size_t counts[] = {1, 2, 3, 5, 8, 9, 16, 21};
    for (unsigned i = 0; i < rounds; i++) {
        uint8_t raw[21][POINT_BYTES];
        const uint8_t *in[21];
        struct point ours[21], theirs;
        size_t count = counts[i % 8], good = 0;
        for (size_t k = 0; k < count; k++) {
            do {
                chance_encoding(raw[k]);
            } while (chance() % 4 && point_decode(&theirs, raw[k]) != SIGNER_OK);
            in[k] = raw[k];
        }
        while (good < count && point_decode(&theirs, raw[good]) == SIGNER_OK)
            good++;
        must(kernel_decode(ours, in, count) == good, "the first that is no point");
        for (size_t k = 0; k < good; k++) {
            point_decode(&theirs, raw[k]);
            must(point_equal(&ours[k], &theirs), "a decoded point");
        }
    }
}
