/* For the builders inside src/registry/: one op is begun, its payload appended to changes->body, ended. */
#ifndef SIGNER_REGISTRY_CHANGE_BUILD_H
#define SIGNER_REGISTRY_CHANGE_BUILD_H

#include "registry/change.h"

/* Each answers where the payload begins, for change_end. */
size_t change_begin(struct changes *changes, enum state_op op);
size_t change_begin_session(struct changes *changes, enum state_op op, const char *id, size_t len);
/* `part`: the number of a field, set or list. */
size_t change_begin_part(struct changes *changes, enum state_op op, const char *id, size_t len, int part);
void change_end(struct changes *changes, size_t begin);
/* FIELD_SET with a value that is decoded already: kept for the check, which then computes nothing. Takes the
 * value over. */
void change_set_decoded(struct changes *changes, const char *id, size_t len, struct field_value *value);
void change_note_error(struct changes *changes, enum signer_error error);

#endif
