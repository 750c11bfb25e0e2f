-- The registry under a real engine and store: the witness base moves, and what is read back at the next
-- open equals memory. sealed-store 35.8, D-088, D-089, D-120.
local vectors = require("spec.support.vectors")
local engines = require("spec.support.engines")
local transactions = require("spec.support.transactions")
local signer = require("tbtc_signer")

local hex = vectors.hex
local test_state = signer.test_state

describe("engine", function()
    teardown(engines.clean)

    it("D-089 moves the witness base of an unanchored store and reads it back", function()
        local engine = engines.new({ STATE_WITNESS_MAX_RECORDS = "8" })
        local base = 1
        for number = 1, 12 do
            engine:must("build_taproot_tx", transactions.request("s" .. number))
            local counts = test_state.counts(engine.raw)
            assert.equal(number + 1, counts.generation)
            if 2 * (counts.generation - base + 1) > 8 then base = counts.generation - 2 end
            assert.equal(base, counts.witness_base)
        end
        local digest = test_state.digest(engine.raw)
        local again = engine:reopen()
        local counts = test_state.counts(again.raw)
        assert.same({ 13, base }, { counts.generation, counts.witness_base })
        assert.equal(hex(digest), hex(test_state.digest(again.raw)))
        again:close()
    end)

    it("D-123, D-124 evicts built transactions for new ones, oldest first, and reads that back", function()
        local engine = engines.new({ MAX_SESSIONS = "3" })
        for number = 1, 7 do engine:must("build_taproot_tx", transactions.request("s" .. number)) end
        local counts = test_state.counts(engine.raw)
        assert.same({ 3, 0, 8 }, { counts.sessions, counts.active, counts.generation })
        local digest = test_state.digest(engine.raw)
        engine:abandon()
        local again = engines.new(engine.variables, { folder = engine.folder })
        assert.equal(hex(digest), hex(test_state.digest(again.raw)))
        again:close()
    end)

    it("34.4 answers a limit below the stored count as a configuration error", function()
        local engine = engines.new({ MAX_SESSIONS = "3" })
        for number = 1, 3 do engine:must("build_taproot_tx", transactions.request("s" .. number)) end
        engine:close()
        local again = engines.new({ MAX_SESSIONS = "2" }, { folder = engine.folder })
        assert.equal("internal_error/invalid_configuration_value",
            (again:refuse("build_taproot_tx", transactions.request("s4"))))
        again:close()
    end)
end)
