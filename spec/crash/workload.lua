--- A random workload on a whole engine over a disk that forgets what was not synced, with failing calls, kills and
-- power losses; after each opening the state is compared with a model in Lua. One seed gives one run.
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local crash, state = signer.test_crash, signer.test_state
local pack, lp = string.pack, registry.lp

local workload = {}

-- -- the model: what records say, by key ------------------------------------------------------------------------

local model = {}
model.__index = model

function model.new() return setmetatable({ sessions = {}, engine = {}, generation = 1 }, model) end

local appliers = {
    [1] = function(self, id) self.sessions[id] = {} end,
    [2] = function(self, id) self.sessions[id] = nil end,
    [3] = function(self, id, rest) self.sessions[id]["field " .. rest:byte()] = rest:sub(2) end,
    [4] = function(self, id, rest) self.sessions[id]["field " .. rest:byte()] = nil end,
    [5] = function(self, id, rest) self.sessions[id]["set " .. rest] = true end,
    [6] = function(self, id, rest) self.sessions[id]["set " .. rest] = nil end,
    [7] = function(self, id, rest)
        local list = self.sessions[id].journal or {}
        self.sessions[id].journal = list
        list[#list + 1] = string.unpack(">I8", rest, 2)
        if #list > 256 then table.remove(list, 1) end
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
}

function model:op(number, payload)
    if appliers[number] then
        local id, at = string.unpack(">s4", payload)
        appliers[number](self, id, payload:sub(at))
    elseif engine_appliers[number] then
        engine_appliers[number](self, payload)
    end
end

--- One CHANGE.
function model:apply(body)
    local at = 1
    while at <= #body do
        local number, payload
        number, payload, at = string.unpack(">B s4", body, at)
        self:op(number, payload)
    end
    self.generation = self.generation + 1
end

--- The model of what an engine holds.
function model.of(engine)
    local found = model.new()
    for _, op in ipairs(crash.snapshot(engine)) do found:op(op:byte(), op:sub(2)) end
    return found
end

local function copy(value)
    if type(value) ~= "table" then return value end
    local out = {}
    for key, item in pairs(value) do out[key] = copy(item) end
    return setmetatable(out, getmetatable(value))
end

local function printable(text) return (tostring(text):gsub("[^%w%p ]", function(c) return ("\\%d"):format(c:byte()) end)) end

--- The first difference in words; nil: none.
local function difference(expected, found, name)
    if type(expected) ~= "table" or type(found) ~= "table" then
        if expected == found then return nil end
        return ("%s: expected %s, found %s"):format(name, printable(expected), printable(found))
    end
    for key, item in pairs(expected) do
        local text = difference(item, found[key], name .. " " .. printable(key))
        if text then return text end
    end
    for key in pairs(found) do
        if expected[key] == nil then return ("%s %s: found and not expected"):format(name, printable(key)) end
    end
    return nil
end

-- -- what the workload does --------------------------------------------------------------------------------------

local JOURNAL = "journal"
local FRESH_MAX, REKEYS_MAX, ROUNDS_MAX = 40, 60, 40

--- A session of the kind that the workload opens and evicts, or nil.
local function any_session(run, wanted)
    local names = run.names
    for _ = 1, 8 do
        local id = #names > 0 and names[1 + run.random(#names)]
        local session = id and run.memory.sessions[id]
        if session and (not wanted or session[wanted]) then return id, session end
    end
    return nil
end

local function number_of(session) return session["field 21"] and string.unpack(">I4", session["field 21"]) or 0 end

local function size_of(session, set)
    local count, first = 0, nil
    for key in pairs(session) do
        if key:sub(1, 5) == "set " .. string.char(set) then
            count = count + 1
            if not first or key < first then first = key end
        end
    end
    return count, first and string.unpack(">s4", first, 6)
end

local function verdict(run)
    local text = ("v"):rep(1 + run.random(run.random(4) == 0 and 9000 or 300))
    return registry.op("verdict", "\1" .. lp("firewall") .. lp("1") .. ("\1"):rep(32) .. lp("rule") .. lp("") .. lp("")
        .. pack(">I8", 1700000000000) .. signer.curve.sha256(text) .. "\1" .. lp(text))
end

--- Each answers a body that is legal now, or nil.
local actions = {
    { 22, function(run, number)
        if #run.names >= FRESH_MAX then return nil end
        local id = "n" .. number
        run.names[#run.names + 1] = id
        return registry.bound(id, registry.GROUP_A)
    end },
    { 34, function(run, number) -- as round 2
        local id, session = any_session(run)
        if not id or size_of(session, 5) >= ROUNDS_MAX or size_of(session, 7) >= ROUNDS_MAX then return nil end
        return registry.add(id, 5, ("m%d@%064x"):format(1 + run.random(5), number))
            .. registry.add(id, 7, ("%064x"):format(number))
            .. registry.set(id, 21, pack(">I4", number_of(session) + run.random(2)))
    end },
    { 16, function(run, number) -- as aggregate
        local id, session = any_session(run)
        if not id or size_of(session, 6) >= ROUNDS_MAX then return nil end
        local _, entry = size_of(session, 7)
        return entry and registry.remove(id, 7, entry) .. registry.add(id, 6, ("attempt-%d"):format(number))
    end },
    { 4, function(run) -- eviction
        local id, session = any_session(run)
        if not id then return nil end
        for index, name in ipairs(run.names) do
            if name == id then table.remove(run.names, index) break end
        end
        local holds = session["field 21"] or size_of(session, 5) + size_of(session, 6) + size_of(session, 7) > 0
        return (holds and registry.tombstone(id, registry.GROUP_A, number_of(session)) or "") .. registry.delete(id)
    end },
    { 1, function(run, number) -- rekey
        if run.rekeys >= REKEYS_MAX then return nil end
        run.rekeys = run.rekeys + 1
        local id = "r" .. number
        return registry.create(id) .. registry.set(id, 16, lp("leaked") .. pack(">I8", 1700000000) .. lp(registry.GROUP_B))
    end },
    { 6, function(run) return registry.op("score", pack(">I2 I8", 1 + run.random(9), 1 + run.random(1000))) end },
    { 4, function(run)
        local operator = pack(">I2", 1 + run.random(9))
        return registry.op("quarantine", operator .. (run.memory.engine["quarantine " .. operator] and "\0" or "\1"))
    end },
    { 3, function(run)
        local canary = run.memory.engine.canary
        local version = canary and string.unpack(">I8", canary, 3) or 1
        return registry.op("canary", pack(">B B I8 I8", 50, 10, version + 1, 1700000000))
    end },
    { 3, function(run)
        local epoch = run.memory.engine.epoch
        return registry.op("refresh_epoch", pack(">I8", (epoch and string.unpack(">I8", epoch) or 0) + 1))
    end },
    { 5, function(run, number) -- a coarse round
        local id = "c" .. run.random(5)
        local session = run.memory.sessions[id]
        if not session then return registry.create(id) .. registry.set(id, 5, lp("start " .. number)) end
        local set = 1 + run.random(4)
        if size_of(session, set) >= 8 then return nil end
        local entry = ("round-%d-%s"):format(number, ("x"):rep(run.random(900)))
        return registry.add(id, set, entry) .. (session["field 5"] and registry.clear(id, 5) or registry.set(id, 5, lp("again")))
    end },
    { 1, function() return registry.op("purge") end },
}

local total_weight = 0
for _, action in ipairs(actions) do total_weight = total_weight + action[1] end

local function next_body(run, number)
    local body
    repeat
        local at = run.random(total_weight)
        for _, action in ipairs(actions) do
            at = at - action[1]
            if at < 0 then
                body = action[2](run, number)
                break
            end
        end
    until body
    local head = run.memory.sessions[JOURNAL] and "" or registry.create(JOURNAL)
    body = head .. body .. registry.append(JOURNAL, 2, pack(">I8 I8 I2", number, 1700000000, 3) .. "\0\0")
    return run.random(8) == 0 and body .. verdict(run) or body
end

-- -- lives ------------------------------------------------------------------------------------------------------

local function generator(seed)
    local value = seed * 2654435761 + 12345
    return function(below)
        value = (value * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
        return (value >> 33) % below
    end
end

local ENVIRONMENT = {
    TBTC_SIGNER_PROFILE = "development",
    TBTC_SIGNER_STATE_PATH = "/state",
    TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("5a"):rep(32),
}

local EXPECTED = { state_io = true, state_no_space = true, state_key_unavailable = true }
local PLAIN = { OUT_OF_MEMORY = true, INTERNAL = true }

local function assert_storage_error(err)
    if type(err) ~= "table" then error(err, 0) end
    assert(EXPECTED[err.reason_code] or PLAIN[err.error], "an unexpected error: " .. tostring(err.detail))
end

local function end_life(run)
    local clean = run.random(5) == 0
    if run.engine then run.engine:close(not clean) end
    if run.random(3) > 0 then run.disk:power_loss() else run.disk:kill() end
    signer.test_fault.clear()
end

--- Opens, sometimes with failing calls at first.
local function open(run)
    local function attempt()
        run.engine = nil
        return pcall(function()
            run.engine = signer.test_core.engine({ environment = ENVIRONMENT, platform = run.disk })
            state.counts(run.engine)
        end)
    end
    if run.random(3) == 0 then
        run.disk:faults({ write = 10, sync = 20, rename = 30, open = 20, space = 5 })
        if run.random(4) == 0 then signer.test_fault.arm("key_provider", "error") end
        if run.random(4) == 0 then signer.test_fault.arm("allocation", "error", 1 + run.random(200)) end
        local good, err = attempt()
        run.disk:faults({})
        signer.test_fault.clear()
        if good then return end
        assert_storage_error(err)
        end_life(run)
    end
    local good, err = attempt()
    assert(good, "the store does not open: " .. tostring(type(err) == "table" and err.detail or err))
end

--- What was found against what was promised; the model goes on from what was found.
local function compare(run)
    run.opened = run.opened + 1
    local found = model.of(run.engine)
    local journal = found.sessions[JOURNAL] and found.sessions[JOURNAL].journal or {}
    local present = {}
    for _, number in ipairs(journal) do
        present[number] = true
        assert(not run.lost[number], ("operation %d was lost and came back"):format(number))
    end
    for _, entry in ipairs(run.pending) do
        if present[entry.number] then
            run.base:apply(entry.body)
        else
            assert(not entry.acknowledged, ("operation %d was acknowledged and is lost"):format(entry.number))
            run.lost[entry.number] = true
        end
    end
    run.pending = {}
    if run.base.generation == 1 then run.base.engine.canary = found.engine.canary end -- the default of a new store
    local text = difference(run.base, found, "state")
    assert(not text, text)
    run.memory = copy(run.base)
    run.names = {}
    for id in pairs(run.memory.sessions) do
        if id:sub(1, 1) == "n" then run.names[#run.names + 1] = id end
    end
    table.sort(run.names)
end

local function one_operation(run)
    run.count = run.count + 1
    local number = run.count
    local body = next_body(run, number)
    local entry = { number = number, body = body }
    if run.faulty and run.random(150) == 0 then signer.test_fault.arm("allocation", "error", 1 + run.random(40)) end
    local leave = run.random(5) == 0
    local good, err = pcall(crash.commit, run.engine, registry.changes(body), leave)
    run.pending[#run.pending + 1] = entry -- a write that failed may have stored all of it
    local applied = state.counts(run.engine).generation > run.memory.generation
    if applied then
        run.memory:apply(body)
        entry.applied = true
    end
    if good then
        assert(applied, "it succeeded and changed nothing")
        if leave then return end
        for _, earlier in ipairs(run.pending) do earlier.acknowledged = earlier.acknowledged or earlier.applied end
        run.acknowledged = run.acknowledged + 1
    else
        assert(run.faulty, "it failed without a fault: " .. tostring(type(err) == "table" and err.detail or err))
        assert_storage_error(err)
        run.failed = run.failed + 1
    end
end

local function one_life(run, operations)
    open(run)
    compare(run)
    run.faulty = run.random(4) > 0
    if run.faulty then
        local more = run.storm and 3 or 1
        run.disk:faults({ write = run.random(30), sync = run.random(60 * more), rename = run.random(200 * more),
            open = run.random(40), space = run.random(20) })
    end
    for _ = 1, 4 + run.random(120) do
        if run.count >= operations then break end
        one_operation(run)
    end
    run.disk:faults({})
    signer.test_fault.clear()
    local text = difference(run.memory, model.of(run.engine), "memory")
    assert(not text, text)
    end_life(run)
end

--- Runs until `operations` were tried.
-- @param options table  seed, operations, mutant = 0 to 4, storm = true: more failing syncs and renames, and
--   progress = function(run)
-- @return table run; or nil, text of the first broken promise, run
function workload.run(options)
    local run = {
        random = generator(options.seed), disk = signer.test_disk.new(options.seed), base = model.new(), memory = model.new(),
        pending = {}, lost = {}, names = {}, storm = options.storm,
        count = 0, rekeys = 0, opened = 0, acknowledged = 0, failed = 0,
    }
    crash.mutant(options.mutant or 0)
    local good, why = pcall(function()
        while run.count < options.operations do
            one_life(run, options.operations)
            if options.progress then options.progress(run) end
        end
        open(run)
        compare(run)
    end)
    run.disk:faults({})
    signer.test_fault.clear()
    if run.engine then pcall(run.engine.close, run.engine, true) end
    crash.mutant(0)
    run.faults = run.disk:faults_hit()
    if good then return run end
    return nil, why, run
end

return workload
