--- Nonces, shares, aggregation and blame (frost 8, 9, 11).
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local frost, test = signer.frost, signer.test_frost
local bytes, hex = vectors.bytes, vectors.hex

local function members_of(identifiers)
    local list = {}
    for i, identifier in ipairs(identifiers) do list[i] = frost.member(identifier) end
    return list
end

local function fails_with(name, action)
    local ok, err = pcall(action)
    assert.is_false(ok)
    assert.equal(name, type(err) == "table" and err.error or err)
end

--- Everything of a vector case as objects.
local function load(case)
    local out = { root = case.root and bytes(case.root), signers = {} }
    out.package = frost.signing_package(bytes(case.signing_package))
    out.keys = frost.public_package(bytes(case.public_package))
    out.shares = {}
    for i, s in ipairs(case.signers) do
        out.signers[i] = { member = s.member, key = bytes(s.key_package), nonces = bytes(s.nonces) }
        out.shares[i] = { s.member, bytes(s.signature_share) }
    end
    return out
end

describe("published signing vector", function()
    local v = vectors.load("frost/published_signing")
    local keys, entries = {}, {}
    local curve = signer.test_curve
    for i, s in ipairs(v.shares) do
        local share = bytes(s.share)
        keys[s.member] = test.make_key_package(s.member, share, curve.mul_base(share), bytes(v.group_key), v.min_signers)
        assert(i == s.member)
    end

    it("gives nonces, commitments, binding factors, shares and signature", function()
        local secret = {}
        for i, s in ipairs(v.signers) do
            secret[s.member] = test.nonces(keys[s.member], bytes(s.hiding_random), bytes(s.binding_random))
            assert.equal(s.hiding .. s.binding, hex(secret[s.member]:sub(6, 69)))
            assert.equal(s.hiding_commitment .. s.binding_commitment, hex(secret[s.member]:sub(75)))
            entries[i] = { s.member, frost.commitments(secret[s.member]:sub(70)) }
        end
        local package = frost.make_signing_package(entries, bytes(v.message))
        local round = test.round(package, bytes(v.group_key))
        local shares = {}
        for i, s in ipairs(v.signers) do
            assert.equal(s.binding_factor, hex(round.binding_factors[i]))
            local share = test.sign(package, secret[s.member], keys[s.member])
            assert.equal(s.signature_share, hex(share))
            shares[i] = { s.member, share }
        end
        local public = {}
        for i, s in ipairs(v.shares) do public[i] = { s.member, curve.mul_base(bytes(s.share)) } end
        local group = frost.make_public_package(public, bytes(v.group_key), v.min_signers)
        assert.equal(v.signature, hex(frost.aggregate(package, shares, group)))
    end)
end)

describe("signing vectors", function()
    for _, case in ipairs(vectors.load("frost/signing").cases) do
        describe(case.name, function()
            local v = load(case)

            it("nonces and commitments from their random inputs", function()
                for _, s in ipairs(case.signers) do
                    local nonces = test.nonces(bytes(s.key_package), bytes(s.hiding_random), bytes(s.binding_random))
                    assert.equal(s.nonces, hex(nonces))
                    assert.equal(s.commitments, hex(nonces:sub(70)))
                    assert.equal(nonces, test.decode_nonces(nonces))
                end
            end)

            it("signing package, whatever the order of its entries", function()
                local entries = {}
                for _, s in ipairs(case.signers) do
                    table.insert(entries, 1, { s.member, frost.commitments(bytes(s.commitments)) })
                end
                assert.equal(case.signing_package, hex(frost.make_signing_package(entries, bytes(case.message)):encode()))
                assert.equal(case.signing_package, hex(v.package:encode()))
                assert.equal(case.message, hex(v.package:message()))
            end)

            it("effective key, group commitment, challenge, binding and Lagrange factors", function()
                local round = test.round(v.package, v.keys:key(), v.root)
                assert.equal(case.effective_key, hex(v.keys:effective_key(v.root)))
                assert.equal(case.group_commitment, (round.odd and "03" or "02") .. hex(round.x))
                assert.equal(case.parity.group_commitment, round.odd and "odd" or "even")
                assert.equal(case.challenge, hex(round.challenge))
                for i, s in ipairs(case.signers) do
                    assert.equal(s.binding_factor, hex(round.binding_factors[i]))
                    assert.equal(s.lagrange, hex(round.lagrange[i]))
                    assert.equal(s.lagrange, hex(frost.lagrange(v.package:identifiers())[i]))
                    assert.equal(frost.member(v.package:identifiers()[i]), v.package:members()[i])
                end
            end)

            it("every share, and the nonces are gone afterwards", function()
                for i, s in ipairs(v.signers) do
                    local share, cleared = test.sign(v.package, s.nonces, s.key, v.root)
                    assert.equal(case.signers[i].signature_share, hex(share))
                    assert.is_true(cleared)
                    assert.equal("valid", frost.verify_share(v.package, s.member, share, v.keys, v.root))
                end
            end)

            it("the signature", function()
                local signature = frost.aggregate(v.package, v.shares, v.keys, nil, v.root)
                assert.equal(case.signature, hex(signature))
                assert.is_true(frost.verify_signature(signature, bytes(case.message), v.keys:key(), v.root))
                assert.is_true(signer.curve.schnorr_verify(signature, bytes(case.message), bytes(case.effective_key)))
            end)

            if case.tampered then
                it("names who sent the tampered share", function()
                    local bad = { case.tampered.member, bytes(case.tampered.signature_share) }
                    for i, s in ipairs(case.signers) do
                        if s.member == bad[1] then v.shares[i] = bad end
                    end
                    local signature, culprits = frost.aggregate(v.package, v.shares, v.keys, nil, v.root)
                    assert.is_nil(signature)
                    assert.same(case.tampered.culprits, members_of(culprits))
                    assert.equal("invalid", frost.verify_share(v.package, bad[1], bad[2], v.keys, v.root))
                end)
            end
        end)
    end
end)

describe("a signer", function()
    local case = vectors.load("frost/signing").cases[1]
    local v = load(case)
    local first, second = v.signers[1], v.signers[2]

    it("never signs twice with one nonce pair", function()
        local share, again = test.sign_twice(v.package, first.nonces, first.key)
        assert.equal(case.signers[1].signature_share, hex(share))
        assert.equal("FROST_INCORRECT_COMMITMENT", again)
    end)

    it("refuses cleared nonces", function()
        local share, name = test.sign(v.package, first.nonces, first.key, nil, true)
        assert.is_nil(share)
        assert.equal("FROST_INCORRECT_COMMITMENT", name)
    end)

    it("refuses too few commitments, a missing own entry, a foreign own entry; its nonces are gone each time", function()
        local own, other = frost.commitments(first.nonces:sub(70)), frost.commitments(second.nonces:sub(70))
        local message = bytes(case.message)
        local function refusal(entries)
            local share, name, cleared = test.sign(frost.make_signing_package(entries, message), first.nonces, first.key)
            assert.is_nil(share)
            assert.is_true(cleared)
            return name
        end
        assert.equal("FROST_COMMITMENT_COUNT", refusal { { 3, other } })
        assert.equal("FROST_MISSING_COMMITMENT", refusal { { 2, own }, { 3, other } })
        assert.equal("FROST_INCORRECT_COMMITMENT", refusal { { 1, other }, { 3, other } })
    end)

    it("D-040 refuses a package without group commitment; an identity commitment has no encoding", function()
        fails_with("FROST_IDENTITY_COMMITMENT", function() test.round(frost.make_signing_package({}, "m"), v.keys:key()) end)
        local header, point = first.nonces:sub(70, 74), first.nonces:sub(75, 107)
        assert.is_userdata(frost.commitments(header .. point .. point))
        fails_with("FROST_GROUP", function() frost.commitments(header .. point .. ("\0"):rep(33)) end)
    end)

    it("D-041 keeps a share back that does not verify under its own verifying share", function()
        local fields = test.key_package(first.key)
        local other = test.key_package(second.key)
        local wrong = test.make_key_package(1, other.signing_share, fields.verifying_share, fields.verifying_key, 2)
        local share, name, cleared = test.sign(v.package, first.nonces, wrong)
        assert.is_nil(share)
        assert.equal("FROST_INVALID_SHARE", name)
        assert.is_true(cleared)
    end)

    it("decodes only nonces that belong to their commitments", function()
        local broken = first.nonces:sub(1, 5) .. second.nonces:sub(6, 69) .. first.nonces:sub(70)
        fails_with("FROST_INCORRECT_COMMITMENT", function() test.decode_nonces(broken) end)
    end)
end)

describe("aggregation", function()
    local case
    for _, candidate in ipairs(vectors.load("frost/signing").cases) do
        if #candidate.signers >= 3 then case = candidate end
    end
    local v = load(case)
    local one = ("\0"):rep(31) .. "\1"

    local function with_bad(...)
        local shares, bad = {}, {}
        for _, index in ipairs { ... } do bad[index] = true end
        for i, entry in ipairs(v.shares) do
            shares[i] = { entry[1], bad[i] and signer.test_curve.add(entry[2], one) or entry[2] }
        end
        return shares
    end

    it("names all bad shares, not the first only", function()
        local signature, culprits = frost.aggregate(v.package, with_bad(1, 3), v.keys, nil, v.root)
        assert.is_nil(signature)
        assert.same({ case.signers[1].member, case.signers[3].member }, members_of(culprits))
    end)

    it("names all when all are bad", function()
        local indexes, members = {}, {}
        for i, s in ipairs(case.signers) do indexes[i], members[i] = i, s.member end
        local _, culprits = frost.aggregate(v.package, with_bad(table.unpack(indexes)), v.keys, nil, v.root)
        assert.same(members, members_of(culprits))
    end)

    it("takes shares in any order", function()
        local shares = {}
        for _, entry in ipairs(v.shares) do table.insert(shares, 1, entry) end
        assert.equal(case.signature, hex(frost.aggregate(v.package, shares, v.keys, nil, v.root)))
    end)

    it("refuses counts and identifiers that do not fit", function()
        local shares = { table.unpack(v.shares) }
        shares[#shares] = nil
        fails_with("FROST_UNKNOWN_IDENTIFIER", function() frost.aggregate(v.package, shares, v.keys, nil, v.root) end)
        shares[#shares + 1] = { 60000, one }
        fails_with("FROST_UNKNOWN_IDENTIFIER", function() frost.aggregate(v.package, shares, v.keys, nil, v.root) end)
        shares[#shares] = shares[1]
        fails_with("FROST_UNKNOWN_IDENTIFIER", function() frost.aggregate(v.package, shares, v.keys, nil, v.root) end)
        fails_with("FROST_UNKNOWN_IDENTIFIER", function() frost.aggregate(v.package, {}, v.keys, nil, v.root) end)
    end)

    it("D-041 the threshold of the session counts when the package knows none", function()
        local small = vectors.load("frost/signing").cases[1]
        local s = load(small)
        local list = {}
        for i, identifier in ipairs(s.keys:identifiers()) do list[i] = { identifier, s.keys:share(identifier) } end
        local without = frost.make_public_package(list, s.keys:key())
        assert.is_nil(without:min_signers())
        assert.equal(small.signature, hex(frost.aggregate(s.package, s.shares, without, 2, s.root)))
        fails_with("FROST_SHARE_COUNT", function() frost.aggregate(s.package, s.shares, without, 3, s.root) end)
        local one_entry = frost.make_signing_package({ { 1, frost.commitments(s.signers[1].nonces:sub(70)) } }, "m")
        fails_with("FROST_SHARE_COUNT", function() frost.aggregate(one_entry, { s.shares[1] }, s.keys) end)
    end)

    it("below the threshold: valid shares, invalid signature", function()
        local s = load(vectors.load("frost/signing").cases[1])
        local fields = test.key_package(s.signers[1].key)
        local alone = frost.make_signing_package({ { 1, frost.commitments(s.signers[1].nonces:sub(70)) } }, "m")
        local key = test.make_key_package(1, fields.signing_share, fields.verifying_share, fields.verifying_key, 1)
        local share = test.sign(alone, s.signers[1].nonces, key)
        local without = frost.make_public_package({ { 1, fields.verifying_share } }, fields.verifying_key)
        fails_with("FROST_INVALID_SIGNATURE", function() frost.aggregate(alone, { { 1, share } }, without) end)
    end)
end)

describe("verification of one share", function()
    local case = vectors.load("frost/signing").cases[1]
    local v = load(case)
    local share = v.shares[1][2]

    it("tells valid, invalid and indeterminate apart", function()
        assert.equal("valid", frost.verify_share(v.package, 1, share, v.keys))
        assert.equal("invalid", frost.verify_share(v.package, 3, share, v.keys))
        assert.equal("indeterminate", frost.verify_share(v.package, 2, share, v.keys))
        assert.equal("indeterminate", frost.verify_share(v.package, 9, share, v.keys))
        assert.equal("invalid", frost.verify_share(v.package, 1, share:sub(1, 31), v.keys))
        assert.equal("invalid", frost.verify_share(v.package, 1, "", v.keys))
        assert.equal("invalid", frost.verify_share(v.package, 1, ("\255"):rep(32), v.keys))
        assert.equal("invalid", frost.verify_share(v.package, 1, ("\0"):rep(32), v.keys))
        assert.equal("invalid", frost.verify_share(v.package, 1, share, v.keys, ("\1"):rep(32)))
    end)
end)

describe("Lagrange factors", function()
    it("refuse an empty set and a repeated identifier", function()
        fails_with("FROST_IDENTIFIER_COUNT", function() frost.lagrange {} end)
        fails_with("FROST_DUPLICATED_IDENTIFIER", function() frost.lagrange { 1, 2, 1 } end)
        fails_with("FROST_FIELD", function() frost.lagrange { 1, 0 } end)
    end)

    it("sum to one, for identifiers beyond u16 too", function()
        local curve = signer.test_curve
        local sum = ("\0"):rep(32)
        for _, factor in ipairs(frost.lagrange { 7, 65535, signer.curve.sha256("far"), 3 }) do sum = curve.add(sum, factor) end
        assert.equal(hex(("\0"):rep(31) .. "\1"), hex(sum))
    end)
end)
