-- interactive_round2: interactive-session 10.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local state = signer.test_state
local refused = signing.assert_refused
local hex = signer.bytes.hex

describe("interactive_round2", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    local QUARANTINE = { environment = { TBTC_SIGNER_ENABLE_AUTO_QUARANTINE = "true" } }

    local function consumed(session) return group:session(session).sets[state.CONSUMED] end

    local function fill(set)
        local list = {}
        for i = 1, 128 do list[i] = ("%064x"):format(i) end
        state.mark(group.engine, "session", set, list)
    end

    --- The refusal left nonces and commitments alive, and the honest package still works.
    local function assert_alive(package, commitments, options)
        assert.equal(0, #consumed())
        assert.equal(commitments[1], group:round1(options).commitments_hex)
        assert(group:round2(package, options))
    end

    it("answers session, attempt in lower case and a share of 32 bytes", function()
        local package = group:prepare()
        local reply = assert(group:round2(package, { attempt_id = group:attempt_id():upper() }))
        assert.equal("session", reply.session_id)
        assert.equal(group:attempt_id(), reply.attempt_id)
        assert.equal(64, #reply.signature_share_hex)
        group:assert_replay()
    end)

    describe("order of checks", function()
        it("R2 steps 1, 2 come before the session is looked for", function()
            local package = group:prepare()
            refused({ code = "validation_error", text = "session_id" }, group:round2("zz", { session = " ", attempt_id = "x" }))
            refused({ code = "validation_error", text = "attempt_id" },
                group:round2("zz", { session = "none", attempt_id = "x" }))
            refused({ code = "validation_error", text = "signing_package" }, group:round2("zz", { session = "none" }))
            refused({ code = "validation_error", text = "signing_package" }, group:round2("", { session = "none" }))
            refused({ code = "validation_error", text = "signing_package" }, group:round2("00", { session = "none" }))
            refused("session_not_found", group:round2(package, { session = "none" }))
        end)

        it("R2 step 7 before 9, 9 before 10, 10 before 11", function()
            group = signing.new(QUARANTINE)
            local package = group:prepare()
            state.text(group.engine, "wallet", state.FINALIZE_FINGERPRINT, "f")
            fill(state.CONSUMED)
            refused({ code = "internal_error", reason = "capacity_exceeded", text = "use a new session_id" },
                group:round2(package))
            state.rekey(group.engine, "wallet", "spec", group.key_group)
            refused("internal_error", group:round2(package))
        end)

        it("R2 step 10: rekey, finalized, own quarantine", function()
            group = signing.new(QUARANTINE)
            local package = group:prepare()
            state.quarantine(group.engine, 1, true)
            refused("quarantine_policy_rejected", group:round2(package))
            state.text(group.engine, "wallet", state.FINALIZE_FINGERPRINT, "f")
            refused("session_finalized", group:round2(package))
            state.rekey(group.engine, "wallet", "spec", group.key_group)
            refused("lifecycle_policy_rejected", group:round2(package))
        end)

        it("R2 step 10 is skipped without a matching entry, but for rekey (D-062)", function()
            group = signing.new(QUARANTINE)
            local package = group:prepare()
            state.quarantine(group.engine, 3, true)
            refused({ code = "session_not_found", reason = "no_live_attempt" }, group:round2(package, { member = 3 }))
            state.rekey(group.engine, "wallet", "spec", group.key_group)
            refused("lifecycle_policy_rejected", group:round2(package, { member = 3 }))
        end)

        it("R2 step 11 before 12, 12 before 13", function()
            local package = group:prepare()
            assert(group:open({ member = 3 }))
            refused({ code = "validation_error", text = "does not match" }, group:round2(package, { member = 3, number = 2 }))
            refused("sign_round_not_started", group:round2(package, { member = 3, message = ("\1"):rep(32),
                attempt_id = group:attempt_id() }))
        end)

        it("R2 step 13 before 14, 14 before 15", function()
            group = signing.new(QUARANTINE)
            local package, commitments = group:prepare()
            state.quarantine(group.engine, 2, true)
            local wrong = group:package(commitments, { message = ("\1"):rep(32) })
            refused({ code = "validation_error", text = "message" }, group:round2(wrong))
            fill(state.AUTHORIZED)
            refused("quarantine_policy_rejected", group:round2(package))
            state.quarantine(group.engine, 2, false)
            refused({ code = "internal_error", reason = "capacity_exceeded" }, group:round2(package))
        end)
    end)

    it("R2-1 keeps the nonces through every refusal before consumption", function()
        local package, commitments = group:prepare()
        local third = group:commit({ member = 3 })
        refused("validation_error", group:round2("zz"))
        refused("validation_error", group:round2(group:package(commitments, { message = ("\1"):rep(32) })))
        refused("validation_error", group:round2(group:package({ [1] = commitments[1], [2] = third, [3] = third })))
        signer.test_fault.arm("write", "error")
        refused("internal_error", group:round2(package))
        signer.test_fault.clear()
        assert_alive(package, commitments)
    end)

    it("R2-2 demands the opened message, length included", function()
        local package, commitments = group:prepare()
        for _, message in ipairs({ signing.MESSAGE .. "\0", "\0" .. signing.MESSAGE, signing.MESSAGE:sub(1, 31),
            ("\1"):rep(32) }) do
            refused({ code = "validation_error", text = "message" },
                group:round2(group:package(commitments, { message = message })))
        end
        assert_alive(package, commitments)
    end)

    it("R2-3 demands exactly threshold commitments", function()
        local package, commitments = group:prepare()
        local third = group:commit({ member = 3 })
        refused({ code = "validation_error", text = "exactly threshold" }, group:round2(group:package({ [1] = commitments[1] })))
        refused({ code = "validation_error", text = "exactly threshold" },
            group:round2(group:package({ [1] = commitments[1], [2] = commitments[2], [3] = third })))
        assert_alive(package, commitments)
    end)

    it("R2-4 demands identifiers of the included set", function()
        local options = { included = { 1, 2 } }
        local package, commitments = group:prepare(options)
        refused({ code = "validation_error", text = "included set" },
            group:round2(group:package({ [1] = commitments[1], [3] = commitments[2] }), options))
        assert_alive(package, commitments, options)
    end)

    it("R2-5 demands the own identifier", function()
        local package, commitments = group:prepare()
        local third = group:commit({ member = 3 })
        refused({ code = "validation_error", text = "does not include this member" },
            group:round2(group:package({ [2] = commitments[2], [3] = third })))
        assert_alive(package, commitments)
    end)

    it("R2-6, S-1 demands the own commitments as they left round 1", function()
        local package, commitments = group:prepare()
        local foreign = group:commit({ session = "second" })
        refused({ code = "validation_error", text = "does not match its round-1 output" },
            group:round2(group:package({ [1] = foreign, [2] = commitments[2] })))
        assert_alive(package, commitments)
    end)

    it("R2-6 checks message, count, subset, own presence, own bytes in this order", function()
        local options = { included = { 1, 2 } }
        local _, commitments = group:prepare(options)
        local all = { [1] = commitments[1], [2] = commitments[2], [3] = commitments[2] }
        refused({ code = "validation_error", text = "message" },
            group:round2(group:package(all, { message = ("\1"):rep(32) }), options))
        refused({ code = "validation_error", text = "exactly threshold" }, group:round2(group:package(all), options))
        refused({ code = "validation_error", text = "included set" },
            group:round2(group:package({ [2] = commitments[2], [3] = commitments[2] }), options))
    end)

    it("R2-7 has the marker on disk before the share is computed", function()
        local package = group:prepare()
        signer.test_fault.arm("after_sync", "error")
        refused("internal_error", group:round2(package))
        signer.test_fault.clear()
        assert.same({ "m1@" .. group:attempt_id() }, consumed())
        group:restart()
        refused("consumed_nonce_replay", group:round2(package))
    end)

    it("R2-8 never gives a second share, not for the same package either", function()
        local package = group:prepare()
        assert(group:round2(package))
        refused("consumed_nonce_replay", group:round2(package))
        refused("consumed_nonce_replay", group:round2(package, { attempt_id = group:attempt_id():upper() }))
        assert.equal(0, #group:live() - 1)
    end)

    it("R2-9 a completion of the attempt, message and root blocks and wipes a sibling", function()
        group:commit({ member = 3 })
        local package, commitments = group:prepare()
        state.mark(group.engine, "session", state.AGGREGATED,
            ("%s@%s@keypath"):format(group:attempt_id(), hex(signer.roast.message_digest(signing.MESSAGE))))
        local err = refused("interactive_attempt_already_aggregated", group:round2(package))
        assert.truthy(err.message:find(("interactive attempt [%s] already aggregated in session [session]")
            :format(group:attempt_id()), 1, true))
        refused({ code = "session_not_found", reason = "no_live_attempt" }, group:round2(package))
        assert.is_string(commitments[1])
        assert.equal(0, #consumed())
    end)

    it("R2-9 a completion for another message or root blocks nothing, a bare marker everything", function()
        local package = group:prepare()
        local attempt = group:attempt_id()
        state.mark(group.engine, "session", state.AGGREGATED, { attempt .. "@" .. ("0"):rep(64) .. "@keypath",
            attempt .. "@" .. ("0"):rep(64) })
        assert(group:round2(package))
        state.mark(group.engine, "session", state.AGGREGATED, attempt)
        refused("interactive_attempt_already_aggregated", group:round2(package, { member = 2 }))
    end)

    it("R2-9, D-053 honours the two-part marker for every root", function()
        local package = group:prepare({ root = signing.ROOT })
        state.mark(group.engine, "session", state.AGGREGATED, ("%s@%s"):format(group:attempt_id(),
            hex(signer.roast.message_digest(signing.MESSAGE))))
        refused("interactive_attempt_already_aggregated", group:round2(package, { root = signing.ROOT }))
    end)

    it("R2-10 evaluates the gates again, writes no marker, and lets the nonces live", function()
        group = signing.new(QUARANTINE)
        local package, commitments = group:prepare()
        state.quarantine(group.engine, 1, true)
        refused("quarantine_policy_rejected", group:round2(package))
        state.quarantine(group.engine, 1, false)
        state.text(group.engine, "wallet", state.FINALIZE_FINGERPRINT, "f")
        refused("session_finalized", group:round2(package))
        state.clear(group.engine, "wallet", state.FINALIZE_FINGERPRINT)
        assert_alive(package, commitments)
    end)

    it("R2-10, G-10 refuses when a transaction appears after a heartbeat open", function()
        local options = { message = signer.roast.heartbeat_digest(("\xff"):rep(8) .. ("\0"):rep(7) .. "\1"),
            intent = { type = "heartbeat", message_hex = ("ff"):rep(8) .. ("00"):rep(7) .. "01" } }
        local package = group:prepare(options)
        state.transaction(group.engine, "session",
            { session_id = "session", tx = "\1", sighashes = { options.message }, prevouts = { { 1, "\x51" } } })
        refused({ code = "signing_policy_rejected", reason = "ambiguous_signing_policy_artifact" },
            group:round2(package, options))
        assert.equal(0, #consumed())
    end)

    it("R2-11 honours a rekey on the signing session and on the wallet session", function()
        local package = group:prepare()
        state.rekey(group.engine, "session", "spec", "")
        refused("lifecycle_policy_rejected", group:round2(package))
        assert.equal(0, #consumed())
        group = signing.new()
        package = group:prepare()
        state.rekey(group.engine, "wallet", "spec", "")
        refused("lifecycle_policy_rejected", group:round2(package))
    end)

    it("R2-12 refuses a quarantined co-signer unless it is on the allow list or quarantine is off", function()
        group = signing.new(QUARANTINE)
        local package = group:prepare()
        state.quarantine(group.engine, 2, true)
        refused({ code = "quarantine_policy_rejected", reason = "operator_auto_quarantined" }, group:round2(package))
        state.environment(group.engine, "TBTC_SIGNER_AUTO_QUARANTINE_DAO_ALLOWLIST_IDENTIFIERS", "2")
        assert(group:round2(package))
        group = signing.new()
        package = group:prepare()
        state.quarantine(group.engine, 2, true)
        assert(group:round2(package))
    end)

    it("R2-13 computes the share under the root of the open", function()
        local options = { root = signing.ROOT }
        local package = group:prepare(options)
        local shares = group:shares(package, options)
        assert.equal("valid", group:verify_share(package, shares[1], options).verdict)
        assert.equal("invalid", group:verify_share(package, shares[1]).verdict)
        local signature = assert(group:aggregate(package, shares, options)).signature_hex
        assert.is_true(group:verifies(signature, nil, signing.ROOT))
        assert.is_false(group:verifies(signature))
    end)

    it("R2-14 wipes and keeps the marker when the computation fails after consumption", function()
        for _, point in ipairs({ "after_append", "after_sync", "after_share" }) do
            local options = { session = point }
            local package = group:prepare(options)
            local secrets = group:counts().secrets
            signer.test_fault.arm(point, "error")
            refused("internal_error", group:round2(package, options))
            signer.test_fault.clear()
            assert.equal(secrets - 1, group:counts().secrets)
            assert.equal(1, #consumed(point))
            assert.equal(1, #group:live(point))
            refused("consumed_nonce_replay", group:round2(package, options))
        end
        group:assert_replay()
    end)

    it("R2-15 leaves the entries of other seats alone", function()
        local package, commitments = group:prepare()
        assert(group:round2(package))
        assert.equal(commitments[2], group:round1({ member = 2 }).commitments_hex)
    end)

    it("R2-16, CAP-2 frees the seat's slot", function()
        group = signing.new({ environment = { TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS = "2" } })
        local package = group:prepare()
        refused("internal_error", group:open({ session = "second" }))
        assert(group:round2(package))
        assert(group:open({ session = "second" }))
    end)

    it("R2-18, D-053 honours every form of a consumed marker", function()
        for _, form in ipairs({ "%s", "m1@%s", "m1@%s@v2" }) do
            local options = { session = "form" .. #form }
            local package = group:prepare(options)
            state.mark(group.engine, options.session, state.CONSUMED, form:format(group:attempt_id(options)))
            refused("consumed_nonce_replay", group:round2(package, options))
            refused("consumed_nonce_replay", group:round1(options))
            if form == "%s" then
                refused("consumed_nonce_replay", group:round2(package, signing.with(options, { member = 2 })))
            else
                assert(group:round2(package, signing.with(options, { member = 2 })))
            end
        end
    end)

    it("CAP-3 an authorization that is there already needs no room", function()
        local package = group:prepare()
        assert(group:round2(package))
        local list = {}
        for i = 1, 127 do list[i] = ("%064x"):format(i) end
        state.mark(group.engine, "session", state.AUTHORIZED, list)
        assert(group:round2(package, { member = 2 }))
    end)

    it("D-123 records the highest attempt number", function()
        assert(group:round2((group:prepare({ number = 7 })), { number = 7 }))
        assert.equal(7, group:session().highest)
        assert(group:abort())
        assert(group:round2((group:prepare({ number = 3 })), { number = 3 }))
        assert.equal(7, group:session().highest)
        assert(group:abort())
        assert(group:round2((group:prepare({ number = 9 })), { number = 9 }))
        assert.equal(9, group:session().highest)
        group:assert_replay()
    end)

    it("TM-1 counts calls and shares", function()
        local package = group:prepare()
        assert(group:round2(package))
        refused("consumed_nonce_replay", group:round2(package))
        local counters = state.counters(group.engine)
        assert.equal(2, counters.INTERACTIVE_ROUND2_CALLS)
        assert.equal(1, counters.INTERACTIVE_ROUND2_SUCCESS)
    end)
end)
