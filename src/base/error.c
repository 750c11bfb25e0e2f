/* The one list of failures, as tables. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    enum recovery_class class;
} codes[CODE_COUNT] = {
#define CODE(name, text, class) [CODE_##name] = {text, class},
#include "base/errors.def"
};

static const struct error_info errors[SIGNER_ERROR_COUNT] = {
    [SIGNER_OK] = {"OK", CODE_INTERNAL, NULL, "no error"},
#define ERROR(name, code, reason, text) [ERR_##name] = {#name, CODE_##code, reason, text},
#include "base/errors.def"
};

const struct error_info *error_info(enum signer_error error) {
    if ((unsigned)error >= SIGNER_ERROR_COUNT) error = ERR_INTERNAL;
    return &errors[error];
}

const char *code_text(enum signer_code code) {
    return codes[code].text;
}

enum recovery_class code_recovery_class(enum signer_code code) {
    return codes[code].class;
}

enum signer_error error_by_name(const char *name) {
    for (int i = 1; i < SIGNER_ERROR_COUNT; i++)
        if (strcmp(errors[i].name, name) == 0) return (enum signer_error)i;
    return SIGNER_OK;
}

enum signer_error fail(struct failure *why, enum signer_error error, const char *format, ...) {
    if (!why) return error;
    why->error = error;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why->detail, sizeof why->detail, format, arguments);
    va_end(arguments);
    return error;
}

enum signer_error fail_plain(struct failure *why, enum signer_error error) {
    return fail(why, error, "%s", error_info(error)->text);
}
