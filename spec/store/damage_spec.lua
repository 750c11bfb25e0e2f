-- Damage (sealed-store 35.10, 35.14). At one place: the short form of `make damage`, whose every case knows the one
-- right answer. At several random places at once: the true state or a refusal, never another state. SIGNER_SEED and
-- SIGNER_SEEDS choose and lengthen the run.
local child = require("spec.support.child")
local damage = require("spec.store.damage")
local disk = require("spec.store.disk")
local generator = require("spec.support.generator")

local refusals = { state_corrupt = true, state_rollback_detected = true, state_version_unsupported = true,
    state_foreign_store = true, state_key_mismatch = true, state_import_conflict = true }

describe("store damage", function()
    local directory = disk.directory()
    local good = directory .. "/good"
    local expected = { "first", "two", ("large"):rep(2000), "three", "four", "five", "six" }

    setup(function()
        disk.shell("mkdir '%s'", good)
        local store = disk.open(good)
        for i, text in ipairs(expected) do
            if i == 3 or i == 5 then
                store:close(i == 5)
                store = disk.open(good)
            end
            disk.commit(store, disk.body(text))
        end
        disk.commit(store, disk.op(22, "verdict"), "note")
        store:close()
    end)
    teardown(function() disk.remove(directory) end)

    --- Bytes that are not zero, as ranges, so that most damage meets something.
    local function place(random, bytes)
        for _ = 1, 20 do
            local at = random(#bytes)
            if bytes:byte(at + 1) ~= 0 then return at end
        end
        return random(math.min(#bytes, 20000))
    end

    local function strike(random, at)
        local names = {}
        for _, name in ipairs({ "state.mark", "state.lock" }) do
            if disk.exists(at .. "/" .. name) then names[#names + 1] = name end
        end
        for _, name in ipairs(disk.names(at .. "/state.store")) do names[#names + 1] = "state.store/" .. name end
        local path = at .. "/" .. names[1 + random(#names)]
        local bytes = disk.read(path)
        local where = #bytes > 0 and place(random, bytes) or 0
        local kind = #bytes > 0 and random(7) or 3
        if kind == 0 then
            disk.write(path, bytes:sub(1, where)) -- cut
        elseif kind == 1 then
            local sector = where // 512 * 512 -- a sector zeroed
            disk.patch(path, sector, ("\0"):rep(math.min(512, #bytes - sector)))
        elseif kind == 2 then -- another file of the store in its place
            disk.write(path, disk.read(at .. "/" .. names[1 + random(#names)]))
        elseif kind == 3 then
            os.remove(path)
        elseif kind == 4 then -- a page of its own elsewhere
            local page = bytes:sub(1 + where // 4096 * 4096, where // 4096 * 4096 + 4096)
            disk.patch(path, random(4) * 4096, page)
        else
            disk.flip(path, where, 1 << random(8))
        end
        return ("%s of %s at %d"):format(kind, path, where)
    end

    it("35.10 35.14 D-095 at one place gives the state that was durable, or the reason of that place", function()
        local seed = tonumber(os.getenv("SIGNER_SEED")) or os.time()
        local run = damage.run({ seed = seed, few = child.sanitized })
        if #run.failures > 0 then error(table.concat(run.failures, "\n", 1, math.min(5, #run.failures))) end
        print(("\ndamage: seed %d, %d cases, %d gave a durable state, %d real openings"):format(seed, run.cases, run.opened,
            run.opens))
        assert.is_true(run.opened > 500 and run.cases - run.opened > 500 and run.opens > 20)
    end)

    it("35.14 at several places at once gives the true state or a refusal", function()
        local opened, refused = 0, 0
        local first = tonumber(os.getenv("SIGNER_SEED") or 1)
        for seed = first, first + tonumber(os.getenv("SIGNER_SEEDS") or 150) - 1 do
            local random = generator(seed)
            local at = directory .. "/damaged"
            disk.copy(good, at)
            local what = {}
            for i = 1, 1 + random(2) do what[i] = strike(random, at) end
            local told = ("seed %d: %s"):format(seed, table.concat(what, ", "))
            local reason, store = disk.refusal(at)
            if reason then
                refused = refused + 1
                assert.is_true(refusals[reason], told .. ": " .. reason)
            else
                opened = opened + 1
                assert.same(expected, disk.texts(store), told)
                store:close(true)
            end
        end
        assert.is_true(opened > 10 and refused > 30, opened .. " opened, " .. refused .. " refused")
    end)
end)
