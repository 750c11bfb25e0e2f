-- The bound of the witness history under an anchor service (sealed-store 22, 25, 35.8; D-089, D-185), its
-- pins (policy-and-lifecycle 2.6), and what the classes of records are given (sealed-store 35.11).
local disk = require("spec.store.disk")
local engines = require("spec.support.engines")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")

local crash, tools = signer.test_crash, signer.store_tools
local pack = string.pack

local KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" -- RFC 8032, test 1
local SPKI = signer.curve.sha256(signer.bytes.unhex("302a300506032b6570032100" .. KEY))

--- The four pins that development takes alone.
local function pins(threshold, more)
    local all = {
        STATE_ANCHOR_BINDING_HASH = "0x" .. ("01"):rep(32),
        STATE_ANCHOR_RESPONSE_PUBLIC_KEY = "0x" .. KEY,
        STATE_ANCHOR_RESPONSE_PUBLIC_KEY_SPKI_SHA256 = "0x" .. signer.bytes.hex(SPKI),
        STATE_WITNESS_ROTATION_THRESHOLD_RECORDS = tostring(threshold),
    }
    for name, value in pairs(more or {}) do all[name] = value or nil end
    return all
end

--- CHECKPOINT_SET as a NOTE: kind 1 latest, 2 base.
local function checkpoint(kind, generation)
    local raw = ("\7"):rep(97) .. ("\0"):rep(7) .. ("\7"):rep(112) .. pack(">I8", generation) .. ("\7"):rep(336)
    assert.equal(560, #raw)
    return registry.changes(registry.op(49, string.char(kind) .. raw))
end

describe("history bound", function()
    local folder, engine
    before_each(function()
        folder = disk.directory()
        disk.shell("chmod 700 '%s'", folder)
    end)
    after_each(function()
        if engine then engine:abandon() end
        engine = nil
        signing.finish_all()
        disk.remove(folder)
    end)
    teardown(engines.clean)

    local function open(variables)
        if engine then engine:abandon() end
        engine = engines.new(variables, { folder = folder })
        return engine
    end

    --- A store made before the pins were set, then opened with them.
    local function pinned(threshold, more)
        open()
        tools.init(engine.raw)
        return open(pins(threshold, more))
    end

    local made = 0
    --- One CHANGE: the next generation. The reason of a refusal, or nil.
    local function change(class)
        made = made + 1
        local changes = registry.changes(registry.create("session-" .. made))
        local good, why = pcall(crash.commit, engine.raw, changes, false, class)
        return not good and (why.reason_code or why.error) or nil
    end

    local function generation() return signer.test_state.counts(engine.raw).generation end

    --- How many records of this class go through; the last answer is the refusal.
    local function count(class)
        for passed = 0, 50 do
            local before = generation()
            local reason = change(class)
            if reason then
                assert.equal("state_acknowledgement_required", reason)
                assert.equal(before, generation())
                return passed
            end
        end
        error("nothing was refused")
    end

    it("D-185 without a base checkpoint the records count from generation 1, up to the threshold and 6 more", function()
        pinned(10)
        assert.equal(7, count("ordinary")) -- 2 x 7 records then 2 more are 16 = 10 + 6
        assert.equal(8, generation())
        for _, class in ipairs({ "reserved", "protecting", "finalizing" }) do assert.equal(0, count(class)) end
    end)

    it("D-185 emergency rekey and canary rollback may use two more", function()
        for _, class in ipairs({ "rekey", "rollback" }) do
            if class == "rollback" then
                engine:abandon()
                disk.shell("rm -rf '%s'/*", folder)
                engine = nil
            end
            pinned(10)
            assert.equal(7, count("ordinary"))
            assert.equal(1, count(class))
            assert.equal(0, count(class))
        end
    end)

    it("D-185 an acknowledged base begins the count anew and is itself no record", function()
        pinned(10)
        assert.equal(7, count("ordinary"))
        crash.commit(engine.raw, checkpoint(1, 8))
        assert.equal(0, count("ordinary")) -- the latest alone rotates nothing
        crash.commit(engine.raw, checkpoint(2, 8))
        assert.equal(8, count("ordinary"))
        open(pins(10)) -- and a restart changes nothing
        assert.equal(0, count("ordinary"))
        crash.commit(engine.raw, checkpoint(2, 12))
        assert.equal(4, count("ordinary"))
    end)

    it("D-089 with pins or a checkpoint the history is never rebased by itself", function()
        pinned(10, { STATE_WITNESS_MAX_RECORDS = "18" })
        crash.commit(engine.raw, checkpoint(2, 1))
        assert.equal(8, count("ordinary"))
        assert.equal(1, signer.test_state.counts(engine.raw).witness_base)
        open({ STATE_WITNESS_MAX_RECORDS = "20" }) -- the pins are gone, the checkpoint is not
        assert.equal(1, count("ordinary")) -- the highest threshold of 20 records: 12
        assert.equal(1, signer.test_state.counts(engine.raw).witness_base)
    end)

    it("D-089 without an anchor the base moves and nothing is refused", function()
        open({ STATE_WITNESS_MAX_RECORDS = "16" })
        for _ = 1, 30 do assert.is_nil(change("ordinary")) end
        assert.is_true(signer.test_state.counts(engine.raw).witness_base > 20)
    end)

    it("D-185 a refusal is F1: nothing is written, the nonces live, and the same call succeeds once acknowledged", function()
        local group = signing.new()
        group.environment = {}
        for name, value in pairs(pins(10)) do group.environment["TBTC_SIGNER_" .. name] = value end
        group:restart(true)
        local commitments = {}
        for member = 1, 2 do commitments[member] = group:commit({ session = "one", member = member }) end
        local package = group:package(commitments, { session = "one" })
        repeat
            made = made + 1
            local good = pcall(crash.commit, group.engine, registry.changes(registry.create("session-" .. made)))
        until not good
        local log = disk.names(group.folder .. "/state.json.store")
        local before = crash.digest(group.engine)
        for _ = 1, 2 do
            local reply, problem = group:round2(package, { session = "one" })
            assert.is_nil(reply)
            assert.equal("internal_error", problem.code)
            assert.equal("state_acknowledgement_required", problem.reason_code)
        end
        local refused, why = group:open({ session = "another" })
        assert.is_nil(refused)
        assert.equal("state_acknowledgement_required", why.reason_code)
        assert.equal(before, crash.digest(group.engine))
        assert.same(log, disk.names(group.folder .. "/state.json.store"))
        crash.commit(group.engine, checkpoint(2, signer.test_state.counts(group.engine).generation))
        assert.truthy((group:round2(package, { session = "one" })))
        assert.truthy((group:open({ session = "another" })))
    end)

    describe("pins", function()
        local function reason(variables)
            open(variables)
            local good, why = pcall(tools.init, engine.raw)
            return not good and (why.reason_code or why.error) or nil
        end

        it("35.9-2 with them no store is created", function()
            assert.equal("state_corrupt", reason(pins(10)))
            assert.same({ "state.lock" }, disk.names(folder))
            assert.is_nil(reason())
        end)

        it("CFG-15, CFG-16 from the environment: all or none, each checked, four alone in development only", function()
            for name in pairs(pins(10)) do assert.equal("VALIDATION", reason(pins(10, { [name] = false }))) end
            local wrong = {
                STATE_ANCHOR_BINDING_HASH = "0x" .. ("00"):rep(32),
                STATE_ANCHOR_RESPONSE_PUBLIC_KEY = "0x01" .. ("00"):rep(31),
                STATE_ANCHOR_RESPONSE_PUBLIC_KEY_SPKI_SHA256 = "0x" .. ("01"):rep(32),
                STATE_WITNESS_ROTATION_THRESHOLD_RECORDS = "262137",
                STATE_ANCHOR_STREAM_ID = "0x" .. ("02"):rep(32),
            }
            for name, value in pairs(wrong) do assert.equal("VALIDATION", reason(pins(10, { [name] = value }))) end
            assert.equal("VALIDATION", reason(pins(10, { PROFILE = "production", STATE_KEY_PROVIDER = "command",
                STATE_KEY_COMMAND = "exit 1" })))
        end)

        it("pol 2.8 and a counter file exclude each other", function()
            local both = pins(10, { STATE_STORE_ANCHOR = "counter_file", STATE_STORE_ANCHOR_PATH = folder .. "/counter" })
            assert.equal("VALIDATION", reason(both))
        end)
    end)

    describe("strict counter file", function()
        it("35.11 round 2, aggregate, finalize and rekey wait for the receipt; nothing else does", function()
            local place = folder .. "/elsewhere"
            disk.shell("mkdir -m 700 '%s'", place)
            open({ STATE_STORE_ANCHOR = "counter_file", STATE_STORE_ANCHOR_PATH = place .. "/counter" })
            assert.is_nil(change("reserved"))
            for class, waits in pairs({ reserved = true, finalizing = true, rekey = true, ordinary = false,
                protecting = false, rollback = false }) do
                disk.shell("mv '%s' '%s.away'", place, place)
                assert.equal(waits and "state_anchor_unavailable" or nil, (change(class)), class)
                disk.shell("mv '%s.away' '%s'", place, place)
                assert.is_nil(change("rekey"))
            end
        end)
    end)
end)
