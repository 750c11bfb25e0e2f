/* Search for bad shares: a set of shares is good when a sum of their equations with fresh random weights of 128
 * bits cancels, up to a chance of 2^-128. A bad set is halved, the sum of the one half follows from that of the other,
 * and few shares are checked alone. Public data throughout. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "frost/draw.h"
#include "frost/signing.h"

#define TERMS_A_SHARE 3     /* D, E, Y */
#define SINGLE_SHARES 4     /* up to here every share by itself is quicker */
#define SINGLE_BAD_SHARES 8 /* after so many, every share by itself: most sets would be bad */

struct search {
    const struct frost_round *round;
    const struct frost_signing_package *package;
    const struct scalar *const *shares;
    const struct frost_public_package *keys;
    struct point_term *terms; /* TERMS_A_SHARE a share; the last two places take the tweak's point and G */
    struct scalar *factors;   /* of the terms */
    struct scalar *tweaks;    /* factor of the tweak's point, one a share */
    struct scalar *bases;     /* factor of G, one a share */
    struct point_term *chosen;
    bool *bad;
    size_t found;
};

/* The terms of w * (D + rho * E + c * lambda * Y' - z * G), Y' = Y or -Y, plus the tweak's point, or the
 * negative of that sum (frost 4). */
static void set_terms(struct search *search, size_t i, const struct scalar *lagrange, const struct point *share,
                      const struct scalar *weight) {
    const struct frost_round *round = search->round;
    const struct frost_commitments *commitments = &search->package->entries[i].commitments;
    struct scalar *factor = &search->factors[i * TERMS_A_SHARE];
    struct point_term *term = &search->terms[i * TERMS_A_SHARE];
    factor[0] = *weight;
    scalar_negate_if(&factor[0], round->commitment_odd);
    scalar_mul(&factor[1], &factor[0], &round->binding_factors[i]);
    scalar_mul(&factor[2], weight, &round->challenge);
    scalar_mul(&factor[2], &factor[2], lagrange);
    scalar_negate_if(&factor[2], round->adjustment.negate_out);
    search->tweaks[i] = factor[2];
    scalar_negate_if(&factor[2], round->adjustment.negate_in);
    scalar_mul(&search->bases[i], weight, search->shares[i]);
    scalar_negate(&search->bases[i], &search->bases[i]);
    term[0] = (struct point_term){&factor[0], &commitments->hiding};
    term[1] = (struct point_term){&factor[1], &commitments->binding};
    term[2] = (struct point_term){&factor[2], share};
}

static enum signer_error set_all_terms(struct search *search) {
    size_t count = search->package->count;
    struct draw draw;
    struct frost_identifier *identifiers = signer_calloc(count, sizeof *identifiers);
    struct scalar *lagrange = signer_calloc(count, sizeof *lagrange);
    enum signer_error error = identifiers && lagrange ? SIGNER_OK : ERR_OUT_OF_MEMORY;
    if (error != SIGNER_OK) goto cleanup;
    for (size_t i = 0; i < count; i++)
        identifiers[i] = search->package->entries[i].identifier;
    error = frost_lagrange(lagrange, identifiers, count);
    if (error != SIGNER_OK) goto cleanup;
    draw_begin_fresh(&draw);
    for (size_t i = 0; i < count && error == SIGNER_OK; i++) {
        const struct point *share = frost_verifying_share(search->keys, &identifiers[i]);
        struct scalar weight;
        draw_weight(&draw, &weight);
        if (share)
            set_terms(search, i, &lagrange[i], share, &weight);
        else
            error = ERR_FROST_UNKNOWN_IDENTIFIER;
    }
    draw_end(&draw);
cleanup:
    free(identifiers);
    free(lagrange);
    return error;
}

/* The identity: all shares of the set are good. */
static void sum_set(struct point *out, const struct search *search, size_t from, size_t to) {
    struct scalar tweak = {{0}}, base = {{0}};
    struct point_term *chosen = search->chosen;
    size_t count = (to - from) * TERMS_A_SHARE;
    memcpy(chosen, &search->terms[from * TERMS_A_SHARE], count * sizeof *chosen);
    for (size_t i = from; i < to; i++) {
        scalar_add(&tweak, &tweak, &search->tweaks[i]);
        scalar_add(&base, &base, &search->bases[i]);
    }
    chosen[count++] = (struct point_term){&tweak, &search->round->adjustment.tweak_point};
    chosen[count++] = (struct point_term){&base, NULL};
    point_multi_mul(out, chosen, count);
}

static enum signer_error check_alone(struct search *search, size_t i) {
    const struct frost_package_entry *entry = &search->package->entries[i];
    const struct point *verifying_share = frost_verifying_share(search->keys, &entry->identifier);
    if (!verifying_share) return ERR_FROST_UNKNOWN_IDENTIFIER;
    enum signer_error error =
        frost_round_check_share(search->round, search->package, entry, search->shares[i], verifying_share);
    search->bad[i] = error == ERR_FROST_INVALID_SHARE;
    return search->bad[i] ? SIGNER_OK : error;
}

static enum signer_error check_each(struct search *search, size_t from, size_t to) {
    enum signer_error error = SIGNER_OK;
    for (size_t i = from; i < to && error == SIGNER_OK; i++) {
        error = check_alone(search, i);
        if (search->bad[i]) search->found++;
    }
    return error;
}

static enum signer_error search_set(struct search *search, size_t from, size_t to, const struct point *sum, bool bad);

/* A set whose sum is known: that of its second half is what the first leaves. */
static enum signer_error search_known_set(struct search *search, size_t from, size_t to, const struct point *sum) {
    size_t middle = from + (to - from) / 2;
    struct point first, second;
    sum_set(&first, search, from, middle);
    second = first;
    point_negate(&second);
    point_add(&second, &second, sum);
    enum signer_error error = search_set(search, from, middle, &first, true);
    return error == SIGNER_OK ? search_set(search, middle, to, &second, true) : error;
}

/* `sum`: of the set, NULL where nobody has it yet. `bad`: there is a bad share in the set, unless the sum says that
 * there is none. Where the first half of a bad set has none, the second has. */
static enum signer_error search_set(struct search *search, size_t from, size_t to, const struct point *sum, bool bad) {
    size_t middle = from + (to - from) / 2, before = search->found;
    struct point own;
    if (sum && sum->infinity) return SIGNER_OK;
    if (to - from <= SINGLE_SHARES || before >= SINGLE_BAD_SHARES) return check_each(search, from, to);
    if (sum) return search_known_set(search, from, to, sum);
    if (!bad) {
        sum_set(&own, search, from, to);
        return search_set(search, from, to, &own, true);
    }
    enum signer_error error = search_set(search, from, middle, NULL, false);
    return error == SIGNER_OK ? search_set(search, middle, to, NULL, search->found == before) : error;
}

/* That the set as a whole is bad is what the search is asked for; where it is not, it ends in single checks. */
static enum signer_error search_all(struct search *search) {
    size_t count = search->package->count;
    enum signer_error error = count > SINGLE_SHARES ? set_all_terms(search) : SIGNER_OK;
    return error == SIGNER_OK ? search_set(search, 0, count, NULL, true) : error;
}

enum signer_error frost_round_find_culprits(const struct frost_round *round,
                                            const struct frost_signing_package *package,
                                            const struct scalar *const *shares, const struct frost_public_package *keys,
                                            struct frost_identifier *culprits, size_t *culprit_count) {
    size_t count = package->count, terms = count * TERMS_A_SHARE + 2;
    struct search search = {.round = round, .package = package, .shares = shares, .keys = keys};
    enum signer_error error = ERR_OUT_OF_MEMORY;
    *culprit_count = 0;
    search.terms = signer_calloc(2 * terms, sizeof *search.terms);
    search.factors = signer_calloc(terms + 2 * count, sizeof *search.factors);
    search.bad = signer_calloc(count + 1, sizeof *search.bad);
    if (!search.terms || !search.factors || !search.bad) goto cleanup;
    search.chosen = search.terms + terms;
    search.tweaks = search.factors + terms;
    search.bases = search.tweaks + count;
    error = search_all(&search);
    for (size_t i = 0; i < count; i++)
        if (search.bad[i]) culprits[(*culprit_count)++] = package->entries[i].identifier;
cleanup:
    free(search.terms);
    free(search.factors);
    free(search.bad);
    return error;
}
