--- The provenance gate: no work unless a trusted party has attested this version recently. The order of
-- the checks is that of policy-and-lifecycle 3; the first failure answers.
local bytes = require("signer.bytes")
local codec = require("signer.codec")
local core = require("signer.gates")
local curve = require("signer.curve")
local errors = require("tbtc_signer.errors")
local schema = require("tbtc_signer.schema.config")
local settings = require("signer.settings")

local LIFETIME_MAX_SECONDS = 604800

local provenance = {}

-- What was verified last in this Lua state: key, signature and payload are compared on every call, the
-- curve is asked only when one of them changed.
local verified = {}
local blanks_noticed = false

local function trimmed(text)
    return text and text:match("^%s*(.-)%s*$")
end

--- The setting without blanks around it, or nil when it is absent or blank.
local function value_of(source, member)
    local text = trimmed(settings.text(source, member))
    return text ~= "" and text or nil
end

local function decode(text, length)
    local raw = bytes.unhex(text)
    return raw and #raw == length and raw or nil
end

local function signature_holds(root, payload, signature)
    if verified.root == root and verified.payload == payload and verified.signature == signature then return true end
    if not curve.schnorr_verify(signature, curve.sha256(payload), root) then return false end
    verified = { root = root, payload = payload, signature = signature }
    return true
end

local function number(text)
    if not text:find("^%d+$") then return nil end
    local digits = text:match("^0*(%d*)$")
    -- u64: compared by length, then by digits.
    if #digits > 20 or (#digits == 20 and digits > "18446744073709551615") then return nil end
    return digits
end

local function compare(a, b)
    if #a ~= #b then return #a < #b and -1 or 1 end
    return a == b and 0 or (a < b and -1 or 1)
end

--- @param text string  version text
-- @return table|nil  { major, minor, patch (digits without leading zeros), prerelease = boolean }
function provenance.parse_version(text)
    local bare = trimmed(text):match("^[^+]*")
    local prerelease = bare:find("-", 1, true) ~= nil
    bare = bare:match("^[^-]*")
    local major, minor, patch = bare:match("^([^.]*)%.([^.]*)%.([^.]*)$")
    if not major then return nil end
    local version = { number(major), number(minor), number(patch), prerelease = prerelease }
    if not (version[1] and version[2] and version[3]) then return nil end
    return version
end

--- @return boolean  the runtime is older than the minimum
function provenance.below(runtime, minimum)
    for part = 1, 3 do
        local order = compare(runtime[part], minimum[part])
        if order ~= 0 then return order < 0 end
    end
    return runtime.prerelease and not minimum.prerelease
end

local function check_status(source)
    local status = value_of(source, "provenance_attestation_status")
    if not status then errors.raise("MISSING_ATTESTATION_STATUS", "no attestation status is set") end
    if status:lower() ~= "approved" then
        errors.raise("UNAPPROVED_ATTESTATION_STATUS", "the attestation status is not approved")
    end
    return "approved"
end

local function check_signature(source)
    local root_text = value_of(source, "provenance_trust_root")
    if not root_text then errors.raise("MISSING_TRUST_ROOT", "no trust root is set") end
    local root = decode(root_text, 32)
    if not root or not curve.is_point("\2" .. root) then
        errors.raise("INVALID_TRUST_ROOT_FORMAT", "the trust root is no x-only key of 32 bytes of hex")
    end
    local raw = settings.text(source, "provenance_attestation_payload")
    local payload = value_of(source, "provenance_attestation_payload")
    if not payload then errors.raise("MISSING_ATTESTATION_PAYLOAD", "no attestation payload is set") end
    if #raw ~= #payload and not blanks_noticed then
        blanks_noticed = true
        core.notice(string.format("%d bytes of blanks around the attestation payload were trimmed", #raw - #payload))
    end
    local signature_text = value_of(source, "provenance_attestation_signature_hex")
    if not signature_text then errors.raise("MISSING_ATTESTATION_SIGNATURE", "no attestation signature is set") end
    local signature = decode(signature_text, 64)
    if not signature then
        errors.raise("INVALID_ATTESTATION_SIGNATURE_FORMAT", "the attestation signature is not 64 bytes of hex")
    end
    if not signature_holds(root, payload, signature) then
        errors.raise("ATTESTATION_SIGNATURE_VERIFICATION_FAILED", "the signature does not hold for this payload")
    end
    return payload
end

local function check_expiry(expiry, now)
    if not expiry then errors.raise("MISSING_ATTESTATION_EXPIRY", "the attestation has no expiry") end
    if math.ult(expiry, now) then errors.raise("ATTESTATION_EXPIRED", "the attestation has expired") end
    if math.ult(now + LIFETIME_MAX_SECONDS, expiry) then
        errors.raise("ATTESTATION_EXPIRY_TOO_FAR", "the attestation expires more than 7 days from now")
    end
end

local function check_minimum(source, runtime_text)
    local minimum_text = value_of(source, "min_approved_version")
    if not minimum_text then errors.raise("MISSING_MINIMUM_APPROVED_VERSION", "no minimum approved version is set") end
    local minimum = provenance.parse_version(minimum_text)
    if not minimum then
        errors.raise("INVALID_MINIMUM_APPROVED_VERSION", "the minimum approved version is not major.minor.patch")
    end
    local runtime = provenance.parse_version(runtime_text)
    if not runtime then errors.raise("INTERNAL", "the runtime version is not major.minor.patch") end
    if provenance.below(runtime, minimum) then
        errors.raise("RUNTIME_VERSION_BELOW_MINIMUM", "version %s is below the minimum", runtime_text)
    end
end

--- Raises unless the gate is off or the attestation holds.
-- @param call userdata  whose clock is read
-- @param source userdata|nil  settings to judge by; the call's own by default
function provenance.check(call, source)
    source = source or call
    if not settings.provenance_enforced(source) then return end
    local status = check_status(source)                                               -- 1, 2
    local payload = check_signature(source)                                           -- 3 to 8
    local decoded, attested = pcall(codec.decode, schema.AttestationPayload, payload)
    if not decoded then
        errors.raise("INVALID_ATTESTATION_PAYLOAD", "the payload is no attestation")  -- 9
    end
    if trimmed(attested.status):lower() ~= status then
        errors.raise("ATTESTATION_STATUS_MISMATCH", "the payload attests another status") -- 10
    end
    local runtime = core.version()
    if trimmed(attested.runtime_version) ~= runtime then
        errors.raise("RUNTIME_VERSION_NOT_ATTESTED", "the payload attests another version than %s", runtime) -- 11
    end
    local readable, now = pcall(core.now, call)
    if not readable or now == 0 then
        errors.raise("PROVENANCE_CLOCK_UNAVAILABLE", "the clock cannot be read")      -- 12
    end
    check_expiry(attested.expires_at_unix, now)                                       -- 13 to 15
    check_minimum(source, runtime)                                                    -- 16 to 18
end

return provenance
