--- Stores one seat's result of a distributed key generation. Order of checks: abi 3.5. Several seats of one
-- wallet accumulate under one session; equal content appends no record (D-122).
local check = require("tbtc_signer.check")
local errors = require("tbtc_signer.errors")
local gates = require("tbtc_signer.gates")
local persist = require("signer.persist")
local policy = require("tbtc_signer.policy")
local schema = require("tbtc_signer.schema.dkg")

local endpoint = {
    name = "persist_distributed_dkg_key_package",
    request = schema.PersistDistributedDkgKeyPackageRequest,
    response = schema.DkgResult,
    policy_failed = "ADMISSION_OPERATOR_FAILED",
}

function endpoint.gates(call, request)
    check.session_id(request.session_id)
    gates.provenance(call)
    check.positive("participant_identifier", request.participant_identifier)
    if request.threshold < 2 or request.threshold > request.participant_count then
        errors.raise("VALIDATION", "threshold must be at least 2 and at most participant_count")
    end
    if next(request.public_key_package.verifying_shares) == nil then
        errors.raise("VALIDATION", "public_key_package: verifying_shares must not be empty")
    end
    -- Public package, canonical identifiers, count; then the key package, whose verdict waits for the
    -- gates under the mutex: admission, quarantine.
    request.plan = persist.plan(call, request)
    gates.ask_quarantine(call, nil, request.plan:members())
    policy.ask(call, "dkg_admission", request.plan:admission_input())
end

function endpoint.state(call, request)
    return persist.commit(call, request.plan)
end

return endpoint
