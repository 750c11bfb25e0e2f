--- Runs endpoint files without the runtime: a request as a table in wire form, decoded by the endpoint's
-- schema in Lua, then the stages in the dispatcher's order.
local core = require("tbtc_signer").test_core
local frost = require("tbtc_signer").frost
local vectors = require("spec.support.vectors")

local dispatch = {}

local decoders = { signing_package = frost.signing_package, commitments = frost.commitments }

local function decode(kind, value)
    if kind.kind == "hex" or kind.kind == "decoded" then
        if #value % 2 ~= 0 or value:find("%X") then return { undecodable = "not hex" } end
        local bytes = vectors.bytes(value)
        if kind.kind == "hex" then return bytes end
        local ok, object = pcall(decoders[kind.decoder], bytes)
        return ok and object or { undecodable = "malformed" }
    elseif kind.kind == "list" then
        local list = {}
        for i, entry in ipairs(value) do list[i] = decode(kind.element, entry) end
        return list
    elseif kind.kind == "object" then
        local object = {}
        for _, member in ipairs(kind.members) do
            local name = member[1] or member.name
            if value[name] ~= nil then object[name] = decode(member[2] or member.type, value[name]) end
        end
        return object
    end
    return value
end

local function encode(kind, value)
    if kind.kind == "hex" then return vectors.hex(value) end
    if kind.kind == "object" then
        local object = {}
        for _, member in ipairs(kind.members) do
            local name = member[1] or member.name
            if value[name] ~= nil then object[name] = encode(member[2] or member.type, value[name]) end
        end
        return object
    end
    return value
end

local function stages(call, endpoint, request)
    local outcome = endpoint.gates and endpoint.gates(call, request)
    if endpoint.state then
        while true do
            call:enter()
            local ok, value = pcall(endpoint.state, call, request)
            call:leave()
            if ok then
                outcome = value
                break
            elseif type(value) == "table" and value.error == "AGAIN" then
                core.make_ready(call)
            else
                core.wait(call)
                error(value, 0)
            end
        end
        core.wait(call)
    end
    return endpoint.finish and endpoint.finish(call, outcome, request) or outcome
end

--- @return table|nil reply, table|nil error
function dispatch.call(engine, name, request)
    local endpoint = require("tbtc_signer.endpoints." .. name)
    local ok, value = core.call(engine, function(call)
        return encode(endpoint.response, stages(call, endpoint, decode(endpoint.request, request)))
    end)
    if ok then return value end
    if type(value) ~= "table" then error(value) end
    value.message = value.detail
    return nil, value
end

return dispatch
