/* Additions and sums against the library. */
#include "kernel_test.h"

#define BATCH 1000

/* The library's sums of pairs of points of the pool. */
static void library_sums(struct affine out[BATCH], const struct pool *pool, const size_t a[BATCH],
                         const size_t b[BATCH]) {
    for (size_t i = 0; i < BATCH; i++) {
        struct point sum;
        point_add(&sum, &pool->points[a[i]], &pool->points[b[i]]);
        affine_from_point(&out[i], &sum);
    }
}

static void expect_all(const struct affine expected[BATCH], const struct affine ours[BATCH], const char *what) {
    for (size_t i = 0; i < BATCH; i++)
        must(same(&expected[i], &ours[i]), what);
}

static void chance_denominator(struct jacobian *out, const struct affine *in) {
    struct field z, zz;
    jacobian_set_infinity(out);
    if (affine_is_infinity(in)) return;
    do {
        chance_field(&z);
    } while (field_is_zero(&z));
    field_sqr(&zz, &z);
    field_mul(&out->x, &in->x, &zz);
    field_mul(&zz, &zz, &z);
    field_mul(&out->y, &in->y, &zz);
    out->z = z;
    out->infinity = false;
}

static void add_in_pairs(const struct pool *pool, const size_t a[BATCH], const size_t b[BATCH],
                         const struct affine expected[BATCH]) {
    static struct jacobian sums[BATCH];
    static struct affine affine[BATCH];
    static struct field scratch[BATCH];
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < BATCH; i++) {
            struct jacobian other;
            chance_denominator(&sums[i], &pool->affine[a[i]]);
            chance_denominator(&other, &pool->affine[b[i]]);
            if (kind == 0)
                jacobian_add(&sums[i], &other);
            else
                jacobian_add_affine(&sums[i], &pool->affine[b[i]]);
        }
        jacobian_normalize(affine, sums, BATCH, scratch);
        expect_all(expected, affine, kind ? "mixed addition" : "addition");
    }
}

/* Every round: four times BATCH operations. */
void test_group(const struct pool *pool, unsigned rounds) {
    static struct affine sums[BATCH], expected[BATCH], doubled[POOL];
    static struct addition additions[BATCH];
    static struct slope slopes[BATCH];
    static struct jacobian twice[BATCH];
    static struct field scratch[BATCH];
    for (size_t i = 0; i < POOL; i++) {
        struct point sum;
        point_add(&sum, &pool->points[i], &pool->points[i]);
        affine_from_point(&doubled[i], &sum);
    }
    for (unsigned round = 0; round < rounds; round++) {
        size_t a[BATCH], b[BATCH];
        for (size_t i = 0; i < BATCH; i++) {
            a[i] = chance() % POOL;
            b[i] = chance() % 3 ? chance() % POOL : chance() % 2 ? a[i] : a[i] ^ 1u; /* often equal or opposite */
            sums[i] = pool->affine[a[i]];
            additions[i] = (struct addition){&sums[i], &sums[i], &pool->affine[b[i]]};
        }
        library_sums(expected, pool, a, b);
        batch_add(additions, BATCH, slopes);
        expect_all(expected, sums, "addition in a batch");
        add_in_pairs(pool, a, b, expected);
        for (size_t i = 0; i < BATCH; i++) {
            chance_denominator(&twice[i], &pool->affine[a[i]]);
            jacobian_double(&twice[i]);
            expected[i] = doubled[a[i]];
        }
        jacobian_normalize(sums, twice, BATCH, scratch);
        expect_all(expected, sums, "doubling");
    }
}

#define TERMS_MAX (2 * BUCKET_TERMS_MAX)

struct product {
    struct scalar factors[TERMS_MAX + 1];
    struct point_term terms[TERMS_MAX + 1];
    struct scalar log; /* of the sum */
};

static void chance_term(struct product *product, size_t i, const struct pool *pool) {
    static const struct scalar one = {{1, 0, 0, 0}};
    size_t at = chance() % POOL;
    const struct scalar *log = &pool->logs[at];
    struct scalar value;
    product->terms[i].point = &pool->points[at];
    if (chance() % 8 == 0) {
        product->terms[i].point = NULL;
        log = &one;
    }
    product->terms[i].factor = &product->factors[i];
    chance_scalar(&product->factors[i]);
    if (i > 0 && chance() % 4 == 0) { /* the same, or its opposite, once more */
        product->terms[i].point = product->terms[i - 1].point;
        log = product->terms[i].point ? &pool->logs[product->terms[i].point - pool->points] : &one;
        product->factors[i] = product->factors[i - 1];
        scalar_negate_if(&product->factors[i], chance() % 2);
    }
    scalar_mul(&value, &product->factors[i], log);
    if (chance() % 4 == 0) {
        product->terms[i].factor = NULL;
        value = *log;
    }
    scalar_add(&product->log, &product->log, &value);
}

/* One in four is made to cancel. */
static void test_product(const struct pool *pool, size_t count) {
    static struct product product;
    struct point ours, expected;
    bool cancels;
    scalar_set_u64(&product.log, 0);
    for (size_t i = 0; i < count; i++)
        chance_term(&product, i, pool);
    if (count > 0 && chance() % 4 == 0) {
        scalar_negate(&product.factors[count], &product.log);
        product.terms[count] = (struct point_term){&product.factors[count], NULL};
        scalar_set_u64(&product.log, 0);
        count++;
    }
    must(kernel_multi_mul(&ours, product.terms, count), "a sum without an answer");
    must(point_mul_base(&expected, &product.log) == SIGNER_OK, "the library");
    must(point_equal(&ours, &expected), "a sum");
    must(kernel_is_identity(&cancels, product.terms, count) && cancels == expected.infinity, "a sum that cancels");
}

/* One term many times over, or with its opposite by turns: all of it meets in a place, or in a bucket. */
static void test_equal_terms(const struct pool *pool, size_t count) {
    static struct point_term terms[2 * BUCKET_TERMS_MIN];
    struct scalar factor, minus, log, times;
    struct point ours, expected;
    size_t at = chance() % POOL;
    bool opposites = chance() % 2;
    chance_scalar(&factor);
    scalar_negate(&minus, &factor);
    for (size_t i = 0; i < count; i++)
        terms[i] = (struct point_term){opposites && i % 2 ? &minus : &factor, &pool->points[at]};
    must(kernel_multi_mul(&ours, terms, count), "a sum without an answer");
    scalar_set_u64(&times, opposites ? count % 2 : count);
    scalar_mul(&log, &pool->logs[at], &factor);
    scalar_mul(&log, &log, &times);
    must(point_mul_base(&expected, &log) == SIGNER_OK && point_equal(&ours, &expected), "a sum of equal terms");
}

void test_sums(const struct pool *pool, unsigned rounds) {
    for (unsigned i = 0; i < rounds; i++)
        test_product(pool, i % 64 ? chance() % 8 : chance() % 40);
    for (unsigned i = 0; i < rounds / 1000; i++)
        test_product(pool, 100 + chance() % 560);
    for (unsigned i = 0; i < rounds / 10000; i++) /* more than one pass of buckets */
        test_product(pool, TERMS_MAX - chance() % 40);
    for (unsigned i = 0; i < rounds / 1000; i++)
        test_equal_terms(pool, 1 + chance() % (2 * BUCKET_TERMS_MIN));
}

/* -- polynomials --------------------------------------------------------------------------------------- */

static void expect_value(const struct point *ours, const struct scalar *const logs, size_t length, uint32_t x,
                         const char *what) {
    struct scalar at, value;
    struct point expected;
    scalar_set_u64(&at, x);
    scalar_set_u64(&value, 0);
    for (size_t k = length; k-- > 0;) {
        scalar_mul(&value, &value, &at);
        scalar_add(&value, &value, &logs[k]);
    }
    must(point_mul_base(&expected, &value) == SIGNER_OK && point_equal(ours, &expected), what);
}

static uint32_t chance_argument(void) {
    switch (chance() % 4) {
    case 0:
        return (uint32_t)(chance() % 3);
    case 1:
        return UINT32_MAX - (uint32_t)(chance() % 3);
    case 2:
        return (uint32_t)chance();
    default:
        return (uint32_t)(chance() % 1000);
    }
}

static void test_evaluation(const struct pool *pool, size_t from, size_t length) {
    uint32_t at[80];
    struct point values[80];
    size_t count = 1 + chance() % 80;
    bool consecutive = chance() % 3 != 0;
    at[0] = consecutive ? (uint32_t)(chance() % 200) : chance_argument();
    for (size_t i = 1; i < count; i++)
        at[i] = consecutive ? at[i - 1] + 1 : chance_argument();
    must(kernel_evaluate(values, &pool->points[from], length, at, count), "no values");
    for (size_t i = 0; i < count; i++)
        expect_value(&values[i], &pool->logs[from], length, at[i], "a value of one polynomial");
}

void test_polynomials(const struct pool *pool, unsigned rounds) {
    for (unsigned round = 0; round < rounds; round++) {
        const struct point *polynomials[40];
        struct point values[40], sums[30];
        struct scalar log;
        size_t length = chance() % 30, count = chance() % 41;
        uint32_t x = chance_argument();
        for (size_t i = 0; i < count; i++)
            polynomials[i] = &pool->points[chance() % 4 ? chance() % (POOL - 30) : 0];
        must(kernel_horner(values, polynomials, count, length, x), "no values");
        for (size_t i = 0; i < count; i++)
            expect_value(&values[i], &pool->logs[polynomials[i] - pool->points], length, x, "a value of many");
        must(kernel_sum_columns(sums, polynomials, count, length), "no sums");
        for (size_t k = 0; k < length; k++) {
            scalar_set_u64(&log, 0);
            for (size_t i = 0; i < count; i++)
                scalar_add(&log, &log, &pool->logs[polynomials[i] - pool->points + (ptrdiff_t)k]);
            expect_value(&sums[k], &log, 1, 0, "a sum of coefficients");
        }
        test_evaluation(pool, chance() % (POOL - 30), length);
    }
}
