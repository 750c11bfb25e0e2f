-- The power fails at each call that writes or syncs, of every act on a store: on a disk in memory that forgets what was
-- not synced. An opening finds the state before or after, and the act done again finishes (formal CH-N3; D-081, D-086,
-- D-096, D-139; sealed-store 35.9, 35.13).
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local tools, pack, lp = signer.store_tools, string.pack, registry.lp
local KEY, NEW_KEY = ("5a"):rep(32), ("6b"):rep(32)
local EXHAUSTIVE = os.getenv("SIGNER_EXHAUSTIVE") == "1"

local function engine_on(disk, variables)
    local environment = { TBTC_SIGNER_PROFILE = "development", TBTC_SIGNER_STATE_PATH = "/state",
        TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = KEY }
    for name, value in pairs(variables or {}) do environment["TBTC_SIGNER_" .. name] = value end
    return signer.test_core.engine({ environment = environment, platform = disk })
end

--- Does something with an engine of its own. @return boolean, any
local function with(disk, variables, act, clean)
    local engine = engine_on(disk, variables)
    local good, result = pcall(act, engine)
    engine:close(not clean)
    return good, result
end

local counts = signer.test_state.counts

local function filled(disk)
    assert(with(disk, nil, function(engine)
        signer.test_crash.commit(engine, registry.changes(registry.bound("m1", registry.GROUP_A)
            .. registry.add("m1", 5, "m1@aa") .. registry.set("m1", 21, pack(">I4", 4))))
    end, true))
    assert(with(disk, nil, counts, true))
end

local function old_file(generation)
    return function(disk)
        disk:put("/state", signer.test_import.seal({ key = ("\x5a"):rep(32), nonce = ("\1"):rep(24), generation = generation,
            payload = '{"schema_version":1,"sessions":{"old":{"consumed_attempt_ids":["a1"]}},"refresh_epoch_counter":7}' }))
    end
end

local function protection()
    local test = registry.new()
    test:put(registry.bound("m9", registry.GROUP_B), registry.add("m9", 5, "m9@bb"), registry.op("score", pack(">I2I8", 3, 9)))
    test:put(registry.create("r"), registry.set("r", 16, lp("leaked") .. pack(">I8", 1700000000) .. lp(registry.GROUP_B)))
    return signer.test_import.protection(test.state, ("\x22"):rep(32), 5, ("\x33"):rep(32))
end

--- setup(disk); run(engine); variables of the act; views: settings under which an opening is tried; done: reason code of
--- the act where it was finished already; changes: it adds a record, which is not done twice
local acts = {
    { name = "create", run = counts },
    { name = "open", setup = filled, run = counts },
    { name = "a record", setup = filled, changes = true, run = function(engine)
        signer.test_crash.commit(engine, registry.changes(registry.op("score", pack(">I2 I8", 3, 9))))
    end },
    { name = "a record with PURGE", setup = filled, changes = true, run = function(engine)
        signer.test_crash.commit(engine, registry.changes(registry.op("score", pack(">I2 I8", 3, 9)) .. registry.op("purge")))
    end },
    { name = "import at start", setup = old_file(), run = counts },
    { name = "import by the tool", setup = old_file(41), done = "state_import_conflict",
        run = function(engine) tools.take_over(engine, 41) end },
    { name = "compact", setup = filled, run = tools.compact },
    { name = "rekey", setup = filled, done = "state_key_mismatch", views = { {}, { STATE_ENCRYPTION_KEY_HEX = NEW_KEY } },
        run = function(engine) tools.rekey(engine, { command = "printf " .. NEW_KEY }) end },
    { name = "adopt", run = tools.adopt, setup = function(disk)
        filled(disk)
        disk:put("/state.mark")
        disk:put("/state.lock")
    end },
    { name = "protection data in", setup = filled, run = function(engine) tools.import(engine, protection()) end },
    { name = "set aside", run = counts, variables = { STATE_CORRUPTION_POLICY = "quarantine_and_reset" }, setup = function(disk)
        filled(disk)
        disk:put("/state.store/log-0000000000000002", ("x"):rep(8192))
    end },
}

--- What openings find: digests, or refusals.
local function view(disk, act)
    local parts = {}
    for _, variables in ipairs(act.views or { {} }) do
        local good, found = with(disk, variables, signer.test_crash.digest)
        if not good and type(found) ~= "table" then error(found, 0) end
        parts[#parts + 1] = good and found or "refused " .. (found.reason_code or found.error)
    end
    return table.concat(parts, " ")
end

local function begun(act, seed)
    local disk = signer.test_disk.new(seed)
    if act.setup then act.setup(disk) end
    return disk
end

describe("a loss of power", function()
    for _, act in ipairs(acts) do
        it("CH-N3 amid " .. act.name .. " leaves before or after, and it can be done again", function()
            local before = act.setup and view(begun(act, 1), act)
            local disk = begun(act, 1)
            assert(with(disk, act.variables, act.run, true))
            local after = view(disk, act)
            local call, tried = 1, 0
            while true do
                local seed = 100000 + 977 * call
                local where = ("%s, call %d, seed %d"):format(act.name, call, seed)
                disk = begun(act, seed)
                disk:stop_at(call)
                local good, why = with(disk, act.variables, act.run)
                if not disk:stopped() then break end
                if not good and type(why) ~= "table" then error(why, 0) end
                disk:power_loss()
                local found = view(disk, act)
                assert.is_true(found == after or found == before or (not before and found == after), where .. ": " .. found)
                if good then assert.equal(after, found, where) end
                if not (act.changes and found == after) then
                    good, why = with(disk, act.variables, act.run, true)
                    if not good then assert.equal(act.done, why.reason_code, where) end
                end
                assert.equal(after, view(disk, act), where)
                tried = tried + 1
                call = call + (EXHAUSTIVE and 1 or 1 + (os.time() + call) % 4)
            end
            assert.is_true(tried > 2)
        end)
    end
end)
