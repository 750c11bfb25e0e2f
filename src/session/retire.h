/* retire_distributed_dkg_key_packages: takes back the result of a failed key generation (D-013, D-125,
 * D-097). */
#ifndef SIGNER_SESSION_RETIRE_H
#define SIGNER_SESSION_RETIRE_H

#include "session/call.h"

/* 66 lower-case hex characters of a point (D-125). No lock: it parses the point. */
bool key_group_is_valid(const char *text, size_t len);

struct retire_result {
    bool retired;
    uint16_t seats;
};

/* Held mutex. Wipes live entries of the wallet, removes packages and result, keeps replay registries
 * and rekey event; an entry that keeps nothing is deleted. ERR_KEY_GROUP_IN_USE, naming the wallet
 * session, once the wallet has a consumed or completed attempt. */
enum signer_error retire_wallet(struct call *call, const char *key_group, struct retire_result *out,
                                struct failure *why);

#endif
