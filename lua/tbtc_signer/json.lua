--- JSON for command output, rosters and messages between our own programs. Never for a secret and
--- never for the C ABI: those go through the strict codec in C.
--- lua-cjson reads; writing is our own, since it prints integers with at most 14 digits
--- (2100000000000000 would become 2.1e+15), knows no empty list and leaves the order of members open.
local cjson = require("cjson.safe").new()

cjson.decode_max_depth(64)

local json = {}

local EXACT = 2 ^ 53
local LIST = { __name = "json.list" }
local RAW = { __name = "json.raw" }

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(text)
    -- In C, and right where nothing was escaped: long hexadecimal texts are.
    local quoted = cjson.encode(text)
    if #quoted == #text + 2 then return quoted end
    if not text:find('[%c"\\\127]') then return '"' .. text .. '"' end
    return '"' .. text:gsub('[%c"\\\127]', function(char)
        return ESCAPES[char] or ("\\u%04x"):format(char:byte())
    end) .. '"'
end

--- The shortest form that reads back the same: 0.21, not 0.20999999999999999.
local function encode_float(value)
    local text = ("%.15g"):format(value)
    return tonumber(text) == value and text or ("%.17g"):format(value)
end

local encode_value

local function encode_list(list)
    local parts = {}
    for index = 1, #list do parts[index] = encode_value(list[index]) end
    return "[" .. table.concat(parts, ",") .. "]"
end

local function encode_object(object)
    local names = {}
    for name in pairs(object) do names[#names + 1] = name end
    table.sort(names)
    for index, name in ipairs(names) do names[index] = quote(name) .. ":" .. encode_value(object[name]) end
    return "{" .. table.concat(names, ",") .. "}"
end

function encode_value(value)
    local kind = math.type(value) or type(value)
    if kind == "integer" then return ("%d"):format(value) end
    if kind == "float" then return encode_float(value) end
    if kind == "boolean" then return tostring(value) end
    if kind == "string" then return quote(value) end
    if kind == "nil" then return "null" end
    if kind == "table" then
        local mark = getmetatable(value)
        if mark == RAW then return value.text end
        if mark == LIST or #value > 0 then return encode_list(value) end
        return encode_object(value)
    end
    error("json: cannot write a " .. kind)
end

local function integers(value)
    if type(value) == "number" then
        return math.abs(value) < EXACT and math.tointeger(value) or value
    elseif type(value) == "table" then
        for key, item in pairs(value) do value[key] = integers(item) end
    elseif value == cjson.null then
        return nil
    end
    return value
end

--- Members in the order of their names; integers exact.
--- @param value any
--- @return string text
function json.encode(value) return encode_value(value) end

--- Decodes; integral numbers below 2^53 become integers, null becomes nil.
--- @param text string
--- @return any|nil value, string|nil message
function json.decode(text)
    local value, message = cjson.decode(text)
    if value == nil then return nil, message end
    return integers(value)
end

--- Marks a list, so that it stays one when it is empty.
--- @param list table
--- @return table list
function json.list(list) return setmetatable(list, LIST) end

--- A value that is encoded already, for one that goes into many messages.
--- @param text string JSON
--- @return table
function json.raw(text) return setmetatable({ text = text }, RAW) end

--- Reads a JSON file of at most `size_max` bytes.
--- @param path string
--- @param size_max integer bytes
--- @return any|nil value, string|nil message
function json.read(path, size_max)
    local file, problem = io.open(path, "rb")
    if not file then return nil, problem end
    local text = file:read(size_max + 1)
    file:close()
    if not text then return nil, path .. ": cannot be read, or is empty" end
    if #text > size_max then return nil, path .. ": larger than " .. size_max .. " bytes" end
    local value, message = json.decode(text)
    if value == nil then return nil, path .. " is no JSON: " .. tostring(message) end
    return value
end

return json
