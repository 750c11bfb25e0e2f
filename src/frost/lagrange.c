/* Lagrange factors at zero (frost 8): lambda_i = P / (i * prod_{j != i} (j - i)) with P the product
 * of all identifiers, so that one inversion serves the whole set. Public data. */
#include <stdlib.h>

#include "base/fault.h"
#include "frost/signing.h"

/* identifier * product of its differences to all others; zero when an identifier repeats. */
static void denominator(struct scalar *out, const struct scalar *points, size_t count, size_t index) {
    struct scalar difference;
    *out = points[index];
    for (size_t j = 0; j < count; j++) {
        if (j == index) continue;
        scalar_sub(&difference, &points[j], &points[index]);
        scalar_mul(out, out, &difference);
    }
}

enum signer_error frost_lagrange(struct scalar *factors, const struct frost_identifier *identifiers, size_t count) {
    if (count == 0) return ERR_FROST_IDENTIFIER_COUNT;
    struct scalar *points = signer_calloc(2 * count, sizeof *points);
    if (!points) return ERR_OUT_OF_MEMORY;
    struct scalar *scratch = points + count;
    enum signer_error error = SIGNER_OK;
    struct scalar product;
    scalar_set_u64(&product, 1);
    for (size_t i = 0; i < count && error == SIGNER_OK; i++) {
        error = frost_identifier_check(&identifiers[i]);
        if (error == SIGNER_OK) scalar_decode(&points[i], identifiers[i].bytes);
        scalar_mul(&product, &product, &points[i]);
    }
    for (size_t i = 0; i < count && error == SIGNER_OK; i++) {
        denominator(&factors[i], points, count, i);
        if (scalar_is_zero(&factors[i])) error = ERR_FROST_DUPLICATED_IDENTIFIER;
    }
    if (error == SIGNER_OK) {
        scalar_inverse_batch(factors, count, scratch);
        for (size_t i = 0; i < count; i++)
            scalar_mul(&factors[i], &factors[i], &product);
    }
    free(points);
    return error;
}

enum signer_error frost_lagrange_factor(struct scalar *out, const struct frost_signing_package *package, size_t index) {
    struct scalar own, other, bottom;
    if (index >= package->count) return ERR_FROST_UNKNOWN_IDENTIFIER;
    if (!scalar_decode(&own, package->entries[index].identifier.bytes)) return ERR_FROST_FIELD;
    scalar_set_u64(out, 1);
    scalar_set_u64(&bottom, 1);
    for (size_t j = 0; j < package->count; j++) {
        if (j == index) continue;
        if (!scalar_decode(&other, package->entries[j].identifier.bytes)) return ERR_FROST_FIELD;
        scalar_mul(out, out, &other);
        scalar_sub(&other, &other, &own);
        scalar_mul(&bottom, &bottom, &other);
    }
    if (scalar_is_zero(&bottom)) return ERR_FROST_DUPLICATED_IDENTIFIER;
    scalar_inverse(&bottom, &bottom);
    scalar_mul(out, out, &bottom);
    return SIGNER_OK;
}
