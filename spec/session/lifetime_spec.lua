-- Lifetime of live entries and of sessions: interactive-session 13 (TTL, CAP, RET) in the form of
-- D-070, D-122 to D-124.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local transactions = require("spec.support.transactions")
local state = signer.test_state
local refused = signing.assert_refused

local TTL_MS = 3600000

describe("lifetime", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    local function advance(ms) group.platform:advance_ms(ms) end

    it("TTL-1 expires strictly beyond the TTL, in all sessions, at any call", function()
        assert(group:open({ session = "a" }))
        assert(group:open({ session = "b" }))
        advance(TTL_MS)
        assert.is_false(assert(group:abort({ session = "none" })).aborted)
        assert.equal(2, group:counts().live)
        advance(1)
        assert.is_false(assert(group:abort({ session = "none" })).aborted)
        assert.equal(0, group:counts().live)
    end)

    it("TTL-2 looks at the monotonic clock alone", function()
        assert(group:open())
        group.platform:set_wall_ms(1700000000000 + 10 * TTL_MS)
        assert(group:round1())
        group.platform:set_wall_ms(1)
        assert(group:round1())
    end)

    it("TTL-3, S-4 activity is open, exact retry, round 1; an idle sibling expires in the same sweep", function()
        assert(group:open({ member = 1 }))
        assert(group:open({ member = 2 }))
        advance(TTL_MS // 2)
        assert.is_true(assert(group:open({ member = 1 })).idempotent)
        advance(TTL_MS // 4)
        assert(group:round1({ member = 1 }))
        advance(TTL_MS // 4 + 1)
        assert(group:round1({ member = 1 }))
        assert.equal(1, #group:live())
        refused({ code = "session_not_found", reason = "no_live_attempt" }, group:round1({ member = 2 }))
        advance(TTL_MS)
        assert(group:round1({ member = 1 }))
    end)

    it("TTL-4, COM-6 a refused call extends nothing", function()
        local package = group:prepare()
        advance(TTL_MS // 2)
        refused("validation_error", group:round1({ attempt_id = ("0"):rep(64) }))
        refused("session_conflict", group:open({ root = signing.ROOT }))
        refused("validation_error", group:round2(group:package({ [1] = group:commit({ session = "x" }) })))
        refused("validation_error", group:open({ included = { 1, 2 } }))
        for _, entry in ipairs(group:live()) do assert.equal(1000000, entry.active_ms) end
        advance(TTL_MS // 2 + 1)
        refused({ code = "session_not_found", reason = "no_live_attempt" }, group:round2(package))
    end)

    it("TTL-5 expiry writes no marker and the attempt opens again", function()
        group:commit()
        advance(TTL_MS + 1)
        assert(group:open())
        assert.equal(0, #group:session().sets[state.CONSUMED])
    end)

    it("TTL-6 seats expire independently", function()
        assert(group:open({ member = 1 }))
        advance(10)
        assert(group:open({ member = 2 }))
        advance(TTL_MS - 9)
        assert.is_false(assert(group:abort({ session = "none" })).aborted)
        assert.equal(2, group:live()[1].member)
        assert.equal(1, #group:live())
    end)

    it("TTL-7, TTL-8, D-122 a sweep writes nothing of its own", function()
        assert(group:open())
        local generation = group:counts().generation
        advance(TTL_MS + 1)
        refused("session_not_found", group:round1())
        assert.equal(generation, group:counts().generation)
        assert.is_nil(group:session().retired_at)
    end)

    it("TTL-9 without a call nothing is destroyed", function()
        assert(group:open())
        advance(2 * TTL_MS)
        assert.equal(1, group:counts().live)
    end)

    it("expired nonces leave the vault", function()
        local secrets = group:counts().secrets
        group:commit()
        assert.equal(secrets + 1, group:counts().secrets)
        advance(TTL_MS + 1)
        assert(group:abort({ session = "none" }))
        assert.equal(secrets, group:counts().secrets)
    end)

    it("D-026 without a monotonic clock no entry is used and none expires", function()
        group:commit()
        group.platform:fail_clock("monotonic")
        refused("internal_error", group:round1())
        refused("internal_error", group:open())
        assert.is_true(assert(group:abort({ session = "session" })).aborted)
        group.platform:fail_clock("none")
    end)

    it("D-039 without a wall clock signing goes on", function()
        group.platform:fail_clock("wall")
        local package = group:prepare()
        assert(group:aggregate(package, group:shares(package)))
        assert.equal(1, group:session().retired_at)
    end)

    it("CAP-1, S-5 a cap of one", function()
        group = signing.new({ environment = { TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS = "1" } })
        assert(group:open())
        refused({ code = "internal_error", reason = "capacity_exceeded" }, group:open({ session = "second" }))
        assert.is_true(assert(group:open()).idempotent)
        assert(group:open({ number = 2 }))
        refused("internal_error", group:open({ member = 2 }))
        assert(group:abort())
        assert(group:open({ session = "second" }))
    end)

    it("CAP-2 expiry and aggregation free slots at once", function()
        group = signing.new({ environment = { TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS = "3" } })
        local package = group:prepare()
        local shares = group:shares(package)
        group:commit({ member = 3 })
        assert.equal(1, group:counts().live)
        assert(group:aggregate(package, shares))
        assert.equal(0, group:counts().live)
        assert(group:open({ session = "a" }))
        assert(group:open({ session = "b" }))
        assert(group:open({ session = "c" }))
        advance(TTL_MS + 1)
        assert(group:open({ session = "d" }))
    end)

    it("D-021 an unusable TTL or cap is an error, not a default", function()
        state.environment(group.engine, "TBTC_SIGNER_INTERACTIVE_SESSION_TTL_SECONDS", "0")
        refused({ code = "internal_error", reason = "invalid_configuration_value" }, group:open())
        state.environment(group.engine, "TBTC_SIGNER_INTERACTIVE_SESSION_TTL_SECONDS", "10")
        state.environment(group.engine, "TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS", "many")
        refused({ code = "internal_error", reason = "invalid_configuration_value" }, group:open())
    end)

    it("field case 1: more inputs than free slots refuses one open and spoils no other", function()
        local three = signing.new({ threshold = 3, participants = 5 })
        local commitments = {}
        local function options(input, member)
            return { session = "input-" .. input, member = member, included = { 1, 2, 3, 4, 5 } }
        end
        for input = 1, 13 do
            for member = 1, 5 do
                if input * 5 + member - 5 <= 64 then
                    commitments[input .. "/" .. member] = three:commit(options(input, member))
                end
            end
        end
        refused({ code = "internal_error", reason = "capacity_exceeded", text = "live interactive member count" },
            three:open(options(13, 5)))
        for place, given in pairs(commitments) do
            local input, member = place:match("(%d+)/(%d)")
            assert.equal(given, three:round1(options(input, tonumber(member))).commitments_hex)
        end
        assert(three:abort({ session = "input-1" }).aborted)
        assert(three:open(options(13, 5)))
        assert.equal(60, three:counts().live)
    end)

    describe("retirement", function()
        local function small(max)
            group = signing.new({ environment = { TBTC_SIGNER_MAX_SESSIONS = tostring(max) } })
        end

        it("RET-1 round 2 of the last live seat retires in its own record", function()
            local package = group:prepare()
            assert(group:round2(package))
            assert.is_nil(group:session().retired_at)
            assert(group:round2(package, { member = 2 }))
            assert.equal(1700000000, group:session().retired_at)
            assert.equal(group.key_group, group:session().bound_key_group)
            group:assert_replay()
        end)

        it("RET-1 a co-located session never retires", function()
            local options = { session = "wallet" }
            local package = group:prepare(options)
            local shares = group:shares(package, options)
            assert(group:aggregate(package, shares, options))
            assert.is_nil(group:session("wallet").retired_at)
            group:restart()
            assert.is_nil(group:session("wallet").retired_at)
        end)

        it("D-122 what a sweep or an abort left idle rides in the next record", function()
            assert(group:open())
            assert(group:abort())
            assert.is_nil(group:session().retired_at)
            assert.equal(1, group:counts().waiting_retirements)
            advance(5000)
            assert(group:open({ session = "second" }))
            assert.equal(1700000000, group:session().retired_at)
            assert.equal(0, group:counts().waiting_retirements)
            group:assert_replay()
        end)

        it("D-122 a session that goes idle many times waits once", function()
            for _ = 1, 50 do
                assert(group:open())
                assert(group:abort())
            end
            assert.equal(1, group:counts().waiting_retirements)
            advance(9000)
            assert(group:open())
            assert(group:abort())
            assert(group:open({ session = "second" }))
            assert.equal(1700000009, group:session().retired_at)
            assert.equal(0, group:counts().waiting_retirements)
        end)

        it("D-070 every idle bound session is retired after a load", function()
            assert(group:open())
            local active = group:counts().active
            group:restart()
            assert.equal(active - 1, group:counts().active)
        end)

        it("RET-2, RET-3 makes room by removing the oldest retired session, never one with live seats", function()
            small(3)
            assert(group:open({ session = "a" }))
            assert(group:open({ session = "b" }))
            refused({ code = "internal_error", reason = "capacity_exceeded" }, group:open({ session = "c" }))
            advance(1000)
            assert(group:abort({ session = "b" }))
            advance(1000)
            assert(group:abort({ session = "a" }))
            assert(group:open({ session = "c" }))
            assert.is_nil(group:session("b"))
            assert.is_table(group:session("a"))
            assert.equal(3, group:counts().sessions)
            group:assert_replay()
        end)

        it("D-067, D-123 an evicted session with markers leaves a tombstone", function()
            small(2)
            local options = { session = "a", number = 3 }
            local package = group:prepare(options)
            group:shares(package, options)
            assert(group:open({ session = "b" }))
            assert.is_nil(group:session("a"))
            assert(group:abort({ session = "b" }))
            for number = 1, 3 do
                refused("consumed_nonce_replay", group:open({ session = "a", number = number, member = 3 }))
            end
            assert(group:open({ session = "a", number = 4 }))
            group:restart()
            refused("consumed_nonce_replay", group:open({ session = "a", number = 3 }))
            group:assert_replay()
        end)

        it("D-067 an evicted session without markers leaves none", function()
            small(2)
            assert(group:open({ session = "a" }))
            assert(group:abort({ session = "a" }))
            assert(group:open({ session = "b" }))
            assert(group:abort({ session = "b" }))
            assert(group:open({ session = "a" }))
        end)

        it("RET-2 makes room by removing a session whose imported id is longer than the wire's", function()
            small(2)
            local long = ("s"):rep(1024)
            state.text(group.engine, long, state.BOUND_KEY_GROUP, group.key_group)
            state.number(group.engine, long, state.RETIRED_AT, 1)
            signer.test_fault.arm("sync", "error", 1, true)
            refused("internal_error", group:call("build_taproot_tx", transactions.request("a")))
            signer.test_fault.clear()
            assert(group:call("build_taproot_tx", transactions.request("a")))
            assert.is_nil(group:session(long))
            assert.equal(2, group:counts().sessions)
            group:assert_replay()
        end)

        it("RET-4 nothing is removed when the record that needed the room fails", function()
            small(2)
            assert(group:open({ session = "a" }))
            assert(group:abort({ session = "a" }))
            signer.test_fault.arm("write", "error")
            refused("internal_error", group:open({ session = "b" }))
            signer.test_fault.clear()
            assert.is_table(group:session("a"))
            assert.is_nil(group:session("b"))
        end)

        it("RET-5 reopening a retired session makes it active, in memory only", function()
            assert(group:open())
            assert(group:abort())
            assert(group:open({ session = "second" }))
            local generation = group:counts().generation
            local active = group:counts().active
            assert(group:open())
            assert.equal(active + 1, group:counts().active)
            assert.equal(generation, group:counts().generation)
            assert.is_true(group:session().live)
        end)

        it("D-124 an idle session with a built transaction alone may go", function()
            small(2)
            state.transaction(group.engine, "built",
                { session_id = "built", tx = "\1", sighashes = { ("\1"):rep(32) }, prevouts = { { 1, "\x51" } } })
            assert(group:open({ session = "a" }))
            assert.is_nil(group:session("built"))
        end)
    end)
end)
