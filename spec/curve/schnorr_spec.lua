--- BIP-340 verification, and the checks of BIP-445 that apply to any FROST.
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local bytes, hex = vectors.bytes, vectors.hex

describe("BIP-340", function()
    for _, case in ipairs(vectors.load("bip340/verification").cases) do
        it(("row %d is %s %s"):format(case.index, case.valid and "valid" or "invalid", case.comment), function()
            assert.equal(case.valid, signer.curve.schnorr_verify(bytes(case.signature), bytes(case.message), bytes(case.key)))
        end)
    end

    it("a signature or key of the wrong length is invalid", function()
        local case = vectors.load("bip340/verification").cases[1]
        assert.is_false(signer.curve.schnorr_verify(bytes(case.signature):sub(1, 63), bytes(case.message), bytes(case.key)))
        assert.is_false(signer.curve.schnorr_verify(bytes(case.signature), bytes(case.message), "\2" .. bytes(case.key)))
    end)
end)

describe("BIP-445", function()
    local t = signer.test_curve
    for _, group in ipairs(vectors.load("bip445/aggregates").groups) do
        it(group.name .. ": the key follows from its verifying shares", function()
            local members, terms = {}, {}
            for i = 1, group.threshold do members[i] = i end
            for i, factor in ipairs(signer.frost.lagrange(members)) do
                terms[i] = { factor, bytes(group.verifying_shares[i]) }
            end
            assert.equal(group.group_key, hex(t.multi_mul(terms)))
        end)

        it(group.name .. ": the final signatures verify under the tweaked key", function()
            for _, case in ipairs(group.signatures) do
                local key = bytes(group.group_key)
                for _, tweak in ipairs(case.tweaks) do
                    if tweak.x_only then key = "\2" .. key:sub(2) end
                    key = t.point_add(key, t.mul_base(bytes(tweak.tweak)))
                end
                assert.is_true(signer.frost.verify_signature(bytes(case.signature), bytes(case.message), key), case.comment)
            end
        end)
    end
end)
