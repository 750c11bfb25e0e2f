/* The field of secp256k1 for public values: bytes and inversion. */
#include "curve/field.h"

void field_decode(struct field *out, const uint8_t in[FIELD_BYTES]) {
    for (int i = 0; i < 4; i++) {
        uint64_t limb = 0;
        for (int j = 0; j < 8; j++)
            limb = (limb << 8) | in[8 * (3 - i) + j];
        out->limb[i] = limb;
    }
}

void field_encode(uint8_t out[FIELD_BYTES], const struct field *in) {
    struct field value = *in;
    field_normalize(&value);
    for (int i = 0; i < FIELD_BYTES; i++)
        out[i] = (uint8_t)(value.limb[3 - i / 8] >> (56 - 8 * (i % 8)));
}

/* out = a^(2^squarings) * b */
static void square_and_mul(struct field *out, const struct field *a, int squarings, const struct field *b) {
    struct field value = *a;
    for (int i = 0; i < squarings; i++)
        field_sqr(&value, &value);
    field_mul(out, &value, b);
}

/* a^(p-2). In binary p-2 is 223 ones, a zero, 22 ones, four zeros, 101101: runs of ones are built by
 * doubling their length. ones_k = a^(2^k - 1). */
void field_inverse(struct field *out, const struct field *a) {
    struct field ones2, ones3, ones6, ones9, ones11, ones22, ones44, ones88, ones176, ones220, value;
    square_and_mul(&ones2, a, 1, a);
    square_and_mul(&ones3, &ones2, 1, a);
    square_and_mul(&ones6, &ones3, 3, &ones3);
    square_and_mul(&ones9, &ones6, 3, &ones3);
    square_and_mul(&ones11, &ones9, 2, &ones2);
    square_and_mul(&ones22, &ones11, 11, &ones11);
    square_and_mul(&ones44, &ones22, 22, &ones22);
    square_and_mul(&ones88, &ones44, 44, &ones44);
    square_and_mul(&ones176, &ones88, 88, &ones88);
    square_and_mul(&ones220, &ones176, 44, &ones44);
    square_and_mul(&value, &ones220, 3, &ones3); /* 223 ones */
    square_and_mul(&value, &value, 23, &ones22); /* 0, 22 ones */
    square_and_mul(&value, &value, 5, a);        /* 00001 */
    square_and_mul(&value, &value, 3, &ones2);   /* 011 */
    square_and_mul(out, &value, 2, a);           /* 01 */
}
