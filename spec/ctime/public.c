/* The places where something made of a secret becomes public, each a function that the linker puts in front of
 * ours (--wrap), besides those that the code names itself (base/declassify.h). Everything else that depends on a
 * secret is valgrind's to report. */
#include "public.h"

#include <sodium.h>
#include <stdlib.h>

#include "curve/kernel.h"

#define FORBIDDEN_MAX 32

static struct scalar forbidden[2 * FORBIDDEN_MAX];
static size_t forbidden_count;

bool is_secret(const void *memory, size_t len) {
    const uint8_t *bytes = memory;
    if (!RUNNING_ON_VALGRIND) return true;
    for (size_t i = 0; i < len; i++) {
        uint8_t bits = 0;
        if (VALGRIND_GET_VBITS(&bytes[i], &bits, 1) != 1 || bits == 0) return false;
    }
    return true;
}

static bool differs(const struct scalar *a, const struct scalar *b) {
    uint64_t difference = 0;
    for (int i = 0; i < 4; i++)
        difference |= a->limb[i] ^ b->limb[i];
    PUBLIC(difference);
    return difference != 0;
}

void public_forbids(const struct scalar *secret) {
    if (forbidden_count + 2 > sizeof forbidden / sizeof *forbidden) abort();
    forbidden[forbidden_count] = *secret;
    scalar_negate(&forbidden[forbidden_count + 1], secret);
    forbidden_count += 2;
}

/* The multiple of G of a secret. */
int __real_secp256k1_ec_pubkey_create(const secp256k1_context *context, secp256k1_pubkey *out, const uint8_t *secret);
int __wrap_secp256k1_ec_pubkey_create(const secp256k1_context *context, secp256k1_pubkey *out, const uint8_t *secret) {
    int made = __real_secp256k1_ec_pubkey_create(context, out, secret);
    PUBLIC(made);
    PUBLIC(*out);
    return made;
}

/* Whether a scalar is zero, and whether its bytes are below n: then the operation fails. */
bool __real_scalar_is_zero(const struct scalar *a);
bool __wrap_scalar_is_zero(const struct scalar *a) {
    bool zero = __real_scalar_is_zero(a);
    PUBLIC(zero);
    return zero;
}

bool __real_scalar_decode(struct scalar *out, const uint8_t in[SCALAR_BYTES]);
bool __wrap_scalar_decode(struct scalar *out, const uint8_t in[SCALAR_BYTES]) {
    bool good = __real_scalar_decode(out, in);
    PUBLIC(good);
    return good;
}

/* Weights of a batch check: hashes of fresh randomness, besides all else. */
void __real_draw_weight(struct draw *draw, struct scalar *out);
void __wrap_draw_weight(struct draw *draw, struct scalar *out) {
    __real_draw_weight(draw, out);
    PUBLIC(*out);
}

/* What meets the kernel is public by then: valgrind reports what is not, and without valgrind the secrets
 * themselves are looked for. */
static void meet_kernel(const struct point_term *terms, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!terms[i].factor) continue;
        for (size_t k = 0; k < forbidden_count; k++) {
            if (differs(terms[i].factor, &forbidden[k])) continue;
            fprintf(stderr, "a secret reaches the kernel\n");
            exit(1);
        }
    }
}

void __real_point_multi_mul(struct point *out, const struct point_term *terms, size_t count);
void __wrap_point_multi_mul(struct point *out, const struct point_term *terms, size_t count) {
    meet_kernel(terms, count);
    __real_point_multi_mul(out, terms, count);
}

bool __real_point_terms_cancel(const struct point_term *terms, size_t count);
bool __wrap_point_terms_cancel(const struct point_term *terms, size_t count) {
    meet_kernel(terms, count);
    return __real_point_terms_cancel(terms, count);
}

/* -- the entries of a kernel ------------------------------------------------------------------------ */

/* Whichever kernel runs is entered by these six functions, from the same callers: what is public at the entries of the
 * portable one, which valgrind can run, is public at those of the others. */
static const struct kernel *behind;

static void look(const void *memory, size_t len) {
    (void)!VALGRIND_CHECK_MEM_IS_DEFINED(memory, len); /* reports */
}

static void look_at_points(const struct point *points, size_t count) {
    for (size_t i = 0; i < count; i++) {
        look(&points[i].infinity, sizeof points[i].infinity);
        if (!points[i].infinity) look(&points[i].key, sizeof points[i].key);
    }
}

static void look_at_polynomials(const struct point *const *polynomials, size_t count, size_t length) {
    look(polynomials, count * sizeof *polynomials);
    for (size_t i = 0; i < count; i++)
        look_at_points(polynomials[i], length);
}

static void look_at_terms(const struct point_term *terms, size_t count) {
    look(terms, count * sizeof *terms);
    for (size_t i = 0; i < count; i++) {
        if (terms[i].factor) look(terms[i].factor, sizeof *terms[i].factor);
        if (terms[i].point) look_at_points(terms[i].point, 1);
    }
}

static bool enter_multi_mul(struct point *out, const struct point_term *terms, size_t count) {
    look_at_terms(terms, count);
    return behind->multi_mul(out, terms, count);
}

static bool enter_is_identity(bool *out, const struct point_term *terms, size_t count) {
    look_at_terms(terms, count);
    return behind->is_identity(out, terms, count);
}

static bool enter_horner(struct point *out, const struct point *const *polynomials, size_t count, size_t length,
                         uint32_t x) {
    look(&x, sizeof x);
    look_at_polynomials(polynomials, count, length);
    return behind->horner(out, polynomials, count, length, x);
}

static bool enter_sum_columns(struct point *out, const struct point *const *polynomials, size_t count, size_t length) {
    look_at_polynomials(polynomials, count, length);
    return behind->sum_columns(out, polynomials, count, length);
}

static bool enter_evaluate(struct point *out, const struct point *coefficients, size_t length, const uint32_t *at,
                           size_t count) {
    look(at, count * sizeof *at);
    look_at_points(coefficients, length);
    return behind->evaluate(out, coefficients, length, at, count);
}

static size_t enter_decode(struct point *out, const uint8_t *const *in, size_t count) {
    look(in, count * sizeof *in);
    for (size_t i = 0; i < count; i++)
        look(in[i], POINT_BYTES);
    return behind->decode(out, in, count);
}

const struct kernel *__real_kernel_active(void);
const struct kernel *__wrap_kernel_active(void) {
    static struct kernel entries = {NULL,           enter_multi_mul, enter_is_identity, enter_horner, enter_sum_columns,
                                    enter_evaluate, enter_decode};
    behind = __real_kernel_active();
    if (!behind) return NULL;
    entries.name = behind->name;
    return &entries;
}

/* -- boxes ------------------------------------------------------------------------------------------- */

/* The sealed package, and whether one opens. */
int __real_crypto_box_easy(unsigned char *out, const unsigned char *in, unsigned long long len,
                           const unsigned char *nonce, const unsigned char *to, const unsigned char *own);
int __wrap_crypto_box_easy(unsigned char *out, const unsigned char *in, unsigned long long len,
                           const unsigned char *nonce, const unsigned char *to, const unsigned char *own) {
    int result = __real_crypto_box_easy(out, in, len, nonce, to, own);
    PUBLIC(result);
    VALGRIND_MAKE_MEM_DEFINED(out, len + crypto_box_MACBYTES);
    return result;
}

int __real_crypto_box_open_easy(unsigned char *out, const unsigned char *in, unsigned long long len,
                                const unsigned char *nonce, const unsigned char *from, const unsigned char *own);
int __wrap_crypto_box_open_easy(unsigned char *out, const unsigned char *in, unsigned long long len,
                                const unsigned char *nonce, const unsigned char *from, const unsigned char *own) {
    int result = __real_crypto_box_open_easy(out, in, len, nonce, from, own);
    PUBLIC(result);
    return result;
}

int __real_sodium_memcmp(const void *a, const void *b, size_t len);
int __wrap_sodium_memcmp(const void *a, const void *b, size_t len) {
    int result = __real_sodium_memcmp(a, b, len);
    PUBLIC(result);
    return result;
}
