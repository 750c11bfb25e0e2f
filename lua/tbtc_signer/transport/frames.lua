--- Frames on a byte stream: u32 length (big-endian), then one JSON text of at most 32 MiB.
local json = require("tbtc_signer.json")

local frames = { BYTES_MAX = 32 * 1024 * 1024 }

--- @param message table
--- @return string bytes
function frames.pack(message)
    local text = json.encode(message)
    return string.pack(">I4", #text) .. text
end

--- A reader: feed it what arrives, it calls `each(message)` for every whole frame.
--- @param each function
--- @return function feed(bytes) -> boolean ok, string|nil problem
function frames.reader(each)
    local pieces, held = {}, 0
    return function(bytes)
        pieces[#pieces + 1] = bytes
        held = held + #bytes
        while held >= 4 do
            if #pieces > 1 and #pieces[1] < 4 then pieces = { table.concat(pieces) } end
            local len = string.unpack(">I4", pieces[1])
            if len > frames.BYTES_MAX then return false, "a frame is larger than 32 MiB" end
            if held < 4 + len then return true end
            local all = table.concat(pieces)
            local message = json.decode(all:sub(5, 4 + len))
            pieces = { all:sub(5 + len) }
            held = #pieces[1]
            if type(message) ~= "table" then return false, "a frame holds no JSON object" end
            each(message)
        end
        return true
    end
end

return frames
