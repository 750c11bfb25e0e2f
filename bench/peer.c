/* The peer of the bench. */
#include "peer.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void stop(const char *what) {
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

void peer_start(struct peer *out, const char *program) {
    int to[2], from[2];
    memset(out, 0, sizeof *out);
    if (pipe(to) != 0 || pipe(from) != 0) stop("no pipe");
    pid_t child = fork();
    if (child < 0) stop("no process for the peer");
    if (child == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    if (clock_getcpuclockid(child, &out->clock) != 0) stop("no clock of the peer");
    signal(SIGPIPE, SIG_IGN);
    out->to = fdopen(to[1], "w");
    out->from = fdopen(from[0], "r");
    if (!out->to || !out->from) stop("no stream to the peer");
}

void peer_stop(struct peer *inout) {
    fclose(inout->to);
    fclose(inout->from);
    free(inout->line);
    memset(inout, 0, sizeof *inout);
}

void peer_say(struct peer *peer, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vfprintf(peer->to, format, list);
    va_end(list);
}

void peer_say_hex(struct peer *peer, const void *data, size_t len) {
    const uint8_t *bytes = data;
    putc(' ', peer->to);
    for (size_t i = 0; i < len; i++)
        fprintf(peer->to, "%02x", bytes[i]);
}

const char *peer_ask(struct peer *peer) {
    putc('\n', peer->to);
    if (fflush(peer->to) != 0) stop("the peer is gone");
    ssize_t len = getline(&peer->line, &peer->room, peer->from);
    if (len <= 0) stop("the peer gave no answer");
    if (peer->line[len - 1] == '\n') peer->line[len - 1] = 0;
    if (strncmp(peer->line, "ok ", 3) != 0) stop(peer->line);
    return peer->line + 3;
}

static double peer_clock(const struct peer *peer) {
    struct timespec time;
    if (clock_gettime(peer->clock, &time) != 0) stop("the peer is gone");
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

double peer_time(struct peer *peer, const char *operation, uint64_t count) {
    double start = peer_clock(peer);
    peer_say(peer, "run %s %llu", operation, (unsigned long long)count);
    peer_ask(peer);
    return (peer_clock(peer) - start) / (double)count;
}
