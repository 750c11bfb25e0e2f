-- interactive_session_open: interactive-session 8 and the gates of 14.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local state = signer.test_state
local refused = signing.assert_refused
local vectors = require("spec.support.vectors")

describe("interactive_session_open", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    local function request(changes, options)
        local want = group:open_request(options)
        for key, value in pairs(changes or {}) do want[key] = value end
        return want
    end

    local function open(changes, options)
        return group:call("interactive_session_open", request(changes, options))
    end

    it("answers session, canonical attempt id and idempotent false", function()
        local reply = assert(group:open())
        assert.same({ session_id = "session", attempt_id = group:attempt_id(), idempotent = false }, reply)
        group:assert_replay()
    end)

    describe("order of checks", function()
        it("OPEN steps 2 to 5 answer forms before the wallet is looked for", function()
            refused({ code = "validation_error", text = "session_id" },
                open({ session_id = "a b", member_identifier = 0, message_hex = "zz" }))
            refused({ code = "validation_error", text = "member_identifier" },
                open({ member_identifier = 0, threshold = 0, message_hex = "zz" }))
            refused({ code = "validation_error", text = "threshold" }, open({ threshold = 0, message_hex = "zz" }))
            refused({ code = "validation_error", text = "message_hex" },
                open({ message_hex = "zz", taproot_merkle_root_hex = "zz", key_group = "unknown" }))
            refused({ code = "validation_error", text = "message_hex" },
                open({ message_hex = "", taproot_merkle_root_hex = "zz", key_group = "unknown" }))
            refused({ code = "validation_error", text = "taproot_merkle_root_hex" },
                open({ taproot_merkle_root_hex = "", key_group = "unknown" }))
            refused({ code = "validation_error", text = "taproot_merkle_root_hex" },
                open({ taproot_merkle_root_hex = ("11"):rep(31), key_group = "unknown" }))
        end)

        it("OPEN step 8 comes before the threshold, step 9 before the seat", function()
            refused("dkg_not_ready", open({ key_group = "unknown", threshold = 3 }))
            refused({ code = "validation_error", text = "does not match the DKG threshold" },
                open({ threshold = 3, member_identifier = 9 }))
        end)

        it("OPEN step 11 comes before the gates", function()
            state.rekey(group.engine, "wallet", "spec", group.key_group)
            refused({ code = "validation_error", text = "key package" }, open({ member_identifier = 9 }))
            refused({ code = "lifecycle_policy_rejected", reason = "emergency_rekey_required" }, open())
        end)

        it("OPEN step 12: rekey, then finalized, then quarantine, then the context of step 13", function()
            local quarantine = { TBTC_SIGNER_ENABLE_AUTO_QUARANTINE = "true" }
            group = signing.new({ environment = quarantine })
            local context = group:context()
            context.attempt_number = 0
            state.quarantine(group.engine, 1, true)
            refused("quarantine_policy_rejected", open({ attempt_context = context }))
            state.text(group.engine, "wallet", state.FINALIZE_FINGERPRINT, "f")
            refused("session_finalized", open({ attempt_context = context }))
            state.rekey(group.engine, "wallet", "spec", group.key_group)
            refused("lifecycle_policy_rejected", open({ attempt_context = context }))
        end)

        it("OPEN step 13 comes before 14, 14 before 15", function()
            local phantom = group:context({ included = { 2, 3, 9 } })
            local broken = group:context({ included = { 2, 3, 9 } })
            broken.attempt_number = 0
            refused({ code = "validation_error", text = "attempt_number" }, open({ attempt_context = broken }))
            refused({ code = "validation_error", text = "included set" }, open({ attempt_context = phantom }))
            refused({ code = "validation_error", text = "verifying share" },
                open({ attempt_context = phantom, member_identifier = 2 }))
        end)
    end)

    it("OPEN-1 refuses an unknown wallet and creates no session", function()
        refused("dkg_not_ready", open({ key_group = "02" .. ("ab"):rep(32) }))
        assert.is_nil(group:session())
    end)

    it("OPEN-2 prefers the request's own session as wallet", function()
        assert(group:open({ session = "wallet" }))
        assert.is_nil(group:session("wallet").bound_key_group)
        assert.equal(1, #group:live("wallet"))
    end)

    it("OPEN-3 runs the gates before the idempotency check", function()
        assert(group:open())
        state.rekey(group.engine, "session", "spec", "")
        refused("lifecycle_policy_rejected", group:open())
    end)

    it("OPEN-4 answers an exact retry with idempotent true, keeps nonces, counts nothing", function()
        group = signing.new({ environment = { TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS = "1" } })
        local commitments = group:commit()
        local before = state.counters(group.engine)
        local generation = group:counts().generation
        local reply = assert(group:open())
        assert.is_true(reply.idempotent)
        assert.equal(group:attempt_id(), reply.attempt_id)
        local after = state.counters(group.engine)
        assert.equal(before.INTERACTIVE_SESSION_OPEN_SUCCESS, after.INTERACTIVE_SESSION_OPEN_SUCCESS)
        assert.equal(before.INTERACTIVE_SESSION_OPEN_CALLS + 1, after.INTERACTIVE_SESSION_OPEN_CALLS)
        assert.equal(commitments, group:round1().commitments_hex)
        assert.equal(generation, group:counts().generation)
    end)

    it("OPEN-5 takes letter case, order of the set and blanks around the root for the same request", function()
        assert(group:open({ root = signing.ROOT, message = ("\xab"):rep(32) }))
        local want = request({}, { root = signing.ROOT, message = ("\xab"):rep(32) })
        want.message_hex = want.message_hex:upper()
        want.taproot_merkle_root_hex = "  " .. want.taproot_merkle_root_hex:upper() .. "\t"
        want.attempt_context.attempt_id = want.attempt_context.attempt_id:upper()
        want.attempt_context.included_participants_fingerprint =
            want.attempt_context.included_participants_fingerprint:upper()
        want.attempt_context.included_participants = { 3, 1, 2 }
        assert.is_true(assert(group:call("interactive_session_open", want)).idempotent)
        want.message_hex = " " .. want.message_hex
        refused("validation_error", group:call("interactive_session_open", want))
    end)

    it("OPEN-5 takes the letter case of a heartbeat for the same request", function()
        local preimage = "ffffffffffffffff00000000000000ab"
        local message = signer.roast.heartbeat_digest(vectors.bytes(preimage))
        local options = { message = message, intent = { type = "heartbeat", message_hex = preimage } }
        assert(group:open(options))
        options.intent.message_hex = preimage:upper()
        assert.is_true(assert(group:open(options)).idempotent)
    end)

    it("OPEN-6, OPEN-7 refuses the same attempt with another root and leaves the entry untouched", function()
        local commitments = group:commit()
        refused("session_conflict", group:open({ root = signing.ROOT }))
        assert.equal(commitments, group:round1().commitments_hex)
    end)

    it("OPEN-8 lets a newer attempt replace the old one and wipes its nonces at once", function()
        group:commit()
        local old = group:attempt_id()
        local secrets = group:counts().secrets
        assert(group:open({ number = 2 }))
        assert.equal(secrets - 1, group:counts().secrets)
        refused({ code = "validation_error", text = "does not match" }, group:round1({ attempt_id = old }))
        assert.equal(1, #group:live())
    end)

    it("OPEN-9 refuses an older attempt and an equal number with another id, and keeps the newer nonces", function()
        local commitments = group:commit({ number = 2 })
        refused("validation_error", group:open({ number = 1 }))
        refused("validation_error", group:open({ number = 2, included = { 1, 2 } }))
        assert.equal(commitments, group:round1({ number = 2 }).commitments_hex)
    end)

    it("OPEN-10 judges replacement and staleness by seat", function()
        group = signing.new({ participants = 5 })
        assert(group:open({ member = 2, number = 5 }))
        assert(group:open({ member = 1, number = 3 }))
        assert.equal(2, #group:live())
    end)

    it("OPEN-11 lets a consumed seat open any other attempt, a lower one too", function()
        local package = group:prepare({ number = 2 })
        assert(group:round2(package, { number = 2 }))
        refused("consumed_nonce_replay", group:open({ number = 2 }))
        assert(group:open({ number = 1 }))
    end)

    describe("OPEN-12 validates the attempt context in order", function()
        local function changed(change)
            local context = group:context()
            change(context)
            return open({ attempt_context = context })
        end
        local cases = {
            { "attempt_number", function(c) c.attempt_number = 0; c.coordinator_identifier = 0 end },
            { "coordinator", function(c) c.coordinator_identifier = 0; c.included_participants = {} end },
            { "included", function(c) c.included_participants = {} end },
            { "included", function(c) c.included_participants = { 0, 1 } end },
            { "twice", function(c) c.included_participants = { 1, 1, 2 } end },
            { "threshold", function(c) c.included_participants = { 1 }; c.coordinator_identifier = 3 end },
            { "coordinator", function(c) c.coordinator_identifier = 9 end },
            { "fingerprint", function(c) c.included_participants_fingerprint = ("0"):rep(64); c.attempt_id = "x" end },
            { "attempt_id", function(c) c.attempt_id = ("0"):rep(64) end },
            { "attempt_id", function(c) c.attempt_id = "short" end },
        }
        for i, case in ipairs(cases) do
            it(("case %d: %s"):format(i, case[1]), function()
                local err = refused("validation_error", changed(case[2]))
                assert.truthy(err.message:lower():find(case[1], 1, true), err.message)
            end)
        end

        it("refuses another coordinator than the elected one", function()
            local context = group:context()
            context.coordinator_identifier = context.coordinator_identifier % 3 + 1
            refused({ code = "validation_error", text = "coordinator" }, open({ attempt_context = context }))
        end)

        it("refuses a message of more than 32 significant bytes", function()
            refused("validation_error", open({ message_hex = ("ab"):rep(33) }))
        end)
    end)

    it("OPEN-13 leaves an existing entry alone when a later open fails", function()
        local commitments = group:commit()
        state.mark(group.engine, "session", state.CONSUMED, "m1@" .. group:attempt_id({ number = 2 }))
        refused("consumed_nonce_replay", group:open({ number = 2 }))
        assert.equal(commitments, group:round1().commitments_hex)
    end)

    it("OPEN-14 keeps a session with its wallet for life, also without live entries and after restart", function()
        local other = state.wallet(group.engine,
            { session_id = "other", seed = "other", threshold = 2, participants = 3, seats = { 1, 2, 3 } })
        assert(group:open())
        refused("session_conflict", group:open({ key_group = other, number = 2 }))
        assert(group:abort())
        refused("session_conflict", group:open({ key_group = other, number = 2 }))
        group:restart()
        refused("session_conflict", group:open({ key_group = other, number = 2 }))
        refused("session_conflict", group:open({ session = "wallet", key_group = other }))
    end)

    it("OPEN-14 holds for an evicted session too", function()
        local other = state.wallet(group.engine,
            { session_id = "other", seed = "other", threshold = 2, participants = 3, seats = { 1, 2, 3 } })
        local package = group:prepare()
        assert(group:round2(package))
        assert(group:abort())
        state.evict(group.engine, "session")
        refused("session_conflict", group:open({ key_group = other, number = 2 }))
        refused("consumed_nonce_replay", group:open({ number = 1, member = 2 }))
        assert(group:open({ number = 2 }))
    end)

    it("OPEN-15 writes the first binding and nothing after it", function()
        local generation = group:counts().generation
        assert(group:open())
        assert.equal(generation + 1, group:counts().generation)
        assert.equal(group.key_group, group:session().bound_key_group)
        assert(group:open({ member = 2 }))
        assert(group:open({ number = 2 }))
        assert(group:open({ session = "wallet" }))
        assert.equal(generation + 1, group:counts().generation)
        group:restart()
        assert.equal(group.key_group, group:session().bound_key_group)
        group:assert_replay()
    end)

    describe("heartbeats", function()
        local preimage = "ffffffffffffffff0000000000000001"
        local message = vectors.bytes("38d30dacec5083c902952ce99fc0287659ad0b1ca2086827a8e78b0bef2c8bc1")
        local function heartbeat(more)
            return signing.with({ message = message, intent = { type = "heartbeat", message_hex = preimage } }, more or {})
        end
        local function limited(rate)
            group = signing.new({ environment = { TBTC_SIGNER_POLICY_HEARTBEAT_RATE_LIMIT_PER_MINUTE = tostring(rate) } })
        end

        it("G-7 opens a well-formed heartbeat", function() assert(group:open(heartbeat())) end)

        it("G-7 names each defect of a heartbeat", function()
            local function reason(code, more, changes)
                local want = request(changes, heartbeat(more))
                refused({ code = "signing_policy_rejected", reason = code }, group:call("interactive_session_open", want))
            end
            reason("invalid_heartbeat_signing_intent", { root = signing.ROOT })
            reason("invalid_heartbeat_signing_intent", { intent = { type = "heartbeat", message_hex = "zz" } })
            reason("invalid_heartbeat_signing_intent", { intent = { type = "heartbeat", message_hex = "" } })
            reason("invalid_heartbeat_signing_intent", { intent = { type = "heartbeat", message_hex = ("ff"):rep(15) } })
            reason("invalid_heartbeat_signing_intent", { intent = { type = "heartbeat", message_hex = ("ff"):rep(200) } })
            reason("invalid_heartbeat_signing_intent", { intent = { type = "heartbeat", message_hex = ("00"):rep(16) } })
            reason("invalid_heartbeat_signing_intent", { message = ("\1"):rep(31) })
            reason("heartbeat_signing_message_mismatch", { message = ("\1"):rep(32) })
        end)

        it("G-11 charges each fresh open of a seat, and no exact retry", function()
            limited(2)
            assert(group:open(heartbeat()))
            assert(group:open(heartbeat()))
            assert(group:open(heartbeat({ member = 2 })))
            refused({ code = "signing_policy_rejected", reason = "heartbeat_rate_limit_per_minute_exceeded" },
                group:open(heartbeat({ member = 3 })))
            assert.is_true(group:open(heartbeat()).idempotent)
        end)

        it("G-11 keeps one budget a wallet and refills it at restart", function()
            limited(1)
            assert(group:open(heartbeat()))
            refused("signing_policy_rejected", group:open(heartbeat({ session = "second" })))
            local other = state.wallet(group.engine,
                { session_id = "other", seed = "other", threshold = 2, participants = 3, seats = { 1, 2, 3 } })
            assert(group:open(heartbeat({ session = "third", key_group = other })))
            group:restart()
            assert(group:open(heartbeat({ session = "second" })))
        end)

        it("OPEN-16 charges a token only after the other checks, and gives it back after a failed write", function()
            limited(1)
            refused("validation_error", open({ member_identifier = 9 }, heartbeat()))
            signer.test_fault.arm("write", "error")
            refused("internal_error", group:open(heartbeat()))
            signer.test_fault.clear()
            assert.is_nil(group:session())
            assert(group:open(heartbeat()))
        end)

        it("OPEN-17 a refused heartbeat does not reactivate a retired session", function()
            limited(1)
            assert(group:open(heartbeat()))
            assert(group:abort())
            refused("signing_policy_rejected", group:open(heartbeat({ number = 2 })))
            assert.is_false(group:session().live)
            assert.equal(0, #group:live())
        end)

        it("G-6 checks nothing without an intent where the firewall is off", function()
            assert(group:open({ message = ("\7"):rep(20) }))
        end)
    end)

    it("OPEN-18 caps the attempts of a session at n - t + 1", function()
        assert(group:open({ member = 1, number = 1 }))
        assert(group:open({ member = 2, number = 2 }))
        refused({ code = "signing_policy_rejected", reason = "concurrent_attempt_cap_exceeded" },
            group:open({ member = 3, number = 3 }))
        assert(group:open({ member = 3, number = 2 }))
        -- seat 1 vacates attempt 1, so attempt 3 has room
        assert(group:open({ member = 1, number = 3 }))
        -- seat 2 shares attempt 2 with seat 3: leaving it vacates nothing
        refused("signing_policy_rejected", group:open({ member = 2, number = 4 }))
    end)

    it("OPEN-19 refuses phantom participants although the ids agree", function()
        refused({ code = "validation_error", text = "verifying share" }, group:open({ included = { 1, 2, 7 } }))
    end)

    it("OPEN-20 refuses another threshold than the wallet's", function()
        refused({ code = "validation_error", text = "does not match the DKG threshold" }, group:open({ threshold = 3 }))
    end)

    it("D-064 refuses the attempt that is complete for this message and root", function()
        local package = group:prepare()
        local shares = group:shares(package)
        assert(group:aggregate(package, shares))
        refused("interactive_attempt_already_aggregated", group:open({ member = 3 }))
        refused("consumed_nonce_replay", group:open({ member = 1 }))
        assert(group:open({ member = 3, root = signing.ROOT }))
    end)

    it("D-052 answers session_finalized where a finalization wiped the material", function()
        state.text(group.engine, "wallet", state.FINALIZE_FINGERPRINT, "f")
        state.clear(group.engine, "wallet", state.KEY_PACKAGES)
        refused("session_finalized", group:open())
    end)

    it("OPEN step 10 answers missing material", function()
        state.clear(group.engine, "wallet", state.KEY_PACKAGES)
        refused("internal_error", group:open())
    end)

    it("CAP-1 counts seats over all sessions", function()
        group = signing.new({ environment = { TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS = "2" } })
        assert(group:open({ session = "a" }))
        assert(group:open({ session = "b" }))
        refused({ code = "internal_error", reason = "capacity_exceeded", text = "live interactive member count" },
            group:open({ session = "c" }))
        refused("internal_error", group:open({ session = "a", member = 2 }))
        assert.is_true(group:open({ session = "a" }).idempotent)
        assert(group:open({ session = "a", number = 2 }))
    end)

    it("COM-2 refuses a consumed attempt whatever the letter case of its id", function()
        local package = group:prepare()
        assert(group:round2(package))
        local want = request()
        want.attempt_context.attempt_id = want.attempt_context.attempt_id:upper()
        refused("consumed_nonce_replay", group:call("interactive_session_open", want))
    end)

    it("TM-1 counts calls at entry and success only for fresh work", function()
        refused("validation_error", open({ session_id = "" }))
        assert(group:open())
        assert(group:open())
        local counters = state.counters(group.engine)
        assert.equal(3, counters.INTERACTIVE_SESSION_OPEN_CALLS)
        assert.equal(1, counters.INTERACTIVE_SESSION_OPEN_SUCCESS)
    end)
end)
