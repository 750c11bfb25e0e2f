-- Power loss on a disk that forgets what was not synced (sealed-store 35.14; D-095, D-096): random appends,
-- waits, failing calls, kills and power losses. Whatever happened: an acknowledged record is there, in its
-- place, once; what was found missing never comes back; and the store always opens.
local disk = require("spec.store.disk")
local generator = require("spec.support.generator")
local signer = require("tbtc_signer")

--- One life of a store over several processes; raises at the first broken promise.
local function live(seed, rounds)
    local random = generator(seed)
    local machine = signer.test_disk.new(seed)
    local acknowledged, lost = {}, {} -- by number
    local appended = 0 -- numbers given so far
    local known = {} -- numbers in the store at the last opening
    local stats = { opened = 0, faults = 0 }

    local function open()
        return disk.open("", { path = "/state", platform = machine })
    end

    --- Opens, with failing calls at first, and compares with what was promised.
    local function reopen()
        local store
        if random(2) == 0 then
            machine:faults({ write = 10, sync = 20, rename = 30, open = 20, space = 5 })
            local good, result = pcall(open)
            if good then
                store = result
            else
                if random(2) == 0 then machine:power_loss() else machine:kill() end
            end
        end
        machine:faults({})
        if not store then
            local good, result = pcall(open)
            assert(good, ("seed %d: %s"):format(seed, tostring(result)))
            store = result
        end
        stats.opened = stats.opened + 1
        local found = {}
        for i, text in ipairs(disk.texts(store)) do found[i] = tonumber(text:match("^%d+")) end
        local present = {}
        for i, number in ipairs(found) do
            assert(i == 1 or number > found[i - 1], ("seed %d: order"):format(seed))
            assert(not lost[number], ("seed %d: record %d came back"):format(seed, number))
            present[number] = true
        end
        for _, number in ipairs(known) do assert(present[number], ("seed %d: record %d was lost later"):format(seed, number)) end
        for number = 1, appended do
            assert(present[number] or not acknowledged[number],
                ("seed %d: record %d was acknowledged and is lost"):format(seed, number))
            if not present[number] then lost[number] = true end
        end
        known = found
        return store
    end

    local function work(store)
        local tickets = {}
        for _ = 1, 4 + random(16) do
            local choice = random(10)
            if choice < 6 then
                local number = appended + 1
                local body = disk.body(("%d "):format(number) .. ("x"):rep(random(4) == 0 and random(9000) or random(60)))
                if random(12) == 0 then body = body .. disk.op(21) end
                local good, ticket = pcall(disk.append, store, body, "change", random(3) == 0)
                appended = number -- a write that failed may have stored all of it: found later or not
                if good then tickets[#tickets + 1] = { ticket, number } end
            elseif #tickets > 0 then
                local chosen = tickets[1 + random(#tickets)]
                if pcall(store.wait, store, chosen[1]) then
                    for _, pair in ipairs(tickets) do
                        if pair[1] <= chosen[1] then acknowledged[pair[2]] = true end
                    end
                end
            end
        end
    end

    for _ = 1, rounds do
        local store = reopen()
        if random(4) > 0 then
            machine:faults({ write = random(60), sync = random(120), rename = random(200), open = random(40),
                space = random(20) })
        end
        work(store)
        machine:faults({})
        if random(5) == 0 then store:close() else store:close(true) end
        if random(3) > 0 then machine:power_loss() else machine:kill() end
    end
    reopen():close(true)
    stats.faults = machine:faults_hit()
    return stats
end

describe("store power loss", function()
    it("D-095 D-096 loses nothing that was acknowledged, over many random lives", function()
        local first = tonumber(os.getenv("SIGNER_SEED") or 1)
        local opened, faults = 0, 0
        for seed = first, first + tonumber(os.getenv("SIGNER_SEEDS") or 40) - 1 do
            local stats = live(seed, 8)
            opened, faults = opened + stats.opened, faults + stats.faults
        end
        assert.is_true(opened > 100)
        assert.is_true(faults > 100)
    end)

    it("35.10 a quarantine that is cut anywhere goes on at the next opening", function()
        local options = { path = "/state", reset_corrupt = true, backups = 2 }
        local cut = 0
        for seed = 1, 100 do
            options.platform = signer.test_disk.new(seed)
            local store = disk.open("", options)
            disk.commit(store, disk.body("old"))
            store:close(true)
            options.platform:kill()
            options.platform:put("/state.store/" .. disk.log_name(1), ("x"):rep(1048576))
            options.platform:stop_at(1 + seed % 20)
            local good, result = pcall(disk.open, "", options)
            if good then result:close(true) end
            if options.platform:stopped() then cut = cut + 1 end
            options.platform:power_loss()
            good, result = pcall(disk.open, "", options)
            assert(good, ("seed %d: %s"):format(seed, tostring(result)))
            assert.same({}, disk.texts(result))
            result:close(true)
        end
        assert.is_true(cut > 50, cut)
    end)
end)
