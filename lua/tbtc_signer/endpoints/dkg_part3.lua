--- Third step of a distributed key generation: checks the shares that came and makes the key package (abi
-- 3.5, frost 6.3). With handles, the round-1 packages must be those of part 2 (D-042).
local errors = require("tbtc_signer.errors")
local gates = require("tbtc_signer.gates")
local packages = require("tbtc_signer.dkg_packages")
local schema = require("tbtc_signer.schema.dkg")
local steps = require("signer.dkg_secret")

local part3 = {
    name = "dkg_part3",
    request = schema.DkgPart3Request,
    response = schema.DkgPart3Result,
}

--- Shares addressed to the local participant, whom they all name: senders given and unique.
-- @return table  of { sender (32 bytes), secret }; then the local identifier
local function read_shares(list)
    local read, seen, own = {}, {}, nil
    if #list == 0 then errors.raise("VALIDATION", "DKGPart3: round2_packages must not be empty") end
    for index, entry in ipairs(list) do
        local where = string.format("DKGPart3: round2_packages[%d]", index - 1)
        local recipient = packages.identifier(entry.identifier, where .. ".identifier")
        if not entry.sender_identifier then errors.raise("VALIDATION", "%s: sender_identifier is missing", where) end
        local sender = packages.identifier(entry.sender_identifier, where .. ".sender_identifier")
        if own and own ~= recipient then errors.raise("VALIDATION", "%s: addressed to another participant", where) end
        if seen[sender] then errors.raise("VALIDATION", "%s: a sender appears twice", where) end
        own, seen[sender] = recipient, true
        read[index] = { sender, packages.secret(entry.package_hex, where .. ".package_hex") }
    end
    return read, own
end

local function public_package(keys)
    local shares = {}
    for identifier, share in pairs(keys.verifying_shares) do
        shares[steps.identifier_text(identifier)] = share
    end
    return { verifying_shares = shares, verifying_key = keys.verifying_key }
end

function part3.gates(call, request)
    gates.provenance(call)
    local secret = packages.secret(request.secret_package_hex, "DKGPart3: secret_package_hex")
    local peers = packages.round1(call, request.round1_packages, "DKGPart3")
    local shares, own = read_shares(request.round2_packages)
    local holder = steps.owner(call, secret)
    if not holder then packages.fail("DKGPart3", "FROST_DESERIALIZATION") end
    if holder ~= own then
        errors.raise("VALIDATION", "DKGPart3: the round-2 packages are not addressed to this participant")
    end

    local key, keys, culprit = steps.part3(call, secret, peers, shares)
    if not key then packages.fail("DKGPart3", keys, culprit) end
    return {
        key_package = { identifier = steps.identifier_text(own), data_hex = key },
        public_key_package = public_package(keys),
    }
end

return part3
