/* Forms of the records inside fields and lists (sealed-store 6.3, 35.6): strict walkers that keep
 * nothing. Each sets `failed` of the reader where a form is broken. */
#ifndef SIGNER_REGISTRY_RECORDS_H
#define SIGNER_REGISTRY_RECORDS_H

#include "registry/state.h"

bool text_is_utf8(const uint8_t *text, size_t len);
bool text_is_blank(const uint8_t *text, size_t len);
/* 66 lower-case hex characters of a compressed point's form. */
bool text_is_lower_hex(const uint8_t *text, size_t len);
bool text_is_key_group(const uint8_t *text, size_t len);

/* LP(text): UTF-8. */
struct bytes record_text(struct reader *in);
/* LP(text) of at least one byte. */
struct bytes record_name(struct reader *in);
/* A VERDICT up to its input: its digest, and the input where it is carried (else data NULL). */
void record_verdict(struct reader *in, const uint8_t **digest, struct bytes *input);
/* `00` or `01`: whether a value follows. */
bool record_flag(struct reader *in);
/* array of u16, at most PARTICIPANTS_MAX. */
size_t record_members(struct reader *in, const uint8_t **members);

void record_dkg_result(struct reader *in, struct bytes *session_id, struct dkg_result *out);
void record_round_state(struct reader *in);
void record_attempt_context(struct reader *in);
void record_signature_result(struct reader *in);
void record_refresh_result(struct reader *in);
/* The item of a list, up to its end; `epoch` and `share_epoch` of lists 2 and 3, else 0. */
void record_list_item(struct reader *in, enum session_list list, uint64_t *epoch, uint64_t *share_epoch);

#endif
