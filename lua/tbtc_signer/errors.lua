--- Failures by name. The names, wire codes and reason codes stand in src/base/errors.def; nobody
-- invents a code at the place of failure. An error object has `error` (its name), `code`,
-- `reason_code`, `recovery_class` and `detail`; the envelope puts the pattern of its code in front of
-- `detail` (abi 4.4).
local core = require("signer.errors")

local errors = {}

local function detail_of(format, ...)
    if format == nil or select("#", ...) == 0 then return format end
    return string.format(format, ...)
end

--- Raises the error `name`.
-- @param name string  of errors.def, e.g. "SESSION_CONFLICT"
-- @param format string|nil  detail, with the arguments of string.format; nil gives the default text
function errors.raise(name, format, ...)
    core.raise(name, detail_of(format, ...))
end

--- Raises the error `name` with further members of the envelope: `session_id`, `candidate_culprits`
-- (array of integers), `culprits` (array of FROST identifier texts), `requested_generation` with
-- `witness_base_generation`.
-- @param members table
function errors.raise_with(name, members, format, ...)
    local _, object = pcall(core.raise, name, detail_of(format, ...))
    if type(object) == "table" then
        for key, value in pairs(members) do object[key] = value end
    end
    error(object, 0)
end

--- Whether `value` is the error object `name`; without a name, whether it is an error object at all.
-- @return boolean
function errors.is(value, name)
    if type(value) ~= "table" or type(value.error) ~= "string" then return false end
    return name == nil or value.error == name
end

--- Code, reason code, recovery class and default text of an error; nil for an unknown name.
-- @return table|nil
function errors.info(name)
    return core.info(name)
end

return errors
