/* Protection data of another store (sealed-store 35.13): an import only ever adds refusals. */
#ifndef SIGNER_REGISTRY_IMPORT_PROTECTION_H
#define SIGNER_REGISTRY_IMPORT_PROTECTION_H

#include "registry/change.h"

struct protection_counts {
    uint64_t sessions, entries, tombstones, events, operators;
    bool canary;
    uint8_t store_id[32]; /* whose data it was */
    uint64_t seq;
};

/* Reads the whole text first, then gives the changes to `commit`, which checks, appends and applies them: in
 * one body, so all or none, up to 15 MiB of them (a hundred thousand tombstones); beyond that in several, each
 * of which only adds refusals. ERR_VALIDATION for a text that breaks the form: then nothing was given out.
 * ERR_CAPACITY where a union would break a bound; what was given out before stands. */
enum signer_error protection_import(struct protection_counts *counts, struct state *state, const char *json, size_t len,
                                    uint64_t hash_key,
                                    enum signer_error (*commit)(void *argument, struct changes *changes,
                                                                struct failure *why),
                                    void *argument, struct failure *why);

#endif
