/* frost_tbtc.h: a threshold-Schnorr signer for tBTC behind a C interface.
 *
 * Calls take and give JSON text in UTF-8. The members of each request and reply, in their order, stand
 * with each function below.
 *
 * Result      Every call returns a TbtcSignerResult by value. status_code 0: `buffer` holds the
 *             reply. status_code 1: `buffer` holds the error envelope. No other value occurs.
 * Ownership   `buffer.ptr` belongs to the caller, who gives it back exactly once with
 *             frost_tbtc_free_buffer(ptr, len). It is not NUL-terminated. A request is only read
 *             during the call and stays the caller's, who scrubs it.
 * Requests    At most 16 MiB. One JSON object. Refused are: duplicate members (unknown ones too), more
 *             than 256 members in one object, nesting above 128, numbers that are not integers of the
 *             stated width, invalid UTF-8, lone surrogates, a byte order mark, anything behind the
 *             object. Unknown members are ignored, except by frost_tbtc_init_signer_config. `null` for
 *             an optional member means that it is absent.
 * Threads     Every function may be called from any thread at any time. Nothing is bound to a thread
 *             and no callback into the host exists. A call needs at most 192 KiB of stack. A thread that
 *             is cancelled (pthread_cancel) amid a call is cancelled after it.
 * Fork        A child of the process that made the first call cannot use the library: calls answer
 *             internal_error / process_forked.
 * Settings    From the environment (TBTC_SIGNER_…), read at each use, until
 *             frost_tbtc_init_signer_config installs a configuration. docs/operations.md lists them. The
 *             least for a trial: TBTC_SIGNER_PROFILE=development, TBTC_SIGNER_STATE_PATH (a file name in
 *             a folder of mode 0700) and TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX (64 hex characters).
 *             Production, the default, refuses every call without an attestation.
 * Store       Opened by the first call that needs it, held until the process ends. One process a store.
 * Example     scripts/examples/transaction.c; link with -lfrost_tbtc.
 *
 * Types in the tables: u16, u32, u64 = JSON integer of that width. hexN = N bytes in hex, lower case on
 * output. text = JSON string. SECRET = scrub your copy. opt = may be absent. omit = left out when empty.
 *
 * session_id  1 to 128 bytes; no control characters, space, `=`, `"`, `\`.
 * key_group   the group's verifying key, compressed: 66 lower-case hex characters.
 * identifier  a FROST identifier: 64 hex characters, the 32-byte big-endian scalar, inside literal
 *             double quotes within the JSON string ("\"00…01\""). On input the inner quotes may be
 *             missing.
 *
 * Error envelope, status_code 1:
 *   {code, message, recovery_class, reason_code opt, candidate_culprits opt, culprits opt}
 *   code                "validation_error", "session_not_found", …: what a host matches on
 *   message             for people; the reason code stands in it for policy rejections
 *   recovery_class      "recoverable": a changed request, a new attempt or a later try can succeed;
 *                       "terminal": it cannot
 *   reason_code         the finer cause, always there for policy and provenance rejections
 *   candidate_culprits  u16 list, with aggregate_share_verification_failed only
 *   culprits            identifier list, with failed key generation steps only
 *   Outside the development profile the message of internal_error is redacted; the cause is in the
 *   process's stderr.
 *
 * Lines for the operator (warnings of the start, policy decisions, causes) go to descriptor 2, one
 * write a line. Where it is closed, full or a pipe that nobody reads they are lost: no call fails for
 * that, no SIGPIPE or SIGXFSZ reaches the host, no handler or mask of it is changed.
 * Every call may answer validation_error and internal_error; all but version, abi_version,
 * free_buffer, init_signer_config and roast_liveness_policy also provenance_gate_rejected. Further
 * codes stand under Errors. */
#ifndef FROST_TBTC_H
#define FROST_TBTC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint8_t *ptr;
    size_t len;
} TbtcBuffer;

typedef struct {
    int32_t status_code;
    TbtcBuffer buffer;
} TbtcSignerResult;

/* -- about the library ---------------------------------------------------------------------------- */

/** Text of the version: "tbtc-signer/<version>-bootstrap". Plain text, no JSON.
 *  Returns: 0 with the text. */
TbtcSignerResult frost_tbtc_version(void);

/** The contract that this library serves.
 *  Returns: 0 with {abi_major u32, abi_minor u32, extensions: text list}.
 *  A host needs an equal major and at least its own minor. Later versions only add members. */
TbtcSignerResult frost_tbtc_abi_version(void);

/** Wipes a reply and gives it back.
 *  Args: ptr, len  as they came in a TbtcBuffer. NULL or length 0: nothing happens.
 *  A wrong length is reported on stderr; the buffer is wiped and freed over its true length. A pointer
 *  that is unknown or was freed before is reported and left alone. */
void frost_tbtc_free_buffer(uint8_t *ptr, size_t len);

/* -- configuration -------------------------------------------------------------------------------- */

/** Installs the configuration, once per process. From then on the environment is read no more, save for
 *  the state encryption key, which is never part of a configuration.
 *  In:      strict object of settings, all opt; name = variable without TBTC_SIGNER_, lower case.
 *  Returns: {installed bool, idempotent bool, config_fingerprint hex32, configured_key_count u32}.
 *           The same request again is a success with idempotent true.
 *  Errors:  validation_error when another configuration is installed; the code of the gate that the
 *           candidate does not pass. A refused configuration changes nothing. */
TbtcSignerResult frost_tbtc_init_signer_config(const uint8_t *request_ptr, size_t request_len);

/** Constants for the coordinator.
 *  Returns: {coordinator_timeout_ms u64, timeout_source text, advance_trigger text,
 *           exclusion_evidence_policy text}. */
TbtcSignerResult frost_tbtc_roast_liveness_policy(void);

/* -- distributed key generation ------------------------------------------------------------------- */

/** Part 1: the member's polynomial. Stateless; draws fresh randomness at each call.
 *  In:      {participant_identifier identifier, max_signers u16 (2..256), min_signers u16 (2..max)}
 *  Returns: {secret_package_hex SECRET, package: {identifier, package_hex}}. Keep the secret for
 *           part 2, broadcast the package over an authenticated channel. */
TbtcSignerResult frost_tbtc_dkg_part1(const uint8_t *request_ptr, size_t request_len);

/** Part 2: checks the peers' packages and makes one secret share for each peer.
 *  In:      {secret_package_hex SECRET of part 1, round1_packages: [{identifier, package_hex}]}: the
 *           packages of all peers, the own one excluded.
 *  Returns: {secret_package_hex SECRET, packages: [{identifier of the recipient, package_hex SECRET}]},
 *           ascending. Send each package to its recipient alone, sealed.
 *  Errors:  validation_error, with `culprits` where a peer's proof is false.
 *  Misuse:  never call it twice with different peer packages for one part-1 secret; draw a new part 1. */
TbtcSignerResult frost_tbtc_dkg_part2(const uint8_t *request_ptr, size_t request_len);

/** Part 3: the member's key.
 *  In:      {secret_package_hex SECRET of part 2, round1_packages as in part 2,
 *           round2_packages: [{identifier (own), sender_identifier, package_hex SECRET}]}
 *  Returns: {key_package: {identifier, data_hex SECRET}, public_key_package: {verifying_shares: map of
 *           identifier to hex33, verifying_key hex32}}, both in even-Y form.
 *  Errors:  validation_error, with `culprits` where a peer's share does not fit its package. */
TbtcSignerResult frost_tbtc_dkg_part3(const uint8_t *request_ptr, size_t request_len);

/** Stores a seat's key in the sealed store. Several seats may be stored under one session.
 *  In:      {session_id, participant_identifier u16, threshold u16, participant_count u16,
 *           key_package SECRET and public_key_package of part 3}
 *  Returns: {session_id, key_group, participant_count u16, threshold u16, created_at_unix u64}, after the
 *           key is durable. The same request again is a success.
 *  Errors:  admission_policy_rejected, quarantine_policy_rejected, session_conflict,
 *           lifecycle_policy_rejected. */
TbtcSignerResult frost_tbtc_persist_distributed_dkg_key_package(const uint8_t *request_ptr, size_t request_len);

/** Removes a wallet's keys after a key generation that did not complete everywhere.
 *  In:      {key_group}
 *  Returns: {key_group, retired bool, retired_key_package_count u16}; false and 0 when nothing is there.
 *  Errors:  lifecycle_policy_rejected / key_group_in_use once the wallet has signed anything. */
TbtcSignerResult frost_tbtc_retire_distributed_dkg_key_packages(const uint8_t *request_ptr, size_t request_len);

/* -- transactions ---------------------------------------------------------------------------------- */

/** Assembles an unsigned Taproot transaction under the signing policy and stores it with the session;
 *  signing in that session is then bound to its sighashes.
 *  In:      {session_id, inputs: [{txid_hex hex32 displayed order, vout u32, value_sats u64,
 *           script_pubkey_hex}], outputs: [{script_pubkey_hex, value_sats u64}], script_tree_hex opt:
 *           refused}
 *  Returns: {session_id, tx_hex, taproot_key_spend_sighashes_hex: hex32 list omit}: version 1, lock
 *           time 0, sequence ffffffff; one BIP-341 SIGHASH_DEFAULT message per input.
 *  Errors:  signing_policy_rejected, lifecycle_policy_rejected, session_conflict.
 *  Misuse:  amounts and scripts of the spent outputs are believed. A signature over a wrong amount is
 *           worthless, so check them against the chain. */
TbtcSignerResult frost_tbtc_build_taproot_tx(const uint8_t *request_ptr, size_t request_len);

/* -- interactive signing ---------------------------------------------------------------------------- */

/** The canonical context of an attempt from public inputs. Stateless.
 *  In:      {session_id, message_hex, key_group, threshold u16, attempt_number u32 (from 1),
 *           included_participants: u16 list}
 *  Returns: {attempt_context: {attempt_number u32, coordinator_identifier u16, included_participants
 *           u16 list ascending, included_participants_fingerprint hex32, attempt_id hex32},
 *           frost_identifiers: [{participant_identifier u16, frost_identifier identifier}]} */
TbtcSignerResult frost_tbtc_derive_interactive_attempt_context(const uint8_t *request_ptr, size_t request_len);

/** Opens one seat's part in an attempt.
 *  In:      {session_id, member_identifier u16, message_hex, key_group, threshold u16,
 *           taproot_merkle_root_hex hex32 opt, signing_intent: {type "heartbeat", message_hex hex16} opt,
 *           attempt_context as derived}
 *  Returns: {session_id, attempt_id hex32, idempotent bool}
 *  Errors:  dkg_not_ready, session_conflict, session_finalized, consumed_nonce_replay,
 *           interactive_attempt_already_aggregated, signing_policy_rejected,
 *           quarantine_policy_rejected, lifecycle_policy_rejected. */
TbtcSignerResult frost_tbtc_interactive_session_open(const uint8_t *request_ptr, size_t request_len);

/** Round 1: draws the seat's nonces, which never leave the library.
 *  In:      {session_id, attempt_id hex32, member_identifier u16}
 *  Returns: {commitments_hex}; the same ones again until they are spent.
 *  Errors:  session_not_found, consumed_nonce_replay, lifecycle_policy_rejected,
 *           quarantine_policy_rejected. */
TbtcSignerResult frost_tbtc_interactive_round1(const uint8_t *request_ptr, size_t request_len);

/** Assembles a signing package from commitments. Stateless; any member may do it.
 *  In:      {message_hex, commitments: [{identifier, data_hex}]}
 *  Returns: {signing_package_hex} */
TbtcSignerResult frost_tbtc_new_signing_package(const uint8_t *request_ptr, size_t request_len);

/** Round 2: one signature share. The nonces are marked as spent on disk before the share exists.
 *  In:      {session_id, attempt_id hex32, member_identifier u16, signing_package_hex}
 *  Returns: {session_id, attempt_id hex32, signature_share_hex hex32}
 *  Errors:  session_not_found, sign_round_not_started, consumed_nonce_replay,
 *           interactive_attempt_already_aggregated, signing_policy_rejected,
 *           quarantine_policy_rejected, lifecycle_policy_rejected.
 *  A second call never gives a second share, whatever happened to the first reply: begin a new
 *  attempt. */
TbtcSignerResult frost_tbtc_interactive_round2(const uint8_t *request_ptr, size_t request_len);

/** Looks at one member's share before it is used.
 *  In:      {session_id, signing_package_hex, signature_share_hex, member_identifier u16,
 *           taproot_merkle_root_hex opt}
 *  Returns: {verdict: "valid" | "invalid" | "indeterminate"}. Malformed input is a verdict, no error.
 *  Misuse:  "invalid" is where an inquiry begins, no proof of guilt. */
TbtcSignerResult frost_tbtc_verify_signature_share(const uint8_t *request_ptr, size_t request_len);

/** Verifies all shares, aggregates them and verifies the signature.
 *  In:      {session_id, attempt_id hex32, signing_package_hex, signature_shares: [{identifier,
 *           data_hex hex32}] in any order, taproot_merkle_root_hex opt}
 *  Returns: {session_id, attempt_id hex32, signature_hex hex64}
 *  Errors:  aggregate_share_verification_failed with candidate_culprits, session_not_found,
 *           interactive_attempt_already_aggregated, dkg_not_ready. */
TbtcSignerResult frost_tbtc_interactive_aggregate(const uint8_t *request_ptr, size_t request_len);

/** Destroys the live nonces of an attempt, or of all attempts of a session.
 *  In:      {session_id, attempt_id hex32 opt}
 *  Returns: {session_id, aborted bool}; false when there was nothing. Never fails for storage. */
TbtcSignerResult frost_tbtc_interactive_session_abort(const uint8_t *request_ptr, size_t request_len);

#ifdef __cplusplus
}
#endif

#endif
