/* Sources and inputs for the policy loader (policy-and-lifecycle 14.4; D-128, D-135). */
#include "session/policy_ask.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitcoin/taproot.h"
#include "session/policy_input.h"

bool policy_hook_by_name(enum policy_hook *out, const char *name) {
    for (enum policy_hook hook = 0; hook < POLICY_HOOK_COUNT; hook++) {
        if (strcmp(policy_hook_name(hook), name) != 0) continue;
        *out = hook;
        return true;
    }
    return false;
}

static enum signer_error read_whole(const struct file_calls *files, void *context, int descriptor, struct buffer *out,
                                    const char *name, struct failure *why) {
    struct stat status;
    if (files->fstat(context, descriptor, &status) != 0 || !S_ISREG(status.st_mode))
        return fail(why, ERR_CONFIGURATION, "%s of policy_directory is no regular file", name);
    if (status.st_size <= 0 || (uint64_t)status.st_size > POLICY_SOURCE_BYTES_MAX)
        return fail(why, ERR_CONFIGURATION, "%s of policy_directory is empty or larger than 256 KiB", name);
    size_t len = (size_t)status.st_size;
    enum signer_error error = buffer_reserve(out, len);
    if (error) return fail_plain(why, error);
    while (out->len < len) {
        ssize_t got = files->pread(context, descriptor, out->data + out->len, len - out->len, (off_t)out->len);
        if (got <= 0) return fail(why, ERR_CONFIGURATION, "%s of policy_directory cannot be read", name);
        out->len += (size_t)got;
    }
    return SIGNER_OK;
}

enum signer_error policy_read(struct call *call, struct settings *settings, enum policy_hook hook, struct buffer *out,
                              bool *embedded, struct failure *why) {
    const struct platform *platform = call->engine->platform;
    const struct file_calls *files = &platform->files;
    char *directory;
    char name[32];
    *embedded = false;
    enum signer_error error = settings_copy(settings, SETTING_POLICY_DIRECTORY, &directory, why);
    if (error) return error;
    if (!directory) {
        *embedded = true;
        return SIGNER_OK;
    }
    snprintf(name, sizeof name, "%s.lua", policy_hook_name(hook));
    int folder = files->open_at(platform->context, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    free(directory);
    if (folder < 0) return fail(why, ERR_CONFIGURATION, "policy_directory cannot be opened");
    int file = files->open_at(platform->context, folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    files->close(platform->context, folder);
    if (file < 0) return fail(why, ERR_CONFIGURATION, "policy_directory has no readable %s", name);
    error = read_whole(files, platform->context, file, out, name, why);
    files->close(platform->context, file);
    return error;
}

enum signer_error policy_sign_input(struct call *call, const char *session_id, size_t len, struct buffer *out,
                                    struct failure *why) {
    struct transaction tx;
    bool enforced;
    /* A setting that cannot be read is the gate's to answer, in its place. */
    if (settings_firewall_enforced(&call->engine->settings, &enforced, NULL) != SIGNER_OK || !enforced)
        return SIGNER_OK;
    enum signer_error error = call_enter(call, why);
    if (error) return error;
    struct session *session = state_session(call->engine->state, session_id, len);
    if (session && session_has(session, FIELD_TX_RESULT) && stored_transaction(&tx, session, NULL) == SIGNER_OK) {
        policy_input_firewall(out, "sign", session_id, len, &tx);
        tx_free(&tx);
        error = buffer_status(out);
    }
    call_leave(call);
    return error ? fail_plain(why, error) : SIGNER_OK;
}

void policy_answer_wallet_output(struct call *call) {
    struct wallet_output *output = &call->wallet_output;
    if (!output->wanted) return;
    /* An unusable key leaves the gate without an answer: asked three times, then refused. */
    output->known =
        taproot_output_key(output->output_x, NULL, output->internal_x, output->has_root, output->root) == SIGNER_OK;
    output->wanted = false;
}
