/* Which kernel runs. */
#include "curve/kernel.h"

#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#define KERNELS_MAX 3

/* The kernels that this processor can run, the best one first; the rest NULL. */
#ifdef SIGNER_NO_KERNEL
static void list_kernels(const struct kernel *list[KERNELS_MAX]) {
    (void)list;
}
#elif defined(__x86_64__)
static bool has_vectors(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma");
}

static void list_kernels(const struct kernel *list[KERNELS_MAX]) {
    unsigned a, b = 0, c, d;
    __builtin_cpu_init();
    bool both = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_BMI2) && (b & bit_ADX);
    if (both && has_vectors()) *list++ = &kernel_vector;
    if (both) *list++ = &kernel_adx;
    *list = &kernel_portable;
}
#else
static void list_kernels(const struct kernel *list[KERNELS_MAX]) {
    *list = &kernel_portable;
}
#endif

static const struct kernel *active;

#ifdef SIGNER_TEST
bool kernel_use(const char *name) {
    const struct kernel *list[KERNELS_MAX] = {NULL};
    list_kernels(list);
    if (strcmp(name, "library") == 0) {
        active = NULL;
        return true;
    }
    for (int i = 0; i < KERNELS_MAX && list[i]; i++) {
        if (strcmp(name, list[i]->name) != 0) continue;
        active = list[i];
        return true;
    }
    return false;
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
    const struct kernel *list[KERNELS_MAX] = {NULL};
    list_kernels(list);
    active = list[0];
    choose_by_environment();
}

const struct kernel *kernel_active(void) {
    return active;
}

const char *kernel_name(void) {
    return active ? active->name : "library";
}
