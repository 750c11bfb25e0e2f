--- Assembles a signing package from commitments (abi 3.6). Stateless, public data only.
local check = require("tbtc_signer.check")
local errors = require("tbtc_signer.errors")
local frost = require("signer.frost")
local gates = require("tbtc_signer.gates")
local schema = require("tbtc_signer.schema.interactive")

local package = {
    name = "new_signing_package",
    request = schema.NewSigningPackageRequest,
    response = schema.NewSigningPackageResult,
}

function package.gates(call, request)
    gates.provenance(call)
    local message = check.decoded(request.message_hex, "message_hex: ")
    local entries, seen = {}, {}
    for i, entry in ipairs(check.filled("commitments", request.commitments)) do
        local identifier = check.identifier(entry.identifier)
        if seen[identifier] then errors.raise("FROST_DUPLICATED_IDENTIFIER") end
        seen[identifier] = true
        entries[i] = { identifier, check.decoded(entry.data_hex, "data_hex: ") }
    end
    return { signing_package_hex = frost.make_signing_package(entries, message):encode() }
end

return package
