--- Engines for specs: one store each in a folder of its own, requests as tables, secrets as handles.
local cjson = require("cjson")
local files = require("spec.support.files")
local json = require("tbtc_signer.json")
local signer = require("tbtc_signer")

local engines = {}

local STATE_KEY = ("5a"):rep(32)
local folders = {}

local function new_folder()
    local path = files.folder()
    folders[#folders + 1] = path
    return path
end

--- Removes what the engines of this file left behind.
function engines.clean()
    for _, path in ipairs(folders) do files.remove(path) end
    folders = {}
end

--- @param variables table|nil  names without TBTC_SIGNER_; false removes a default
-- @param options table|nil  { folder = path (a store to open again), platform = … }
-- @return table  engine with methods call, must, refuse, close, abandon
function engines.new(variables, options)
    options = options or {}
    local folder = options.folder or new_folder()
    local environment = {
        TBTC_SIGNER_PROFILE = "development",
        TBTC_SIGNER_STATE_PATH = folder .. "/state",
        TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = STATE_KEY,
    }
    for name, text in pairs(variables or {}) do environment["TBTC_SIGNER_" .. name] = text or nil end
    local engine = { folder = folder, variables = variables }
    engine.raw = signer.engine({ environment = environment, platform = options.platform })
    return setmetatable(engine, { __index = engines.methods })
end

local function lift(value, secrets)
    if type(value) == "userdata" then
        secrets[#secrets + 1] = value
        return "@" .. #secrets
    end
    if type(value) ~= "table" then return value end
    local copy = {}
    for key, item in pairs(value) do copy[key] = lift(item, secrets) end
    return setmetatable(copy, getmetatable(value))
end

local function lower(value, secrets)
    if type(value) == "string" and value:find("^@%d+$") then return secrets[tonumber(value:sub(2))] end
    if type(value) ~= "table" then return value end
    for key, item in pairs(value) do value[key] = lower(item, secrets) end
    return value
end

engines.methods = {}

--- @return table|nil reply, table|nil error envelope
function engines.methods:call(name, request)
    local secrets = {}
    local body = request and (type(request) == "string" and request or json.encode(lift(request, secrets)))
    local ok, text, given = self.raw:request(name, body, secrets)
    if not ok then return nil, cjson.decode(text), text end
    return lower(json.decode(text), given or {}), nil, text
end

--- The reply, or a failed assertion that shows the envelope.
function engines.methods:must(name, request)
    local reply, _, text = self:call(name, request)
    if not reply then error(name .. ": " .. text, 2) end
    return reply
end

--- The envelope of a call that must fail, as "code/reason_code" or "code", and the envelope.
function engines.methods:refuse(name, request)
    local reply, envelope = self:call(name, request)
    if reply then error(name .. " was not refused", 2) end
    return envelope.code .. (envelope.reason_code and "/" .. envelope.reason_code or ""), envelope
end

function engines.methods:close() self.raw:close() end
function engines.methods:abandon() self.raw:close(true) end

--- Closes and opens the same store again.
function engines.methods:reopen(variables)
    self.raw:close()
    return engines.new(variables or self.variables, { folder = self.folder })
end

--- A distributed key generation of `count` members within one engine.
-- @return table  array of { key_package, public_key_package } as part 3 answers
function engines.methods:dkg(count, threshold)
    local first, second, third = {}, {}, {}
    for i = 1, count do
        first[i] = self:must("dkg_part1",
            { participant_identifier = ("%064x"):format(i), max_signers = count, min_signers = threshold })
    end
    local function peers(own)
        local list = {}
        for i = 1, count do
            if i ~= own then list[#list + 1] = first[i].package end
        end
        return list
    end
    for i = 1, count do
        second[i] = self:must("dkg_part2",
            { secret_package_hex = first[i].secret_package_hex, round1_packages = peers(i) })
    end
    local function shares(own)
        local list = {}
        for i = 1, count do
            for _, share in ipairs(i ~= own and second[i].packages or {}) do
                if share.identifier == first[own].package.identifier then
                    list[#list + 1] = {
                        identifier = share.identifier, package_hex = share.package_hex,
                        sender_identifier = first[i].package.identifier,
                    }
                end
            end
        end
        return list
    end
    for i = 1, count do
        third[i] = self:must("dkg_part3", {
            secret_package_hex = second[i].secret_package_hex, round1_packages = peers(i), round2_packages = shares(i),
        })
    end
    return third, { first = first, second = second, peers = peers, shares = shares }
end

--- A request of persist for seat `index` of a key generation.
function engines.persist_request(session_id, keys, index, threshold)
    return {
        session_id = session_id, participant_identifier = index, threshold = threshold, participant_count = #keys,
        key_package = keys[index].key_package, public_key_package = keys[index].public_key_package,
    }
end

return engines
