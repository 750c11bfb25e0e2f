/* The group of secp256k1 for PUBLIC points: variable time. Jacobian (X/Z^2, Y/Z^3) and affine forms;
 * every formula handles equal, opposite and identity inputs, since an attacker chooses them. The formulas
 * do not name the curve's constant: they hold on y^2 = x^3 + b for any b without a point of order two,
 * which is what lets tests go through every pair of points of a small group. */
#ifndef SIGNER_CURVE_GROUP_H
#define SIGNER_CURVE_GROUP_H

#include <stddef.h>

#include "curve/inverse.h"
#include "curve/point.h"

#define UNCOMPRESSED_BYTES 65

/* All limbs of y zero: the identity. */
struct affine {
    struct field x, y;
};

struct jacobian {
    struct field x, y, z;
    bool infinity;
};

static inline bool affine_is_infinity(const struct affine *in) {
    return (in->y.limb[0] | in->y.limb[1] | in->y.limb[2] | in->y.limb[3]) == 0;
}

static inline void affine_negate(struct affine *inout) {
    if (!affine_is_infinity(inout)) field_negate(&inout->y, &inout->y);
}

static inline void affine_from_point(struct affine *out, const struct point *in) {
    uint8_t raw[UNCOMPRESSED_BYTES];
    size_t len = sizeof raw;
    *out = (struct affine){.x = {{0}}};
    if (in->infinity) return;
    secp256k1_ec_pubkey_serialize(curve_context(), raw, &len, &in->key, SECP256K1_EC_UNCOMPRESSED);
    field_decode(&out->x, raw + 1);
    field_decode(&out->y, raw + 1 + FIELD_BYTES);
}

/* False when the library does not find the result on the curve: a fault of ours. */
static inline bool point_from_affine(struct point *out, const struct affine *in) {
    uint8_t raw[UNCOMPRESSED_BYTES] = {4};
    point_set_infinity(out);
    if (affine_is_infinity(in)) return true;
    field_encode(raw + 1, &in->x);
    field_encode(raw + 1 + FIELD_BYTES, &in->y);
    if (!secp256k1_ec_pubkey_parse(curve_context(), &out->key, raw, sizeof raw)) return false;
    out->infinity = false;
    return true;
}

static inline void jacobian_set_infinity(struct jacobian *out) {
    *out = (struct jacobian){.infinity = true};
}

/* 3M + 4S; no point of an odd order has y = 0. With m = 3/2 X^2, s = Y^2, t = X s: X' = m^2 - 2t,
 * Y' = m (t - X') - s^2, Z' = Y Z. */
static inline void jacobian_double(struct jacobian *inout) {
    struct field m, s, t;
    if (inout->infinity) return;
    field_mul(&inout->z, &inout->z, &inout->y);
    field_sqr(&s, &inout->y);
    field_sqr(&m, &inout->x);
    field_mul(&t, &inout->x, &s);
    field_sqr(&s, &s);
    field_double(&inout->x, &m);
    field_add(&m, &inout->x, &m);
    field_halve(&m, &m);
    field_sqr(&inout->x, &m);
    field_sub(&inout->x, &inout->x, &t);
    field_sub(&inout->x, &inout->x, &t);
    field_sub(&t, &t, &inout->x);
    field_mul(&m, &m, &t);
    field_sub(&inout->y, &m, &s);
}

/* The common end of both additions: u1 = own x and s1 = own y brought to the common denominator,
 * h = difference of the x, r = difference of the y, z already multiplied by all but h. */
static inline void add_finish(struct jacobian *inout, const struct field *u1, const struct field *s1,
                              const struct field *h, const struct field *r) {
    struct field hh, hhh, v, t;
    if (field_is_zero(h)) {
        if (field_is_zero(r))
            jacobian_double(inout);
        else
            jacobian_set_infinity(inout);
        return;
    }
    field_mul(&inout->z, &inout->z, h);
    field_sqr(&hh, h);
    field_mul(&hhh, &hh, h);
    field_mul(&v, u1, &hh);
    field_sqr(&t, r);
    field_sub(&t, &t, &hhh);
    field_sub(&t, &t, &v);
    field_sub(&inout->x, &t, &v);
    field_sub(&v, &v, &inout->x);
    field_mul(&v, &v, r);
    field_mul(&t, s1, &hhh);
    field_sub(&inout->y, &v, &t);
}

/* 8M + 3S */
static inline void jacobian_add_affine(struct jacobian *inout, const struct affine *other) {
    struct field zz, h, r, u1, s1;
    if (affine_is_infinity(other)) return;
    if (inout->infinity) {
        *inout = (struct jacobian){.x = other->x, .y = other->y, .z = {{1, 0, 0, 0}}};
        return;
    }
    u1 = inout->x;
    s1 = inout->y;
    field_sqr(&zz, &inout->z);
    field_mul(&h, &other->x, &zz);
    field_sub(&h, &h, &u1);
    field_mul(&r, &zz, &inout->z);
    field_mul(&r, &r, &other->y);
    field_sub(&r, &r, &s1);
    add_finish(inout, &u1, &s1, &h, &r);
}

/* 12M + 4S */
static inline void jacobian_add(struct jacobian *inout, const struct jacobian *other) {
    struct field zz1, zz2, h, r, u1, s1;
    if (other->infinity) return;
    if (inout->infinity) {
        *inout = *other;
        return;
    }
    struct jacobian addend = *other; /* may be inout itself */
    field_sqr(&zz1, &inout->z);
    field_sqr(&zz2, &addend.z);
    field_mul(&u1, &inout->x, &zz2);
    field_mul(&h, &addend.x, &zz1);
    field_sub(&h, &h, &u1);
    field_mul(&s1, &zz2, &addend.z);
    field_mul(&s1, &s1, &inout->y);
    field_mul(&r, &zz1, &inout->z);
    field_mul(&r, &r, &addend.y);
    field_sub(&r, &r, &s1);
    if (!field_is_zero(&h)) field_mul(&inout->z, &inout->z, &addend.z);
    add_finish(inout, &u1, &s1, &h, &r);
}

static inline void affine_with_inverse(struct affine *out, const struct jacobian *in, const struct field *inverse) {
    struct field zz, zzz;
    field_sqr(&zz, inverse);
    field_mul(&zzz, &zz, inverse);
    field_mul(&out->x, &in->x, &zz);
    field_mul(&out->y, &in->y, &zzz);
}

/* All to affine with one inversion; `scratch` holds `count` field elements. */
static inline void jacobian_normalize(struct affine *out, const struct jacobian *in, size_t count,
                                      struct field *scratch) {
    struct field product = {{1, 0, 0, 0}}, inverse, own;
    for (size_t i = 0; i < count; i++) {
        scratch[i] = product;
        if (!in[i].infinity) field_mul(&product, &product, &in[i].z);
    }
    field_inverse(&inverse, &product);
    for (size_t i = count; i-- > 0;) {
        out[i] = (struct affine){.x = {{0}}};
        if (in[i].infinity) continue;
        field_mul(&own, &inverse, &scratch[i]);
        field_mul(&inverse, &inverse, &in[i].z);
        affine_with_inverse(&out[i], &in[i], &own);
    }
}

static inline bool point_from_jacobian(struct point *out, const struct jacobian *in) {
    struct affine affine;
    struct field scratch;
    jacobian_normalize(&affine, in, 1, &scratch);
    return point_from_affine(out, &affine);
}

#endif
