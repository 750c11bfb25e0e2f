/* Which kernel runs. */
#include "curve/kernel.h"

#include <stdlib.h>
#include <string.h>

#ifdef SIGNER_NO_KERNEL
static const struct kernel *choose(void) {
    return NULL;
}
#elif defined(__x86_64__)
#include <cpuid.h>

static const struct kernel *choose(void) {
    unsigned a, b = 0, c, d;
    bool both = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_BMI2) && (b & bit_ADX);
    return both ? &kernel_adx : &kernel_portable;
}
#else
static const struct kernel *choose(void) {
    return &kernel_portable;
}
#endif

static const struct kernel *active;

#ifdef SIGNER_TEST
bool kernel_use(const char *name) {
    const struct kernel *best = choose();
    if (strcmp(name, "library") == 0)
        active = NULL;
    else if (best && strcmp(name, best->name) == 0)
        active = best;
    else if (best && strcmp(name, kernel_portable.name) == 0)
        active = &kernel_portable;
    else
        return false;
    return true;
}

/* SIGNER_KERNEL names the path of a whole run of the specs. */
static void choose_by_environment(void) {
    const char *name = getenv("SIGNER_KERNEL");
    if (name && !kernel_use(name)) abort();
}
#else
static void choose_by_environment(void) {
}
#endif

__attribute__((constructor)) static void choose_at_load(void) {
    active = choose();
    choose_by_environment();
}

const struct kernel *kernel_active(void) {
    return active;
}

const char *kernel_name(void) {
    return active ? active->name : "library";
}
