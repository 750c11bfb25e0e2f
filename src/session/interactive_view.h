/* What several steps of interactive signing share, inside src/session/ only. */
#ifndef SIGNER_SESSION_INTERACTIVE_VIEW_H
#define SIGNER_SESSION_INTERACTIVE_VIEW_H

#include "session/interactive.h"

/* Looks the session up in this critical section; the reply depends on it (D-120). */
void view_find(struct call *call, struct session_view *view);
/* True when the view was found in the critical section that runs now. */
bool view_is_current(const struct call *call, const struct session_view *view);
/* Its wallet: of the key group, or (NULL) of what the session itself is or is bound to. */
void view_find_wallet(struct call *call, struct session_view *view, const char *key_group, size_t len);
/* ERR_SESSION_NOT_FOUND naming the session. */
enum signer_error view_require_session(const struct session_view *view, struct failure *why);
/* Key group of the session's own DKG, else the one that it is bound to, else NULL. */
const char *session_key_group(const struct session *session);

enum signer_error fail_consumed(struct failure *why, const char *attempt_id, const char *session_id);
enum signer_error fail_final(struct failure *why, const char *attempt_id, const char *session_id);
enum signer_error fail_full_registry(struct failure *why, const char *registry);

/* The live entry cannot be judged without a monotonic clock. */
enum signer_error require_clock(const struct call *call, struct failure *why);
/* Message, exact count, subset of the included set (R2-2 to R2-4). */
enum signer_error check_package_shape(const struct live_entry *entry, const struct frost_signing_package *package,
                                      struct failure *why);
/* R2-2 to R2-6 for a committed entry whose member is in the package. */
enum signer_error check_package_for(const struct live_entry *entry, const struct frost_signing_package *package,
                                    struct failure *why);
/* Number for field 21: never falls; 0 = write nothing. */
uint32_t raised_attempt_number(const struct session *session, uint32_t attempt_number);
/* Field 20, if the removal of `leaving` live seats leaves a per-message session idle. */
void add_retirement(struct call *call, struct changes *changes, const struct session *session, size_t leaving);

/* A copy of the seat's key package in a vault slot that belongs to the call. */
enum signer_error copy_seat_key(struct call *call, const struct session *wallet, uint16_t member, vault_handle *out,
                                struct failure *why);

#endif
