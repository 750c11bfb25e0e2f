-- interactive_session_abort: interactive-session 12.2 in the form of D-063.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local state = signer.test_state
local refused = signing.assert_refused

describe("interactive_session_abort", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    it("checks session id, then attempt id", function()
        refused({ code = "validation_error", text = "session_id" }, group:abort({ session = " ", attempt_id = "x" }))
        refused({ code = "validation_error", text = "attempt_id" }, group:abort({ attempt_id = "x" }))
        refused({ code = "validation_error", text = "attempt_id" }, group:abort({ attempt_id = "" }))
    end)

    it("AB-1, AB-4 removes one attempt, or all of them", function()
        assert(group:open({ member = 1, number = 1 }))
        assert(group:open({ member = 2, number = 2 }))
        assert(group:open({ member = 3, number = 2 }))
        assert.same({ session_id = "session", aborted = true },
            group:abort({ attempt_id = group:attempt_id({ number = 2 }):upper() }))
        assert.equal(1, #group:live())
        assert(group:open({ member = 2, number = 2 }))
        assert.is_true(group:abort().aborted)
        assert.equal(0, #group:live())
    end)

    it("AB-2 answers false for what is not live, and counts no success", function()
        assert.is_false(group:abort({ session = "none" }).aborted)
        assert(group:open())
        assert.is_false(group:abort({ attempt_id = ("0"):rep(64) }).aborted)
        local counters = state.counters(group.engine)
        assert.equal(2, counters.INTERACTIVE_SESSION_ABORT_CALLS)
        assert.equal(0, counters.INTERACTIVE_SESSION_ABORT_SUCCESS)
        assert.is_true(group:abort().aborted)
        assert.equal(1, state.counters(group.engine).INTERACTIVE_SESSION_ABORT_SUCCESS)
    end)

    it("AB-3 writes no marker; the attempt opens again with fresh nonces", function()
        local first = group:commit()
        assert(group:abort())
        assert.equal(0, #group:session().sets[state.CONSUMED])
        assert.not_equal(first, group:commit())
    end)

    it("AB-8 makes a share impossible before round 2 and changes nothing after it", function()
        local package = group:prepare()
        assert(group:round2(package, { member = 2 }))
        assert(group:abort())
        refused({ code = "session_not_found", reason = "no_live_attempt" }, group:round2(package))
        refused("consumed_nonce_replay", group:round2(package, { member = 2 }))
    end)

    it("AB-5, AB-6, AB-7 in the form of D-063: wipes first, appends nothing, and succeeds while the disk fails", function()
        group:commit()
        local secrets, generation = group:counts().secrets, group:counts().generation
        signer.test_fault.arm("write", "error", 1, true)
        signer.test_fault.arm("sync", "error", 1, true)
        assert.is_true(group:abort().aborted)
        assert.equal(0, signer.test_fault.hits("write"))
        assert.equal(0, signer.test_fault.hits("sync"))
        assert.equal(secrets - 1, group:counts().secrets)
        assert.equal(generation, group:counts().generation)
    end)

    it("D-063 does not even open the state", function()
        group.engine:close(true)
        group.environment.TBTC_SIGNER_STATE_PATH = "/nonexistent/folder/state.json"
        local engine = signing.make_engine({ environment = { TBTC_SIGNER_PROFILE = "development",
            TBTC_SIGNER_STATE_PATH = "/nonexistent/folder/state.json" }, platform = group.platform })
        group.engine = engine
        assert.is_false(group:abort().aborted)
    end)
end)
