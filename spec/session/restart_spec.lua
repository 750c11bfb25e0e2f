-- Restart: interactive-session 19.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local state = signer.test_state
local refused = signing.assert_refused

describe("restart", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    for _, clean in ipairs({ true, false }) do
        local name = clean and "clean" or "crash"

        it("RS-1, NC-7 no live entries, and a marker still refuses its attempt (" .. name .. ")", function()
            local package = group:prepare()
            assert(group:round2(package, { member = 2 }))
            group:restart(clean)
            assert.equal(0, group:counts().live)
            refused({ code = "session_not_found", reason = "no_live_attempt" }, group:round1())
            refused({ code = "session_not_found", reason = "no_live_attempt" }, group:round2(package))
            refused("consumed_nonce_replay", group:round2(package, { member = 2 }))
            refused("consumed_nonce_replay", group:round1({ member = 2 }))
        end)

        it("RS-2 markers, binding, retirement and transaction survive (" .. name .. ")", function()
            local package = group:prepare()
            local shares = group:shares(package)
            assert(group:aggregate(package, shares))
            state.transaction(group.engine, "session",
                { session_id = "session", tx = "\1", sighashes = { ("\1"):rep(32) }, prevouts = { { 1, "\x51" } } })
            local before = group:session()
            group:restart(clean)
            local after = group:session()
            for _, field in ipairs({ "sets", "bound_key_group", "retired_at", "highest", "present" }) do
                assert.same(before[field], after[field])
            end
        end)

        it("RS-3 an unspent attempt opens again with new commitments (" .. name .. ")", function()
            local first = group:commit()
            group:restart(clean)
            assert.not_equal(first, group:commit())
        end)
    end

    it("RS-6 aggregate and share verification work afterwards", function()
        local package = group:prepare()
        local shares = group:shares(package)
        group:restart()
        assert.equal("valid", group:verify_share(package, shares[1]).verdict)
        assert(group:aggregate(package, shares))
    end)

    it("G-9, HB-6 an intent is gone with its entry and is never written", function()
        local options = { message = signer.roast.heartbeat_digest(("\xff"):rep(8) .. ("\0"):rep(7) .. "\1"),
            intent = { type = "heartbeat", message_hex = ("ff"):rep(8) .. ("00"):rep(7) .. "01" } }
        local package = group:prepare(options)
        group:restart()
        refused("session_not_found", group:round2(package, options))
        assert(group:open({ message = options.message }))
    end)
end)
