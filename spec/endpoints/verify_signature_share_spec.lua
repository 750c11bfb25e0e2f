-- verify_signature_share: interactive-session 12.1.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local refused = signing.assert_refused

describe("verify_signature_share", function()
    local group, package, shares

    before_each(function()
        group = signing.new()
        package = group:prepare()
        shares = group:shares(package)
    end)
    after_each(signing.finish_all)

    local function verdict(changes)
        local want = {
            session_id = "session", signing_package_hex = package, signature_share_hex = shares[1], member_identifier = 1,
        }
        for key, value in pairs(changes or {}) do want[key] = value end
        return assert(group:call("verify_signature_share", want)).verdict
    end

    it("VS-1 gives a verdict for everything but a bad session id", function()
        refused("validation_error", group:verify_share(package, shares[1], { session = "a b" }))
        assert.equal("valid", verdict())
    end)

    it("VS-2 indeterminate: package, root, member, session, group, package membership", function()
        assert.equal("indeterminate", verdict({ signing_package_hex = "zz" }))
        assert.equal("indeterminate", verdict({ signing_package_hex = "" }))
        assert.equal("indeterminate", verdict({ taproot_merkle_root_hex = "zz" }))
        assert.equal("indeterminate", verdict({ taproot_merkle_root_hex = "" }))
        assert.equal("indeterminate", verdict({ member_identifier = 0 }))
        assert.equal("indeterminate", verdict({ session_id = "none" }))
        assert.equal("indeterminate", verdict({ member_identifier = 9 }))
        assert.equal("indeterminate", verdict({ member_identifier = 3 }))
        signer.test_state.clear(group.engine, "wallet", signer.test_state.PUBLIC_PACKAGE)
        assert.equal("indeterminate", verdict())
    end)

    it("VS-2 invalid: share not hex, empty, of another length, no scalar, wrong", function()
        assert.equal("invalid", verdict({ signature_share_hex = "zz" }))
        assert.equal("invalid", verdict({ signature_share_hex = "" }))
        assert.equal("invalid", verdict({ signature_share_hex = "00" }))
        assert.equal("invalid", verdict({ signature_share_hex = ("ff"):rep(32) }))
        assert.equal("invalid", verdict({ signature_share_hex = shares[2] }))
        assert.equal("valid", verdict({ signature_share_hex = shares[1]:upper() }))
    end)

    it("VS-3 a malformed share is not invalid before the context holds", function()
        assert.equal("indeterminate", verdict({ signature_share_hex = "zz", session_id = "none" }))
        assert.equal("indeterminate", verdict({ signature_share_hex = "zz", member_identifier = 3 }))
        assert.equal("indeterminate", verdict({ signature_share_hex = "zz", signing_package_hex = "zz" }))
    end)

    it("VS-4 agrees with the culprits of aggregate", function()
        local err = refused("aggregate_share_verification_failed",
            group:aggregate(package, { [1] = shares[1], [2] = shares[1] }))
        assert.same({ 2 }, err.candidate_culprits)
        assert.equal("valid", verdict())
        assert.equal("invalid", verdict({ member_identifier = 2 }))
        assert(group:aggregate(package, shares))
        assert.equal("valid", verdict({ member_identifier = 2, signature_share_hex = shares[2] }))
    end)

    it("VS-5 needs no live entry, and works for completed and retired sessions and after restart", function()
        assert(group:aggregate(package, shares))
        local generation = group:counts().generation
        assert.equal("valid", verdict())
        assert.equal(generation, group:counts().generation)
        group:restart()
        assert.equal("valid", verdict())
    end)

    it("VS-6 only advises: a package that nobody here opened or authorized gets a verdict, and changes nothing", function()
        local elsewhere = signing.new()
        local foreign = elsewhere:prepare({ number = 9 })
        local strange = elsewhere:shares(foreign, { number = 9 })
        local generation = group:counts().generation
        assert.equal("valid", group:verify_share(foreign, strange[1]).verdict)
        assert.equal("invalid", group:verify_share(foreign, shares[1]).verdict)
        assert.equal(generation, group:counts().generation)
        refused("validation_error", group:aggregate(foreign, strange))
    end)

    it("VS-7, D-066 sweeps in memory and never fails for storage", function()
        assert(group:open({ session = "second" }))
        group.platform:advance_ms(3600001)
        signer.test_fault.arm("write", "error", 1, true)
        signer.test_fault.arm("sync", "error", 1, true)
        assert.equal("valid", verdict())
        assert.equal(0, #group:live("second"))
        assert.equal(0, signer.test_fault.hits("write"))
    end)

    it("D-120 does not wait for an uncertain record", function()
        local other = group:prepare({ number = 2 })
        signer.test_fault.arm("sync", "error", 1, true)
        refused("internal_error", group:round2(other, { number = 2 }))
        assert.equal("valid", verdict())
    end)
end)
