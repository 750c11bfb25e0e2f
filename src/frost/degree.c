/* The verifying shares and the group key as one Reed-Solomon codeword: a random word of the dual
 * code, summed over them, gives the identity iff they lie on one polynomial of degree below the
 * threshold, up to a chance of 2^-256 (D-140). Public data. */
#include <stdlib.h>

#include "base/fault.h"
#include "frost/draw.h"
#include "frost/keys.h"

/* One factor a point of the word, at 0 and at every identifier. */
struct word {
    size_t count; /* shares + 1 */
    struct scalar *at;
    struct scalar *factors;
    struct scalar *scratch;
    struct point_term *terms;
};

/* 1 / prod_{j != i} (x_i - x_j): false when an identifier repeats. */
static bool dual_weights(struct word *word) {
    struct scalar difference;
    for (size_t i = 0; i < word->count; i++) {
        scalar_set_u64(&word->factors[i], 1);
        for (size_t j = 0; j < word->count; j++) {
            if (j == i) continue;
            scalar_sub(&difference, &word->at[i], &word->at[j]);
            scalar_mul(&word->factors[i], &word->factors[i], &difference);
        }
        if (scalar_is_zero(&word->factors[i])) return false;
    }
    scalar_inverse_batch(word->factors, word->count, word->scratch);
    return true;
}

/* Multiplies every weight by f(x_i), f random with `count` - threshold coefficients. */
static void random_dual_word(struct word *word, uint16_t threshold, const uint8_t seed[32]) {
    struct draw draw;
    size_t coefficients = word->count - threshold;
    draw_begin(&draw, seed);
    for (size_t k = 0; k < coefficients; k++)
        draw_scalar(&draw, &word->scratch[k]);
    draw_end(&draw);
    for (size_t i = 0; i < word->count; i++) {
        struct scalar value;
        scalar_set_u64(&value, 0);
        for (size_t k = coefficients; k-- > 0;) {
            scalar_mul(&value, &value, &word->at[i]);
            scalar_add(&value, &value, &word->scratch[k]);
        }
        scalar_mul(&word->factors[i], &word->factors[i], &value);
    }
}

static bool sums_to_identity(struct word *word, const struct frost_public_package *package) {
    struct point sum;
    for (size_t i = 0; i < word->count; i++)
        word->terms[i] = (struct point_term){.factor = &word->factors[i],
                                             .point = i ? &package->shares[i - 1].share : &package->verifying_key};
    point_multi_mul(&sum, word->terms, word->count);
    return sum.infinity;
}

enum signer_error frost_public_package_check_degree(const struct frost_public_package *package, uint16_t threshold,
                                                    const uint8_t seed[32]) {
    struct word word = {.count = package->count + 1};
    enum signer_error error = ERR_OUT_OF_MEMORY;
    if (threshold < 1 || threshold > package->count) return ERR_FROST_MIN_SIGNERS;
    word.at = signer_calloc(3 * word.count, sizeof *word.at);
    word.terms = signer_calloc(word.count, sizeof *word.terms);
    if (!word.at || !word.terms) goto cleanup;
    word.factors = word.at + word.count;
    word.scratch = word.factors + word.count;
    error = SIGNER_OK;
    for (size_t i = 0; i < package->count && error == SIGNER_OK; i++)
        if (!scalar_decode(&word.at[i + 1], package->shares[i].identifier.bytes)) error = ERR_FROST_FIELD;
    if (error != SIGNER_OK) goto cleanup;
    error = ERR_FROST_INCORRECT_PACKAGE;
    if (!dual_weights(&word)) goto cleanup;
    random_dual_word(&word, threshold, seed);
    if (sums_to_identity(&word, package)) error = SIGNER_OK;
cleanup:
    free(word.at);
    free(word.terms);
    return error;
}
