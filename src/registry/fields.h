/* Values of the session fields 1 to 24 (sealed-store 35.6, 6.3): decoded once, never changed, counted
 * by owners (any thread may drop one). What is secret lies in the vault. */
#ifndef SIGNER_REGISTRY_FIELDS_H
#define SIGNER_REGISTRY_FIELDS_H

#include <stdatomic.h>

#include "registry/state.h"

struct field_value {
    atomic_uint owners;
    enum session_field field;
    struct vault *vault;
    vault_handle secret; /* fields 6, 7, 14, and 2, 24 where they are only kept: the encoded value */
    union {
        struct dkg_result dkg; /* field 4 */
        struct frost_public_package public_package;
        struct built_transaction tx;
        struct rekey_event rekey;
        uint64_t number;  /* fields 15, 18 to 23 */
        const char *text; /* fields 1, 5, 9, 11, 13, 17 */
        struct {          /* field 2 */
            struct seat_key *seats;
            size_t seat_count;
        };
        struct { /* field 24 */
            struct share_refresh *refreshes;
            size_t refresh_count;
        };
    };
    size_t raw_len; /* 0 when the value lies in the vault */
    uint8_t raw[];  /* as encoded, one zero byte behind */
};

/* Decodes with every rule that the value alone can break. ERR_STATE_CORRUPT, ERR_STATE_VERSION (no
 * such field), ERR_OUT_OF_MEMORY, ERR_MEMORY_LOCK. */
enum signer_error field_value_decode(struct field_value **out, struct vault *vault, enum session_field field,
                                     const uint8_t *in, size_t len);
/* Fields 2, 3 and 24 as they are encoded, for a state that only passes them on: no point is decoded, no share
 * gets a slot of its own. ERR_OUT_OF_MEMORY, ERR_MEMORY_LOCK. */
bool field_holds_packages(enum session_field field);
enum signer_error field_value_keep(struct field_value **out, struct vault *vault, enum session_field field,
                                   const uint8_t *in, size_t len);
/* Field 2 from packages that lie in the vault already: they are copied, nothing is computed. */
enum signer_error field_value_from_seats(struct field_value **out, struct vault *vault, const struct seat_key *seats,
                                         size_t count);
/* Field 24 likewise; public packages as they were encoded. ERR_STATE_CORRUPT where the list breaks D-181. */
enum signer_error field_value_from_refreshes(struct field_value **out, struct vault *vault,
                                             const struct share_refresh *refreshes, size_t count);
/* Field 3 from a parsed package. */
enum signer_error field_value_from_public_package(struct field_value **out, const struct frost_public_package *keys);
/* Appends the encoded value; holds secrets for fields 2, 6, 7, 14, 24. */
enum signer_error field_value_encode(struct buffer *out, const struct field_value *value);
struct field_value *field_value_share(struct field_value *value);
void field_value_release(struct field_value *value); /* NULL is a no-op; wipes with the last owner */
/* Points the visible members of the session at its value of the field, or clears them. */
void field_value_show(struct session *session, enum session_field field);

#endif
