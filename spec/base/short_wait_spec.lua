-- Waits that look before they sleep (src/base/short_wait): they end sooner, nothing else.
package.cpath = (os.getenv("SIGNER_BUILD") or "build/test") .. "/?.so;" .. package.cpath
local short_wait = require("tbtc_signer").test_short_wait

describe("a short wait", function()
    it("for a mutex keeps everybody else out, whoever looks and whoever sleeps", function()
        assert.equal(4 * 20000, short_wait.count(4, 20000))
        assert.equal(2 * 20000, short_wait.count(2, 20000))
    end)

    it("for a change ends with it, the mutex held again and the next one free to look", function()
        local result, held, busy = short_wait.change(400, { signal = true })
        if result == "not" then return pending("a machine with one processor sleeps at once") end
        assert.equal("changed", result)
        assert.is_true(held)
        assert.is_false(busy)
    end)

    it("in vain is over after its time", function()
        local result, held, busy = short_wait.change(1, {})
        if result == "not" then return pending("a machine with one processor sleeps at once") end
        assert.equal("over", result)
        assert.is_true(held)
        assert.is_false(busy)
    end)

    it("is none where another looks already, or where it would be long", function()
        local result, held, busy = short_wait.change(100, { busy = true })
        assert.equal("not", result)
        assert.is_true(held)
        assert.is_true(busy)
        assert.equal("not", (short_wait.change(501, {})))
    end)
end)
