/* Lagrange factors at zero (frost 8): lambda_i = P / (i * prod_{j != i} (j - i)) with P the product
 * of all identifiers, so that one inversion serves the whole set. Public data. */
#include <stdlib.h>

#include "base/fault.h"
#include "frost/signing.h"

/* A product of PUBLIC identifiers and their differences. Those of members fit in 16 bits, so that several
 * are multiplied as plain numbers before they meet the scalar. */
struct product {
    struct scalar value;
    unsigned __int128 small; /* not yet in `value` */
    bool negative;
};

static void product_begin(struct product *out) {
    scalar_set_u64(&out->value, 1);
    out->small = 1;
    out->negative = false;
}

static void product_flush(struct product *product) {
    struct scalar small;
    small = (struct scalar){{(uint64_t)product->small, (uint64_t)(product->small >> 64), 0, 0}};
    scalar_mul(&product->value, &product->value, &small);
    product->small = 1;
}

static void product_take_small(struct product *product, uint16_t factor) {
    product->small *= factor;
    if (product->small >> 112) product_flush(product);
}

static void product_end(struct scalar *out, struct product *product) {
    product_flush(product);
    *out = product->value;
    scalar_negate_if(out, product->negative);
}

/* The identifiers of a set as small numbers, where all are members, else as scalars. */
struct identifier_set {
    size_t count;
    bool small;
    struct scalar *points;
    uint16_t *members;
};

static void take_identifier(struct product *product, const struct identifier_set *set, size_t j) {
    if (set->small)
        product_take_small(product, set->members[j]);
    else
        scalar_mul(&product->value, &product->value, &set->points[j]);
}

/* x_j - x_i */
static void take_difference(struct product *product, const struct identifier_set *set, size_t j, size_t i) {
    struct scalar difference;
    if (set->small) {
        bool below = set->members[j] < set->members[i];
        product_take_small(product,
                           (uint16_t)(below ? set->members[i] - set->members[j] : set->members[j] - set->members[i]));
        product->negative ^= below;
        return;
    }
    scalar_sub(&difference, &set->points[j], &set->points[i]);
    scalar_mul(&product->value, &product->value, &difference);
}

/* `step` bytes lie between one identifier and the next. Every one is checked. */
static enum signer_error set_make(struct identifier_set *out, const struct frost_identifier *first, size_t step,
                                  size_t count) {
    const uint8_t *at = (const uint8_t *)first;
    *out = (struct identifier_set){.count = count, .small = true};
    out->points = signer_malloc(count * (sizeof *out->points + sizeof *out->members));
    if (!out->points) return ERR_OUT_OF_MEMORY;
    out->members = (uint16_t *)(void *)(out->points + count);
    for (size_t i = 0; i < count && out->small; i++)
        out->small = frost_identifier_to_member(&out->members[i], (const struct frost_identifier *)(at + i * step)) &&
                     out->members[i] > 0;
    for (size_t i = 0; i < count && !out->small; i++) {
        const struct frost_identifier *identifier = (const struct frost_identifier *)(at + i * step);
        enum signer_error error = frost_identifier_check(identifier);
        if (error != SIGNER_OK) return error;
        scalar_decode(&out->points[i], identifier->bytes);
    }
    return SIGNER_OK;
}

static void set_end(struct identifier_set *set) {
    free(set->points);
}

/* Identifier * product of its differences to all others; zero when an identifier repeats. */
static void denominator(struct scalar *out, const struct identifier_set *set, size_t index) {
    struct product product;
    product_begin(&product);
    take_identifier(&product, set, index);
    for (size_t j = 0; j < set->count; j++)
        if (j != index) take_difference(&product, set, j, index);
    product_end(out, &product);
}

static enum signer_error invert_denominators(struct scalar *factors, const struct identifier_set *set) {
    struct product all;
    struct scalar product;
    struct scalar *scratch = signer_malloc(set->count * sizeof *scratch);
    if (!scratch) return ERR_OUT_OF_MEMORY;
    product_begin(&all);
    for (size_t i = 0; i < set->count; i++)
        take_identifier(&all, set, i);
    product_end(&product, &all);
    scalar_inverse_batch_public(factors, set->count, scratch);
    for (size_t i = 0; i < set->count; i++)
        scalar_mul(&factors[i], &factors[i], &product);
    free(scratch);
    return SIGNER_OK;
}

enum signer_error frost_lagrange(struct scalar *factors, const struct frost_identifier *identifiers, size_t count) {
    struct identifier_set set;
    if (count == 0) return ERR_FROST_IDENTIFIER_COUNT;
    enum signer_error error = set_make(&set, identifiers, sizeof *identifiers, count);
    for (size_t i = 0; i < count && error == SIGNER_OK; i++) {
        denominator(&factors[i], &set, i);
        if (scalar_is_zero(&factors[i])) error = ERR_FROST_DUPLICATED_IDENTIFIER;
    }
    if (error == SIGNER_OK) error = invert_denominators(factors, &set);
    set_end(&set);
    return error;
}

enum signer_error frost_lagrange_factor(struct scalar *out, const struct frost_signing_package *package, size_t index) {
    struct identifier_set set;
    struct product top, bottom;
    struct scalar inverse;
    if (index >= package->count) return ERR_FROST_UNKNOWN_IDENTIFIER;
    enum signer_error error =
        set_make(&set, &package->entries[0].identifier, sizeof package->entries[0], package->count);
    if (error != SIGNER_OK) goto cleanup;
    product_begin(&top);
    product_begin(&bottom);
    for (size_t j = 0; j < package->count; j++) {
        if (j == index) continue;
        take_identifier(&top, &set, j);
        take_difference(&bottom, &set, j, index);
    }
    product_end(out, &top);
    product_end(&inverse, &bottom);
    error = scalar_is_zero(&inverse) ? ERR_FROST_DUPLICATED_IDENTIFIER : SIGNER_OK;
    scalar_inverse_public(&inverse, &inverse);
    scalar_mul(out, out, &inverse);
cleanup:
    set_end(&set);
    return error;
}
