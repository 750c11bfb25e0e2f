/* The state as JSON: what protects (markers, tombstones, kill switches) in a documented interchange form
 * (sealed-store 35.13), and in test builds the payload of the reference's schema-3 envelope. */
#ifndef SIGNER_REGISTRY_EXPORT_H
#define SIGNER_REGISTRY_EXPORT_H

#include "registry/state.h"

#define PROTECTION_SCHEMA "tbtc-signer-store-protection/v1"

/* One JSON object, members in the order of 35.13. No secret is in it. ERR_OUT_OF_MEMORY. */
enum signer_error state_export_protection(struct buffer *json, struct state *state, const uint8_t store_id[32],
                                          uint64_t seq, const uint8_t chain[32]);
/* The sets that go into it: 1 to 6. An authorisation (7) allows something, so it stays here. */
#define PROTECTION_SETS 6
const char *protection_set_name(enum session_set set);

struct state_summary {
    uint64_t sessions, wallets, seats, set_entries, tombstones, rekey_events, quarantined, generation, open_number;
};
void state_summarise(struct state_summary *out, struct state *state);

#ifdef SIGNER_TEST
/* The payload as the reference writes it (sealed-store 6), sessions by id. Shares are in it: wipe the
 * buffer. What the old form cannot say is left out. */
enum signer_error state_export_payload(struct buffer *json, struct state *state);
#endif

#endif
