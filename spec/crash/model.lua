--- What records say of the state, by key: the model that the random workload compares an engine with.
local signer = require("tbtc_signer")

local model = {}
model.__index = model

function model.new() return setmetatable({ sessions = {}, engine = {}, generation = 1 }, model) end

local LIST_MAX = 256

local function list_of(session, number)
    local name = "list " .. number
    session[name] = session[name] or {}
    return session[name]
end

local appliers = {
    [1] = function(self, id) self.sessions[id] = {} end,
    [2] = function(self, id) self.sessions[id] = nil end,
    [3] = function(self, id, rest) self.sessions[id]["field " .. rest:byte()] = rest:sub(2) end,
    [4] = function(self, id, rest)
        self.sessions[id]["field " .. rest:byte()] = nil
        if rest:byte() == 18 then self.sessions[id]["list 3"] = nil end
    end,
    [5] = function(self, id, rest) self.sessions[id]["set " .. rest] = true end,
    [6] = function(self, id, rest) self.sessions[id]["set " .. rest] = nil end,
    [7] = function(self, id, rest)
        local list = list_of(self.sessions[id], rest:byte())
        list[#list + 1] = rest:sub(2)
        if #list > LIST_MAX then table.remove(list, 1) end
    end,
    [8] = function(self, id, rest)
        local list = list_of(self.sessions[id], rest:byte())
        list[#list] = rest:sub(2)
    end,
}

local engine_appliers = {
    [9] = function(self, payload) self.engine["tombstone " .. payload:sub(1, 32)] = payload:sub(33) end,
    [16] = function(self, payload) self.engine.canary = payload end,
    [17] = function(self, payload) self.engine.epoch = payload end,
    [18] = function(self, payload) self.engine["score " .. payload:sub(1, 2)] = payload:sub(3) end,
    [19] = function(self, payload)
        self.engine["quarantine " .. payload:sub(1, 2)] = payload:byte(3) == 1 or nil
    end,
    [33] = function(self, payload) self.generation = string.unpack(">I8", payload) end,
    [48] = function(self, payload) self.engine.anchor = payload end,
    [49] = function(self, payload) self.engine["checkpoint " .. payload:byte()] = payload:sub(2) end,
    [50] = function(self, payload) self.engine["checkpoint " .. payload:byte()] = nil end,
    [51] = function(self, payload)
        self.engine.certificates = self.engine.certificates or {}
        table.insert(self.engine.certificates, payload)
    end,
    [52] = function(self, payload) self.engine.intent = payload end,
    [53] = function(self) self.engine.intent = nil end,
}

function model:op(number, payload)
    if appliers[number] then
        local id, at = string.unpack(">s4", payload)
        appliers[number](self, id, payload:sub(at))
    elseif engine_appliers[number] then
        engine_appliers[number](self, payload)
    end
end

--- One CHANGE or NOTE.
function model:apply(body)
    local at, counted = 1, 0
    while at <= #body do
        local number, payload
        number, payload, at = string.unpack(">B s4", body, at)
        self:op(number, payload)
        if number <= 21 then counted = 1 end
    end
    self.generation = self.generation + counted
end

--- The model of what an engine holds.
function model.of(engine)
    local found = model.new()
    for _, op in ipairs(signer.test_crash.snapshot(engine)) do found:op(op:byte(), op:sub(2)) end
    return found
end

local function copy(value)
    if type(value) ~= "table" then return value end
    local out = {}
    for key, item in pairs(value) do out[key] = copy(item) end
    return setmetatable(out, getmetatable(value))
end
model.copy = copy

local function printable(text) return (tostring(text):gsub("[^%w%p ]", function(c) return ("\\%d"):format(c:byte()) end)) end

--- The first difference in words; nil: none.
function model.difference(expected, found, name)
    if type(expected) ~= "table" or type(found) ~= "table" then
        if expected == found then return nil end
        return ("%s: expected %s, found %s"):format(name, printable(expected), printable(found))
    end
    for key, item in pairs(expected) do
        local text = model.difference(item, found[key], name .. " " .. printable(key))
        if text then return text end
    end
    for key in pairs(found) do
        if expected[key] == nil then return ("%s %s: found and not expected"):format(name, printable(key)) end
    end
    return nil
end

return model
