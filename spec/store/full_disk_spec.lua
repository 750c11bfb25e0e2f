-- A disk that is really full: a small tmpfs (needs root), filled up at every stage (sealed-store 35.7, 35.14).
local disk = require("spec.store.disk")
local engines = require("spec.support.engines")
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
        if not mounted then return pending("no tmpfs can be mounted here") end
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

    it("35.7 while it runs: markers are written into the room kept for them, and none is lost", function()
        if not mounted then return pending("no tmpfs can be mounted here") end
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
