/* Inverses of PUBLIC values, variable time: the greatest common divisor by division steps (Bernstein and
 * Yang, "Fast constant-time gcd computation and modular inversion"), 62 at a time on the low bits alone,
 * so that the long numbers move once a batch. Numbers are signed, in limbs of 62 bits. */
#ifndef SIGNER_CURVE_INVERSE_H
#define SIGNER_CURVE_INVERSE_H

#include "curve/field.h"

#define SIGNED62_LIMBS 5
#define SIGNED62_MASK (UINT64_MAX >> 2)

typedef __int128 limb_signed_wide;

struct signed62 {
    int64_t limb[SIGNED62_LIMBS];
};

/* 2^62 times the transition of 62 steps: (f, g) becomes (u*f + v*g, q*f + r*g) / 2^62. */
struct transition {
    int64_t u, v, q, r;
};

struct modulus62 {
    struct signed62 value;
    uint64_t inverse; /* modulo 2^62 */
};

static const struct modulus62 FIELD_MODULUS62 = {{{-0x1000003D1ll, 0, 0, 0, 256}}, 0x27C7F6E22DDACACFull};
static const struct modulus62 ORDER_MODULUS62 = {{{0x3FD25E8CD0364141ll, 0x2ABB739ABD2280EEll, -0x15ll, 0, 256}},
                                                 0x34F20099AA774EC1ull};

/* 62 division steps, zeros of g skipped at once; `eta` is minus delta. */
static inline int64_t division_steps(int64_t eta, uint64_t f, uint64_t g, struct transition *out) {
    uint64_t u = 1, v = 0, q = 0, r = 1;
    int left = 62;
    for (;;) {
        int zeros = __builtin_ctzll(g | (UINT64_MAX << left));
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= zeros;
        left -= zeros;
        if (left == 0) break;
        if (eta < 0) {
            uint64_t swap = f;
            eta = -eta;
            f = g;
            g = 0 - swap;
            swap = u;
            u = q;
            q = 0 - swap;
            swap = v;
            v = r;
            r = 0 - swap;
        }
        /* As many low bits of g as the next steps may cancel without a swap, six at most. */
        int bits = (int)(eta + 1 > left ? left : eta + 1);
        uint64_t mask = (UINT64_MAX >> (64 - bits)) & 63u;
        uint64_t factor = (f * g * (f * f - 2)) & mask;
        g += f * factor;
        q += u * factor;
        r += v * factor;
    }
    *out = (struct transition){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    return eta;
}

/* (d, e) = transition * (d, e) / 2^62 modulo m, both within (-2m, m). */
static inline void update_cofactors(struct signed62 *d, struct signed62 *e, const struct transition *t,
                                    const struct modulus62 *m) {
    int64_t sign_d = d->limb[4] >> 63, sign_e = e->limb[4] >> 63;
    int64_t md = (t->u & sign_d) + (t->v & sign_e), me = (t->q & sign_d) + (t->r & sign_e);
    limb_signed_wide cd = (limb_signed_wide)t->u * d->limb[0] + (limb_signed_wide)t->v * e->limb[0];
    limb_signed_wide ce = (limb_signed_wide)t->q * d->limb[0] + (limb_signed_wide)t->r * e->limb[0];
    md -= (int64_t)((m->inverse * (uint64_t)cd + (uint64_t)md) & SIGNED62_MASK);
    me -= (int64_t)((m->inverse * (uint64_t)ce + (uint64_t)me) & SIGNED62_MASK);
    cd += (limb_signed_wide)m->value.limb[0] * md;
    ce += (limb_signed_wide)m->value.limb[0] * me;
    cd >>= 62;
    ce >>= 62;
    for (int i = 1; i < SIGNED62_LIMBS; i++) {
        cd += (limb_signed_wide)t->u * d->limb[i] + (limb_signed_wide)t->v * e->limb[i];
        ce += (limb_signed_wide)t->q * d->limb[i] + (limb_signed_wide)t->r * e->limb[i];
        cd += (limb_signed_wide)m->value.limb[i] * md;
        ce += (limb_signed_wide)m->value.limb[i] * me;
        d->limb[i - 1] = (int64_t)((uint64_t)cd & SIGNED62_MASK);
        e->limb[i - 1] = (int64_t)((uint64_t)ce & SIGNED62_MASK);
        cd >>= 62;
        ce >>= 62;
    }
    d->limb[4] = (int64_t)cd;
    e->limb[4] = (int64_t)ce;
}

/* (f, g) = transition * (f, g) / 2^62, exact. */
static inline void update_numbers(struct signed62 *f, struct signed62 *g, const struct transition *t, int len) {
    limb_signed_wide cf = (limb_signed_wide)t->u * f->limb[0] + (limb_signed_wide)t->v * g->limb[0];
    limb_signed_wide cg = (limb_signed_wide)t->q * f->limb[0] + (limb_signed_wide)t->r * g->limb[0];
    cf >>= 62;
    cg >>= 62;
    for (int i = 1; i < len; i++) {
        cf += (limb_signed_wide)t->u * f->limb[i] + (limb_signed_wide)t->v * g->limb[i];
        cg += (limb_signed_wide)t->q * f->limb[i] + (limb_signed_wide)t->r * g->limb[i];
        f->limb[i - 1] = (int64_t)((uint64_t)cf & SIGNED62_MASK);
        g->limb[i - 1] = (int64_t)((uint64_t)cg & SIGNED62_MASK);
        cf >>= 62;
        cg >>= 62;
    }
    f->limb[len - 1] = (int64_t)cf;
    g->limb[len - 1] = (int64_t)cg;
}

static inline void signed62_from_limbs(struct signed62 *out, const uint64_t a[4]) {
    out->limb[0] = (int64_t)(a[0] & SIGNED62_MASK);
    out->limb[1] = (int64_t)((a[0] >> 62 | a[1] << 2) & SIGNED62_MASK);
    out->limb[2] = (int64_t)((a[1] >> 60 | a[2] << 4) & SIGNED62_MASK);
    out->limb[3] = (int64_t)((a[2] >> 58 | a[3] << 6) & SIGNED62_MASK);
    out->limb[4] = (int64_t)(a[3] >> 56);
}

/* inout += m, or -inout + m: limbs of 62 bits again, but for the sign in the top one. */
static inline void signed62_add_modulus(struct signed62 *inout, bool negate, const struct modulus62 *m) {
    int64_t carry = 0;
    for (int i = 0; i < SIGNED62_LIMBS; i++) {
        carry += (negate ? -inout->limb[i] : inout->limb[i]) + m->value.limb[i];
        inout->limb[i] = i == 4 ? carry : (int64_t)((uint64_t)carry & SIGNED62_MASK);
        carry >>= 62;
    }
}

/* From (-2m, m), negated where asked, to [0, m]: m only for a 0. */
static inline void signed62_to_limbs(uint64_t out[4], const struct signed62 *in, bool negate,
                                     const struct modulus62 *m) {
    struct signed62 value = *in;
    while (value.limb[4] < 0)
        signed62_add_modulus(&value, false, m);
    if (negate) signed62_add_modulus(&value, true, m);
    uint64_t a[SIGNED62_LIMBS];
    for (int i = 0; i < SIGNED62_LIMBS; i++)
        a[i] = (uint64_t)value.limb[i];
    out[0] = a[0] | a[1] << 62;
    out[1] = a[1] >> 2 | a[2] << 60;
    out[2] = a[2] >> 4 | a[3] << 58;
    out[3] = a[3] >> 6 | a[4] << 56;
}

static inline bool signed62_is_zero(const struct signed62 *a, int len) {
    int64_t any = 0;
    for (int i = 0; i < len; i++)
        any |= a->limb[i];
    return any == 0;
}

/* Drops a top limb that is only the sign of the one below. */
static inline int shorten(struct signed62 *f, struct signed62 *g, int len) {
    int64_t top_f = f->limb[len - 1], top_g = g->limb[len - 1];
    if (len == 1 || (top_f ^ (top_f >> 63)) || (top_g ^ (top_g >> 63))) return len;
    f->limb[len - 2] |= (int64_t)((uint64_t)top_f << 62);
    g->limb[len - 2] |= (int64_t)((uint64_t)top_g << 62);
    return len - 1;
}

/* `value` below m and not zero. */
static inline void inverse_limbs(uint64_t out[4], const uint64_t value[4], const struct modulus62 *m) {
    struct signed62 f = m->value, g, d = {{0}}, e = {{1}};
    struct transition transition;
    int64_t eta = -1;
    int len = SIGNED62_LIMBS;
    signed62_from_limbs(&g, value);
    while (!signed62_is_zero(&g, len)) {
        eta = division_steps(eta, (uint64_t)f.limb[0], (uint64_t)g.limb[0], &transition);
        update_cofactors(&d, &e, &transition, m);
        update_numbers(&f, &g, &transition, len);
        len = shorten(&f, &g, len);
    }
    signed62_to_limbs(out, &d, f.limb[len - 1] < 0, m); /* f = 1 or -1 */
}

/* 0 gives 0. */
static inline void field_inverse(struct field *out, const struct field *a) {
    struct field value = *a;
    field_normalize(&value);
    if (field_is_zero(&value))
        *out = (struct field){{0}};
    else
        inverse_limbs(out->limb, value.limb, &FIELD_MODULUS62);
}

#endif
