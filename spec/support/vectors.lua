--- Reads the project's vectors: JSON files below vectors/, hex to bytes and back.
local cjson = require("cjson")

local vectors = {}

--- @param name string  path below vectors/, without the ending .json
--- @return table
function vectors.load(name)
    local file = assert(io.open("vectors/" .. name .. ".json", "rb"))
    local text = file:read("a")
    file:close()
    return cjson.decode(text)
end

--- @param hex string
--- @return string bytes
function vectors.bytes(hex)
    return (hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

--- @param bytes string
--- @return string lower-case hex
function vectors.hex(bytes)
    return (bytes:gsub(".", function(char) return string.format("%02x", char:byte()) end))
end

return vectors
