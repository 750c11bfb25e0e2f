-- interactive_round1: interactive-session 9.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local state = signer.test_state
local refused = signing.assert_refused

describe("interactive_round1", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    local function round1(changes, options)
        local want = group:seat_request(options)
        for key, value in pairs(changes or {}) do want[key] = value end
        return group:call("interactive_round1", want)
    end

    it("R1 order: session id, attempt id form, session, consumed, rekey, quarantine, live entry", function()
        group = signing.new({ environment = { TBTC_SIGNER_ENABLE_AUTO_QUARANTINE = "true" } })
        refused({ code = "validation_error", text = "session_id" }, round1({ session_id = " ", attempt_id = "x" }))
        refused({ code = "validation_error", text = "attempt_id" }, round1({ attempt_id = ("a"):rep(63), session_id = "none" }))
        refused({ code = "validation_error", text = "attempt_id" }, round1({ attempt_id = ("g"):rep(64), session_id = "none" }))
        state.quarantine(group.engine, 1, true)
        refused("session_not_found", round1())
        assert(group:open({ member = 2 }))
        refused("quarantine_policy_rejected", round1())
        state.rekey(group.engine, "wallet", "spec", group.key_group)
        refused("lifecycle_policy_rejected", round1())
        state.mark(group.engine, "session", state.CONSUMED, "m1@" .. group:attempt_id())
        refused("consumed_nonce_replay", round1())
    end)

    it("R1-1, D-133 tells a seat without a live attempt from one in another attempt", function()
        assert(group:open())
        refused({ code = "session_not_found", reason = "no_live_attempt" }, group:round1({ member = 2 }))
        refused({ code = "validation_error", text = "does not match" }, group:round1({ number = 2 }))
        assert(group:open({ member = 2, number = 2 }))
        assert(group:open({ member = 1, number = 2 }))
        assert(group:open({ member = 3, number = 1 }))
        refused({ code = "validation_error", text = "does not match" }, group:round1({ member = 1, number = 1 }))
        refused({ code = "session_not_found", reason = "no_live_attempt" }, group:round1({ session = "session", member = 9 }))
    end)

    it("R1-2, R1-3 draws once and repeats the same commitments", function()
        local first = group:commit()
        assert.equal(142, #first)
        assert.equal(first, group:round1().commitments_hex)
        assert.equal(first, round1({ attempt_id = group:attempt_id():upper() }).commitments_hex)
    end)

    it("R1-3 refreshes the activity, R1-9 counts only the fresh generation", function()
        group:commit()
        group.platform:advance_ms(5000)
        assert(group:round1())
        assert.equal(1005000, group:live()[1].active_ms)
        local counters = state.counters(group.engine)
        assert.equal(2, counters.INTERACTIVE_ROUND1_CALLS)
        assert.equal(1, counters.INTERACTIVE_ROUND1_SUCCESS)
    end)

    it("R1-4 refuses after consumption", function()
        assert(group:round2((group:prepare())))
        local err = refused("consumed_nonce_replay", group:round1())
        assert.truthy(err.message:find(("interactive attempt [%s] already consumed its nonces in session [session]")
            :format(group:attempt_id()), 1, true))
    end)

    it("R1-5 writes nothing", function()
        assert(group:open())
        local before = group:counts().generation
        signer.test_fault.arm("write", "error", 1, true)
        assert(group:round1())
        assert.equal(0, signer.test_fault.hits("write"))
        assert.equal(before, group:counts().generation)
    end)

    it("R1-6 gives other commitments after abort, expiry and restart", function()
        local seen = { [group:commit()] = true }
        assert(group:abort())
        local second = group:commit()
        assert.is_nil(seen[second])
        seen[second] = true
        group.platform:advance_ms(3600001)
        local third = group:commit()
        assert.is_nil(seen[third])
        seen[third] = true
        group:restart()
        assert.is_nil(seen[group:commit()])
    end)

    it("R1-7 gives two seats of one attempt independent nonces", function()
        assert.not_equal(group:commit({ member = 1 }), group:commit({ member = 2 }))
    end)

    it("R1-8, D-062 looks at rekey and own quarantine", function()
        group = signing.new({ environment = { TBTC_SIGNER_ENABLE_AUTO_QUARANTINE = "true" } })
        assert(group:open())
        state.quarantine(group.engine, 1, true)
        refused({ code = "quarantine_policy_rejected", reason = "operator_auto_quarantined" }, group:round1())
        state.quarantine(group.engine, 1, false)
        assert(group:round1())
        state.rekey(group.engine, "wallet", "spec", group.key_group)
        refused({ code = "lifecycle_policy_rejected", reason = "emergency_rekey_required" }, group:round1())
        assert.equal(0, group:counts().live)
    end)

    it("D-041 mixes the context into the draw: equal randomness, other attempt, other commitments", function()
        local drawn = {}
        for _, options in ipairs({ {}, { number = 2 }, { session = "second" }, { message = ("\1"):rep(32) } }) do
            assert(group:open(options))
            group.platform:script_random({ ("\5"):rep(64) })
            local commitments = group:round1(options).commitments_hex
            assert.is_nil(drawn[commitments])
            drawn[commitments] = true
            assert(group:abort(options))
        end
        assert(group:open())
        group.platform:script_random({ ("\5"):rep(64) })
        assert.is_true(drawn[group:round1().commitments_hex])
    end)
end)
