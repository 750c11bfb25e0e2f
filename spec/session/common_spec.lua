-- Rules that all interactive calls share: interactive-session 7, 14, 18.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local state = signer.test_state
local fault = signer.test_fault
local refused = signing.assert_refused

describe("interactive calls", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    --- One request of each call, on an attempt that is ready for it.
    local function requests()
        local package = group:prepare()
        local shares = { [1] = ("01"):rep(32), [2] = ("02"):rep(32) }
        local seat = group:seat_request()
        local round2 = group:seat_request()
        round2.signing_package_hex = package
        return {
            interactive_session_open = group:open_request({ member = 3 }),
            interactive_round1 = seat,
            interactive_round2 = round2,
            interactive_aggregate = group:aggregate_request(package, shares),
            interactive_session_abort = { session_id = "session" },
            verify_signature_share = { session_id = "session", signing_package_hex = package,
                signature_share_hex = shares[1], member_identifier = 1 },
        }
    end

    it("COM-1 provenance, then session_id, come first and change nothing", function()
        local all = requests()
        for name, request in pairs(all) do
            local broken = signing.with(request, { session_id = "a b" })
            refused({ code = "validation_error", text = "session_id" }, group:call(name, broken))
        end
        state.environment(group.engine, "TBTC_SIGNER_PROFILE", "production")
        for name, request in pairs(all) do
            local broken = signing.with(request, { session_id = "a b" })
            refused({ code = "provenance_gate_rejected", reason = "missing_attestation_status" }, group:call(name, broken))
        end
        refused("provenance_gate_rejected", group:call("derive_interactive_attempt_context", { session_id = "a b",
            message_hex = "00", key_group = "", threshold = 1, attempt_number = 1, included_participants = { 1 } }))
        state.environment(group.engine, "TBTC_SIGNER_PROFILE", "development")
        assert.equal(2, #group:live())
    end)

    it("COM-3, D-061 demand exactly 64 hex characters of an attempt id", function()
        for name, request in pairs(requests()) do
            if request.attempt_id or name == "interactive_session_abort" then
                for _, id in ipairs({ "", ("a"):rep(63), ("a"):rep(65), ("g"):rep(64), " " .. ("a"):rep(63) }) do
                    refused({ code = "validation_error", text = "attempt_id" },
                        group:call(name, signing.with(request, { attempt_id = id })))
                end
            end
        end
    end)

    it("COM-4 the verifying shares are the wallet's: an unknown member changes nothing", function()
        local package = group:prepare()
        local shares = group:shares(package)
        local err = refused("validation_error", group:aggregate(package, { [1] = shares[1], [9] = shares[2] }))
        assert.is_nil(err.candidate_culprits)
        assert(group:aggregate(package, shares))
    end)

    it("COM-5 no sequence of calls and faults gives two shares for one nonce pair", function()
        local random = 12345
        local function pick(n)
            random = (random * 1103515245 + 12345) % 2147483648
            return random // 65536 % n + 1
        end
        local shares, given = {}, 0
        for _ = 1, 600 do
            local options = { member = pick(2), number = pick(2), session = ({ "a", "b" })[pick(2)] }
            local action = pick(12)
            if action == 1 then fault.arm(({ "write", "sync" })[pick(2)], "error") end
            if action == 2 then
                group:restart()
            elseif action == 3 then
                group:abort({ session = options.session })
            elseif action == 4 then
                group.platform:advance_ms(1900000)
            elseif action <= 8 then
                group:open(options)
            else
                local mine = group:round1(options)
                local other = signing.with(options, { member = 3 - options.member })
                local theirs = mine and (group:open(other) and group:round1(other))
                if mine and theirs then
                    local package = group:package({ [options.member] = mine.commitments_hex,
                        [other.member] = theirs.commitments_hex }, options)
                    local reply = group:round2(package, options)
                    if reply then
                        assert.is_nil(shares[mine.commitments_hex], "a second share for one nonce pair")
                        shares[mine.commitments_hex] = reply.signature_share_hex
                        given = given + 1
                    end
                    assert.is_nil((group:round2(package, options)))
                end
            end
            fault.clear()
        end
        assert.is_true(given >= 4, given)
        group:assert_replay()
    end)

    it("COM-6 see TTL-4", function()
        assert(group:open())
        group.platform:advance_ms(1000)
        refused("validation_error", group:round1({ attempt_id = ("0"):rep(64) }))
        assert.equal(1000000, group:live()[1].active_ms)
    end)

    it("D-060 one seat has one live entry in a session, other sessions do not matter", function()
        assert(group:open({ number = 1 }))
        assert(group:open({ number = 2 }))
        assert(group:open({ session = "second" }))
        assert.equal(1, #group:live())
        assert.equal(2, group:counts().live)
    end)

    it("G-1, S-6 a rekey on the wallet or on the signing session blocks open, round 1 and round 2", function()
        for _, where in ipairs({ "wallet", "session" }) do
            group = signing.new()
            local package = group:prepare()
            assert(group:open({ member = 3 }))
            state.rekey(group.engine, where, "spec", where == "wallet" and group.key_group or "")
            for _, name in ipairs({ "open", "round1" }) do
                refused({ code = "lifecycle_policy_rejected", reason = "emergency_rekey_required" },
                    group[name](group, { member = 3 }))
            end
            refused("lifecycle_policy_rejected", group:round2(package))
            assert.equal(where == "wallet" and 0 or 3, group:counts().live) -- D-062
        end
    end)

    it("G-1 a rekey before the binding stays on the signing session and blocks", function()
        state.rekey(group.engine, "session", "spec", "")
        refused("lifecycle_policy_rejected", group:open())
    end)

    it("D-125 a rekey holds for its key group, whatever session it lies on", function()
        state.rekey(group.engine, "elsewhere", "spec", group.key_group)
        refused("lifecycle_policy_rejected", group:open())
    end)

    it("G-2 a finalized wallet answers session_finalized", function()
        state.text(group.engine, "wallet", state.FINALIZE_FINGERPRINT, "f")
        refused("session_finalized", group:open())
        state.clear(group.engine, "wallet", state.FINALIZE_FINGERPRINT)
        state.text(group.engine, "session", state.FINALIZE_FINGERPRINT, "f")
        assert(group:open())
    end)

    it("G-3 quarantine: off, on the allow list, or refused; open looks at the own seat alone", function()
        state.quarantine(group.engine, 1, true)
        assert(group:open())
        state.environment(group.engine, "TBTC_SIGNER_ENABLE_AUTO_QUARANTINE", "true")
        assert(group:open({ member = 2 }))
        refused("quarantine_policy_rejected", group:open())
        state.environment(group.engine, "TBTC_SIGNER_AUTO_QUARANTINE_DAO_ALLOWLIST_IDENTIFIERS", "1")
        assert(group:open())
        state.environment(group.engine, "TBTC_SIGNER_AUTO_QUARANTINE_DAO_ALLOWLIST_IDENTIFIERS", "one")
        refused("internal_error", group:open({ key_group = "unknown" })) -- step 7 before 8
    end)

    it("G-8 an unknown intent fails while decoding", function()
        refused("validation_error", group:open({ intent = { type = "withdrawal", message_hex = "00" } }))
        assert.is_nil(group:session())
    end)

    it("R2-17 what is checked in round 2 is what was opened", function()
        local message = signer.roast.heartbeat_digest(("\xff"):rep(8) .. ("\0"):rep(7) .. "\1")
        local options = { message = message,
            intent = { type = "heartbeat", message_hex = ("ff"):rep(8) .. ("00"):rep(7) .. "01" } }
        local package, commitments = group:prepare(options)
        state.environment(group.engine, "TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL", "true")
        -- The package's message is another one: its check fails on the package, the gate held on the stored one.
        refused({ code = "validation_error", text = "message" },
            group:round2(group:package(commitments, { message = ("\1"):rep(32) }), options))
        assert(group:round2(package, options))
    end)

    it("NC-1 each pair comes from fresh randomness", function()
        local seen = {}
        for number = 1, 20 do
            local commitments = group:commit({ number = number })
            assert.is_nil(seen[commitments])
            seen[commitments] = true
        end
    end)

    it("NC-3 wipes on share, failure, replacement, abort, expiry, aggregate, refusal of a complete attempt", function()
        local idle = group:counts().secrets
        local function gone() assert.equal(idle, group:counts().secrets) end
        local package = group:prepare()
        local shares = group:shares(package)
        gone()
        group:commit({ member = 3 })
        assert(group:aggregate(package, shares))
        gone()
        package = group:prepare({ session = "failing" })
        fault.arm("after_sync", "error")
        refused("internal_error", group:round2(package, { session = "failing" }))
        fault.clear()
        assert(group:abort({ session = "failing" }))
        gone()
        group:commit({ session = "replaced" })
        assert(group:open({ session = "replaced", number = 2 }))
        gone()
        group:commit({ session = "expired" })
        group.platform:advance_ms(3600001)
        assert(group:abort({ session = "none" }))
        gone()
        package = group:prepare({ session = "complete" })
        state.mark(group.engine, "complete", state.AGGREGATED, group:attempt_id({ session = "complete" }))
        for member = 1, 2 do
            refused("interactive_attempt_already_aggregated", group:round2(package, { session = "complete", member = member }))
        end
        gone()
    end)

    it("NC-4 an entry holds no key package; what a call copies of it goes with the call", function()
        local idle = group:counts().secrets
        assert(group:open())
        assert.equal(idle, group:counts().secrets)
        assert(group:round1())
        assert.equal(idle + 1, group:counts().secrets) -- the nonces alone
        assert(group:abort())
        assert.equal(idle, group:counts().secrets)
        refused("session_not_found", group:round1())
        assert.equal(idle, group:counts().secrets)
    end)

    it("RET-7, RS-4 what a load would refuse is never written", function()
        assert(group:open())
        assert.is_false((pcall(state.number, group.engine, "session", state.RETIRED_AT, 0)))
        assert.is_false((pcall(state.number, group.engine, "wallet", state.RETIRED_AT, 5)))
        assert.is_false((pcall(state.mark, group.engine, "session", state.CONSUMED, "")))
        assert.is_false((pcall(state.mark, group.engine, "session", state.AUTHORIZED, ("A"):rep(64))))
        assert.is_false((pcall(state.mark, group.engine, "session", state.AUTHORIZED, ("a"):rep(63))))
        local many = {}
        for i = 1, 129 do many[i] = ("%064x"):format(i) end
        assert.is_false((pcall(state.mark, group.engine, "session", state.CONSUMED, many)))
        assert.is_false((pcall(state.mark, group.engine, "session", state.CONSUMED, { many[1], many[1] })))
        assert.equal(0, #group:session().sets[state.CONSUMED])
        group:assert_replay()
    end)

    it("RS-5, RS-7 a session without optional fields loads, and consumed attempts stay consumed", function()
        state.create(group.engine, "session")
        state.mark(group.engine, "session", state.CONSUMED, "m1@" .. group:attempt_id())
        group:restart()
        refused("consumed_nonce_replay", group:open())
        assert(group:open({ member = 2 }))
    end)
end)
