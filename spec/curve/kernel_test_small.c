/* Every input on small groups: subgroups of prime order of y^2 = x^3 + b over the same field, for which the
 * same code holds, the endomorphism included. */
#include "kernel_test.h"

#define ORDER_MAX 199

struct small_group {
    uint64_t order;
    struct affine points[ORDER_MAX]; /* i times the generator; 0 is the identity */
    uint64_t lambda;                 /* what the endomorphism multiplies by */
};

static const struct affine GENERATOR_13 = {
    {{0x823ca3622cd8c7d9u, 0x88fe5c8fddce6ca1u, 0x60bf61c1d169663cu, 0xe3c9b3d1054f4b95u}},
    {{0x166d3b19ba84b045u, 0xdf182aa915b8aa6au, 0x3a701cc3ee3e443fu, 0x942536cba3e49492u}},
};
static const struct affine GENERATOR_199 = {
    {{0x7e56cf98276cf1dbu, 0xa9c9a00912902a75u, 0xbd42f6213b02f869u, 0x85abd135cfc62e64u}},
    {{0xfbe37d4af2f1e4d1u, 0x41b037136019c20du, 0xac338168c1182cd8u, 0x937e0dad9df64bedu}},
};

static void expect(const struct small_group *group, uint64_t log, const struct jacobian *got, const char *what) {
    struct affine affine;
    struct field scratch;
    jacobian_normalize(&affine, got, 1, &scratch);
    must(same(&affine, &group->points[log % group->order]), what);
}

static void make_group(struct small_group *group, uint64_t order, const struct affine *generator) {
    struct jacobian sum = {.infinity = true};
    struct field scratch;
    struct affine image = *generator;
    group->order = order;
    for (uint64_t i = 0; i < order; i++) {
        jacobian_normalize(&group->points[i], &sum, 1, &scratch);
        must(i == 0 || !affine_is_infinity(&group->points[i]), "the order of a small group");
        jacobian_add_affine(&sum, generator);
    }
    must(sum.infinity, "the order of a small group");
    field_mul(&image.x, &image.x, &BETA);
    for (group->lambda = 0; !same(&image, &group->points[group->lambda]); group->lambda++)
        must(group->lambda + 1 < order, "the endomorphism of a small group");
}

/* The same point with denominator `z`. */
static void with_denominator(struct jacobian *out, const struct affine *in, uint64_t z) {
    struct field denominator = {{z, 0, 0, 0}}, square;
    *out = (struct jacobian){.infinity = affine_is_infinity(in)};
    if (out->infinity) return;
    field_sqr(&square, &denominator);
    field_mul(&out->x, &in->x, &square);
    field_mul(&square, &square, &denominator);
    field_mul(&out->y, &in->y, &square);
    out->z = denominator;
}

static void add_every_pair(const struct small_group *group) {
    static struct affine sums[ORDER_MAX];
    static struct addition additions[ORDER_MAX];
    static struct slope slopes[ORDER_MAX];
    for (uint64_t a = 0; a < group->order; a++) {
        struct jacobian twice;
        with_denominator(&twice, &group->points[a], a + 2);
        jacobian_double(&twice);
        expect(group, 2 * a, &twice, "small group: doubling");
        for (uint64_t b = 0; b < group->order; b++) {
            struct jacobian sum, mixed, other;
            with_denominator(&sum, &group->points[a], a + 2);
            with_denominator(&other, &group->points[b], b + 3);
            mixed = sum;
            jacobian_add(&sum, &other);
            expect(group, a + b, &sum, "small group: addition");
            jacobian_add_affine(&mixed, &group->points[b]);
            expect(group, a + b, &mixed, "small group: mixed addition");
            additions[b] = (struct addition){&sums[b], &group->points[a], &group->points[b]};
        }
        batch_add(additions, group->order, slopes);
        for (uint64_t b = 0; b < group->order; b++)
            must(same(&sums[b], &group->points[(a + b) % group->order]), "small group: addition in a batch");
    }
}

/* Lists of every length up to 40 of one point, and of a point and its opposite by turns. */
static void sum_lists(const struct small_group *group) {
    static struct affine cells[2][40];
    static struct addition additions[64];
    static struct slope slopes[64];
    for (size_t length = 0; length <= 40; length++) {
        for (uint64_t a = 0; a < group->order; a++) {
            struct list lists[2] = {{cells[0], length}, {cells[1], length}};
            for (size_t i = 0; i < length; i++) {
                cells[0][i] = group->points[a];
                cells[1][i] = group->points[i % 2 ? (group->order - a) % group->order : a];
            }
            batch_sum_lists(lists, 2, additions, slopes);
            if (length == 0) continue;
            must(same(&cells[0][0], &group->points[a * length % group->order]), "small group: a list of equals");
            must(same(&cells[1][0], &group->points[length % 2 ? a : 0]), "small group: a list of opposites");
        }
    }
}

static void add_term(struct sum *sum, const struct affine *point, uint64_t low, uint64_t high) {
    struct sum_term *term = &sum->terms[sum->count++];
    term->point = *point;
    term->halves[0] = (struct half){.value = low};
    term->halves[1] = (struct half){.value = high};
}

/* `copies` equal terms, so that all ways of summing but the buckets are taken, and a single point beside them. */
static void sum_every_term(const struct small_group *group, uint64_t factors, size_t copies) {
    for (uint64_t a = 0; a < group->order; a++) {
        for (uint64_t low = 0; low < factors; low++) {
            for (uint64_t high = 0; high < factors; high++) {
                struct sum sum;
                must(sum_begin(&sum, copies, 1, NULL), "memory");
                for (size_t i = 0; i < copies; i++)
                    add_term(&sum, &group->points[a], low, high);
                sum.singles[sum.single_count++] = group->points[low % group->order];
                sum_pass(&sum);
                expect(group, copies * a * (low + group->lambda * high) + low, &sum.total, "small group: a sum");
                sum_end(&sum, false);
            }
        }
    }
}

/* Tables over one denominator: refused exactly where two of the multiples on the way are equal or opposite. */
static void share_every_table(const struct small_group *group) {
    for (uint64_t a = 0; a < group->order; a++) {
        for (uint64_t b = 1; b < group->order; b += group->order / 6) {
            struct sum sum;
            struct field scale;
            must(sum_begin(&sum, 2, 0, NULL), "memory");
            add_term(&sum, &group->points[a], 1, 0);
            add_term(&sum, &group->points[b], 1, 0);
            bool shared = share_tables(&sum, &scale);
            must(shared == (a > 0 && group->order > 2 * TABLE_ENTRIES), "small group: which tables can be shared");
            for (size_t i = 0; shared && i < 2 * 2 * TABLE_ENTRIES; i++) {
                const struct affine *entry =
                    &sum.tables[i / 2 / TABLE_ENTRIES][i / TABLE_ENTRIES % 2][i % TABLE_ENTRIES];
                uint64_t log = (i / 2 / TABLE_ENTRIES ? b : a) * (2 * (i % TABLE_ENTRIES) + 1);
                struct jacobian value = {.x = entry->x, .y = entry->y, .z = scale};
                expect(group, i / TABLE_ENTRIES % 2 ? log * group->lambda : log, &value, "small group: a shared table");
            }
            sum_end(&sum, false);
        }
    }
}

/* Terms of which every digit goes through all values and places, with single points and a multiple of G. */
static void sum_by_buckets(const struct small_group *group, uint64_t rounds) {
    static struct base_multiples multiples;
    base_multiples_make(&multiples, &group->points[1]);
    for (uint64_t round = 0; round < rounds; round++) {
        struct sum sum;
        uint64_t log = 0;
        must(sum_begin(&sum, BUCKET_TERMS_MIN, 3, &multiples), "memory");
        for (uint64_t i = 0; i < BUCKET_TERMS_MIN; i++) {
            uint64_t at = round % 3 ? (round + i) % group->order : round % group->order, low = i + round,
                     high = i * i % 67;
            int place = (int)((i + round) % (DIGIT_PLACES - 9));
            add_term(&sum, &group->points[at], 0, high);
            struct half *half = &sum.terms[i].halves[0];
            *half = (struct half){.value = (unsigned __int128)(low % 256) << place, .negative = i % 5 == 0};
            uint64_t factor = (uint64_t)(half->value % group->order);
            log += at * ((half->negative ? group->order - factor : factor) + group->lambda * high);
        }
        for (uint64_t i = 0; i < round % 4; i++, log += round)
            sum.singles[sum.single_count++] = group->points[round % group->order];
        sum.base[0].value = round;
        sum_pass(&sum);
        expect(group, log + round, &sum.total, "small group: a sum by buckets");
        sum_end(&sum, false);
    }
}

/* Multiples of the generator from the table, alone and beside a term: every factor up to the width of a digit
 * at every place. */
static void sum_multiples_of_base(const struct small_group *group) {
    static struct base_multiples multiples;
    base_multiples_make(&multiples, &group->points[1]);
    for (int place = 0; place < DIGIT_PLACES - 1; place++) {
        uint64_t power = 1;
        for (int i = 0; i < place; i++)
            power = 2 * power % group->order;
        for (uint64_t low = 0; low < 1u << BASE_DIGIT_WIDTH; low++) {
            struct sum sum;
            unsigned __int128 value = (unsigned __int128)low << place;
            bool beside = low % 2;
            must(sum_begin(&sum, 1, 1, &multiples), "memory");
            if (beside) add_term(&sum, &group->points[2], 5, 0);
            sum.base[0] = (struct half){.value = value, .negative = low % 5 == 0};
            sum.base[1] = (struct half){.value = low / 3};
            sum_pass(&sum);
            uint64_t log = (uint64_t)(value >> place) % group->order * power % group->order;
            if (low % 5 == 0) log = group->order - log;
            log += group->lambda * (low / 3) + (beside ? 10 : 0);
            expect(group, log, &sum.total, "small group: a multiple from the table");
            sum_end(&sum, false);
        }
    }
}

/* Every polynomial with three coefficients at 0, 1, 2, … */
static void evaluate_every_polynomial(const struct small_group *group, uint32_t from) {
    uint64_t order = group->order;
    for (uint64_t code = 0; code < order * order * order; code++) {
        uint64_t logs[3] = {code % order, code / order % order, code / order / order};
        struct affine coefficients[3], values[20];
        uint32_t at[20];
        for (int k = 0; k < 3; k++)
            coefficients[k] = group->points[logs[k]];
        for (uint32_t i = 0; i < 20; i++)
            at[i] = from + i;
        must(evaluate_affine(values, coefficients, 3, at, 20), "memory");
        for (uint32_t i = 0; i < 20; i++) {
            uint64_t x = at[i] % order, value = logs[0] + x * (logs[1] + x * logs[2]);
            must(same(&values[i], &group->points[value % order]), "small group: a polynomial");
        }
    }
}

void test_small_groups(void) {
    static struct small_group group;
    make_group(&group, 13, &GENERATOR_13);
    add_every_pair(&group);
    sum_lists(&group);
    sum_every_term(&group, 13, 1);
    sum_every_term(&group, 13, 2);
    sum_every_term(&group, 13, 9);
    sum_every_term(&group, 5, 20);
    sum_every_term(&group, 3, 70);
    share_every_table(&group);
    sum_by_buckets(&group, 300);
    sum_multiples_of_base(&group);
    evaluate_every_polynomial(&group, 0);
    evaluate_every_polynomial(&group, 100);
    make_group(&group, 199, &GENERATOR_199);
    add_every_pair(&group);
    sum_lists(&group);
    sum_every_term(&group, 7, 1);
    sum_every_term(&group, 5, SUM_FEW);
    sum_every_term(&group, 3, SUM_FEW + 1);
    sum_every_term(&group, 3, 20);
    sum_every_term(&group, 2, 70);
    share_every_table(&group);
    sum_by_buckets(&group, 300);
    sum_multiples_of_base(&group);
}
