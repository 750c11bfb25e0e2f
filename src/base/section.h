/* What must not happen while the engine mutex is held (design 5 "Lock and commit"): the test build
 * notes the holding thread and dies with a line on stderr where such work begins. Nothing of it is in
 * a release build. */
#ifndef SIGNER_BASE_SECTION_H
#define SIGNER_BASE_SECTION_H

#ifdef SIGNER_TEST
void section_begin(void); /* this thread took the mutex */
void section_end(void);   /* and gave it back */
/* Aborts where this thread holds it. `work` names the place. */
void section_forbids(const char *work);
#else
static inline void section_begin(void) {
}
static inline void section_end(void) {
}
static inline void section_forbids(const char *work) {
    (void)work;
}
#endif

#endif
