--- Judges one share under a package: `valid`, `invalid` or `indeterminate` (interactive-session 12.1).
-- The answer advises; nothing is written and no storage fault is answered (D-066).
local check = require("tbtc_signer.check")
local errors = require("tbtc_signer.errors")
local gates = require("tbtc_signer.gates")
local interactive = require("signer.interactive")
local schema = require("tbtc_signer.schema.interactive")

local verify = {
    name = "verify_signature_share",
    request = schema.VerifySignatureShareRequest,
    response = schema.VerifySignatureShareResult,
}

function verify.gates(call, request)
    gates.provenance(call)
    check.session_id(request.session_id)
    call:never_waits()
end

function verify.state(call, request)
    return { keys = interactive.verify_keys(call, request.session_id) }
end

--- The root, or false when its text is malformed.
local function read_root(text)
    local ok, root = pcall(check.root, text)
    if ok then return root end
    if errors.is(root, "VALIDATION") then return false end
    error(root, 0)
end

function verify.finish(call, outcome, request)
    local package = request.signing_package_hex
    local root = read_root(request.taproot_merkle_root_hex)
    if type(package) ~= "userdata" or root == false or not outcome.keys then
        return { verdict = "indeterminate" }
    end
    local share = request.signature_share_hex
    return {
        verdict = interactive.verify_share(call, request.session_id, package, outcome.keys, request.member_identifier,
            type(share) == "string" and share or nil, root),
    }
end

return verify
