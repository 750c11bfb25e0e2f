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
 * Y' = m (t - X') - s^2, Z' = Y Z. Here and below, lines that follow each other do not wait for each other where
 * that can be: the processor looks a few multiplications ahead. */
static inline void jacobian_double(struct jacobian *inout) {
    struct field m, s, t, x;
    if (inout->infinity) return;
    field_sqr(&m, &inout->x);
    field_sqr(&s, &inout->y);
    field_mul(&inout->z, &inout->z, &inout->y);
    field_mul(&t, &inout->x, &s);
    field_double(&x, &m);
    field_add(&m, &x, &m);
    field_halve(&m, &m);
    field_sqr(&x, &m);
    field_sqr(&s, &s);
    field_sub(&x, &x, &t);
    field_sub(&inout->x, &x, &t);
    field_sub(&t, &t, &inout->x);
    field_mul(&m, &m, &t);
    field_sub(&inout->y, &m, &s);
}

/* The common end of all additions: x and y are the own ones brought to the common denominator, h = difference of
 * the x, r = difference of the y, z already multiplied by all but h. */
static inline void add_finish(struct jacobian *inout, const struct field *h, const struct field *r) {
    struct field hh, hhh, v, t;
    if (__builtin_expect(field_is_zero(h), 0)) {
        if (!field_is_zero(r))
            jacobian_set_infinity(inout);
        else
            jacobian_double(inout);
        return;
    }
    field_sqr(&hh, h);
    field_sqr(&t, r);
    field_mul(&inout->z, &inout->z, h);
    field_mul(&v, &inout->x, &hh);
    field_mul(&hhh, &hh, h);
    field_sub(&t, &t, &v);
    field_sub(&t, &t, &v);
    field_sub(&inout->x, &t, &hhh);
    field_mul(&hhh, &hhh, &inout->y);
    field_sub(&v, &v, &inout->x);
    field_mul(&v, &v, r);
    field_sub(&inout->y, &v, &hhh);
}

/* What add_finish needs for inout + other, where `z` is inout's denominator on the curve of the other. */
static inline void addend_differences(struct field *h, struct field *r, const struct jacobian *inout,
                                      const struct affine *other, const struct field *z) {
    struct field zz;
    field_sqr(&zz, z);
    field_mul(r, z, &other->y);
    field_mul(h, &zz, &other->x);
    field_mul(r, r, &zz);
    field_sub(h, h, &inout->x);
    field_sub(r, r, &inout->y);
}

/* 8M + 3S */
static inline void jacobian_add_affine(struct jacobian *inout, const struct affine *other) {
    struct field h, r;
    if (affine_is_infinity(other)) return;
    if (inout->infinity) {
        *inout = (struct jacobian){.x = other->x, .y = other->y, .z = {{1, 0, 0, 0}}};
        return;
    }
    addend_differences(&h, &r, inout, other, &inout->z);
    add_finish(inout, &h, &r);
}

/* The same point on the curve that x * scale^2 and y * scale^3 lead to. */
static inline void affine_scale(struct affine *inout, const struct field *scale) {
    struct field power;
    field_sqr(&power, scale);
    field_mul(&inout->x, &inout->x, &power);
    field_mul(&power, &power, scale);
    field_mul(&inout->y, &inout->y, &power);
}

/* 12M + 4S */
static inline void jacobian_add(struct jacobian *inout, const struct jacobian *other) {
    struct field zz1, zz2, z1, h, r, t;
    if (other->infinity) return;
    if (inout->infinity) {
        *inout = *other;
        return;
    }
    struct jacobian addend = *other; /* may be inout itself */
    z1 = inout->z;
    field_sqr(&zz1, &z1);
    field_sqr(&zz2, &addend.z);
    field_mul(&t, &z1, &addend.y);
    field_mul(&inout->y, &inout->y, &addend.z);
    field_mul(&h, &addend.x, &zz1);
    field_mul(&inout->x, &inout->x, &zz2);
    field_mul(&r, &t, &zz1);
    field_mul(&inout->y, &inout->y, &zz2);
    field_mul(&inout->z, &z1, &addend.z);
    field_sub(&h, &h, &inout->x);
    field_sub(&r, &r, &inout->y);
    add_finish(inout, &h, &r);
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
        out[i] = (struct affine){.x = in[i].x, .y = in[i].y};
        affine_scale(&out[i], &own);
    }
}

static inline bool point_from_jacobian(struct point *out, const struct jacobian *in) {
    struct affine affine;
    struct field scratch;
    jacobian_normalize(&affine, in, 1, &scratch);
    return point_from_affine(out, &affine);
}

#endif
