--- Converters of option values, for argparse: the value, or nil and a message that names the option.
local arguments = {}

--- A whole number.
--- @param name string the option
--- @param low integer
--- @param high integer
--- @return function(text) -> integer|nil, string|nil
function arguments.integer(name, low, high)
    return function(text)
        local number = text:match("^%d+$") and math.tointeger(tonumber(text))
        if number and number >= low and number <= high then return number end
        return nil, ("%s must be a whole number from %d to %d, not '%s'"):format(name, low, high, text)
    end
end

--- Hex text, taken as lower case.
--- @param name string the option
--- @param sizes integer[]|nil allowed sizes in bytes; nil: any, also none
--- @return function(text) -> string|nil, string|nil
function arguments.hex(name, sizes)
    local wanted = {}
    for index, size in ipairs(sizes or {}) do wanted[index] = ("%d"):format(2 * size) end
    local length = sizes and (table.concat(wanted, " or ") .. " hex characters") or "hex characters, two a byte"
    return function(text)
        local fits = sizes == nil and #text % 2 == 0
        for _, size in ipairs(sizes or {}) do fits = fits or #text == 2 * size end
        if fits and not text:find("%X") then return text:lower() end
        local what = #text <= 80 and ("'%s'"):format(text) or ("a text of %d characters"):format(#text)
        return nil, ("%s must be %s, not %s"):format(name, length, what)
    end
end

--- Member numbers: "1,3,4" or "1-5,9".
--- @param name string the option
--- @return function(text) -> table|nil set of numbers, string|nil
function arguments.members(name)
    return function(text)
        local set = {}
        for part in (text .. ","):gmatch("([^,]*),") do
            local first, last = part:match("^%s*(%d+)%-(%d+)%s*$")
            first = math.tointeger(tonumber(first or part:match("^%s*(%d+)%s*$")))
            last = math.tointeger(tonumber(last)) or first
            if not first or first < 1 or last > 65535 or last < first then
                return nil, ("%s must list member numbers, for example 1,3,4 or 1-5, not '%s'"):format(name, text)
            end
            for member = first, last do set[member] = true end
        end
        return set
    end
end

--- A session id: what the engine takes (include/frost_tbtc.h).
--- @param name string the option
--- @return function(text) -> string|nil, string|nil
function arguments.session(name)
    return function(text)
        if #text >= 1 and #text <= 128 and not text:find('[%c "=\\]') then return text end
        return nil, ("%s must be 1 to 128 bytes without control characters, space, '=', '\"', '\\'"):format(name)
    end
end

return arguments
