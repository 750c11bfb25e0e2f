/* Compares the public kernel with libsecp256k1 on random and on hostile inputs, and goes through every
 * input of it on small groups. Compiled once a field: -DSIGNER_FIELD_ADX takes the long multiplications, with
 * -DSIGNER_VECTOR eight lanes beside them. Usage: kernel_test [factor of the work, default 1] */
#include "kernel_test.h"

#include <sodium.h>

static uint64_t state = 0x9E3779B97F4A7C15u;

uint64_t chance(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void must(bool good, const char *what) {
    if (good) return;
    printf("differs: %s\n", what);
    exit(1);
}

void chance_scalar(struct scalar *out) {
    uint8_t raw[SCALAR_BYTES];
    for (int i = 0; i < SCALAR_BYTES; i++)
        raw[i] = (uint8_t)(chance() >> 11);
    scalar_reduce(out, raw);
    switch (chance() % 12) {
    case 0:
        scalar_set_u64(out, chance() % 5);
        break;
    case 1:
        scalar_set_u64(out, chance() % 5);
        scalar_negate(out, out);
        break;
    case 2:
        scalar_set_u64(out, 0);
        out->limb[chance() % 4] = 1ull << (chance() % 62);
        break;
    case 3:
        out->limb[2] = out->limb[3] = 0;
        break;
    case 4:
        out->limb[0] = out->limb[1] = 0;
        break;
    default:
        break;
    }
}

void chance_field(struct field *out) {
    for (int i = 0; i < 4; i++) {
        uint64_t kind = chance() % 8;
        out->limb[i] = kind == 0 ? 0 : kind < 3 ? UINT64_MAX : kind == 3 ? chance() % 3 - 1 : chance();
    }
    if (chance() % 4 == 0) out->limb[0] = chance() % 5 - 2 + (chance() % 2 ? 0 - FIELD_FOLD : FIELD_FOLD);
}

bool same(const struct affine *a, const struct affine *b) {
    if (affine_is_infinity(a) || affine_is_infinity(b)) return affine_is_infinity(a) && affine_is_infinity(b);
    return field_equal(&a->x, &b->x) && field_equal(&a->y, &b->y);
}

static void fill_pool(struct pool *pool) {
    for (int i = 0; i < POOL; i++) {
        chance_scalar(&pool->logs[i]);
        if (i % 16 == 1) scalar_negate(&pool->logs[i], &pool->logs[i - 1]);
        if (i % 16 == 2) scalar_set_u64(&pool->logs[i], 0);
        if (i % 16 == 3) pool->logs[i] = pool->logs[i - 3];
        must(point_mul_base(&pool->points[i], &pool->logs[i]) == SIGNER_OK, "the library");
        affine_from_point(&pool->affine[i], &pool->points[i]);
    }
}

int main(int argc, char **argv) {
    static struct pool pool;
    unsigned factor = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    if (sodium_init() < 0) return 1;
    if (factor > 1) state += (uint64_t)randombytes_random() << 8;
    fill_pool(&pool);
    test_small_groups();
    test_field(1000000 * factor);
    test_vectors(20000 * factor);
    test_decoding(10000 * factor);
    test_group(&pool, 250 * factor);
    test_sums(&pool, 50000 * factor);
    test_polynomials(&pool, 300 * factor);
    printf("agrees\n");
    return 0;
}
