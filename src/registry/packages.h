/* Key packages inside fields 2 and 24: decoded into the vault, checked once, encoded back. */
#ifndef SIGNER_REGISTRY_PACKAGES_H
#define SIGNER_REGISTRY_PACKAGES_H

#include "registry/state.h"

/* array of (u16, LP(key package)): 1 to PARTICIPANTS_MAX, ascending, each for its member, s*G = V. */
enum signer_error packages_decode(struct seat_key **out, size_t *count, struct vault *vault, struct reader *in);
enum signer_error packages_encode(struct buffer *out, struct vault *vault, const struct seat_key *seats, size_t count);
enum signer_error packages_copy(struct seat_key **out, struct vault *vault, const struct seat_key *seats, size_t count);
void packages_free(struct vault *vault, struct seat_key *seats, size_t count);

/* Field 24 (D-181). */
enum signer_error refreshes_decode(struct share_refresh **out, size_t *count, struct vault *vault, struct reader *in);
enum signer_error refreshes_encode(struct buffer *out, struct vault *vault, const struct share_refresh *refreshes,
                                   size_t count);
/* Copies without curve arithmetic: shares and public packages were checked when they were made. The form of the
 * list is checked as on reading: ERR_STATE_CORRUPT; ERR_OUT_OF_MEMORY, ERR_MEMORY_LOCK. */
enum signer_error refreshes_copy(struct share_refresh **out, struct vault *vault, const struct share_refresh *refreshes,
                                 size_t count);
void refreshes_free(struct vault *vault, struct share_refresh *refreshes, size_t count);

#endif
