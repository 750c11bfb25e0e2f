/* State key providers. The `command` provider runs the operator's command under one deadline for its
 * exit and for the end of both pipes, in a process group of its own, without TBTC_SIGNER_* in its
 * environment; what it prints goes from the pipe into the vault. sealed-store 4.2, 4.3; D-085,
 * D-126 (posix_spawn), D-137, D-138. */
#include "store/key_provider.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/notice.h"
#include "base/platform.h"
#include "base/section.h"

#define STATE_KEY_BYTES 32
#define STATE_KEY_TEXT_BYTES 64
#define COMMAND_OUTPUT_BYTES_MAX 4096
#define LOWEST_DESCRIPTOR 3
#define POLL_MS 25
#define REAP_MS 2000 /* for a killed child; one that sleeps in the kernel longer is left behind */

/* Guarded memory: what the command prints. */
struct command_output {
    char text[COMMAND_OUTPUT_BYTES_MAX];
    char errors[512]; /* stderr passes through here and is wiped */
};

struct command_run {
    pid_t pid; /* 0: not started, or no longer ours */
    int out;   /* our ends of its stdout and stderr; -1 once at their end */
    int err;
    bool exited; /* with status 0; still to be reaped */
    struct command_output *output;
    size_t used;
    uint64_t deadline_ms;
};

extern char **environ;

/* -- the text of a key ---------------------------------------------------------------------------- */

static bool is_space(char character) {
    return character == ' ' || (character >= '\t' && character <= '\r');
}

/* White space around it is dropped; exactly 64 hex digits must remain (sealed-store 4.2). */
static bool decode_key(uint8_t key[STATE_KEY_BYTES], const char *text, size_t len) {
    while (len > 0 && is_space(text[len - 1]))
        len--;
    while (len > 0 && is_space(text[0]))
        text++, len--;
    return len == STATE_KEY_TEXT_BYTES && hex_decode(key, text, len);
}

static enum signer_error fetch_env(const struct key_provider *provider, uint8_t *key, struct failure *why) {
    const char *text = provider->env_text;
    if (!text) return fail(why, ERR_STATE_KEY_UNAVAILABLE, "the state key is not set in the environment");
    if (decode_key(key, text, strlen(text))) return SIGNER_OK;
    return fail(why, ERR_STATE_KEY_UNAVAILABLE, "the state key in the environment is not 64 hex digits");
}

/* -- starting the command -------------------------------------------------------------------------- */

static int raise_descriptor(int descriptor) {
    if (descriptor < 0 || descriptor >= LOWEST_DESCRIPTOR) return descriptor;
    int raised = fcntl(descriptor, F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR);
    close(descriptor);
    return raised;
}

static void close_end(int *descriptor) {
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
}

static bool open_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    ends[0] = raise_descriptor(ends[0]);
    ends[1] = raise_descriptor(ends[1]);
    return ends[0] >= 0 && ends[1] >= 0;
}

/* The environment of this process without our own variables, as an array of its strings. */
static char **filtered_environment(void) {
    size_t count = 0;
    while (environ && environ[count])
        count++;
    char **kept = signer_calloc(count + 1, sizeof *kept);
    if (!kept) return NULL;
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "TBTC_SIGNER_", strlen("TBTC_SIGNER_")) != 0) kept[used++] = environ[i];
    return kept;
}

/* Its own group, an empty signal mask, default dispositions (the host may ignore SIGCHLD). */
static bool set_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return posix_spawnattr_setpgroup(attributes, 0) == 0 && posix_spawnattr_setsigmask(attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(attributes, &all) == 0 && posix_spawnattr_setflags(attributes, flags) == 0;
}

/* Standard descriptors, and nothing of the host's above them. */
static bool set_descriptors(posix_spawn_file_actions_t *actions, int out, int err) {
    return posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
           posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO) == 0 &&
           posix_spawn_file_actions_adddup2(actions, err, STDERR_FILENO) == 0 &&
           posix_spawn_file_actions_addclosefrom_np(actions, LOWEST_DESCRIPTOR) == 0;
}

static enum signer_error spawn_shell(pid_t *pid, const char *command, int out, int err, struct failure *why) {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    char shell[] = "sh", option[] = "-c";
    char *arguments[] = {shell, option, (char *)(uintptr_t)command, NULL};
    char **environment = filtered_environment();
    if (!environment) return fail_plain(why, ERR_OUT_OF_MEMORY);
    int status = posix_spawnattr_init(&attributes);
    if (status == 0) {
        status = posix_spawn_file_actions_init(&actions);
        if (status == 0) {
            status = ENOMEM;
            if (set_attributes(&attributes) && set_descriptors(&actions, out, err))
                status = posix_spawn(pid, "/bin/sh", &actions, &attributes, arguments, environment);
            posix_spawn_file_actions_destroy(&actions);
        }
        posix_spawnattr_destroy(&attributes);
    }
    free(environment);
    if (status == 0) return SIGNER_OK;
    *pid = 0;
    return fail(why, ERR_STATE_KEY_UNAVAILABLE, "the state key command cannot be started (error %d)", status);
}

static enum signer_error start_command(struct command_run *run, const char *command, struct failure *why) {
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    enum signer_error error;
    if (!open_pipe(out) || !open_pipe(err))
        error = fail(why, ERR_STATE_KEY_UNAVAILABLE, "no pipe for the state key command (error %d)", errno);
    else
        error = spawn_shell(&run->pid, command, out[1], err[1], why);
    run->out = out[0];
    run->err = err[0];
    close_end(&out[1]);
    close_end(&err[1]);
    return error;
}

/* -- following it --------------------------------------------------------------------------------- */

/* One read from a pipe that has something or is at its end. */
static enum signer_error drain_out(struct command_run *run, struct failure *why) {
    struct command_output *output = run->output;
    bool full = run->used == sizeof output->text;
    void *into = full ? output->errors : output->text + run->used;
    ssize_t got = read(run->out, into, full ? 1 : sizeof output->text - run->used);
    if (got < 0 && errno == EINTR) return SIGNER_OK;
    if (got > 0 && full)
        return fail(why, ERR_STATE_KEY_UNAVAILABLE, "the state key command printed more than %d bytes",
                    COMMAND_OUTPUT_BYTES_MAX);
    if (got > 0)
        run->used += (size_t)got;
    else
        close_end(&run->out);
    return SIGNER_OK;
}

static void drain_err(struct command_run *run) {
    ssize_t got = read(run->err, run->output->errors, sizeof run->output->errors);
    sodium_memzero(run->output->errors, sizeof run->output->errors);
    if (got == 0 || (got < 0 && errno != EINTR)) close_end(&run->err);
}

static enum signer_error read_pipes(struct command_run *run, int wait_ms, struct failure *why) {
    struct pollfd ends[2];
    nfds_t count = 0;
    if (run->out >= 0) ends[count++] = (struct pollfd){run->out, POLLIN, 0};
    if (run->err >= 0) ends[count++] = (struct pollfd){run->err, POLLIN, 0};
    if (poll(ends, count, wait_ms) <= 0) return SIGNER_OK;
    enum signer_error error = SIGNER_OK;
    for (nfds_t i = 0; i < count && !error; i++) {
        if (ends[i].revents == 0) continue;
        if (ends[i].fd == run->out)
            error = drain_out(run, why);
        else
            drain_err(run);
    }
    return error;
}

static const char *lost_status_reason(void) {
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action) == 0 &&
        (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT) != 0))
        return "SIGCHLD is ignored in this process";
    return "something else in this process waited for it";
}

/* Looks for the exit without reaping: until then neither its process id nor its group can be given
 * to anybody else. Waits for this child only. */
static enum signer_error look_for_exit(struct command_run *run, struct failure *why) {
    siginfo_t info = {0};
    if (run->exited) return SIGNER_OK;
    if (waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        if (errno == EINTR) return SIGNER_OK;
        run->pid = 0;
        return fail(why, ERR_STATE_KEY_UNAVAILABLE, "the exit status of the state key command cannot be known: %s",
                    lost_status_reason());
    }
    if (info.si_pid == 0) return SIGNER_OK;
    if (info.si_code != CLD_EXITED)
        return fail(why, ERR_STATE_KEY_UNAVAILABLE, "the state key command was ended by signal %d", info.si_status);
    if (info.si_status != 0)
        return fail(why, ERR_STATE_KEY_UNAVAILABLE, "the state key command ended with status %d", info.si_status);
    run->exited = true;
    return SIGNER_OK;
}

static enum signer_error follow_command(struct command_run *run, const struct key_provider *provider,
                                        struct failure *why) {
    int pause_ms = 1; /* grows while nothing is left to read and only the exit is awaited */
    for (;;) {
        uint64_t now = 0;
        if (platform_monotonic_ms(platform_system(), &now))
            return fail(why, ERR_STATE_KEY_UNAVAILABLE, "no clock for the time-out of the state key command");
        bool reading = run->out >= 0 || run->err >= 0;
        if (run->exited && !reading) return SIGNER_OK;
        if (now >= run->deadline_ms)
            return fail(why, ERR_STATE_KEY_UNAVAILABLE, "the state key command %s within %u s",
                        run->exited ? "left its output open and did not end it" : "did not end", provider->timeout_s);
        int wait_ms = reading ? POLL_MS : pause_ms;
        if (!reading && pause_ms < POLL_MS) pause_ms *= 2;
        if (run->deadline_ms - now < (uint64_t)wait_ms) wait_ms = (int)(run->deadline_ms - now);
        enum signer_error error = read_pipes(run, wait_ms, why);
        if (!error) error = look_for_exit(run, why);
        if (error) return error;
    }
}

/* Kills what is left of the group, also after a good run: an agent that is to outlive it makes a session of
 * its own. Until our child is reaped, here, its group cannot be anybody else's. */
static void end_command(struct command_run *run) {
    close_end(&run->out);
    close_end(&run->err);
    if (run->pid <= 0) return;
    kill(-run->pid, SIGKILL);
    kill(run->pid, SIGKILL);
    for (int waited_ms = 0; waited_ms <= REAP_MS; waited_ms++) {
        pid_t reaped = waitpid(run->pid, NULL, WNOHANG);
        if (reaped == run->pid || (reaped < 0 && errno != EINTR)) break;
        poll(NULL, 0, 1);
    }
    run->pid = 0;
}

static enum signer_error fetch_command(const struct key_provider *provider, struct vault *vault, uint8_t *key,
                                       struct failure *why) {
    struct command_run run = {.out = -1, .err = -1};
    vault_handle output = 0;
    void *memory = NULL;
    uint64_t now = 0;
    if (!provider->command) return fail(why, ERR_STATE_KEY_UNAVAILABLE, "no state key command is set");
    enum signer_error error = vault_new(vault, SECRET_BYTES, sizeof *run.output, &output, &memory);
    if (error) return fail_plain(why, error);
    run.output = memory;
    if (platform_monotonic_ms(platform_system(), &now)) {
        error = fail(why, ERR_STATE_KEY_UNAVAILABLE, "no clock for the time-out of the state key command");
        goto cleanup;
    }
    run.deadline_ms = now + (uint64_t)provider->timeout_s * 1000u;
    error = start_command(&run, provider->command, why);
    if (!error) error = follow_command(&run, provider, why);
    if (!error && !decode_key(key, run.output->text, run.used))
        error = fail(why, ERR_STATE_KEY_UNAVAILABLE, "the state key command printed no key of 64 hex digits");
cleanup:
    end_command(&run);
    vault_wipe(vault, output);
    return error;
}

enum signer_error key_provider_fetch(const struct key_provider *provider, struct vault *vault, vault_handle *key,
                                     struct failure *why) {
    section_forbids("a key command");
    struct failure reason = {0};
    void *memory = NULL;
    enum signer_error error = vault_new(vault, SECRET_STATE_KEY, STATE_KEY_BYTES, key, &memory);
    if (error) return fail_plain(why, error);
    if (fault_hit(FAULT_KEY_PROVIDER) != FAULT_NONE)
        error = fail_plain(&reason, ERR_STATE_KEY_UNAVAILABLE);
    else if (provider->kind == KEY_PROVIDER_ENV)
        error = fetch_env(provider, memory, &reason);
    else
        error = fetch_command(provider, vault, memory, &reason);
    if (!error) return SIGNER_OK;
    vault_wipe(vault, *key);
    *key = 0;
    notice("%s", reason.detail);
    return fail(why, error, "%s", reason.detail);
}
