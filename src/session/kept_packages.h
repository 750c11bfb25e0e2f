/* Round-1 packages of key generations, decoded once: part 3 is given the packages of part 2 again, and every seat of a
 * node those of the same peers. PUBLIC values. Whoever brings the same bytes gets a copy of what they are. Bounded in
 * bytes: where one more does not fit, all others go; and in how many are looked through for one.
 *
 * Any thread; its mutex is a leaf. */
#ifndef SIGNER_SESSION_KEPT_PACKAGES_H
#define SIGNER_SESSION_KEPT_PACKAGES_H

#include "frost/dkg.h"

#define KEPT_PACKAGES_BYTES_MAX (8u << 20) /* 254 packages of 128 commitments take 2.2 MB */
/* Of those whose digests begin alike: whoever brings packages may choose them so. */
#define KEPT_PACKAGES_LIST_MAX 32

struct kept_packages;

enum signer_error kept_packages_create(struct kept_packages **out); /* ERR_OUT_OF_MEMORY */
void kept_packages_destroy(struct kept_packages *table);            /* takes no lock */

/* dkg_round1_package_decode through the table; without one (NULL) the same. */
enum signer_error kept_packages_decode(struct kept_packages *table, struct dkg_round1_package *out, const uint8_t *in,
                                       size_t len);

struct kept_packages_info {
    size_t count, bytes;
    uint64_t found, missed;
};
void kept_packages_info(struct kept_packages *table, struct kept_packages_info *out);

#endif
