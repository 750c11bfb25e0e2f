/* Named limits of the wire and of the state, in one place (specification: D-008, D-130, D-132,
 * interactive-session 13). */
#ifndef SIGNER_BASE_LIMITS_H
#define SIGNER_BASE_LIMITS_H

#define REQUEST_BYTES_MAX 16777216u
#define SESSION_ID_BYTES_MAX 128u
#define PARTICIPANTS_MAX 256u     /* entries of every participant or share list */
#define KEY_GROUP_TEXT_BYTES 66u  /* lower-case hex of a compressed point */
#define ATTEMPT_ID_TEXT_BYTES 64u /* lower-case hex of 32 bytes */
#define REGISTRY_ENTRIES_MAX 128u /* per replay registry and session */
#define TRANSITION_RECORDS_MAX 256u
#define TOMBSTONES_MAX 1048576u
#define TX_OUTPUTS_MAX 65536u
#define TX_INPUTS_MAX 65536u
#define MAX_MONEY_SATS 2100000000000000ull
#define JSON_DEPTH_MAX 128u
#define JSON_MEMBERS_MAX 256 /* of one object */

#endif
