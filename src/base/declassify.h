/* From here on a value that was made of secrets is public. Says so to the check of spec/ctime, under which
 * secrets are marked; nothing in any other build. */
#ifndef SIGNER_BASE_DECLASSIFY_H
#define SIGNER_BASE_DECLASSIFY_H

#ifdef SIGNER_CTIME
#include <valgrind/memcheck.h>
#define DECLASSIFY(value) ((void)VALGRIND_MAKE_MEM_DEFINED(&(value), sizeof(value)))
#else
#define DECLASSIFY(value) ((void)0)
#endif

#endif
