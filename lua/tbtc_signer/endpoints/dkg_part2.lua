--- Second step of a distributed key generation: checks the peers' packages and makes one secret share for
-- each of them (abi 3.5, frost 6.2). The sender of a share is left to the host.
local gates = require("tbtc_signer.gates")
local packages = require("tbtc_signer.dkg_packages")
local schema = require("tbtc_signer.schema.dkg")
local steps = require("signer.dkg_secret")

local part2 = {
    name = "dkg_part2",
    request = schema.DkgPart2Request,
    response = schema.DkgPart2Result,
}

function part2.gates(call, request)
    gates.provenance(call)
    local secret = packages.secret(request.secret_package_hex, "DKGPart2: secret_package_hex")
    local peers = packages.round1(call, request.round1_packages, "DKGPart2")

    local round2_secret, shares, culprit = steps.part2(call, secret, peers)
    if not round2_secret then packages.fail("DKGPart2", shares, culprit) end
    local list = {}
    for index, share in ipairs(shares) do
        list[index] = { identifier = steps.identifier_text(share[1]), package_hex = share[2] }
    end
    return { secret_package_hex = round2_secret, packages = list }
end

return part2
