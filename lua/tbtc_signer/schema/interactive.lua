--- Requests and responses of interactive signing (interactive-session 2, abi 3.6 and 3.8). The order of
-- the members is the order of the open fingerprint and of the replies.
local s = require("tbtc_signer.schema.types")

local LONG = 65536
local SHORT = 4096
local PARTICIPANTS = 256

local participants = s.list(s.u16, PARTICIPANTS)

local AttemptContext = s.object("AttemptContext", {
    { "attempt_number", s.u32 },
    { "coordinator_identifier", s.u16 },
    { "included_participants", participants },
    { "included_participants_fingerprint", s.text(LONG) },
    { "attempt_id", s.text(LONG) },
})

local SigningIntent = s.object("SigningIntent", {
    { "type", s.enum({ "heartbeat" }) },
    { "message_hex", s.text(SHORT) },
})

-- Identifiers travel as FROST identifier texts (abi 3.0): check.identifier reads them.
local SignatureShare = s.object("NativeFrostSignatureShare", {
    { "identifier", s.text(LONG) },
    { "data_hex", s.hex(LONG) },
})

local Commitment = s.object("NativeFrostCommitment", {
    { "identifier", s.text(LONG) },
    { "data_hex", s.decoded("commitments", LONG) },
})

local FrostIdentifier = s.object("FrostIdentifier", {
    { "participant_identifier", s.u16 },
    { "frost_identifier", s.text(LONG) },
})

return {
    AttemptContext = AttemptContext,

    InteractiveSessionOpenRequest = s.object("InteractiveSessionOpenRequest", {
        { "session_id", s.text(LONG) },
        { "member_identifier", s.u16 },
        { "message_hex", s.hex(SHORT) },
        { "key_group", s.text(LONG) },
        { "threshold", s.u16 },
        { "taproot_merkle_root_hex", s.text(SHORT), optional = true },
        { "signing_intent", SigningIntent, optional = true },
        { "attempt_context", AttemptContext },
    }),
    InteractiveSessionOpenResult = s.object("InteractiveSessionOpenResult", {
        { "session_id", s.text(LONG) },
        { "attempt_id", s.text(LONG) },
        { "idempotent", s.bool },
    }),

    InteractiveRound1Request = s.object("InteractiveRound1Request", {
        { "session_id", s.text(LONG) },
        { "attempt_id", s.text(LONG) },
        { "member_identifier", s.u16 },
    }),
    InteractiveRound1Result = s.object("InteractiveRound1Result", {
        { "commitments_hex", s.hex(LONG) },
    }),

    InteractiveRound2Request = s.object("InteractiveRound2Request", {
        { "session_id", s.text(LONG) },
        { "attempt_id", s.text(LONG) },
        { "member_identifier", s.u16 },
        { "signing_package_hex", s.decoded("signing_package", LONG) },
    }),
    InteractiveRound2Result = s.object("InteractiveRound2Result", {
        { "session_id", s.text(LONG) },
        { "attempt_id", s.text(LONG) },
        { "signature_share_hex", s.hex(SHORT) },
    }),

    InteractiveAggregateRequest = s.object("InteractiveAggregateRequest", {
        { "session_id", s.text(LONG) },
        { "attempt_id", s.text(LONG) },
        { "signing_package_hex", s.decoded("signing_package", LONG) },
        { "signature_shares", s.list(SignatureShare, PARTICIPANTS) },
        { "taproot_merkle_root_hex", s.text(SHORT), optional = true },
    }),
    InteractiveAggregateResult = s.object("InteractiveAggregateResult", {
        { "session_id", s.text(LONG) },
        { "attempt_id", s.text(LONG) },
        { "signature_hex", s.hex(SHORT) },
    }),

    InteractiveSessionAbortRequest = s.object("InteractiveSessionAbortRequest", {
        { "session_id", s.text(LONG) },
        { "attempt_id", s.text(LONG), optional = true },
    }),
    InteractiveSessionAbortResult = s.object("InteractiveSessionAbortResult", {
        { "session_id", s.text(LONG) },
        { "aborted", s.bool },
    }),

    VerifySignatureShareRequest = s.object("VerifySignatureShareRequest", {
        { "session_id", s.text(LONG) },
        { "signing_package_hex", s.decoded("signing_package", LONG) },
        { "signature_share_hex", s.hex(SHORT) },
        { "member_identifier", s.u16 },
        { "taproot_merkle_root_hex", s.text(SHORT), optional = true },
    }),
    VerifySignatureShareResult = s.object("VerifySignatureShareResult", {
        { "verdict", s.enum({ "valid", "invalid", "indeterminate" }) },
    }),

    DeriveInteractiveAttemptContextRequest = s.object("DeriveInteractiveAttemptContextRequest", {
        { "session_id", s.text(LONG) },
        { "message_hex", s.hex(SHORT) },
        { "key_group", s.text(LONG) },
        { "threshold", s.u16 },
        { "attempt_number", s.u32 },
        { "included_participants", participants },
    }),
    DeriveInteractiveAttemptContextResult = s.object("DeriveInteractiveAttemptContextResult", {
        { "attempt_context", AttemptContext },
        { "frost_identifiers", s.list(FrostIdentifier, PARTICIPANTS) },
    }),

    NewSigningPackageRequest = s.object("NewSigningPackageRequest", {
        { "message_hex", s.hex(SHORT, { empty = true }) },
        { "commitments", s.list(Commitment, PARTICIPANTS) },
    }),
    NewSigningPackageResult = s.object("NewSigningPackageResult", {
        { "signing_package_hex", s.hex(LONG) },
    }),
}
