/* Eight lanes of the field against the scalar one, lane by lane. */
#include "kernel_test.h"

#ifdef SIGNER_VECTOR
VECTOR_CODE_BEGIN

static void expect_lanes(const struct field expected[VECTOR_LANES], const struct field8 *ours, const char *what) {
    struct field lanes[VECTOR_LANES];
    uint8_t zeros = 0;
    field8_store(lanes, ours);
    for (int i = 0; i < VECTOR_LANES; i++) {
        must(field_equal(&lanes[i], &expected[i]), what);
        zeros |= (uint8_t)(field_is_zero(&expected[i]) << i);
    }
    must(field8_zeros(ours) == zeros, "zero lanes");
}

struct operands {
    struct field a[VECTOR_LANES], b[VECTOR_LANES], c[VECTOR_LANES];
    struct field8 a8, b8, c8;
};

/* Often equal or opposite; and through a sum and a difference, so that the weak form is not the normal one. */
static void chance_operands(struct operands *out) {
    struct field8 sum;
    for (int i = 0; i < VECTOR_LANES; i++) {
        chance_field(&out->a[i]);
        chance_field(&out->b[i]);
        chance_field(&out->c[i]);
        if (chance() % 4 == 0) out->b[i] = out->a[i];
        if (chance() % 4 == 0) field_negate(&out->b[i], &out->a[i]);
        if (chance() % 4 == 0) out->c[i] = out->a[i];
    }
    field8_load(&out->a8, out->a);
    field8_load(&out->b8, out->b);
    field8_load(&out->c8, out->c);
    if (chance() % 2) return;
    field8_add(&sum, &out->a8, &out->b8);
    field8_sub(&out->a8, &sum, &out->b8);
    field8_sub(&sum, &out->b8, &out->c8);
    field8_add(&out->b8, &sum, &out->c8);
}

static void test_lane_products(const struct operands *in) {
    struct field expected[VECTOR_LANES], t;
    struct field8 ours, plus;
    field8_mul(&ours, &in->a8, &in->b8);
    for (int i = 0; i < VECTOR_LANES; i++)
        field_mul(&expected[i], &in->a[i], &in->b[i]);
    expect_lanes(expected, &ours, "product in lanes");
    field8_mul_twice(&ours, &in->a8, &in->b8, &in->c8, &in->c8);
    for (int i = 0; i < VECTOR_LANES; i++) {
        field_sqr(&t, &in->c[i]);
        field_add(&expected[i], &expected[i], &t);
    }
    expect_lanes(expected, &ours, "two products in lanes");
    field8_set_zero(&plus);
    field8_lift(&plus, 8);
    field8_take(&plus, &in->b8, 3);
    field8_nine_sqr_plus(&ours, &in->a8, &plus);
    for (int i = 0; i < VECTOR_LANES; i++) {
        struct field nine = {{9, 0, 0, 0}}, eight = {{8, 0, 0, 0}};
        field_sqr(&expected[i], &in->a[i]);
        field_mul(&expected[i], &expected[i], &nine);
        field_mul(&t, &in->b[i], &eight);
        field_sub(&expected[i], &expected[i], &t);
    }
    expect_lanes(expected, &ours, "nine squares in lanes");
    field8_sqr(&ours, &in->a8);
    for (int i = 0; i < VECTOR_LANES; i++)
        field_sqr(&expected[i], &in->a[i]);
    expect_lanes(expected, &ours, "square in lanes");
}

static void test_lane_sums(const struct operands *in) {
    struct field expected[VECTOR_LANES];
    struct field8 ours;
    field8_add(&ours, &in->a8, &in->b8);
    for (int i = 0; i < VECTOR_LANES; i++)
        field_add(&expected[i], &in->a[i], &in->b[i]);
    expect_lanes(expected, &ours, "sum in lanes");
    field8_sub(&ours, &in->a8, &in->b8);
    for (int i = 0; i < VECTOR_LANES; i++)
        field_sub(&expected[i], &in->a[i], &in->b[i]);
    expect_lanes(expected, &ours, "difference in lanes");
    uint8_t mask = (uint8_t)chance();
    field8_blend(&ours, mask, &in->c8);
    for (int i = 0; i < VECTOR_LANES; i++)
        if (mask >> i & 1) expected[i] = in->c[i];
    expect_lanes(expected, &ours, "lanes from another");
}

void test_vectors(unsigned rounds) {
    struct operands operands;
    for (unsigned i = 0; i < rounds; i++) {
        chance_operands(&operands);
        test_lane_products(&operands);
        test_lane_sums(&operands);
    }
}

VECTOR_CODE_END
#else
void test_vectors(unsigned rounds) {
    (void)rounds;
}
#endif
