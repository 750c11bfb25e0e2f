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

    it("kill -9 after append, after sync and after the share: no second share, and the keys remain", function()
        for _, point in ipairs({ "after_append", "after_sync", "after_share" }) do
            local folder = signing.folder()
            local script = ([[
                local signing = require("spec.support.signing")
                local group = signing.new({ folder = %q })
                local package = group:prepare({ session = "session" })
                io.open(%q, "w"):write(package):close()
                require("tbtc_signer").test_fault.arm(%q, "crash")
                local reply = group:round2(package)
                io.open(%q, "w"):write(reply.signature_share_hex):close()
            ]]):format(folder, folder .. "/package", point, folder .. "/share")
            signing.run_script(folder, script)
            assert.is_nil(io.open(folder .. "/share"))
            local file = assert(io.open(folder .. "/package"))
            local package = file:read("a")
            file:close()
            local after = signing.reopen({ folder = folder, key_group = group.key_group })
            if point ~= "after_append" then refused("consumed_nonce_replay", after:round2(package)) end
            local _, err = after:round2(package)
            assert.truthy(err.code == "consumed_nonce_replay" or err.code == "session_not_found")
            assert(after:open({ number = 2 }))
            assert(after:round1({ number = 2 }))
        end
    end)
end)
