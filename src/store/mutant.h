/* Mutants of sealed-store 35.14: wrong turns that the workload under power loss must notice. In the test build
 * one of them can be switched on; in a release build the question is the constant false. */
#ifndef SIGNER_STORE_MUTANT_H
#define SIGNER_STORE_MUTANT_H

#include <stdbool.h>

enum store_mutant {
    MUTANT_NONE,
    MUTANT_NO_SNAPSHOT_AT_OPEN,  /* 35.10 step 15 without its snapshot */
    MUTANT_SECOND_SYNC,          /* a descriptor is synced again after an error */
    MUTANT_OLD_LOG_AFTER_RENAME, /* goes on with the old log after a new one took its name */
    MUTANT_SEEN_PAGE             /* writes into a page that a sync has seen */
};

#ifdef SIGNER_TEST
extern enum store_mutant store_mutant;
static inline bool store_is_mutant(enum store_mutant mutant) {
    return store_mutant == mutant;
}
#else
static inline bool store_is_mutant(enum store_mutant mutant) {
    (void)mutant;
    return false;
}
#endif

#endif
