-- Faults of the store under interactive calls: interactive-session 17 in the form of D-083, D-120 to
-- D-122. F1 = a frame's write fails; F2 = its sync fails; K = no key when the state opens.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local state = signer.test_state
local fault = signer.test_fault
local refused = signing.assert_refused
local vectors = require("spec.support.vectors")

-- What a call may answer without memory: a setting that cannot be read counts as the strict one.
local CLOSED = {
    internal_error = true, provenance_gate_rejected = true, signing_policy_rejected = true, quarantine_policy_rejected = true,
}

describe("storage faults", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    local function fail_write(sticky) fault.arm("write", "error", 1, sticky) end
    local function fail_sync(sticky) fault.arm("sync", "error", 1, sticky) end

    local heartbeat = {
        message = vectors.bytes("38d30dacec5083c902952ce99fc0287659ad0b1ca2086827a8e78b0bef2c8bc1"),
        intent = { type = "heartbeat", message_hex = "ffffffffffffffff0000000000000001" },
    }
    local function one_heartbeat()
        group = signing.new({ environment = { TBTC_SIGNER_POLICY_HEARTBEAT_RATE_LIMIT_PER_MINUTE = "1" } })
    end

    describe("open, first binding", function()
        it("F1 changes nothing: no session, token back, older entry kept", function()
            one_heartbeat()
            fail_write()
            refused("internal_error", group:open(heartbeat))
            fault.clear()
            assert.is_nil(group:session())
            assert.equal(0, group:counts().live)
            assert(group:open(heartbeat))
            group:assert_replay()
        end)

        it("F2 keeps the binding, leaves no live entry, gives the token back (D-121)", function()
            one_heartbeat()
            fail_sync()
            refused("internal_error", group:open(heartbeat))
            fault.clear()
            assert.equal(group.key_group, group:session().bound_key_group)
            assert.is_false(group:session().live)
            assert.equal(0, group:counts().live)
            assert(group:open(heartbeat))
            group:assert_replay()
        end)

        it("F2 while the disk stays broken: each retry fails, none leaves an entry", function()
            fail_sync(true)
            for _ = 1, 3 do
                refused("internal_error", group:open())
                assert.equal(0, group:counts().live)
            end
            fault.clear()
            assert(group:open())
            assert(group:round1())
        end)
    end)

    describe("round 2", function()
        it("F1 leaves nonces live and no marker, stamps the activity; a retry succeeds", function()
            local package = group:prepare()
            group.platform:advance_ms(5000)
            fail_write()
            refused("internal_error", group:round2(package))
            fault.clear()
            local session = group:session()
            assert.equal(0, #session.sets[state.CONSUMED])
            assert.equal(0, #session.sets[state.AUTHORIZED])
            for _, entry in ipairs(group:live()) do
                assert.equal(entry.member == 1 and 1005000 or 1000000, entry.active_ms) -- TTL-3
            end
            assert(group:round2(package))
            group:assert_replay()
        end)

        it("F1 removes only what the call would have inserted (D-068)", function()
            local package = group:prepare()
            assert(group:round2(package, { member = 2 }))
            fail_write()
            refused("internal_error", group:round2(package))
            fault.clear()
            assert.equal(1, #group:session().sets[state.AUTHORIZED])
            assert.same({ "m2@" .. group:attempt_id() }, group:session().sets[state.CONSUMED])
        end)

        it("PF-5 F2, unlike F1, keeps the markers, wipes the nonces, gives no share; the retry meets the replay", function()
            local package = group:prepare()
            local secrets = group:counts().secrets
            fail_sync()
            refused("internal_error", group:round2(package))
            fault.clear()
            assert.equal(secrets - 1, group:counts().secrets)
            assert.equal(1, #group:live())
            refused("consumed_nonce_replay", group:round2(package)) -- PF-1
            assert.equal(1, #group:session().sets[state.CONSUMED])
            group:assert_replay()
        end)

        it("PF-1 F2, then a retry on a broken disk: the storage error, never a share", function()
            local package = group:prepare()
            fail_sync(true)
            refused("internal_error", group:round2(package))
            refused("internal_error", group:round2(package))
            refused("internal_error", group:round1())
            fault.clear()
            refused("consumed_nonce_replay", group:round2(package))
        end)

        it("S-2, PF-3 F2, F1 in the retry, restart: still no share, still refused", function()
            local package = group:prepare()
            fail_sync()
            refused("internal_error", group:round2(package))
            fault.clear()
            fail_write(true)
            refused("internal_error", group:round2(package))
            fault.clear()
            group:restart()
            local err = select(2, group:round2(package))
            assert.truthy(err.code == "consumed_nonce_replay" or err.code == "session_not_found", err.code)
            assert.equal(0, group:counts().live)
        end)

        it("RET-6, D-083, D-122, D-123 F2 of the last seat, then its session goes: its tombstone knows the attempt", function()
            group = signing.new({ environment = { TBTC_SIGNER_MAX_SESSIONS = "2" } })
            local package = group:prepare()
            assert(group:round2(package, { member = 2 }))
            fail_sync()
            refused("internal_error", group:round2(package))
            fault.clear()
            assert.equal(0, #group:live())
            assert(group:open({ session = "second" })) -- seals the uncertain record again, then evicts
            assert.is_nil(group:session())
            assert(group:abort({ session = "second" }))
            refused("consumed_nonce_replay", group:open())
            refused("session_not_found", group:round2(package))
            group:restart()
            refused("consumed_nonce_replay", group:open())
            assert(group:open({ number = 2 }))
            group:assert_replay()
        end)

        it("PF-6 a crash between record and reply leaves the attempt dead", function()
            local package = group:prepare()
            fault.arm("after_sync", "error")
            refused("internal_error", group:round2(package))
            fault.clear()
            group:restart()
            refused("consumed_nonce_replay", group:round2(package))
            refused("consumed_nonce_replay", group:open())
            assert(group:open({ number = 2 }))
        end)
    end)

    describe("aggregate", function()
        local package, shares

        before_each(function()
            package = group:prepare()
            shares = group:shares(package)
            group:commit({ member = 3 })
        end)

        it("F1 writes no marker and leaves the entries; an exact retry works", function()
            fail_write()
            refused("internal_error", group:aggregate(package, shares))
            fault.clear()
            assert.equal(0, #group:session().sets[state.AGGREGATED])
            assert.equal(1, #group:session().sets[state.AUTHORIZED])
            assert.equal(1, #group:live())
            assert.is_true(group:verifies(assert(group:aggregate(package, shares)).signature_hex))
            group:assert_replay()
        end)

        it("F2 keeps the markers, wipes the matching entries, gives no signature", function()
            fail_sync()
            refused("internal_error", group:aggregate(package, shares))
            fault.clear()
            assert.equal(0, #group:live())
            assert.equal(1, #group:session().sets[state.AGGREGATED])
            refused("interactive_attempt_already_aggregated", group:aggregate(package, shares))
            group:assert_replay()
        end)

        it("PF-1 on a broken disk the retry answers the storage error", function()
            fail_sync(true)
            refused("internal_error", group:aggregate(package, shares))
            refused("internal_error", group:aggregate(package, shares))
            fault.clear()
            refused("interactive_attempt_already_aggregated", group:aggregate(package, shares))
        end)

        it("S-3, PF-2 F2 with an unsigned sibling: its nonces are gone, another write makes all durable", function()
            fail_sync()
            refused("internal_error", group:aggregate(package, shares))
            fault.clear()
            refused({ code = "interactive_attempt_already_aggregated" }, group:open({ member = 3 }))
            assert(group:open({ session = "second" }))
            assert.is_false(group:session().live)
            group:restart()
            refused("interactive_attempt_already_aggregated", group:aggregate(package, shares))
        end)
    end)

    describe("D-068, D-120 other sessions", function()
        it("go on where they write nothing and do not depend on the uncertain record", function()
            local package = group:prepare()
            assert(group:open({ session = "second" }))
            fail_sync(true)
            refused("internal_error", group:round2(package))
            assert(group:round1({ session = "second" }))
            assert(group:open({ session = "second", number = 2 }))
            assert.is_true(assert(group:abort({ session = "second" })).aborted)
            refused("internal_error", group:open({ session = "third" }))
            refused("internal_error", group:round1())
            fault.clear()
            refused("consumed_nonce_replay", group:round1())
        end)

        it("that must append write everything again first", function()
            local package = group:prepare()
            local other = group:prepare({ session = "second" })
            fail_sync()
            refused("internal_error", group:round2(package))
            fault.clear()
            assert(group:round2(other, { session = "second" }))
            group:restart()
            refused("consumed_nonce_replay", group:round2(package))
            refused("consumed_nonce_replay", group:round2(other, { session = "second" }))
        end)
    end)

    it("a refusal waits for what it depends on (D-120)", function()
        local package = group:prepare()
        fail_sync(true)
        refused("internal_error", group:round2(package))
        local err = refused("internal_error", group:open({ member = 1 }))
        assert.truthy(err.reason_code == "state_io" or err.reason_code == "state_no_space", err.reason_code)
        fault.clear()
        refused("consumed_nonce_replay", group:open({ member = 1 }))
    end)

    it("K the key provider fails when the state opens: nothing happens, and the next call tries again", function()
        local package = group:prepare()
        group:restart()
        fault.arm("key_provider", "error")
        refused({ code = "internal_error", reason = "state_key_unavailable" }, group:open())
        fault.clear()
        assert(group:open())
        refused("sign_round_not_started", group:round2(package))
    end)

    it("PF-4 no marker is written without the key: it is there when the state opens, and round 2 asks for none", function()
        local package = group:prepare()
        fault.arm("key_provider", "error", 1, true)
        assert(group:round2(package))
        assert.equal(0, fault.hits("key_provider"))
        fault.clear()
        group:restart()
        fault.arm("key_provider", "error", 1, true)
        refused({ code = "internal_error", reason = "state_key_unavailable" }, group:round2(package, { member = 2 }))
        fault.clear()
        assert.same({ "m1@" .. group:attempt_id() }, group:session().sets[state.CONSUMED])
    end)

    it("K abort needs no key, and answers false", function()
        group:restart()
        fault.arm("key_provider", "error", 1, true)
        assert.is_false(assert(group:abort()).aborted)
    end)

    it("TTL-7 with nothing to do there is no key and no file access", function()
        assert(group:open())
        for _, point in ipairs({ "write", "read", "sync", "open", "key_provider" }) do fault.arm(point, "error", 1, true) end
        assert.is_true(assert(group:open()).idempotent)
        assert(group:round1())
        group.platform:advance_ms(3600001)
        refused("session_not_found", group:round1())
        for _, point in ipairs({ "write", "read", "sync", "open", "key_provider" }) do assert.equal(0, fault.hits(point)) end
    end)

    it("survives every allocation failing once in each call, and no share comes twice", function()
        for _, name in ipairs({ "open", "round1", "round2", "aggregate" }) do
            local nth = 1
            while true do
                local options = { session = name .. nth }
                local package, shares
                if name == "round1" then assert(group:open(options)) end
                if name == "round2" or name == "aggregate" then package = group:prepare(options) end
                if name == "aggregate" then shares = group:shares(package, options) end
                local request
                if name == "open" then
                    request = group:open_request(options)
                elseif name == "aggregate" then
                    request = group:aggregate_request(package, shares, options)
                else
                    request = group:seat_request(options)
                    request.signing_package_hex = package
                end
                local endpoint = name == "open" and "interactive_session_open" or "interactive_" .. name
                fault.arm("allocation", "error", nth)
                local reply, err = group:call(endpoint, request)
                local struck = fault.hits("allocation") >= nth
                fault.clear()
                if not struck then
                    assert(reply, err and err.message)
                    break
                end
                if not reply then
                    assert.is_true(CLOSED[err.code], err.code)
                    if name == "round2" then
                        local again, why = group:round2(package, options)
                        assert.is_true(again ~= nil or why.code == "consumed_nonce_replay")
                    end
                end
                assert(group:abort(options))
                nth = nth + 1
                assert.is_true(nth < 300)
            end
        end
        group:assert_replay()
    end)
end)
