--- A random workload on a whole engine over a disk that forgets what was not synced, with failing calls, kills and
-- power losses; after each opening the state is compared with a model in Lua. One seed gives one run.
local actions = require("spec.crash.actions")
local model = require("spec.crash.model")
local generator = require("spec.support.generator")
local signer = require("tbtc_signer")

local crash, state = signer.test_crash, signer.test_state
local difference, JOURNAL = model.difference, actions.JOURNAL

local workload = {}

-- -- lives ------------------------------------------------------------------------------------------------------

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

--- Numbers of the entries that a state holds: of CHANGEs those in the journal, of NOTEs the last one.
local function numbers_in(found)
    local journal = found.sessions[JOURNAL]
    local present, last = {}, 0
    for _, item in ipairs(journal and journal["list 2"] or {}) do
        last = string.unpack(">I8", item)
        present[last] = true
    end
    local note = found.engine.anchor and string.unpack(">I8", found.engine.anchor) or 0
    return present, note, math.max(last, note)
end

local function go_on_from(run, base)
    run.base = base
    run.memory = model.copy(base)
    run.names = {}
    for id in pairs(run.memory.sessions) do
        if id:sub(1, 1) == "n" then run.names[#run.names + 1] = id end
    end
    table.sort(run.names)
end

--- What was found against what was promised; the model goes on from what was found.
local function compare(run)
    run.opened = run.opened + 1
    local found = model.of(run.engine)
    local present, note = numbers_in(found)
    present[note] = true
    for number in pairs(present) do
        assert(not run.lost[number], ("operation %d was lost and came back"):format(number))
    end
    for _, entry in ipairs(run.pending) do
        local here = present[entry.number] or (entry.note and entry.applied and note > entry.number)
        if here then
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
    go_on_from(run, run.base)
end

--- Whether the state in memory has it, also where the write was not known to be good.
local function is_applied(run, entry)
    if not entry.note then return state.counts(run.engine).generation > run.memory.generation end
    local _, note = numbers_in(model.of(run.engine))
    return note == entry.number
end

local function one_operation(run)
    run.count = run.count + 1
    local changes, is_note = actions.next(run, run.count)
    local entry = { number = run.count, body = changes:body(), note = is_note }
    if run.faulty and run.random(150) == 0 then signer.test_fault.arm("allocation", "error", 1 + run.random(40)) end
    local leave = run.random(5) == 0
    local good, err = pcall(crash.commit, run.engine, changes, leave)
    signer.test_fault.clear()
    run.pending[#run.pending + 1] = entry -- a write that failed may have stored all of it
    local applied = is_applied(run, entry)
    if applied then
        run.memory:apply(entry.body)
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

-- -- a disk whose syncs lie -----------------------------------------------------------------------------------------

local REFUSALS = { state_rollback_detected = true, state_corrupt = true, state_anchor_unavailable = true }

--- The state that the entries up to `last` give: those that were applied, and the last one if it is there.
local function replay(history, last)
    local result = model.new()
    result.engine.canary = string.pack(">B B I8 I8", 10, 10, 1, 1700000000) -- of a new store, by the disk's clock
    local kept = {}
    for _, entry in ipairs(history) do
        if entry.number <= last and (entry.applied or entry.number == last) then
            result:apply(entry.body)
            kept[#kept + 1] = entry
            entry.applied = true
        end
    end
    return result, kept
end

--- After a loss of power under lies: a state of the history, or a refusal. What an opening without lies has found
-- stays, whatever later syncs lied. @return boolean false: refused
local function look_after_lies(run, quiet)
    run.disk:faults({ lie = quiet and 0 or 200 })
    local good, err = pcall(function()
        run.engine = signer.test_core.engine({ environment = ENVIRONMENT, platform = run.disk })
        state.counts(run.engine)
    end)
    run.opened = run.opened + 1
    if not good then
        if type(err) ~= "table" then error(err, 0) end
        assert(REFUSALS[err.reason_code], "an unexpected refusal: " .. tostring(err.detail))
        return false
    end
    local found = model.of(run.engine)
    local _, _, last = numbers_in(found)
    assert(last >= run.floor, ("operation %d was found by an opening without lies and is lost"):format(run.floor))
    local acknowledged = 0
    for _, entry in ipairs(run.history) do
        if entry.acknowledged and entry.number > acknowledged then acknowledged = entry.number end
    end
    if last < acknowledged then run.forgotten = run.forgotten + 1 end
    local expected
    expected, run.history = replay(run.history, last)
    local text = difference(expected, found, "state")
    assert(not text, text)
    if quiet then run.floor = last end
    go_on_from(run, expected)
    run.pending = {}
    return true
end

local function life_under_lies(run)
    local quiet = run.random(3) > 0
    if not look_after_lies(run, quiet) then return false end
    run.disk:faults({ lie = 1 + run.random(700) })
    for _ = 1, 1 + run.random(12) do
        one_operation(run)
        run.history[#run.history + 1] = run.pending[#run.pending]
    end
    if run.random(4) == 0 then run.engine:close() else run.engine:close(true) end
    run.engine = nil
    run.disk:faults({})
    if run.random(2) == 0 then run.disk:kill() else run.disk:power_loss() end
    return true
end

--- Disks whose syncs report success and do nothing, one after the other, each until a refusal or a number of
-- operations: never another state than one of the history, and across process deaths too.
-- @param options table  seed, disks
-- @return table  { disks, opened, refused, forgotten = openings to a state before what was acknowledged }; or nil, text
function workload.lies(options)
    local total = { disks = 0, opened = 0, refused = 0, forgotten = 0, count = 0 }
    for disk = 1, options.disks do
        local seed = options.seed + disk
        local run = { random = generator(seed), disk = signer.test_disk.new(seed), history = {}, pending = {}, lost = {},
            names = {}, memory = model.new(), count = 0, rekeys = 0, acknowledged = 0, failed = 0, opened = 0, forgotten = 0,
            floor = 0, faulty = true }
        local good, why = pcall(function()
            while run.count < 120 do
                if not life_under_lies(run) then
                    total.refused = total.refused + 1
                    return
                end
            end
        end)
        run.disk:faults({})
        if run.engine then pcall(run.engine.close, run.engine, true) end
        if not good then return nil, ("disk of seed %d, operation %d: %s"):format(seed, run.count, tostring(why)) end
        total.disks, total.opened = total.disks + 1, total.opened + run.opened
        total.forgotten, total.count = total.forgotten + run.forgotten, total.count + run.count
    end
    return total
end

return workload
