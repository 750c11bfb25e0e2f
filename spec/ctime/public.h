/* What becomes public of things made of secrets (spec/ctime/branches.c). */
#ifndef SPEC_CTIME_PUBLIC_H
#define SPEC_CTIME_PUBLIC_H

#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "frost/dkg.h"
#include "frost/draw.h"
#include "frost/signing.h"

#define SECRET(value) VALGRIND_MAKE_MEM_UNDEFINED(&(value), sizeof(value))
#define PUBLIC(value) VALGRIND_MAKE_MEM_DEFINED(&(value), sizeof(value))

/* Every byte of it depends on a secret, as far as valgrind knows; true without valgrind. */
bool is_secret(const void *memory, size_t len);
/* This very scalar, or its negation, must never reach the kernel: the run ends there. */
void public_forbids(const struct scalar *secret);

#endif
