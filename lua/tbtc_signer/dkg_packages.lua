--- Packages of the distributed key generation as requests carry them, read for the steps in C; and the
-- words of their failures (frost 11.7). Identifiers are 32 bytes here.
local dkg = require("signer.dkg")
local errors = require("tbtc_signer.errors")
local steps = require("signer.dkg_secret")

local packages = {}

--- @param text string  FROST identifier text
-- @param where string  prefix of the failure
-- @return string  32 bytes
function packages.identifier(text, where)
    return steps.identifier(text) or errors.raise("VALIDATION", "%s is no identifier", where)
end

--- A secret member, answered here when its hex could not be decoded.
function packages.secret(value, where)
    if type(value) == "table" then errors.raise("VALIDATION", "%s: %s", where, value.undecodable) end
    return value
end

local function place(step, index)
    return string.format("%s: round1_packages[%d]", step, index - 1)
end

--- Appends { 32 bytes, encoded package } to `read` up to the first entry that has a fault, which is raised.
local function read_entries(read, list, step)
    local seen = {}
    if #list == 0 then errors.raise("VALIDATION", "%s: round1_packages must not be empty", step) end
    for index, entry in ipairs(list) do
        local where = place(step, index)
        local sender = packages.identifier(entry.identifier, where .. ".identifier")
        if seen[sender] then errors.raise("VALIDATION", "%s: a sender appears twice", where) end
        seen[sender] = true
        read[index] = { sender, packages.secret(entry.package_hex, where .. ".package_hex") }
    end
end

--- Round-1 packages of the peers: not empty, senders unique. All are decoded together; the first fault of the
-- list is the one that is answered.
-- @param list table  of { identifier, package_hex }
-- @return table  of { 32 bytes, package }
function packages.round1(call, list, step)
    local read = {}
    local good, fault = pcall(read_entries, read, list, step)
    local index, reason = dkg.round1_packages(call, read)
    if index then
        local culprits = { steps.identifier_text(read[index][1]) }
        errors.raise_with("VALIDATION", { culprits = culprits }, "%s: %s", place(step, index), reason)
    end
    if not good then error(fault, 0) end
    return read
end

--- Raises what a step answered instead of its results: the library's text, and who caused it (D-016).
-- @param step string  "DKGPart2"
-- @param name string  of errors.def
-- @param culprit string|nil  32 bytes
function packages.fail(step, name, culprit)
    local info = errors.info(name)
    local kind = info.code == "internal_error" and "INTERNAL" or "VALIDATION"
    local members = culprit and { culprits = { steps.identifier_text(culprit) } } or {}
    errors.raise_with(kind, members, "%s failed: %s", step, info.text)
end

return packages
