--- Forms of request members, checked where the order of an endpoint has them. Each function returns
-- the canonical value or raises VALIDATION.
local bytes = require("signer.bytes")
local errors = require("tbtc_signer.errors")
local frost = require("signer.frost")
local interactive = require("signer.interactive")

local check = {}

local function trimmed(text)
    return text:match("^%s*(.-)%s*$")
end

--- @param text string  1..128 bytes, no control, space, `=`, `"`, `\` (abi 3.0)
function check.session_id(text)
    if not interactive.session_id_is_valid(text) then
        errors.raise("VALIDATION", "session_id must be 1 to 128 bytes without control characters, space, '=', '\"', '\\'")
    end
    return text
end

--- @param text string  64 hex characters of either case (D-061)
-- @return string  in lower case
function check.attempt_id(text)
    return interactive.attempt_id(text) or errors.raise("VALIDATION", "attempt_id must be 64 hex characters")
end

--- @param name string  of the member
-- @param value integer
function check.positive(name, value)
    if value == 0 then errors.raise("VALIDATION", "%s must not be zero", name) end
    return value
end

--- A member of type hex, decoded or secret: what the codec could not decode is answered here.
-- @param value any
-- @param prefix string|nil  of the reason, "signing_package_hex: "
function check.decoded(value, prefix)
    if type(value) == "table" and value.undecodable then
        errors.raise("VALIDATION", "%s%s", prefix or "", value.undecodable)
    end
    return value
end

--- @param value any  of type hex
-- @param name string  of the member
-- @return string  at least one byte
function check.bytes(value, name)
    local decoded = check.decoded(value, name .. ": ")
    if #decoded == 0 then errors.raise("VALIDATION", "%s must not be empty", name) end
    return decoded
end

--- A Taproot root: blanks around it are dropped, an empty text is not an absent one.
-- @param text string|nil
-- @return string|nil 32 bytes, or nil for nil; then the canonical text
function check.root(text)
    if text == nil then return nil end
    local hex = trimmed(text):lower()
    local root = #hex == 64 and bytes.unhex(hex)
    if not root then errors.raise("VALIDATION", "taproot_merkle_root_hex must be 32 bytes of hex") end
    return root, hex
end

--- A FROST identifier text: 64 hex characters of a nonzero scalar, in quotes or not (abi 3.0).
-- @return string  32 bytes
function check.identifier(text)
    local hex = trimmed(text)
    hex = hex:match('^"(.*)"$') or hex
    local scalar = #hex == 64 and bytes.unhex(hex)
    if not scalar then errors.raise("VALIDATION", "a FROST identifier must be 64 hex characters in quotes") end
    return frost.identifier(scalar)
end

--- @param identifier string  32 bytes
-- @return string  as it travels: hex in quotes
function check.identifier_text(identifier)
    return '"' .. bytes.hex(identifier) .. '"'
end

--- @param name string  of the member
-- @param list table  must have an entry
function check.filled(name, list)
    if #list == 0 then errors.raise("VALIDATION", "%s must not be empty", name) end
    return list
end

return check
