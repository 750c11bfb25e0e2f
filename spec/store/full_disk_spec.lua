-- A disk that is really full: a small tmpfs (needs root), filled up at every stage (sealed-store 35.7, 35.14).
local disk = require("spec.store.disk")
local engines = require("spec.support.engines")
local files = require("spec.support.files")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")

local tools = signer.store_tools

describe("a full disk", function()
    local folder, mounted
    before_each(function()
        folder = disk.directory()
        mounted = disk.shell("mount -t tmpfs -o size=8m,mode=0700 tmpfs '%s'", folder)
    end)
    after_each(function()
        signing.finish_all()
        collectgarbage()
        if mounted then disk.shell("umount '%s' || umount -l '%s'", folder, folder) end
        disk.remove(folder)
    end)
    teardown(engines.clean)

    local function fill(leave)
        disk.shell("dd if=/dev/zero of='%s/filler' bs=4k", folder)
        if leave then disk.shell("truncate -s -%d '%s/filler'", leave, folder) end
    end
    local function make_room() disk.shell("rm '%s/filler'", folder) end

    local function act(name)
        local engine = engines.new(nil, { folder = folder })
        local good, result = pcall(tools[name], engine.raw)
        engine:abandon()
        return not good and (result.reason_code or result.error) or nil
    end

    it("D-098 creation and opening are refused with state_no_space, change nothing, and work with room again", function()
        if not mounted then return pending("no tmpfs can be mounted here (needs root)") end
        for _, leave in ipairs({ 0, 4096, 65536, 524288 }) do
            fill(leave)
            assert.equal("state_no_space", act("init"))
            make_room()
            assert.is_false(disk.exists(folder .. "/state.store"))
        end
        assert.is_nil(act("init"))
        for _, leave in ipairs({ 0, 4096, 65536, 524288 }) do
            fill(leave)
            assert.equal("state_no_space", act("compact"))
            make_room()
            assert.is_nil(act("compact"))
        end
    end)

    it("35.7 35.13 a tool with little room does its work or changes nothing, and works again with room", function()
        if not mounted then return pending("no tmpfs can be mounted here (needs root)") end
        assert.is_nil(act("init"))
        local keys = { ("5a"):rep(32), ("6b"):rep(32) }
        local current, refused = 1, 0
        local function rekey()
            local engine = engines.new({ STATE_ENCRYPTION_KEY_HEX = keys[current], NEXT = keys[3 - current] },
                { folder = folder })
            local good, result = pcall(tools.rekey, engine.raw, { variable = "TBTC_SIGNER_NEXT" })
            engine:abandon()
            if good then current = 3 - current end
            return not good and (result.reason_code or result.error) or nil
        end
        local function opens_under(number)
            local engine = engines.new({ STATE_ENCRYPTION_KEY_HEX = keys[number] }, { folder = folder })
            local inspection = tools.inspect(engine.raw)
            local facts = inspection:facts()
            inspection:close()
            engine:abandon()
            return facts.refusal == nil, facts.refusal and facts.refusal.reason_code
        end
        for _, leave in ipairs({ 0, 4096, 8192, 12288, 524288, 1048576, 1060864, 1069056, 2097152 }) do
            fill(leave)
            local reason = rekey()
            if reason then
                assert.equal("state_no_space", reason)
                refused = refused + 1
            end
            if reason and not opens_under(current) then current = 3 - current end -- it failed behind the new log
            assert.is_true((opens_under(current)), leave)
            local _, why = opens_under(3 - current)
            assert.equal("state_key_mismatch", why)
            make_room()
            assert.is_nil(rekey())
        end
        assert.is_true(refused > 3)
    end)

    it("35.13 a rekey that found no room behind its new log says which key the store has now", function()
        if not mounted then return pending("no tmpfs can be mounted here (needs root)") end
        local function run(arguments, key)
            return files.run(("env -u LD_PRELOAD TBTC_SIGNER_PROFILE=development TBTC_SIGNER_STATE_PATH='%s/state' NEXT=%s"
                .. " TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX=%s build/tbtc-signer store %s"):format(folder, ("6b"):rep(32), key,
                arguments))
        end
        assert.equal(0, (run("init", ("5a"):rep(32))))
        fill(1060864) -- a snapshot, a log and no mark
        local status, _, problem = run("rekey --new-key-variable NEXT", ("5a"):rep(32))
        assert.equal(1, status)
        assert.matches("state_no_space.*sealed under the new key by now", problem)
        make_room()
        assert.equal(0, (run("compact", ("6b"):rep(32))))
        assert.equal(0, (run("verify", ("6b"):rep(32))))
    end)

    it("35.14 at random levels, while it signs and starts again: no marker is lost", function()
        if not mounted then return pending("no tmpfs can be mounted here (needs root)") end
        local group = signing.new({ folder = folder })
        local seed = tonumber(os.getenv("SIGNER_SEED")) or os.time()
        local spent, refusals, packages, random = {}, 0, {}, seed
        local function below(bound)
            random = (random * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
            return (random >> 33) % bound
        end
        local function try(reply, problem)
            if reply then return reply end
            assert.equal("state_no_space", problem.reason_code, "seed " .. seed)
            refusals = refusals + 1
        end
        for round = 1, 24 do
            local session = "s" .. round
            packages[session] = group:prepare({ session = session })
            fill(({ 0, 4096, 65536, 524288, 1048576, 1052672, 1061000 })[1 + below(7)])
            if below(3) == 0 then -- a start that finds no room; the next one, with room, is not refused
                group:restart(below(2) == 0)
                try(group:open({ session = "start-" .. round }))
            else
                if try(group:round2(packages[session], { session = session })) then spent[#spent + 1] = session end
                for extra = 1, below(200) do
                    if not try(group:open({ session = ("x-%d-%d"):format(round, extra) })) then break end
                    group:abort({ session = ("x-%d-%d"):format(round, extra) })
                end
            end
            make_room()
            if below(3) == 0 then group:restart() end
        end
        group:restart()
        for _, session in ipairs(spent) do
            signing.assert_refused("consumed_nonce_replay", group:open({ session = session }))
        end
        assert.is_true(#spent > 3 and refusals > 3, ("seed %d: %d spent, %d refusals"):format(seed, #spent, refusals))
    end)

    it("35.7 while it runs: markers are written into the room kept for them, and none is lost", function()
        if not mounted then return pending("no tmpfs can be mounted here (needs root)") end
        local group = signing.new({ folder = folder })
        local commitments = {}
        for member = 1, 2 do commitments[member] = group:commit({ session = "s", member = member }) end
        local package = group:package(commitments, { session = "s" })
        fill()
        -- ordinary records until their part of the room is used up
        local refusal, opened
        for i = 1, 400 do
            local reply, problem = group:open({ session = ("ordinary-%d"):format(i), member = 1 })
            if not reply then
                refusal = problem
                break
            end
            opened = i
            group:abort({ session = ("ordinary-%d"):format(i), member = 1 })
        end
        assert.truthy(opened and opened > 10)
        assert.equal("state_no_space", refusal and refusal.reason_code)
        assert.truthy((group:round2(package, { session = "s", member = 1 })))
        make_room()
        group:restart()
        local reply, problem = group:open({ session = "s", member = 1 })
        assert.is_nil(reply)
        assert.equal("consumed_nonce_replay", problem.code)
        assert.truthy((group:open({ session = "after", member = 1 })))
    end)
end)
