--- Attestations for the provenance gate: a BIP-340 signer over the test build's curve functions, with a
-- fixed nonce, good for specs and for nothing else.
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local curve, sha256 = signer.test_curve, signer.curve.sha256

local attestation = {}

local SECRET = ("\0"):rep(31) .. "\7"
local NONCE = ("\0"):rep(30) .. "\1\9"

local function even(scalar)
    local point = curve.mul_base(scalar)
    if point:byte(1) == 3 then scalar = curve.negate(scalar) end
    return scalar, point:sub(2)
end

--- @return string key_x, string signature  64 bytes over SHA-256 of the payload
function attestation.sign(payload)
    local secret, key = even(SECRET)
    local nonce, commitment = even(NONCE)
    local tag = sha256("BIP0340/challenge")
    local challenge = curve.reduce(sha256(tag .. tag .. commitment .. key .. sha256(payload)))
    return key, commitment .. curve.add(nonce, curve.mul(challenge, secret))
end

--- Variables of an enforced gate that this payload satisfies.
function attestation.variables(payload)
    local key, signature = attestation.sign(payload)
    return {
        ENFORCE_PROVENANCE_GATE = "true",
        PROVENANCE_ATTESTATION_STATUS = "approved",
        PROVENANCE_ATTESTATION_PAYLOAD = payload,
        PROVENANCE_ATTESTATION_SIGNATURE_HEX = vectors.hex(signature),
        PROVENANCE_TRUST_ROOT = vectors.hex(key),
        MIN_APPROVED_VERSION = "0.1.0",
    }
end

--- A payload that holds for a week from `now`.
function attestation.payload(now, changes)
    local members = { status = '"approved"', runtime_version = '"0.1.0"', expires_at_unix = tostring(now + 1000) }
    for name, text in pairs(changes or {}) do members[name] = text end
    local list = {}
    for _, name in ipairs({ "status", "runtime_version", "expires_at_unix", "more" }) do
        if members[name] and members[name] ~= "" then list[#list + 1] = ('"%s":%s'):format(name, members[name]) end
    end
    return "{" .. table.concat(list, ",") .. "}"
end

return attestation
