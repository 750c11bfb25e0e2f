--- First step of a distributed key generation: a fresh polynomial (abi 3.5, frost 6.1). Stateless; every
-- call draws anew.
local errors = require("tbtc_signer.errors")
local gates = require("tbtc_signer.gates")
local packages = require("tbtc_signer.dkg_packages")
local schema = require("tbtc_signer.schema.dkg")
local steps = require("signer.dkg_secret")

local MEMBERS_MAX = 256 -- larger groups could be neither stored nor signed for (D-132)

local part1 = {
    name = "dkg_part1",
    request = schema.DkgPart1Request,
    response = schema.DkgPart1Result,
}

function part1.gates(call, request)
    gates.provenance(call)
    local max_signers, min_signers = request.max_signers, request.min_signers
    if max_signers == 0 then errors.raise("VALIDATION", "DKGPart1: max_signers must not be zero") end
    if min_signers == 0 then errors.raise("VALIDATION", "DKGPart1: min_signers must not be zero") end
    if min_signers > max_signers then
        errors.raise("VALIDATION", "DKGPart1: min_signers must not be larger than max_signers")
    end
    if max_signers > MEMBERS_MAX then
        errors.raise("VALIDATION", "DKGPart1: max_signers must not be larger than %d", MEMBERS_MAX)
    end
    local identifier = packages.identifier(request.participant_identifier, "DKGPart1: participant_identifier")

    local secret, package = steps.part1(call, identifier, max_signers, min_signers)
    if not secret then packages.fail("DKGPart1", package) end
    return {
        secret_package_hex = secret,
        package = { identifier = steps.identifier_text(identifier), package_hex = package },
    }
end

return part1
