/* The Rust crate as a child process that answers one line to each line (bench/peer). */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "base/bytes.h"

struct peer {
    FILE *to;
    FILE *from;
    clockid_t clock; /* of the processor time that the child took */
    char *line;      /* the last answer without its `ok ` */
    size_t room;
};

/* Starts `program`; the bench ends when that fails. */
void peer_start(struct peer *out, const char *program);
void peer_stop(struct peer *inout);
/* One request is written with peer_say and peer_say_hex and sent by peer_ask, which ends the bench when
 * the answer is an error. */
void peer_say(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void peer_say_hex(struct peer *peer, const void *data, size_t len);
const char *peer_ask(struct peer *peer);
/* Nanoseconds of processor time of one operation, the mean over `count`. */
double peer_time(struct peer *peer, const char *operation, uint64_t count);

#endif
