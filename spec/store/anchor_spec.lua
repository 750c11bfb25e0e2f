-- The anchor of the store (sealed-store 35.11; D-092): the counter file, strict and lazy, and what a
-- rollback, a clone or a lost counter meet at open.
local disk = require("spec.store.disk")
local engines = require("spec.support.engines")
local json = require("tbtc_signer.json")
local luv = require("luv")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")

local tools = signer.store_tools

describe("store anchor", function()
    local folder, counter_folder, counter
    before_each(function()
        folder, counter_folder = disk.directory(), disk.directory()
        disk.shell("chmod 700 '%s' '%s'", folder, counter_folder)
        counter = counter_folder .. "/counter"
    end)
    after_each(function()
        signing.finish_all()
        disk.remove(folder)
        disk.remove(counter_folder)
    end)
    teardown(engines.clean)

    local function settings(more)
        local all = { STATE_STORE_ANCHOR = "counter_file", STATE_STORE_ANCHOR_PATH = counter }
        for name, value in pairs(more or {}) do all[name] = value end
        return all
    end

    --- Opens and closes the store: the reason of a refusal, or nil.
    local function compact(place, more)
        local engine = engines.new(settings(more), { folder = place or folder })
        local good, why = pcall(tools.compact, engine.raw)
        engine:abandon()
        return not good and (why.reason_code or why.error) or nil, not good and why.detail or nil
    end

    local function init()
        local engine = engines.new(settings(), { folder = folder })
        local good, result = pcall(tools.init, engine.raw)
        engine:abandon()
        if not good then error(result, 0) end
        return result
    end

    local function look(more)
        local engine = engines.new(settings(more), { folder = folder })
        local inspection = tools.inspect(engine.raw)
        local facts = inspection:facts()
        inspection:close()
        engine:abandon()
        return facts
    end

    local function anchored() return (string.unpack(">I8", disk.read(counter), 49)) end

    it("35.11 the counter file has its form and moves with every open", function()
        local store_id = init().store_id
        local bytes = disk.read(counter)
        assert.equal(104, #bytes)
        assert.equal("TBTCSTOREANCHOR1", bytes:sub(1, 16))
        assert.equal(store_id, (bytes:sub(17, 48):gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
        local check = signer.curve.sha256("tbtc-signer-store-anchor/v1\0" .. bytes:sub(1, 88)):sub(1, 16)
        assert.equal(check, bytes:sub(89))
        local before = anchored()
        assert.is_nil(compact())
        assert.truthy(anchored() > before)
        assert.same({ "counter", "counter.lock" }, disk.names(counter_folder))
    end)

    it("35.13 looking at the store leaves the counter alone, its lock too", function()
        init()
        os.remove(counter .. ".lock")
        local bytes = disk.read(counter)
        local facts = look()
        assert.is_nil(facts.refusal)
        assert.equal(anchored(), facts.anchor_seq)
        assert.equal(bytes, disk.read(counter))
        assert.same({ "counter" }, disk.names(counter_folder))
    end)

    it("35.11 an older copy of everything but the counter is a rollback, and stays as it is", function()
        init()
        local old = folder .. ".old"
        disk.copy(folder, old)
        assert.is_nil(compact())
        disk.copy(old, folder)
        local before = disk.picture(folder)
        for _ = 1, 2 do assert.equal("state_rollback_detected", (compact())) end
        assert.equal("state_rollback_detected", look().refusal.reason_code)
        assert.equal(before, disk.picture(folder))
        assert.is_nil(compact(folder, { STATE_STORE_ANCHOR = "none", STATE_STORE_ANCHOR_PATH = false })) -- unseen without it
        disk.remove(old)
    end)

    it("35.11 of two clones the second to advance is refused", function()
        init()
        local clone = folder .. ".clone"
        disk.copy(folder, clone)
        assert.is_nil(compact(clone))
        assert.equal("state_rollback_detected", (compact(folder)))
        assert.is_nil(compact(clone))
        disk.remove(clone)
    end)

    it("35.11 a fork with a longer history than the anchored one is seen by its chain", function()
        init()
        local clone = folder .. ".clone"
        disk.copy(folder, clone)
        assert.is_nil(compact(folder))
        local none = { STATE_STORE_ANCHOR = "none", STATE_STORE_ANCHOR_PATH = false }
        for _ = 1, 2 do assert.is_nil(compact(clone, none)) end
        local reason, detail = compact(clone)
        assert.equal("state_rollback_detected", reason)
        assert.truthy(detail:find("another history", 1, true))
        disk.remove(clone)
    end)

    it("35.11 a lost counter is a rollback once a receipt was recorded", function()
        init()
        os.remove(counter)
        assert.equal("state_rollback_detected", (compact()))
        assert.is_false(disk.exists(counter))
    end)

    it("35.11 an anchor may be added to a store that had none", function()
        local none = { STATE_STORE_ANCHOR = "none", STATE_STORE_ANCHOR_PATH = false }
        local engine = engines.new(settings(none), { folder = folder })
        tools.init(engine.raw)
        engine:abandon()
        assert.is_nil(compact())
        assert.truthy(anchored() > 1)
        assert.is_nil(compact())
    end)

    it("D-143 a counter file remembers a store that is gone", function()
        init()
        disk.shell("rm -rf '%s'/*", folder)
        local good, why = pcall(init)
        assert.is_false(good)
        assert.equal("state_rollback_detected", why.reason_code)
        assert.is_false(disk.exists(folder .. "/state.store"))
        disk.write(counter, "x")
        assert.is_false((pcall(init)))
    end)

    it("35.11 a counter that cannot be read is state_anchor_unavailable, and the store stays as it is", function()
        init()
        local bytes = disk.read(counter)
        local before = disk.picture(folder)
        local function refused()
            assert.equal("state_anchor_unavailable", (compact()))
            assert.equal(before, disk.picture(folder))
        end
        for offset = 0, 103 do
            disk.flip(counter, offset)
            if offset % 13 == 0 then refused() end
            disk.flip(counter, offset)
        end
        disk.write(counter, bytes .. "\0")
        refused()
        disk.write(counter, "")
        refused()
        disk.write(counter, bytes)
        disk.shell("chmod 644 '%s'", counter)
        refused()
        disk.shell("chmod 600 '%s'; mv '%s' '%s.away'", counter, counter_folder, counter_folder)
        refused()
        disk.shell("mv '%s.away' '%s'", counter_folder, counter_folder)
        assert.is_nil(compact())
    end)

    it("35.11 the counter of another store is not this one's", function()
        init()
        local other = disk.directory()
        disk.shell("chmod 700 '%s'", other)
        local engine = engines.new(nil, { folder = other })
        tools.init(engine.raw)
        engine:abandon()
        assert.equal("state_anchor_unavailable", (compact(other)))
        disk.remove(other)
    end)

    it("pol 2.8 counter_file needs a path, and a path needs counter_file", function()
        assert.equal("invalid_configuration_value", (compact(folder, { STATE_STORE_ANCHOR_PATH = false })))
        assert.equal("invalid_configuration_value", (compact(folder, { STATE_STORE_ANCHOR = "none" })))
        assert.equal("invalid_configuration_value", (compact(folder, { STATE_STORE_ANCHOR = "cloud" })))
        assert.equal("invalid_configuration_value", (compact(folder, { STATE_STORE_ANCHOR_WINDOW = "0" })))
    end)

    it("D-086 with an anchor a damaged store is never set aside", function()
        init()
        disk.flip(folder .. "/state.store/" .. disk.log_name(1), 4200)
        local engine = engines.new(settings({ STATE_CORRUPTION_POLICY = "quarantine_and_reset" }), { folder = folder })
        local _, problem = engine:call("retire_distributed_dkg_key_packages", { key_group = registry.GROUP_A })
        engine:abandon()
        assert.equal("state_corrupt", problem.reason_code)
        assert.is_true(disk.exists(folder .. "/state.store"))
    end)

    describe("while signing", function()
        local function wallet(policy, window)
            return signing.new({ environment = {
                TBTC_SIGNER_STATE_STORE_ANCHOR = "counter_file", TBTC_SIGNER_STATE_STORE_ANCHOR_PATH = counter,
                TBTC_SIGNER_STATE_STORE_ANCHOR_POLICY = policy, TBTC_SIGNER_STATE_STORE_ANCHOR_WINDOW = tostring(window or 64),
            } })
        end

        local function away() disk.shell("mv '%s' '%s.away'", counter_folder, counter_folder) end
        local function back() disk.shell("mv '%s.away' '%s'", counter_folder, counter_folder) end

        local function prepared(group, session)
            local options = { session = session }
            local commitments = {}
            for member = 1, 2 do commitments[member] = group:commit(signing.with(options, { member = member })) end
            return group:package(commitments, options), options
        end

        it("D-092 strict: no share leaves without the receipt, its marker stands, the log stays good", function()
            local group = wallet("strict")
            local package, options = prepared(group, "one")
            local reply, before = group:round2(package, options), anchored()
            assert.truthy(reply)
            package, options = prepared(group, "two")
            away()
            local refused, problem = group:round2(package, options)
            assert.is_nil(refused)
            assert.equal("state_anchor_unavailable", problem.reason_code)
            assert.is_nil((group:round2(package, signing.with(options, { member = 2 }))))
            back()
            refused, problem = group:round2(package, options)
            assert.is_nil(refused)
            assert.equal("consumed_nonce_replay", problem.code)
            package, options = prepared(group, "three")
            assert.truthy((group:round2(package, options)))
            assert.truthy(anchored() > before)
        end)

        it("D-092 strict: records that protect nothing need no receipt", function()
            local group = wallet("strict")
            away()
            assert.truthy((group:open({ session = "ordinary" })))
            back()
        end)

        it("D-092 lazy: at most the window behind, then nothing more is released", function()
            local group = wallet("lazy", 8)
            prepared(group, "first")
            away()
            local released, problem = 0, nil
            for i = 1, 12 do
                local reply
                reply, problem = group:open({ session = "s" .. i })
                if not reply then break end
                released = released + 1
            end
            assert.truthy(released > 0 and released <= 8)
            assert.equal("state_anchor_unavailable", problem.reason_code)
            back()
            assert.truthy((group:open({ session = "again" })))
        end)

        it("D-137 a child forked while the counter moves does not keep its lock", function()
            local group = wallet("strict")
            local package, options = prepared(group, "one")
            local request = group:seat_request(options)
            request.signing_package_hex = package
            local forker = disk.open(folder)
            signer.test_fault.arm("rename", "pause") -- of the counter, under its lock
            local running = group.engine:parallel({ { "interactive_round2", json.encode(request) } })
            while signer.test_fault.hits("rename") < 1 do luv.sleep(5) end
            local child = forker:fork_idle()
            signer.test_fault.release()
            local answer = running:finish()[1]
            local free = os.execute(("flock -w 60 '%s.lock' true"):format(counter)) -- the child runs its first lines
            signer.test_store.kill(child)
            forker:close()
            assert.is_true(answer[1])
            assert.is_true(free)
        end)

        it("35.11 a clone that advanced stops the one that runs", function()
            local group = wallet("strict")
            local package, options = prepared(group, "one")
            local clone = folder .. ".clone"
            disk.copy(group.folder, clone)
            disk.shell("cd '%s' && for f in state.json*; do mv $f state${f#state.json}; done", clone)
            local engine = engines.new(settings(), { folder = clone })
            tools.compact(engine.raw)
            engine:abandon()
            local reply, problem = group:round2(package, options)
            assert.is_nil(reply)
            assert.equal("state_rollback_detected", problem.reason_code)
            disk.remove(clone)
        end)
    end)
end)
