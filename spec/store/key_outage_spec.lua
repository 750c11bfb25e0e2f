-- A key service that is away for the whole run of a process, and one that goes away after the start (D-083 K, D-085;
-- sealed-store 4.3): what needs no state is served, everything else answers state_key_unavailable and changes nothing.
local disk = require("spec.store.disk")
local engines = require("spec.support.engines")
local signing = require("spec.support.signing")
local transactions = require("spec.support.transactions")

describe("a key service that is away", function()
    local folder, group, package, shares
    before_each(function()
        folder = signing.folder()
        group = signing.new({ folder = folder })
        package = group:prepare({ session = "s" })
        shares = group:shares(package, { session = "s" })
        signing.must(group:aggregate(package, shares, { session = "s" }))
        group.engine:close(false)
        signing.running[group] = nil
        disk.write(folder .. "/command", ("echo run >>%s/runs; [ -e %s/up ] && echo %s"):format(folder, folder, ("5a"):rep(32)))
        group = signing.reopen({ folder = folder, key_group = group.key_group, environment = {
            TBTC_SIGNER_STATE_KEY_PROVIDER = "command", TBTC_SIGNER_STATE_KEY_COMMAND = "sh " .. folder .. "/command" } })
    end)
    after_each(function()
        signing.finish_all()
        engines.clean()
    end)

    --- Calls that need the state, as functions.
    local function calls()
        return {
            open = function() return group:open({ session = "new" }) end,
            open_again = function() return group:open({ session = "s" }) end,
            round2 = function() return group:round2(package, { session = "s" }) end,
            aggregate = function() return group:aggregate(package, shares, { session = "s" }) end,
            verify_share = function() return group:verify_share(package, shares[1], { session = "s" }) end,
            build = function() return group:call("build_taproot_tx", transactions.request("b")) end,
            retire = function()
                return group:call("retire_distributed_dkg_key_packages", { key_group = group.key_group, reason = "r" })
            end,
        }
    end

    it("D-083 K dead for the whole run: what needs no state is served, the rest is state_key_unavailable", function()
        local before = disk.picture(folder .. "/state.json.store")
        for name, call in pairs(calls()) do
            local reply, problem = call()
            assert.is_nil(reply, name)
            assert.same({ "internal_error", "state_key_unavailable" }, { problem.code, problem.reason_code }, name)
        end
        assert.is_false(signing.must(group:abort({ session = "s" })).aborted)
        assert.is_truthy(group:context({ session = "s" }).attempt_id)
        assert.is_truthy(signing.must(group.engine:call("roast_liveness_policy")))
        assert.is_truthy(signing.must(group:call("dkg_part1",
            { participant_identifier = ("%064x"):format(1), max_signers = 3, min_signers = 2 })))
        assert.equal(before, disk.picture(folder .. "/state.json.store"))
        assert.is_true(#disk.read(folder .. "/runs") >= 7 * #"run\n") -- each call asked anew
    end)

    it("D-083 K a key generation goes through, its result is not kept without the key", function()
        local engine = engines.new({ STATE_KEY_PROVIDER = "command", STATE_KEY_COMMAND = "exit 1" })
        local keys = engine:dkg(3, 2)
        local request = engines.persist_request("wallet", keys, 1, 2)
        assert.equal("internal_error/state_key_unavailable", engine:refuse("persist_distributed_dkg_key_package", request))
        assert.is_false(disk.exists(engine.folder .. "/state.store"))
    end)

    it("D-085 the same process serves as soon as the key is there, and markers are as they were", function()
        assert.is_nil((group:open({ session = "new" })))
        disk.write(folder .. "/up", "")
        signing.must(group:open({ session = "new" }))
        signing.assert_refused("consumed_nonce_replay", group:round2(package, { session = "s" }))
    end)

    it("D-085 gone after the start: everything goes on without it", function()
        disk.write(folder .. "/up", "")
        signing.must(group:open({ session = "new" }))
        os.remove(folder .. "/up")
        local later = group:prepare({ session = "later" })
        local fresh = group:shares(later, { session = "later" })
        assert.is_truthy(signing.must(group:aggregate(later, fresh, { session = "later" })).signature_hex)
        assert.equal("run\n", disk.read(folder .. "/runs"))
    end)
end)
