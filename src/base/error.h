/* The one list of failures: errors.def holds each with its wire code, reason code and text.
 * C functions return `enum signer_error`; Lua raises the same names. Nobody invents a code at the
 * place of failure. */
#ifndef SIGNER_BASE_ERROR_H
#define SIGNER_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* Stable wire codes (`code` of the error envelope). */
enum signer_code {
#define CODE(name, text, class) CODE_##name,
#include "base/errors.def"
#undef CODE
    CODE_COUNT
};

enum recovery_class { RECOVERABLE, TERMINAL };

enum signer_error {
    SIGNER_OK = 0,
#define ERROR(name, code, reason, text) ERR_##name,
#include "base/errors.def"
#undef ERROR
    SIGNER_ERROR_COUNT
};

struct error_info {
    const char *name;        /* "STATE_LOCKED": the name in Lua */
    enum signer_code code;   /* what the host matches on */
    const char *reason_code; /* finer cause, NULL if none */
    const char *text;        /* default detail; never holds a secret or a path */
};

const struct error_info *error_info(enum signer_error error);
const char *code_text(enum signer_code code);
enum recovery_class code_recovery_class(enum signer_code code);
/* SIGNER_OK when no error has this name. */
enum signer_error error_by_name(const char *name);

#define FAILURE_DETAIL_MAX 320

/* A failure with its words. `detail` is free text without secrets; empty = the default text. */
struct failure {
    enum signer_error error;
    char detail[FAILURE_DETAIL_MAX];
};

/* Sets the failure and returns its error, so that `return fail(why, ERR_X, "…", …)` reads well.
 * `why` may be NULL. */
enum signer_error fail(struct failure *why, enum signer_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with the default text. */
enum signer_error fail_plain(struct failure *why, enum signer_error error);

#endif
