--- Takes back the key packages of a wallet whose key generation failed elsewhere (D-013, D-125). A wallet
-- that has signed, or begun to, is refused.
local errors = require("tbtc_signer.errors")
local gates = require("tbtc_signer.gates")
local persist = require("signer.persist")
local schema = require("tbtc_signer.schema.dkg")

local retire = {
    name = "retire_distributed_dkg_key_packages",
    request = schema.RetireDistributedDkgKeyPackagesRequest,
    response = schema.RetireDistributedDkgKeyPackagesResult,
}

function retire.gates(call, request)
    gates.provenance(call)
    if not persist.key_group_is_valid(request.key_group) then
        errors.raise("VALIDATION", "key_group must be 66 lower-case hex characters of a group key")
    end
end

function retire.state(call, request)
    local retired, seats = persist.retire(call, request.key_group)
    return { key_group = request.key_group, retired = retired, retired_key_package_count = seats }
end

return retire
