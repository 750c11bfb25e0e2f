--- Aggregates the shares of one package, once. Order of checks: interactive-session 11, phases A to C.
-- Public material only; no policy gate (AGG-1).
local check = require("tbtc_signer.check")
local errors = require("tbtc_signer.errors")
local gates = require("tbtc_signer.gates")
local schema = require("tbtc_signer.schema.interactive")

local step = require("signer.interactive_aggregate")

local SHARE_BYTES = 32

local aggregate = {
    name = "interactive_aggregate",
    request = schema.InteractiveAggregateRequest,
    response = schema.InteractiveAggregateResult,
}

local function read_shares(list)
    local shares = {}
    for i, entry in ipairs(check.filled("signature_shares", list)) do
        local identifier = check.identifier(entry.identifier)
        local share = check.bytes(entry.data_hex, "data_hex")
        if #share ~= SHARE_BYTES then errors.raise("VALIDATION", "a signature share must have 32 bytes") end
        shares[i] = { identifier = identifier, share = share }
    end
    return shares
end

function aggregate.gates(call, request)
    call:count("INTERACTIVE_AGGREGATE_CALLS")
    gates.provenance(call)
    check.session_id(request.session_id)
    local attempt_id = check.attempt_id(request.attempt_id)
    local package = check.decoded(request.signing_package_hex, "signing_package_hex: ")
    local shares = read_shares(request.signature_shares)
    local good, root = pcall(check.root, request.taproot_merkle_root_hex) -- answered behind the shares
    request.attempt_id = attempt_id
    request.work = step.new({
        session_id = request.session_id,
        attempt_id = attempt_id,
        package = package,
        shares = shares,
        root = good and root or nil,
    })
    if not good then error(root, 0) end
end

--- What must hold before and after the computation.
local function check_attempt(call, work)
    step.find_session(call, work)
    step.refuse_completed(call, work)
    step.require_authorized(call, work)
    step.refuse_repeated_package(call, work)
end

function aggregate.state(call, request)
    local work = request.work
    check_attempt(call, work)                 -- phase A
    step.copy_keys(call, work)
    call:leave()
    local culprits, detail = step.compute(call, work) -- phase B
    if culprits then
        errors.raise_with("SHARE_VERIFICATION", { candidate_culprits = culprits }, "%s", detail)
    end
    call:enter()
    check_attempt(call, work)                 -- phase C
    step.commit(call, work)
    return work
end

function aggregate.finish(call, work, request)
    local signature = step.signature(call, work)
    call:count("INTERACTIVE_AGGREGATE_SUCCESS")
    return {
        session_id = request.session_id,
        attempt_id = request.attempt_id,
        signature_hex = signature,
    }
end

return aggregate
