-- What a signing package determined is worked out once: interactive-session 11, 12.1 (VS-4, AGG-4, AGG-5).
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")
local vectors = require("spec.support.vectors")
local refused = signing.assert_refused

describe("kept rounds", function()
    local group, package, shares

    before_each(function()
        group = signing.new()
        package = group:prepare()
        shares = group:shares(package)
    end)
    after_each(signing.finish_all)

    local function info(of) return signer.test_kept.info((of or group).engine) end

    local function verdict(member, share, changes)
        return group:verify_share(package, share, signing.with({ member = member }, changes or {})).verdict
    end

    --- The difference of the counts that `work` made.
    local function counted(work)
        local before = info()
        work()
        local after, difference = info(), {}
        for name, value in pairs(after) do difference[name] = value - before[name] end
        return difference
    end

    local hostile = {
        other = function() return shares[2] end,
        zero = function() return ("00"):rep(32) end,
        one = function() return ("00"):rep(31) .. "01" end,
        negative = function()
            return "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140"
        end,
    }

    it("VS-4 round 2 leaves its round: a verification opens none, decodes no points, and says the same", function()
        assert.equal(1, info().count)
        local difference = counted(function() assert.equal("valid", verdict(1, shares[1])) end)
        assert.same({ 1, 0, 1, 0 }, { difference.found, difference.missed, difference.packages, difference.count })
        for name, share in pairs(hostile) do
            local kept = verdict(1, share())
            signer.test_kept.forget(group.engine, "session")
            difference = counted(function() assert.equal(kept, verdict(1, share()), name) end)
            assert.same({ 0, 1, 1 }, { difference.found, difference.missed, difference.count }, name)
            assert.equal("invalid", kept, name)
        end
        for member = 1, 2 do
            local kept = verdict(member, shares[member])
            signer.test_kept.forget(group.engine, "session")
            assert.equal(kept, verdict(member, shares[member]))
            assert.equal("valid", kept)
        end
    end)

    it("AGG-5, AGG-19 culprits, texts and the signature are those of a fresh round", function()
        local function without_kept(work)
            signer.test_kept.forget(group.engine, "session")
            return work()
        end
        for name, share in pairs(hostile) do
            local function attempt() return refused("aggregate_share_verification_failed",
                group:aggregate(package, { [1] = share(), [2] = shares[2] })) end
            local kept
            local difference = counted(function() kept = attempt() end)
            assert.same({ 1, 0 }, { difference.found, difference.missed }, name)
            assert.same(without_kept(attempt), kept, name)
            assert.same({ 1 }, kept.candidate_culprits, name)
        end
        local few = refused("validation_error", group:aggregate(package, { [1] = shares[1] }))
        assert.same(without_kept(function()
            return refused("validation_error", group:aggregate(package, { [1] = shares[1] }))
        end), few)
        group:restart()
        assert.is_true(group:verifies(assert(group:aggregate(package, shares)).signature_hex))
        assert.equal(0, info().found)
    end)

    it("AGG-5 aggregate uses the round of an earlier share and gives a valid signature", function()
        local difference = counted(function()
            assert.is_true(group:verifies(assert(group:aggregate(package, shares)).signature_hex))
        end)
        assert.same({ 1, 0 }, { difference.found, difference.missed })
    end)

    it("AGG-4 a round never serves another root, message or session", function()
        local root = signing.ROOT
        local difference = counted(function()
            assert.equal("invalid", verdict(1, shares[1], { root = root }))
            assert.equal("invalid", verdict(1, shares[1], { root = ("\x12"):rep(32) }))
        end)
        assert.same({ 0, 2, 2 }, { difference.found, difference.missed, difference.count })
        assert.equal("invalid", verdict(1, shares[1], { root = root }))
        assert.equal("valid", verdict(1, shares[1]))

        local second = { session = "second", message = ("\x43"):rep(32) }
        local other = group:prepare(second)
        difference = counted(function()
            assert.equal("invalid", group:verify_share(other, shares[1]).verdict)
            assert.equal("invalid", group:verify_share(other, shares[1], { session = "second" }).verdict)
        end)
        assert.same({ 0, 2, 2 }, { difference.found, difference.missed, difference.count })
        assert.equal("valid", group:verify_share(package, shares[1], { session = "second" }).verdict)
        assert.equal("valid", group:verify_share(package, shares[1]).verdict)
    end)

    it("R2-13 a share is computed from a round of its own, whatever is kept", function()
        local options = { session = "fresh", message = ("\x44"):rep(32) }
        local other = group:prepare(options)
        assert.equal("invalid", group:verify_share(other, shares[1], { session = "fresh" }).verdict) -- leaves a round
        local difference = counted(function() assert(group:round2(other, options)) end)
        assert.equal(0, difference.found)
    end)

    --- The package with another message, so that it is another package of the same commitments.
    local function variant(number)
        local decoded = signer.frost.signing_package(vectors.bytes(package))
        local entries = {}
        for i, identifier in ipairs(decoded:identifiers()) do
            entries[i] = { identifier, signer.frost.commitments(decoded:commitments(identifier)) }
        end
        local message = ("%08d"):format(number) .. ("m"):rep(24)
        return vectors.hex(signer.frost.make_signing_package(entries, message):encode())
    end

    it("D-066 a cap on their number holds; the one used longest ago goes first", function()
        local max = info().count_max
        for number = 1, max - 1 do group:verify_share(variant(number), shares[1]) end
        assert.equal(max, info().count)
        assert.equal("valid", verdict(1, shares[1])) -- in use again: variant 1 is now the oldest
        group:verify_share(variant(max), shares[1])
        assert.equal(max, info().count)
        local difference = counted(function() assert.equal("valid", verdict(1, shares[1])) end)
        assert.equal(1, difference.found)
        difference = counted(function() group:verify_share(variant(1), shares[1]) end)
        assert.equal(1, difference.missed)
        assert.equal(max, info().count)
    end)

    it("D-066 a cap on their bytes holds", function()
        local decoded = signer.frost.signing_package(vectors.bytes(package))
        local commitments = signer.frost.commitments(decoded:commitments(1))
        local function wide(number)
            local entries = {}
            for member = 1, 200 do entries[member] = { member, commitments } end
            return vectors.hex(signer.frost.make_signing_package(entries, "message " .. number):encode())
        end
        local number = 0
        repeat
            number = number + 1
            local before = info()
            assert.equal("invalid", group:verify_share(wide(number), shares[1]).verdict)
            assert.is_true(info().bytes <= info().bytes_max)
        until info().count <= before.count
        assert.is_true(info().count < info().count_max)
        assert.is_true(info().bytes > info().bytes_max * 0.98)
    end)

    it("NC-4 the message is not kept: it comes with each request", function()
        local long = "a message like no other " .. ("m"):rep(5000)
        local other = vectors.hex(signer.frost.make_signing_package({ { 1, signer.frost.commitments(
            signer.frost.signing_package(vectors.bytes(package)):commitments(1)) } }, long):encode())
        local before = info().bytes
        assert.equal("invalid", group:verify_share(other, shares[1]).verdict)
        assert.is_true(info().bytes - before < 2000)
        assert.equal("invalid", group:verify_share(other, shares[1]).verdict)
    end)

    it("RET-2 what a session left goes with it", function()
        group:restart()
        group.environment.TBTC_SIGNER_MAX_SESSIONS = "2"
        group:restart()
        assert.equal("valid", verdict(1, shares[1]))
        assert.equal(1, info().count)
        assert(group:open({ session = "newer" }))
        assert.equal(0, info().count)
    end)

    it("VS-7 nothing is kept where there is no context", function()
        local before = info().count
        group:verify_share(variant(1), shares[1], { session = "none" })
        group:verify_share(variant(2), shares[1], { member = 3 })
        group:verify_share("zz", shares[1])
        assert.equal(before, info().count)
    end)

    it("a failing allocation costs the kept round, not the verdict", function()
        signer.test_kept.forget(group.engine, "session")
        for nth = 1, 40 do
            signer.test_fault.arm("allocation", "error", nth)
            local reply = group:call("verify_signature_share", { session_id = "session", signing_package_hex = package,
                signature_share_hex = shares[1], member_identifier = 1 })
            signer.test_fault.clear()
            assert.is_true(reply == nil or reply.verdict ~= "invalid", "hit " .. nth)
            signer.test_kept.forget(group.engine, "session")
        end
        assert.equal("valid", verdict(1, shares[1]))
    end)
end)
