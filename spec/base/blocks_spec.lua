-- Memory of a Lua state (src/base/blocks): what is written stays, and blocks come back.
package.cpath = (os.getenv("SIGNER_BUILD") or "build/test") .. "/?.so;" .. package.cpath
local blocks = require("tbtc_signer").test_blocks

describe("memory of a Lua state", function()
    it("holds what was written, through every change of size", function()
        for seed = 1, 20 do assert.has_no.errors(function() blocks.exercise(seed, 5000) end) end
    end)

    it("does not grow with the number of requests", function()
        local few = blocks.exercise(7, 20000)
        assert.is_true(blocks.exercise(7, 200000) <= few + few // 4 + 40000) -- one chunk more
    end)

    it("a smaller block is had though there is no memory: Lua relies on it", function()
        for _, sizes in ipairs({ { 2000, 40 }, { 48, 16 }, { 5000, 3000 }, { 5000, 40 } }) do
            assert.is_true(blocks.shrinks(sizes[1], sizes[2]), sizes[1] .. " to " .. sizes[2])
        end
    end)
end)
