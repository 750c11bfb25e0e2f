--- Assembles an unsigned transaction, applies the signing policy, stores the result in the session. Order of
-- checks: policy-and-lifecycle 6.3; the numbers are its steps. Values and scripts of the outputs that are
-- spent are the caller's claims: nothing is checked against a chain.
local build_tx = require("signer.build_tx")
local check = require("tbtc_signer.check")
local codec = require("signer.codec")
local core = require("signer.gates")
local errors = require("tbtc_signer.errors")
local gates = require("tbtc_signer.gates")
local policy = require("tbtc_signer.policy")
local schema = require("tbtc_signer.schema.transaction")
local settings = require("signer.settings")

local build = {
    name = "build_taproot_tx",
    request = schema.BuildTaprootTxRequest,
    response = schema.BuildTaprootTxResult,
}

local function undecodable(value)
    return type(value) == "table" and value.undecodable ~= nil
end

--- Of the decoded values, so that letter case does not count (D-009). A request with hex that cannot be
-- decoded equals none that was stored.
local function fingerprint(request)
    for _, input in ipairs(request.inputs) do
        if undecodable(input.txid_hex) or undecodable(input.script_pubkey_hex) then return nil end
    end
    for _, output in ipairs(request.outputs) do
        if undecodable(output.script_pubkey_hex) then return nil end
    end
    return codec.fingerprint(schema.BuildTaprootTxRequest, request)
end

function build.gates(call, request)
    if not core.asked(call) then call:count("BUILD_TAPROOT_TX_CALLS") end           -- 1
    gates.provenance(call)                                                          -- 2
    check.session_id(request.session_id)
    check.filled("inputs", request.inputs)                                          -- 3
    local cap = build_tx.input_cap(call, request.session_id)
    if #request.inputs > cap then
        errors.raise("VALIDATION", "%d inputs, at most %d", #request.inputs, cap)
    end
    check.filled("outputs", request.outputs)                                        -- 4
    if request.script_tree_hex then
        errors.raise("VALIDATION", "script_tree_hex is not supported")
    end
    request.fingerprint = fingerprint(request)                                      -- 5
    request.plan = build_tx.plan(call, request.inputs, request.outputs)             -- 8 to 10 and 12, answered there
    local input = settings.firewall_enforced(call) and request.plan:policy_input(request.session_id)
    if input then policy.ask(call, "firewall", input) end                           -- takes effect in 6 and 11
end

function build.state(call, request)
    return build_tx.commit(call, request.session_id, request.fingerprint, request.plan) -- 6 to 12
end

function build.finish(call, built, request)
    if not built.replayed then call:count("BUILD_TAPROOT_TX_SUCCESS") end
    return {
        session_id = request.session_id,
        tx_hex = built.tx,
        taproot_key_spend_sighashes_hex = built.sighashes,
    }
end

return build
