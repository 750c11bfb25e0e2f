-- The offline tools (sealed-store 35.13): looking changes no byte, acting is crash-safe. Damage: damage_spec.lua.
local disk = require("spec.store.disk")
local engines = require("spec.support.engines")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local tools = signer.store_tools
local faults = signer.test_fault
local NEW_KEY = ("6b"):rep(32)

--- A store with some protection in it, and a few records in its newest log. Closed.
local function make(folder)
    local test = registry.new()
    test:put(registry.bound("m1", registry.GROUP_A), registry.add("m1", 5, "m1@aa"),
        registry.set("m1", 21, string.pack(">I4", 4)))
    local engine = engines.new(nil, { folder = folder })
    tools.init(engine.raw)
    for i = 1, 3 do
        test:put(registry.op("score", string.pack(">I2I8", i, i)))
        tools.import(engine.raw, signer.test_import.protection(test.state, ("\x22"):rep(32), 5, ("\x33"):rep(32)))
    end
    engine:abandon()
end

local function look(folder, variables)
    local engine = engines.new(variables, { folder = folder })
    local good, inspection = pcall(tools.inspect, engine.raw)
    if not good then
        engine:abandon()
        return { refusal = { reason_code = inspection.reason_code, message = inspection.detail } }
    end
    local facts = inspection:facts()
    facts.faults = {}
    for index = 1, facts.present and inspection:count() or 0 do
        local read, file = pcall(inspection.check, inspection, index)
        if read and file.fault then facts.faults[file.name] = file.fault.reason_code end
    end
    facts.protection = inspection:protection()
    inspection:close()
    engine:abandon()
    return facts
end

--- Opens for real, on a copy: the reason of a refusal, or nil and what the store protects then.
local function really_open(folder)
    local copy = folder .. ".copy"
    disk.copy(folder, copy)
    local engine = engines.new(nil, { folder = copy })
    local good, why = pcall(tools.compact, engine.raw)
    local inspection = good and tools.inspect(engine.raw)
    local protection = inspection and inspection:protection()
    if inspection then inspection:close() end
    engine:abandon()
    disk.remove(copy)
    return not good and (why.reason_code or why.error) or nil, protection
end

--- What is in it, without the position.
local function content(protection) return (protection:gsub('"seq":%d+,"chain":"%x+",', "")) end

describe("store tools", function()
    local folder
    before_each(function()
        folder = disk.directory()
        disk.shell("chmod 700 '%s'", folder)
    end)
    after_each(function() disk.remove(folder) end)
    teardown(engines.clean)

    local function engine_here(variables) return engines.new(variables, { folder = folder }) end

    describe("looking", function()
        it("35.13 changes nothing, not even the lock, and needs no store", function()
            assert.is_false(look(folder).present)
            assert.same({}, disk.names(folder))
            make(folder)
            local list = "cd '" .. folder .. "' && find . -type f -printf '%p %s %T@ %C@\\n' | sort && sha256sum state.lock"
            local function picture()
                local pipe = io.popen(list)
                local text = pipe:read("a")
                pipe:close()
                return text
            end
            local before = picture()
            local facts = look(folder)
            assert.is_nil(facts.refusal)
            assert.equal(before, picture())
            assert.truthy(facts.protection:find('"m1"', 1, true) or facts.protection:find("tombstones", 1, true))
        end)

        it("35.13 a parent directory that is missing is not made", function()
            assert.equal("state_io", look(folder .. "/none").refusal.reason_code)
            assert.is_false(disk.exists(folder .. "/none"))
        end)

        it("35.13 is refused while an engine holds the store, and two may look at once", function()
            make(folder)
            local engine = engine_here()
            engine:call("retire_distributed_dkg_key_packages", { key_group = registry.GROUP_A })
            assert.equal("state_locked", look(folder).refusal.reason_code)
            engine:close()
            local one, two = engine_here(), engine_here()
            local first, second = tools.inspect(one.raw), tools.inspect(two.raw)
            assert.is_true(first:facts().present and second:facts().present)
            local third = engine_here()
            local _, problem = third:call("retire_distributed_dkg_key_packages", { key_group = registry.GROUP_A })
            assert.equal("state_locked", problem.reason_code)
            for _, inspection in ipairs({ first, second }) do inspection:close() end
            for _, each in ipairs({ one, two, third }) do each:abandon() end
        end)

        it("35.10 tells what an opening would answer: no key, wrong key, other codes", function()
            make(folder)
            assert.equal("state_key_unavailable", look(folder, { STATE_ENCRYPTION_KEY_HEX = "x" }).refusal.reason_code)
            assert.equal("state_key_mismatch", look(folder, { STATE_ENCRYPTION_KEY_HEX = NEW_KEY }).refusal.reason_code)
            disk.shell("chmod 640 '%s/state.mark'", folder)
            assert.equal("state_path_unsafe", look(folder).refusal.reason_code)
            disk.shell("chmod 600 '%s/state.mark'; mv '%s/state.store' '%s/aside'", folder, folder, folder)
            assert.equal("state_rollback_detected", look(folder).refusal.reason_code)
        end)
    end)

    it("35.13 init makes a store once; compact opens and closes it", function()
        local engine = engine_here()
        local result = tools.init(engine.raw)
        assert.is_false(result.imported)
        local good, why = pcall(tools.init, engine.raw)
        assert.is_false(good)
        assert.equal("STATE_IMPORT_CONFLICT", why.error)
        assert.equal(result.store_id, tools.compact(engine.raw).store_id)
        assert.equal(2, look(folder).log_number)
        disk.remove(folder .. "/state.store")
        assert.equal("state_rollback_detected", select(2, pcall(tools.compact, engine.raw)).reason_code)
        engine:abandon()
    end)

    it("35.13 compact, rekey and import make no store where there is none", function()
        local engine = engine_here()
        for _, act in ipairs({ tools.compact, function(raw) return tools.rekey(raw, { command = "echo" }) end,
            function(raw) return tools.import(raw, "{}") end, tools.adopt }) do
            assert.is_false((pcall(act, engine.raw)))
            assert.is_false(disk.exists(folder .. "/state.store"))
        end
        engine:abandon()
    end)

    it("D-137 in a forked child an inspection closes what it had open once, not what the child opened since", function()
        make(folder)
        local engine = engine_here()
        local inspection = tools.inspect(engine.raw)
        signer.test_core.fork(function()
            local opened, still = {}, 0
            for index = 1, 16 do opened[index] = assert(io.open("/dev/null", "r")) end
            inspection:close()
            for _, file in ipairs(opened) do still = still + (file:seek("set") and 1 or 0) end
            disk.write(folder .. "/child", tostring(still))
        end)
        inspection:close()
        engine:abandon()
        assert.equal("16", disk.read(folder .. "/child"))
    end)

    describe("rekey", function()
        local function rekey(variables)
            local engine = engine_here(variables)
            local good, result = pcall(tools.rekey, engine.raw, { command = "printf " .. NEW_KEY })
            engine:abandon()
            return good and result, not good and (result.reason_code or result.error)
        end

        it("35.13 seals all of it under the new key, deletes the rest, and goes on", function()
            make(folder)
            local before = look(folder)
            assert.truthy(rekey())
            assert.equal("state_key_mismatch", look(folder).refusal.reason_code)
            local after = look(folder, { STATE_ENCRYPTION_KEY_HEX = NEW_KEY })
            assert.is_nil(after.refusal)
            assert.equal(content(before.protection), content(after.protection))
            assert.same({}, after.faults)
            assert.equal(before.store_id, after.store_id)
            assert.equal(3, #disk.names(folder .. "/state.store"))
        end)

        it("35.13 a new key that cannot be had, or an old one that is wrong, changes nothing", function()
            make(folder)
            local before = disk.picture(folder)
            local engine = engine_here()
            local good, why = pcall(tools.rekey, engine.raw, { command = "exit 3" })
            engine:abandon()
            assert.is_false(good)
            assert.equal("state_key_unavailable", why.reason_code)
            local _, reason = rekey({ STATE_ENCRYPTION_KEY_HEX = ("01"):rep(32) })
            assert.equal("state_key_mismatch", reason)
            assert.equal(before, disk.picture(folder))
        end)

        it("35.13 a fault at any file call leaves a store under exactly one key, with the same content", function()
            local origin = folder .. ".origin"
            make(folder)
            disk.copy(folder, origin)
            local expected = content(look(folder).protection)
            for _, point in ipairs({ "open", "read", "write", "sync", "rename", "unlink" }) do
                for nth = 1, 80 do
                    disk.copy(origin, folder)
                    faults.arm(point, "error", nth, true)
                    rekey()
                    local hit = faults.hits(point) >= nth
                    faults.clear()
                    local old, new = look(folder), look(folder, { STATE_ENCRYPTION_KEY_HEX = NEW_KEY })
                    local open = old.refusal and new or old
                    local shut = old.refusal and old or new
                    assert.is_nil(open.refusal, point .. nth)
                    assert.equal("state_key_mismatch", shut.refusal.reason_code, point .. nth)
                    assert.equal(expected, content(open.protection))
                    local engine = engine_here({ STATE_ENCRYPTION_KEY_HEX = open == new and NEW_KEY or nil })
                    tools.compact(engine.raw)
                    engine:abandon()
                    if not hit then break end
                end
            end
            disk.remove(origin)
        end)

        it("35.13 what a cut one left goes at the next opening, also behind an audit file that is damaged", function()
            make(folder)
            local lp = registry.lp
            for round = 1, 5 do
                local engine = engine_here()
                signer.test_crash.commit(engine.raw, registry.changes(registry.op("verdict", "\0" .. lp("firewall") .. lp("1")
                    .. ("\1"):rep(32) .. lp("rule") .. lp("reason") .. lp("") .. string.pack(">I8", round) .. ("\2"):rep(32)
                    .. "\0")))
                engine:close()
            end
            faults.arm("unlink", "error", 1, true)
            rekey()
            faults.clear()
            local audits = {}
            for _, name in ipairs(disk.names(folder .. "/state.store")) do audits[#audits + 1] = name:match("^audit%-%x+$") end
            assert.is_true(#audits >= 2)
            disk.flip(folder .. "/state.store/" .. audits[1], 100)
            local engine = engine_here({ STATE_ENCRYPTION_KEY_HEX = NEW_KEY })
            tools.compact(engine.raw)
            engine:abandon()
            assert.same({ [audits[1]] = "state_corrupt" }, look(folder, { STATE_ENCRYPTION_KEY_HEX = NEW_KEY }).faults)
        end)
    end)

    describe("adopt", function()
        local function adopt()
            local engine = engine_here()
            local good, result = pcall(tools.adopt, engine.raw)
            engine:abandon()
            return good and result, not good and result
        end

        it("35.13 writes mark and lock id for a copy without its mark", function()
            make(folder)
            local before = look(folder)
            disk.shell("rm '%s/state.mark' '%s/state.lock'", folder, folder)
            assert.equal("state_corrupt", look(folder).refusal.reason_code)
            local result = adopt()
            assert.is_true(result.needed)
            assert.equal(before.seq, result.seq)
            assert.is_nil(look(folder).refusal)
            assert.is_true(look(folder).recorded)
            assert.is_nil(really_open(folder))
        end)

        it("35.13 changes nothing where the mark agrees, and refuses where it knows more", function()
            make(folder)
            local old = folder .. ".old"
            disk.copy(folder .. "/state.store", old)
            assert.is_false(adopt().needed)
            local engine = engine_here()
            tools.compact(engine.raw)
            engine:abandon()
            disk.copy(old, folder .. "/state.store")
            local before = disk.picture(folder)
            local _, why = adopt()
            assert.equal("state_rollback_detected", why.reason_code)
            assert.equal(before, disk.picture(folder))
            disk.remove(old)
        end)

        it("35.13 refuses another store than the lock remembers, and damage", function()
            make(folder)
            local log = folder .. "/state.store/" .. disk.log_name(4)
            disk.shell("rm '%s/state.mark'", folder)
            disk.patch(folder .. "/state.lock", 9, ("0"):rep(64))
            local _, why = adopt()
            assert.equal("state_foreign_store", why.reason_code)
            disk.shell("rm '%s/state.lock'", folder)
            disk.flip(log, 8192 + 100)
            _, why = adopt()
            assert.truthy(why)
            assert.is_false(disk.exists(folder .. "/state.mark"))
        end)
    end)

    it("35.13 what one store protects, another refuses after import; twice is once", function()
        make(folder)
        local other = disk.directory()
        disk.shell("chmod 700 '%s'", other)
        local protection = look(folder).protection
        local engine = engines.new(nil, { folder = other })
        tools.init(engine.raw)
        assert.truthy(tools.import(engine.raw, protection).tombstones > 0)
        assert.equal(0, tools.import(engine.raw, protection).tombstones)
        local good, why = pcall(tools.import, engine.raw, "{}")
        assert.is_false(good)
        assert.equal("VALIDATION", why.error)
        engine:abandon()
        disk.remove(other)
    end)

    it("D-086 sets aside format damage only, never in production, never by a tool", function()
        local key = "printf " .. ("5a"):rep(32)
        local function try(variables, act)
            local all = { STATE_CORRUPTION_POLICY = "quarantine_and_reset" }
            for name, value in pairs(variables or {}) do all[name] = value end
            local engine = engine_here(all)
            local reason
            if act then
                local good, why = pcall(act, engine.raw)
                reason = not good and why.reason_code
            else -- any call that needs the state
                local _, problem = engine:call("retire_distributed_dkg_key_packages", { key_group = registry.GROUP_A })
                reason = problem and problem.reason_code
            end
            engine:abandon()
            return reason or nil
        end
        make(folder)
        local log = folder .. "/state.store/" .. disk.log_name(4)
        local function kept() return disk.exists(folder .. "/state.store") and disk.exists(log) end

        assert.equal("state_key_mismatch", try({ STATE_ENCRYPTION_KEY_HEX = NEW_KEY }))
        assert.equal("state_key_unavailable", try({ STATE_ENCRYPTION_KEY_HEX = false }))
        faults.arm("read", "error", 3, true)
        assert.equal("state_io", try())
        faults.clear()
        disk.shell("chmod 640 '%s'", log)
        assert.equal("state_path_unsafe", try())
        disk.shell("chmod 600 '%s'", log)
        disk.flip(log, 4200)
        assert.equal("state_corrupt", try(nil, tools.compact))
        assert.equal("state_corrupt", try({ PROFILE = "production", STATE_KEY_PROVIDER = "command", STATE_KEY_COMMAND = key,
            ENFORCE_PROVENANCE_GATE = "false" }, tools.compact))
        assert.is_true(kept())
        assert.is_nil(try())
        assert.is_false(kept())
        assert.truthy(disk.shell("ls -d '%s'/state.store.corrupt-* >/dev/null", folder))
    end)

    describe("damage", function()
        local before, files

        before_each(function()
            make(folder)
            before = look(folder)
            files = {}
            for _, name in ipairs(disk.names(folder .. "/state.store")) do files[#files + 1] = "/state.store/" .. name end
            files[#files + 1] = "/state.mark"
            files[#files + 1] = "/state.lock"
        end)

        --- Closed with a reason that fits, or the last durable state; never another one.
        local function judge(where)
            local facts = look(folder)
            local reason = facts.refusal and facts.refusal.reason_code
            if reason then
                assert.truthy(reason == "state_corrupt" or reason == "state_rollback_detected" or reason == "state_foreign_store"
                    or reason == "state_version_unsupported", where .. ": " .. reason)
            else
                assert.equal(before.chain, facts.chain, where)
                assert.equal(before.protection, facts.protection, where)
            end
            return reason, facts
        end

        it("35.10 each file missing: the pair before, or a refusal", function()
            for _, name in ipairs(files) do
                disk.shell("mv '%s%s' '%s/aside'", folder, name, folder)
                judge(name .. " missing")
                disk.shell("mv '%s/aside' '%s%s'", folder, folder, name)
            end
        end)

        it("35.10 a damaged old file is named, and the newest state opens", function()
            local old = folder .. "/state.store/" .. disk.snapshot_name(before.log_number - 1)
            disk.flip(old, 4200)
            local _, facts = judge("old snapshot")
            assert.is_nil(facts.refusal)
            assert.equal("state_corrupt", facts.faults[disk.snapshot_name(before.log_number - 1)])
        end)
    end)
end)
