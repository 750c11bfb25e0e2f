--- Writes first inputs for the fuzzers: for request_codec one body for each endpoint, made from its schema; for
-- frost_decoders the byte strings of the vectors. Usage: lua5.4 spec/fuzz/seeds.lua DIRECTORY   (after make)
package.cpath = "build/?.so;" .. package.cpath
local json = require("cjson")
require("tbtc_signer")

local directory = assert(arg[1], "usage: seeds.lua DIRECTORY")
local KINDS, VECTORS_MAX = 8, 200 -- kinds of frost_decoders; bytes of one string

local function read_file(path)
    local file = assert(io.open(path))
    local text = file:read("a")
    file:close()
    return text
end

local function write(fuzzer, name, bytes)
    local file = assert(io.open(("%s/%s/%s"):format(directory, fuzzer, name), "w"))
    file:write(bytes)
    file:close()
end

local POINT = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"

--- JSON of some value of a type.
local function example(type)
    if type.kind == "unsigned" then return "2" end
    if type.kind == "bool" then return "true" end
    if type.kind == "text" then return type.max >= 66 and '"' .. POINT .. '"' or '"a"' end
    if type.kind == "enum" then return '"' .. type.choices[1] .. '"' end
    if type.kind == "hex" or type.kind == "decoded" or type.kind == "secret" then
        return '"' .. POINT:sub(1, type.max // 2 * 2) .. '"'
    end
    if type.kind == "list" then return "[" .. example(type.element) .. "]" end
    if type.kind == "map" then return '{"a":' .. example(type.element) .. "}" end
    local members = {}
    for index, member in ipairs(type.members) do members[index] = ('"%s":%s'):format(member[1], example(member[2])) end
    return "{" .. table.concat(members, ",") .. "}"
end

local index = 0
for name in read_file("spec/fuzz/request_codec.c"):match("endpoints%[%] = {(.-)};"):gmatch('"([%w_]+)"') do
    write("request_codec", name, string.char(index) .. example(require("tbtc_signer.endpoints." .. name).request))
    index = index + 1
end

local count = 0
local function walk(value)
    if type(value) == "table" then
        for _, entry in pairs(value) do walk(entry) end
    elseif type(value) == "string" and #value >= 64 and #value <= 2 * VECTORS_MAX and value:find("^%x+$") and #value % 2 == 0 then
        local bytes = value:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
        write("frost_decoders", ("vector-%d"):format(count), string.char(count % KINDS) .. bytes)
        count = count + 1
    end
end
for _, name in ipairs({ "signing", "published_signing", "published_encodings", "published_dkg", "decode_negative" }) do
    walk(json.decode(read_file(("vectors/frost/%s.json"):format(name))))
end
