/* Sets and lists of texts: one block of memory each, shared between a session and its draft until
 * one of them changes it. */
#ifndef SIGNER_REGISTRY_TEXTS_H
#define SIGNER_REGISTRY_TEXTS_H

#include "registry/state.h"

int bytes_compare(const void *a, size_t a_len, const void *b, size_t b_len);

void texts_share(struct text_set *out, const struct text_set *in);
void texts_release(struct text_set *inout);
/* Room for the entries of `more`, so that inserting them cannot fail. ERR_OUT_OF_MEMORY. */
enum signer_error texts_reserve(struct text_set *inout, const struct text_set *more);
/* Both leave the set as it was when they fail: ERR_OUT_OF_MEMORY. */
enum signer_error texts_insert(struct text_set *inout, size_t at, const void *data, size_t len);
enum signer_error texts_remove(struct text_set *inout, size_t at);
/* In an ascending set: whether it holds the entry, and where it is or belongs. */
bool texts_find(const struct text_set *set, const void *data, size_t len, size_t *at);

#endif
