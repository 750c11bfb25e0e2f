-- Who waits for the store at once shares its syncs (sealed-store 35.7, group commit): the leader of a sync waits for
-- callers that come back sooner than a sync takes. What is synced does not depend on it.
package.cpath = (os.getenv("SIGNER_BUILD") or "build/test") .. "/?.so;" .. package.cpath
local play = require("tbtc_signer").test_company.play

--- One caller alone, whose syncs take 4 ms and who comes back after 0.5.
local function alone()
    return { { "append", 1000 }, { "wait", 1000 }, { "begin", 1000 }, { "end", 5000 },
        { "append", 5500 }, { "wait", 5500 } }
end

--- A second caller comes while the first one's sync runs, and leads the next one.
local function turns(return_us, sync_us)
    local ended = 1000 + sync_us
    return { { "append", 900 }, { "wait", 900 }, { "begin", 1000 }, { "append", 1500 }, { "wait", 1500 }, { "end", ended },
        { "begin", ended }, { "append", ended + return_us }, { "wait", ended + return_us }, { "end", ended + sync_us } }
end

describe("company at the store", function()
    it("a caller alone never waits for others", function()
        assert.are.equal(0, (play(alone())))
        assert.are.equal(0, (play({})))
    end)

    it("two that take turns: the leader waits half a sync for the other, and no longer once it is there", function()
        local events = turns(500, 4000)
        local patience, complete = play(events)
        assert.are.equal(2000, patience)
        assert.is_false(complete)
        table.insert(events, { "append", 10000 })
        table.insert(events, { "wait", 10000 })
        patience, complete = play(events)
        assert.are.equal(0, patience)
        assert.is_true(complete)
    end)

    it("nobody waits where a sync is quicker than the way back, nor longer than 10 ms", function()
        assert.are.equal(0, (play(turns(500, 900))))
        assert.are.equal(10000, (play(turns(500, 90000))))
    end)

    it("who does not come back is waited for once", function()
        local events = turns(500, 4000)
        table.insert(events, { "begin", 12000 })
        table.insert(events, { "end", 16000 })
        table.insert(events, { "append", 16500 })
        table.insert(events, { "wait", 16500 })
        assert.are.equal(0, (play(events)))
    end)

    it("callers that a sync has set free do not count as waiting, even before they run", function()
        local events = { { "append", 900 }, { "wait", 900 }, { "append", 900 }, { "wait", 900 }, { "begin", 1000 },
            { "end", 5000 }, { "append", 5500 }, { "wait", 5500 } }
        local patience, complete = play(events)
        assert.are.equal(2000, patience)
        assert.is_false(complete)
    end)
end)
